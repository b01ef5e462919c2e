package layers

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/problem"
)

// The kinds of entries that requests leave. What a request changed leaves entries of its own, with the change.
const (
	noteActed   = "acted"         // a write was answered
	noteRead    = "read"          // a document or a dossier was given out
	noteRefused = "refused"       // a write, or the reading of a document or a dossier, was refused
	noteKeyUsed = "log-in"        // a key came, for the first time in an hour
	noteFailed  = "log-in-failed" // a key was wrong, or past its time; a code or a password was refused
)

// trail knows which keys were seen lately.
type trail struct {
	mu   sync.Mutex
	keys map[string]int64 // the hour in which a key was seen last
}

// firstInHour reports whether a key was not seen in this hour before.
func (t *trail) firstInHour(keyID string, now time.Time) bool {
	hour := now.Unix() / int64(time.Hour/time.Second)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys[keyID] == hour {
		return false
	}
	t.keys[keyID] = hour
	return true
}

// noteRequest keeps in the audit log who did what. Paths and answers are not kept: they may hold anything. Refusals are
// counted, so that no caller floods the log.
func (s *Layers) noteRequest(r *http.Request, info *kernel.RequestInfo, status int, replayed bool) {
	at := info.Route
	if at == nil || r.Method == http.MethodGet && !at.Reveals {
		return
	}
	object := cmp.Or(info.Object, kernel.ObjectID(at.At, r.URL.Path))
	switch {
	case status >= http.StatusBadRequest && info.Code == problem.Unauthenticated:
		if info.Passed { // else it is counted at the door
			s.Audit.Stranger(noteFailed, "", info.Owner, at.ID)
		}
	case status >= http.StatusBadRequest && provesNothing(info.Owner):
		s.Audit.Stranger(refusalOf(at), "", info.Owner, at.ID+" "+string(info.Code))
	case status >= http.StatusBadRequest:
		s.Audit.Count(refusalOf(at), "", info.Owner, at.ID+" "+string(info.Code))
	case at.Reveals:
		s.Audit.Count(noteRead, kernel.ObjectID(at.At, r.URL.Path), info.Owner, at.ID)
	case replayed:
		s.Audit.Count(noteActed, object, info.Owner, at.ID+" answered again")
	default:
		actor := info.Owner
		if at.Party != "" {
			actor = cmp.Or(kernel.PathPart(at.At, r.URL.Path, at.Party), at.Party)
		}
		s.Audit.Note(noteActed, object, actor, at.ID)
	}
}

// refusalOf is the kind of entry that a refusal of a route leaves.
func refusalOf(r *kernel.Served) string {
	if r.Proves {
		return noteFailed
	}
	return noteRefused
}

// provesNothing reports whether a name identifies no one caller: such names can be drawn anew.
func provesNothing(owner string) bool {
	return owner == "" || strings.HasPrefix(owner, kernel.GuestPrefix)
}

// noteCaller keeps in the audit log that a key came in, or that a caller was refused.
func (s *Layers) noteCaller(who *kernel.Caller, err error) {
	switch {
	case problem.CodeOf(err) == problem.Unauthenticated:
		ended, _ := errors.AsType[kernel.EndedKey](err)
		s.Audit.Stranger(noteFailed, ended.ID, "", cmp.Or(ended.What, "key or session"))
	case who != nil && who.SessionID == "" && s.trail.firstInHour(cmp.Or(who.KeyID, kernel.AdminOwner), s.Now()):
		s.Audit.Note(noteKeyUsed, cmp.Or(who.KeyID, kernel.AdminOwner), who.Owner, "key")
	}
}
