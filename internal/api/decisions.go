package api

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/decision"
	"kyso/internal/process"
)

// deed is what a caller decided about a process: the argument of the update that carries it out.
type deed struct {
	about   decision.Object
	kind    string // name of the update
	actor   string
	content any
}

// decide records a deed and returns the id that the process is sent. The same Idempotency-Key of the same caller is the
// same decision.
func (s *server) decide(ctx context.Context, key string, d deed) (string, error) {
	id := "dec-" + uuid.NewString()
	if key != "" {
		id = process.DecisionID(ownerOf(ctx), d.about.Process, d.about.ID, d.kind, key)
	}
	return id, s.decideAs(ctx, id, d)
}

// decideAs records a deed under an id that says which it is, whoever sends it.
func (s *server) decideAs(ctx context.Context, id string, d deed) error {
	content, err := json.Marshal(d.content)
	if err != nil {
		return err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	_, err = s.Decisions.Decide(ctx, decision.Decision{ID: id, Kind: d.kind, Object: d.about, Actor: d.actor, Principal: principalOf(ctx), KeyID: keyOf(ctx),
		Content: content, CreatedAt: now, ExpiresAt: now.Add(decision.Life)})
	return err
}

// keyOf is the id of the API key that a caller came with, also behind a session; empty for guests and the administrator.
func keyOf(ctx context.Context) string {
	if who := callerOf(ctx); who != nil && who.keyID != adminOwner {
		return who.keyID
	}
	return ""
}

func aboutSigning(id string) decision.Object {
	return decision.Object{Process: process.Signing, ID: id}
}

func aboutRegistration(id string) decision.Object {
	return decision.Object{Process: process.Registration, ID: id}
}

// principalOf is who authenticated.
func principalOf(ctx context.Context) string {
	if owner := ownerOf(ctx); owner != "" {
		return owner
	}
	return guestName
}

// guestName is who acts in an unknown browser.
const guestName = "guest"

// ownName is the name that a caller acts under.
func ownName(ctx context.Context) string {
	owner := principalOf(ctx)
	if strings.HasPrefix(owner, guestPrefix) {
		return guestName
	}
	return owner
}

// isAdmin reports whether the administrator's key, or a session that was opened with it, asks.
func isAdmin(ctx context.Context) bool { return ownerOf(ctx) == adminOwner }

// actorOf says who acts: the owner of the key or session, always. Only the administrator may name another; what any other
// caller writes is refused unless it is its own name.
func actorOf(ctx context.Context, location, named string, fields *fieldErrors) string {
	own := ownName(ctx)
	switch {
	case named == "" || named == own:
	case isAdmin(ctx):
		checkOpaque(location, named, fields)
		return named
	default:
		fields.add(location, "must be left out or be "+own+", the owner of the key or session; only the administrator names another")
	}
	return own
}

// citizenOf says who acts on the routes of citizens: the citizen in a browser, logged in or not, and with the administrator, who acts for
// the citizen there; else the owner of the key.
func citizenOf(ctx context.Context) string {
	if own := ownName(ctx); !isPerson(ownerOf(ctx)) && own != guestName && !isAdmin(ctx) {
		return own
	}
	return citizen
}

// withdraws says who takes a request back: the citizen in a browser, else as actorOf says.
func withdraws(ctx context.Context, named string, fields *fieldErrors) string {
	if (isPerson(ownerOf(ctx)) || ownName(ctx) == guestName) && (named == "" || named == citizen) {
		return citizen
	}
	return actorOf(ctx, "body.actor", named, fields)
}

// noteNamed keeps in the audit log that the administrator did something in another's name which is no decision about a
// process.
func (s *server) noteNamed(ctx context.Context, actor, what, object string) error {
	if actor == ownName(ctx) {
		return nil
	}
	return s.Decisions.NoteNamed(ctx, principalOf(ctx), actor, what, object, s.Now())
}
