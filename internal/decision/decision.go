// Package decision is the record of what people decide about processes. The API writes a decision before it tells the
// process, and the message carries its id alone: a process acts on what stands in the store, never on what a message
// says. It does no I/O and imports the standard library only.
package decision

import (
	"context"
	"encoding/json"
	"time"

	"kyso/internal/process"
)

// Notice is recorded when the owner of an account is to be told what became of it.
const Notice = "notice"

const (
	// Life is how long a decision may be taken after it was made. One that was taken stays so for ever.
	Life = 24 * time.Hour
	// BulkLife is Life for a decision about every process that is parked for one cause.
	BulkLife = time.Hour
)

// Decision is one thing that a person decided.
type Decision struct {
	ID   string
	Kind string // name of the update or signal that carries it
	Object
	// Step and Reason narrow a decision about many: to those that are parked at this step, with this problem code.
	Step, Reason string

	Actor     string          // who decided, as an opaque id
	Principal string          // who authenticated; another than Actor only for the administrator
	KeyID     string          // of the API key, also behind a session; empty for guests and the administrator
	Content   json.RawMessage // the argument of the update, sealed in the store
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Object is what a decision is about. An empty ID stands for every process of the kind that Step and Reason fit.
type Object struct {
	Process process.Kind
	ID      string
}

// Kyso is who acts when no person does: what is told again comes from the record.
const Kyso = "kyso"

// The decisions that a run takes when it begins.
const (
	// Start is recorded when a run begins on a record that has not moved yet. A reset of that run finds it again.
	Start = "start"
	// Resume lets a run begin on a record that has moved. Its content is a Resumption.
	Resume = "resume"
)

// Resumption is the content of a decision of the kind Resume.
type Resumption struct {
	Close bool `json:"close,omitempty"` // the process ends with its compensation instead of going on
	// What was known of the run before, and the record does not say.
	Attempts int  `json:"attempts,omitempty"` // to pay, that the gateway may know
	Issuing  bool `json:"issuing,omitempty"`  // a key may exist at the CA
}

// Bulk reports whether the decision is about many processes.
func (d Decision) Bulk() bool { return d.ID != "" && d.Object.ID == "" }

// Take is how a process takes a decision.
type Take struct {
	DecisionID string       `json:"decision_id"`
	Kind       string       `json:"kind"`
	Process    process.Kind `json:"process"`
	Object     string       `json:"object"`
	Step       string       `json:"step,omitempty"`   // where the process is parked; empty when it is not
	Reason     string       `json:"reason,omitempty"` // and why
	// Taker names the message that carried the id. The same message may take again, as a retry does; another may not.
	Taker string `json:"taker"`
}

// Records keeps decisions.
type Records interface {
	// Decide records a decision and its audit entry, and returns what stands under its id: the first content stays.
	// problem.Conflict when the id belongs to another kind, object or actor.
	Decide(ctx context.Context, d Decision) (Decision, error)
	// Take gives a decision to a process, once for each object. problem.Denied for an unknown one, for one of another
	// kind or about another object, for one that was taken, and for one whose life is over.
	Take(ctx context.Context, t Take, now time.Time) (Decision, error)
	// Taken returns the decisions of a kind that a process took for an object, newest first.
	Taken(ctx context.Context, about Object, kind string) ([]Decision, error)
	// Again returns the id of the newest decision with this content that may still be taken, or was; where there is none, it
	// records one in kyso's own name. It is for what the record of the object holds already, so that a process which did
	// not hear of it is told again by the same decision.
	Again(ctx context.Context, about Object, kind string, content any, now time.Time) (string, error)
	// NoteNamed keeps in the audit log that the administrator did something in another's name.
	NoteNamed(ctx context.Context, principal, actor, what, object string, at time.Time) error
}
