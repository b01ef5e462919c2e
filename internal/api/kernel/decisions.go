package kernel

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/decision"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
)

// CheckRepair checks what every repair has.
func CheckRepair(ctx context.Context, action, actor, reason string, fields *FieldErrors) process.Repair {
	repair := process.Repair{Action: action, Actor: ActorOf(ctx, "body.actor", actor, fields), Reason: CheckNote(reason, fields)}
	if repair.Reason == "" {
		fields.Add("body.reason", "must say why")
	}
	return repair
}

// Lost refuses a repair that no process would hear.
func Lost(reason, incidentID string) error {
	if !incident.Mismatch(reason) {
		return nil
	}
	return problem.New(problem.Code(reason), "no process takes it: POST /v1/incidents/%s/repair with begin-again or close", incidentID)
}

// Deed is what a caller decided about a process: the argument of the update that carries it out.
type Deed struct {
	About   decision.Object
	Kind    string // name of the update
	Actor   string
	Content any
}

// Decide records a deed and returns the id that the process is sent. The same Idempotency-Key of the same caller is the
// same decision.
func (s *Kernel) Decide(ctx context.Context, key string, d Deed) (string, error) {
	id := "dec-" + uuid.NewString()
	if key != "" {
		id = process.DecisionID(OwnerOf(ctx), d.About.Process, d.About.ID, d.Kind, key)
	}
	return id, s.DecideAs(ctx, id, d)
}

// DecideAs records a deed under an id that says which it is, whoever sends it.
func (s *Kernel) DecideAs(ctx context.Context, id string, d Deed) error {
	content, err := json.Marshal(d.Content)
	if err != nil {
		return err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	_, err = s.Decisions.Decide(ctx, decision.Decision{ID: id, Kind: d.Kind, Object: d.About, Actor: d.Actor, Principal: PrincipalOf(ctx), KeyID: KeyOf(ctx),
		Content: content, CreatedAt: now, ExpiresAt: now.Add(decision.Life)})
	return err
}

// KeyOf is the id of the API key that a caller came with, also behind a session; empty for guests and the administrator.
func KeyOf(ctx context.Context) string {
	if who := CallerOf(ctx); who != nil && who.KeyID != AdminOwner {
		return who.KeyID
	}
	return ""
}

// AboutSigning is a signing as the object of a decision.
func AboutSigning(id string) decision.Object {
	return decision.Object{Process: process.Signing, ID: id}
}

// AboutRegistration is a registration, or a refund by its attempt to pay, as the object of a decision.
func AboutRegistration(id string) decision.Object {
	return decision.Object{Process: process.Registration, ID: id}
}

// PrincipalOf is who authenticated.
func PrincipalOf(ctx context.Context) string {
	if owner := OwnerOf(ctx); owner != "" {
		return owner
	}
	return GuestName
}

// GuestName is who acts in an unknown browser.
const GuestName = "guest"

// OwnName is the name that a caller acts under.
func OwnName(ctx context.Context) string {
	owner := PrincipalOf(ctx)
	if strings.HasPrefix(owner, GuestPrefix) {
		return GuestName
	}
	return owner
}

// IsAdmin reports whether the administrator's key, or a session that was opened with it, asks.
func IsAdmin(ctx context.Context) bool { return OwnerOf(ctx) == AdminOwner }

// ActorOf says who acts: the owner of the key or session, always. Only the administrator may name another; what any other
// caller writes is refused unless it is its own name.
func ActorOf(ctx context.Context, location, named string, fields *FieldErrors) string {
	own := OwnName(ctx)
	switch {
	case named == "" || named == own:
	case IsAdmin(ctx):
		CheckOpaque(location, named, fields)
		return named
	default:
		fields.Add(location, "must be left out or be "+own+", the owner of the key or session; only the administrator names another")
	}
	return own
}

// CitizenOf says who acts on the routes of citizens: the citizen in a browser, logged in or not, and with the administrator, who acts for
// the citizen there; else the owner of the key.
func CitizenOf(ctx context.Context) string {
	if own := OwnName(ctx); !isPerson(OwnerOf(ctx)) && own != GuestName && !IsAdmin(ctx) {
		return own
	}
	return Citizen
}

// Withdraws says who takes a request back: the citizen in a browser, else as ActorOf says.
func Withdraws(ctx context.Context, named string, fields *FieldErrors) string {
	if (isPerson(OwnerOf(ctx)) || OwnName(ctx) == GuestName) && (named == "" || named == Citizen) {
		return Citizen
	}
	return ActorOf(ctx, "body.actor", named, fields)
}

// NoteNamed keeps in the audit log that the administrator did something in another's name which is no decision about a
// process.
func (s *Kernel) NoteNamed(ctx context.Context, actor, what, object string) error {
	if actor == OwnName(ctx) {
		return nil
	}
	return s.Decisions.NoteNamed(ctx, PrincipalOf(ctx), actor, what, object, s.Now())
}

// ResendGap is how long after a code the next one may be asked for, as internal/account has it.
const ResendGap = time.Minute

// Citizen is who acts on the routes of citizens.
const Citizen = "citizen"
