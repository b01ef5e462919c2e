// Package incident is what operators see of parked processes, signings and registrations alike: one list, with who works
// on each, what was tried, and what was said. It does no I/O and imports the standard library only.
//
// A process opens and closes its own incidents, through the records of its domain; here they are read, assigned and
// written beside.
package incident

import (
	"context"
	"time"

	"kyso/internal/page"
)

// Process is what kind of process is parked.
type Process string

// The processes that park.
const (
	Signing      Process = "signing"
	Registration Process = "registration"
)

// Incident is one parked step, open until ClosedAt.
type Incident struct {
	ID        string
	Process   Process
	ProcessID string
	Step      string
	Reason    string // a problem.Code
	Message   string // for operators, no personal data
	Provider  string
	Since     time.Time
	Attempts  int    // times that the step has failed
	Assignee  string // opaque id of who works on it
	ClosedAt  time.Time
	Action    string // the repair that closed it
	Actor     string
	Note      string // why the operator did it
}

// Entry is one line of what has happened to an incident.
type Entry struct {
	At      time.Time
	Kind    EntryKind
	Attempt int    // of a failure
	Reason  string // of a failure, a problem.Code
	Text    string // the message of a failure, or what somebody said
	Actor   string
}

// EntryKind is what an Entry tells of.
type EntryKind string

// The kinds of entries.
const (
	Failed   EntryKind = "failed"   // the step was tried and failed
	Assigned EntryKind = "assigned" // Text is to whom, empty for nobody
	Noted    EntryKind = "noted"
)

// Filter narrows a list. Zero values do not narrow.
type Filter struct {
	Process  Process
	Reason   string
	Provider string
	Step     string
	Assignee string
	Before   time.Time   // parked before
	All      bool        // closed ones too
	After    page.Cursor // goes on behind this one
	Limit    int         // default 500, at most 5000
}

// Group is how many incidents have the same cause.
type Group struct {
	Process  Process
	Reason   string
	Provider string
	Step     string
	Count    int
	Oldest   time.Time
}

// Desk is the store as operators see it. problem.NotFound for an unknown id.
type Desk interface {
	// List returns incidents, oldest first.
	List(ctx context.Context, f Filter) ([]Incident, error)
	// Groups counts incidents by process, reason, provider and step, the largest group first.
	Groups(ctx context.Context, f Filter) ([]Group, error)
	// Show returns one incident and what has happened to it, oldest first.
	Show(ctx context.Context, id string) (Incident, []Entry, error)
	// Assign says who works on it; nobody when assignee is empty.
	Assign(ctx context.Context, id, assignee, actor string, at time.Time) error
	// Note adds words for other operators. They are sealed.
	Note(ctx context.Context, id, text, actor string, at time.Time) error
}
