package signing

import (
	"slices"

	"kyso/internal/problem"
)

// Status is where a signing stands. A parked signing keeps the status of its step; Attention says that it waits.
type Status string

// The statuses.
const (
	StatusCreated             Status = "created"              // accepted, nothing done yet
	StatusAwaitingCertificate Status = "awaiting-certificate" // the user has to choose one of several
	StatusAwaitingPlacement   Status = "awaiting-placement"   // the user has to place the box
	StatusPreparing           Status = "preparing"            // certificate known and placed; files being prepared
	StatusRequested           Status = "requested"            // the digests are being handed to the provider
	StatusAwaitingApproval    Status = "awaiting-approval"    // the phone shows the request
	StatusCompleting          Status = "completing"           // approved; values are verified and embedded
	StatusSigned              Status = "signed"
	StatusDeclined            Status = "declined"
	StatusExpired             Status = "expired"
	StatusCancelled           Status = "cancelled"
	StatusRefused             Status = "refused" // a document or certificate cannot be signed with; the reason has a code
)

// next is the transition table: from a status to every status that may follow it.
var next = map[Status][]Status{
	StatusCreated: {StatusAwaitingCertificate, StatusAwaitingPlacement, StatusPreparing, StatusRefused,
		StatusCancelled, StatusExpired},
	StatusAwaitingCertificate: {StatusAwaitingPlacement, StatusPreparing, StatusRefused, StatusCancelled, StatusExpired},
	StatusAwaitingPlacement:   {StatusPreparing, StatusRefused, StatusCancelled, StatusExpired},
	StatusPreparing:           {StatusAwaitingPlacement, StatusRequested, StatusRefused, StatusCancelled},
	StatusRequested:           {StatusAwaitingApproval, StatusRefused, StatusCancelled, StatusDeclined, StatusExpired},
	StatusAwaitingApproval:    {StatusCompleting, StatusDeclined, StatusExpired, StatusCancelled},
	StatusCompleting:          {StatusSigned, StatusCancelled},
}

// Statuses returns every status.
func Statuses() []Status {
	return []Status{StatusCreated, StatusAwaitingCertificate, StatusAwaitingPlacement, StatusPreparing,
		StatusRequested, StatusAwaitingApproval, StatusCompleting, StatusSigned, StatusDeclined, StatusExpired,
		StatusCancelled, StatusRefused}
}

// Final reports whether nothing can follow s.
func (s Status) Final() bool { return len(next[s]) == 0 }

// Check returns nil when a signing may go from s to to, and problem.Conflict otherwise.
func (s Status) Check(to Status) error {
	if slices.Contains(next[s], to) {
		return nil
	}
	return problem.New(problem.Conflict, "a signing that is %s cannot become %s", s, to)
}
