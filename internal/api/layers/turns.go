package layers

import (
	"context"
	"net/http"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/limit"
)

// turns are the places for what lasts: rates bound how often something begins, and not how long it goes on.
type turns struct {
	uploads, streams, inspections *limit.Places
	limits                        kernel.Limits
}

// streamsOfGuest is how many event streams one browser has: tabs, and what it did not close.
const streamsOfGuest = 20

func newTurns(l kernel.Limits) turns {
	return turns{limits: l,
		uploads:     &limit.Places{Name: "uploads", Most: l.Uploads, Queue: 2 * l.Uploads, Wait: l.PlaceWait, Resume: 5 * time.Second},
		streams:     &limit.Places{Name: "event streams", Most: l.Streams, Resume: 30 * time.Second},
		inspections: &limit.Places{Name: "reading files", Most: l.Inspections, Queue: 32 * l.Inspections, Wait: l.PlaceWait, Resume: 5 * time.Second}}
}

// holders are whom a place counts for: the owner of a key; a guest or person, and its network.
func holders(ctx context.Context, own, each int) []limit.Holder {
	who := kernel.CallerOf(ctx)
	if kernel.IsProgram(who) {
		return []limit.Holder{{Key: "owner " + who.Owner, Most: each}}
	}
	list := []limit.Holder{{Key: "network " + limit.Network(limit.AddressOf(ctx)), Most: each}}
	if who != nil && own < each {
		list = append([]limit.Holder{{Key: "owner " + who.Owner, Most: own}}, list...)
	}
	return list
}

// inTurn lets uploads and event streams in while there are places. It runs after the authorisation, so that each place counts for
// a known caller.
func (s *Layers) inTurn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := kernel.InfoOf(r.Context()).Route
		var free func()
		var err error
		switch {
		case at != nil && at.Body == kernel.BodyFile:
			free, err = s.turns.uploads.Take(r.Context(), holders(r.Context(), s.turns.limits.UploadsEach, s.turns.limits.UploadsEach)...)
		case at != nil && at.Answer == kernel.AnswerEvents:
			free, err = s.turns.streams.Take(r.Context(), holders(r.Context(), streamsOfGuest, s.turns.limits.StreamsEach)...)
		default:
			next.ServeHTTP(w, r)
			return
		}
		if err != nil {
			kernel.WriteProblem(w, r, err)
			return
		}
		defer free()
		next.ServeHTTP(w, r)
	})
}

// TurnToRead waits until a file may be read for the caller.
func (s *Layers) TurnToRead(ctx context.Context) (free func(), err error) {
	each := s.turns.limits.InspectionsEach
	return s.turns.inspections.Take(ctx, holders(ctx, each, each)...)
}
