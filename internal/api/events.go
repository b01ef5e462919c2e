package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/signing"
)

// reconnect is what a client is told to wait before it comes back after a cut.
const reconnect = 2 * time.Second

type eventsInput struct {
	ID     string `path:"id" maxLength:"64"`
	LastID int    `header:"Last-Event-ID" minimum:"0" doc:"Seq of the last transition seen; those after it follow"`
	After  int    `query:"after" minimum:"0" doc:"The same, for clients that cannot set the header"`
}

// streamEvents sends every transition once, in order, with its seq as event id, and ends after a final status. It
// reads the store, so it needs no worker and goes on over restarts of one. A client that reconnects after the end
// is told so with 204, which stops the EventSource of a browser.
func (s *server) streamEvents(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	stream := &eventStream{server: s, id: in.ID, seen: max(in.LastID, in.After)}
	record, transitions, err := stream.look(ctx)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		if record.Status.Final() && len(transitions) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
		stream.w, stream.control = w, http.NewResponseController(w)
		if err := stream.run(r.Context()); err != nil && r.Context().Err() == nil {
			s.Logger.WarnContext(r.Context(), "event stream cut", "request_id", infoOf(r.Context()).id, "error", err.Error())
		}
	}}, nil
}

// eventStream is one open stream.
type eventStream struct {
	*server
	id      string
	w       http.ResponseWriter
	control *http.ResponseController

	seen      int       // seq of the last transition sent
	countdown time.Time // ExpiresAt of the countdown sent
	attention time.Time // Since of the attention sent
	quiet     time.Time // when something was last sent
}

// look reads the signing first: when it is final, the transitions read after it are all there will be.
func (e *eventStream) look(ctx context.Context) (signing.Signing, []signing.Transition, error) {
	record, err := e.Desk.Signing(ctx, e.id)
	if err != nil {
		return record, nil, err
	}
	transitions, err := e.Desk.Transitions(ctx, e.id, e.seen)
	return record, transitions, err
}

// run sends until the end, until the client goes or until the server stops.
func (e *eventStream) run(ctx context.Context) error {
	if err := e.write(fmt.Sprintf("retry: %d\n\n", reconnect.Milliseconds())); err != nil {
		return err
	}
	ticker := time.NewTicker(e.Limits.EventPoll)
	defer ticker.Stop()
	for {
		record, transitions, err := e.look(ctx)
		if err != nil {
			return err
		}
		if err := e.report(record, transitions); err != nil {
			return err
		}
		if record.Status.Final() {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-stopping(ctx):
			return nil
		case <-ticker.C:
		}
	}
}

func (e *eventStream) report(record signing.Signing, transitions []signing.Transition) error {
	for _, t := range transitions {
		if err := e.send("transition", t.Seq, transitionBody(t)); err != nil {
			return err
		}
		e.seen = t.Seq
	}
	if err := e.reportAttention(record.Attention); err != nil {
		return err
	}
	return e.reportTime(record)
}

// reportAttention tells when a signing is parked and when it goes on.
func (e *eventStream) reportAttention(a signing.Attention) error {
	if a.Since.Equal(e.attention) {
		return nil
	}
	e.attention = a.Since
	if !a.Open() {
		return e.send("attention", 0, struct {
			Open bool `json:"open"`
		}{})
	}
	return e.send("attention", 0, struct {
		Open bool `json:"open"`
		*AttentionBody
	}{true, attentionBody(a, "")})
}

// reportTime sends the countdown when it begins or changes and then now and again, so that a client corrects its
// clock. Without one, a comment keeps proxies from closing a quiet stream.
func (e *eventStream) reportTime(record signing.Signing) error {
	due := time.Since(e.quiet) >= e.Limits.KeepAlive
	body := countdownBody(record, e.Now().UTC())
	if body != nil && (due || !body.ExpiresAt.Equal(e.countdown)) {
		e.countdown = body.ExpiresAt
		return e.send("countdown", 0, body)
	}
	if !due {
		return nil
	}
	return e.write(": still here\n\n")
}

// send writes one event. Only transitions carry an id, so that Last-Event-ID always names one.
func (e *eventStream) send(name string, id int, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	idLine := ""
	if id > 0 {
		idLine = fmt.Sprintf("id: %d\n", id)
	}
	return e.write(fmt.Sprintf("%sevent: %s\ndata: %s\n\n", idLine, name, text))
}

func (e *eventStream) write(text string) error {
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	e.quiet = time.Now()
	return e.control.Flush()
}
