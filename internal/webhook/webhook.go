// Package webhook is the domain of notifying programs of what happens to what belongs to them: where each is notified,
// of what, and what became of every message. It does no I/O and imports the standard library only.
//
// A message names ids and states and nothing about a person: who receives it asks the API for more.
package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"path"
	"slices"
	"time"

	"kyso/internal/page"
	"kyso/internal/process"
)

// Endpoint is an address of a program.
type Endpoint struct {
	ID        string
	Owner     string // whose things it is notified of; see internal/access
	URL       string
	Events    []string // patterns of types, such as signing.* ; none means all
	Secret    string   // whsec_ and 32 bytes in base64
	Old       string   // the secret before the last rotation
	OldUntil  time.Time
	CreatedAt time.Time
	DeletedAt time.Time
}

// Secrets are those that a message is signed with now, the newest first.
func (e Endpoint) Secrets(now time.Time) []string {
	if e.Old != "" && now.Before(e.OldUntil) {
		return []string{e.Secret, e.Old}
	}
	return []string{e.Secret}
}

// Subscribes reports whether the endpoint is notified of a type.
func (e Endpoint) Subscribes(kind string) bool {
	return len(e.Events) == 0 || slices.ContainsFunc(e.Events, func(pattern string) bool {
		ok, err := path.Match(pattern, kind)
		return err == nil && ok
	})
}

// Message is one thing that happened, for one endpoint.
type Message struct {
	EndpointID  string
	ID          string // the same for every try and replay; receivers know by it what they have seen
	Type        string // such as signing.signed
	Body        []byte // JSON as it is sent
	CreatedAt   time.Time
	Round       int // counts replays
	StartedAt   time.Time
	Attempts    int    // of all rounds
	LastAnswer  string // HTTP status, or a problem.Code
	DeliveredAt time.Time
	FailedAt    time.Time // the endpoint did not accept it for days
}

// Place names a message among those of all endpoints, for cursors.
func (m Message) Place() string { return m.EndpointID + "/" + m.ID }

// State is where a message stands: waiting, delivered or failed.
func (m Message) State() string {
	switch {
	case !m.DeliveredAt.IsZero():
		return "delivered"
	case !m.FailedAt.IsZero():
		return "failed"
	}
	return "waiting"
}

// Event is what a message says.
type Event struct {
	Kind   string    `json:"-"` // signing or registration
	ID     string    `json:"id" doc:"Of the signing or registration"`
	Status string    `json:"status" doc:"Where it stands"`
	Seq    int       `json:"seq" doc:"Counts the transitions of the process, from 1: messages that come out of order show by it"`
	Final  bool      `json:"final" doc:"Whether no transition follows"`
	Open   *bool     `json:"open,omitempty" doc:"Of attention only: true when the process is parked, false when it goes on again"`
	Detail string    `json:"detail,omitempty" doc:"A problem code: why"`
	Self   string    `json:"self" doc:"Path of the signing or registration in the API"`
	At     time.Time `json:"-"`
	Name   string    `json:"-"` // what happened besides a transition; the status when empty
	Mark   string    `json:"-"` // with a name: tells this one from others of the process
}

// Type is the type of the event's messages.
func (e Event) Type() string { return e.Kind + "." + cmp.Or(e.Name, e.Status) }

// MessageID is made of what happened, so that what is recorded twice is told once.
func (e Event) MessageID() string {
	if e.Name == "" {
		return process.TransitionMessage(e.Kind, e.ID, e.Seq)
	}
	return process.NamedMessage(e.Kind, e.ID, e.Name, e.Mark)
}

// Envelope is the body of a message, as Standard Webhooks says.
type Envelope struct {
	Type      string    `json:"type" doc:"Of the event"`
	Timestamp time.Time `json:"timestamp" doc:"When it happened"`
	Data      Event     `json:"data"`
}

// NewMessage writes an event down.
func NewMessage(id string, e Event) (Message, error) {
	m := Message{ID: id, Type: e.Type(), CreatedAt: e.At.UTC().Truncate(time.Microsecond)}
	var err error
	m.Body, err = json.Marshal(Envelope{m.Type, m.CreatedAt, e})
	return m, err
}

// Life is how long messages are kept, and so how far back a replay reaches.
const Life = 30 * 24 * time.Hour

// Patience is how long one message is tried.
const Patience = 3 * 24 * time.Hour

// OldSecretLife is how long the secret before a rotation still signs.
const OldSecretLife = 24 * time.Hour

// Range narrows a list of messages, or says which are sent again. Zero values do not narrow.
type Range struct {
	From, To time.Time // from is in, to is not
	Type     string    // a pattern
	Failed   bool      // only those that were never accepted
	Before   time.Time
	After    page.Cursor // goes on behind this message; its id is the message's
	Limit    int
}

// Rotation is a change of an endpoint's secret.
type Rotation struct {
	Secret string
	At     time.Time
	Key    string // names the request, so that its retry is no second rotation; empty when it cannot be repeated
}

// Attempt is what became of one try.
type Attempt struct {
	Answer    string
	Delivered bool
	At        time.Time
}

// MaxEndpoints is how many endpoints an owner may have.
const MaxEndpoints = 20

// Records is the store. problem.NotFound for what is not there.
type Records interface {
	// CreateEndpoint stores an endpoint, which belongs to its owner from then on, and returns it: problem.Conflict when the
	// owner has MaxEndpoints. The same id again within a day is a caller who lost the answer, and gets the stored one with its
	// secret. problem.Conflict, too, when it was deleted, or made earlier.
	CreateEndpoint(ctx context.Context, e Endpoint) (Endpoint, error)
	Endpoint(ctx context.Context, id string) (Endpoint, error)
	Endpoints(ctx context.Context, owner string) ([]Endpoint, error) // without secrets, newest first; all when owner is empty
	// DeleteEndpoint forgets address and secrets. A deleted one stays deleted.
	DeleteEndpoint(ctx context.Context, id string, at time.Time) error
	// RotateSecret makes another secret the one that signs, and lets the one before sign too. The same rotation again
	// changes nothing while the secret before still signs. It returns the endpoint with its secret.
	RotateSecret(ctx context.Context, id string, r Rotation) (Endpoint, error)

	// SaveMessage stores a message that no process made, for the test of an endpoint. Messages about processes are
	// stored with the transition that they tell of.
	SaveMessage(ctx context.Context, m Message) error
	Message(ctx context.Context, endpointID, id string) (Message, error)
	Messages(ctx context.Context, endpointID string, r Range) ([]Message, error) // newest first
	// Replay has messages sent again and returns how many.
	Replay(ctx context.Context, endpointID string, r Range) (int, error)

	MarkAttempt(ctx context.Context, endpointID, id string, a Attempt) error
	MarkFailed(ctx context.Context, endpointID, id string, at time.Time) error
}

// Sender posts a message. Errors: problem.ProviderUnavailable for what a later try may overcome, with RetryAfter;
// problem.ProviderRefused when the receiver says that the address is gone (410).
type Sender interface {
	Send(ctx context.Context, e Endpoint, m Message) (status int, err error)
}
