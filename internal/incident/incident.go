// Package incident is what operators see of parked processes, signings and registrations alike: one list, with who works
// on each, what was tried, and what was said. It does no I/O and imports the standard library only.
//
// A process opens and closes its own incidents, through the records of its domain; here they are read, assigned and
// annotated.
package incident

import (
	"context"
	"slices"
	"time"

	"kyso/internal/page"
	"kyso/internal/process"
)

// Entry is one line of what has happened to an incident.
type Entry struct {
	At      time.Time
	Kind    EntryKind
	Attempt int    // of a failure
	Reason  string // of a failure, a problem.Code
	Text    string // the message of a failure, or what an operator said
	Actor   string
}

// Deed is who does something, when, and in which request. The same request again changes nothing; an empty one is never
// equal to another.
type Deed struct {
	Actor   string
	At      time.Time
	Request string
}

// EntryKind is what an Entry tells of.
type EntryKind string

// The kinds of entries.
const (
	Failed   EntryKind = "failed"   // the step was tried and failed
	Assigned EntryKind = "assigned" // Text is to whom, empty for no operator
	Noted    EntryKind = "noted"
)

// Filter narrows a list. Zero values do not narrow.
type Filter struct {
	Process  process.Kind
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
	Process  process.Kind
	Reason   string
	Provider string
	Step     string
	Count    int
	Oldest   time.Time
}

// Desk is the store as operators see it. problem.NotFound for an unknown id.
type Desk interface {
	// List returns incidents, oldest first.
	List(ctx context.Context, f Filter) ([]process.Incident, error)
	// Groups counts incidents by process, reason, provider and step, the largest group first.
	Groups(ctx context.Context, f Filter) ([]Group, error)
	// Show returns one incident and what has happened to it, oldest first.
	Show(ctx context.Context, id string) (process.Incident, []Entry, error)
	// Assign says who works on it; no operator when assignee is empty.
	Assign(ctx context.Context, id, assignee string, by Deed) error
	// Note adds words for other operators. They are sealed.
	Note(ctx context.Context, id, text string, by Deed) error
}

// Finding is one thing in which store and engine do not agree.
type Finding struct {
	Process   process.Kind `json:"process" enum:"signing,registration"`
	ProcessID string       `json:"process_id"`
	Code      string       `json:"code" doc:"process-missing, record-missing, certificate-unpaid, certificate-lost or certificate-left"`
	Message   string       `json:"message"`
	New       bool         `json:"new" doc:"Not known before"`
}

// Failure is one thing that could not be compared: it may agree or not.
type Failure struct {
	Process   process.Kind `json:"process" enum:"signing,registration"`
	ProcessID string       `json:"process_id"`
	Code      string       `json:"code" doc:"Of the error, a problem code"`
	Message   string       `json:"message"`
}

// Behind is a process that stands where its record was, as after Temporal was restored. It is told again what the record has,
// and needs no operator.
type Behind struct {
	Process   process.Kind `json:"process" enum:"signing,registration"`
	ProcessID string       `json:"process_id"`
	Message   string       `json:"message"`
}

// Report is what one step of comparing the books found.
type Report struct {
	Checked  int       `json:"checked" doc:"What was looked at, failed too"`
	Findings []Finding `json:"findings"`
	Failed   []Failure `json:"failed" doc:"What could not be compared, and has to be looked at again"`
	Behind   []Behind  `json:"behind" doc:"Processes that stand where their record was. They are told again what it has"`
	Closed   int       `json:"closed" doc:"Incidents whose cause has gone"`
	Payments int       `json:"payments" doc:"Attempts to pay that the gateway knew and the store did not, or knew better"`
	Carried  int       `json:"carried" doc:"Messages that are carried again"`
	Next     string    `json:"next,omitempty" doc:"Where to go on; absent when all of both books was compared"`
}

// What may be done about a mismatch.
const (
	BeginAgain = "begin-again" // a new run from the record, which repeats no effect
	Close      = "close"       // the process ends with its compensation
	Accept     = "accept"      // nothing is done: it was settled elsewhere
)

// The problem codes of mismatches.
const (
	ProcessMissing    = "process-missing"
	RecordMissing     = "record-missing"
	CertificateUnpaid = "certificate-unpaid"
	CertificateLost   = "certificate-lost"
	CertificateLeft   = "certificate-left"
)

// Mismatches are the reasons that comparing the books finds. No process hears a repair of them.
func Mismatches() []string {
	return []string{ProcessMissing, RecordMissing, CertificateUnpaid, CertificateLost, CertificateLeft}
}

// Mismatch reports whether a reason is one of them.
func Mismatch(reason string) bool { return slices.Contains(Mismatches(), reason) }

// ArchiveStep is the step of an incident whose missing process is the one that keeps documents archived.
const ArchiveStep = "await-renewal"

// RefundStep is the step of an incident whose refund has lost the record of its registration.
const RefundStep = "refund"

// Acts returns what may be done about a mismatch at a step. A process without a record has no step.
func Acts(reason, step string) []string {
	switch {
	case reason == CertificateLost:
		return []string{Accept}
	case reason == CertificateUnpaid || reason == CertificateLeft:
		return []string{Close, Accept}
	case step == "" || step == RefundStep:
		return []string{Close}
	case step == ArchiveStep:
		return []string{BeginAgain}
	}
	return []string{BeginAgain, Close}
}

// Books is store and engine, compared.
type Books interface {
	// Step compares a part of the books from a place on, "" for the beginning.
	Step(ctx context.Context, place string) (Report, error)
	// Act does something about a mismatch. problem.NotFound, problem.Conflict for one that is closed or no mismatch,
	// problem.Invalid for an act that it does not offer.
	Act(ctx context.Context, id, action, actor, note string) error
}
