package registration

import (
	"slices"

	"kyso/internal/problem"
)

// Status is where a registration stands. A parked one keeps the status of its step; Attention says that it waits.
type Status string

// The statuses.
const (
	StatusRequested       Status = "requested"         // VNeID's request is recorded; the citizen has not come yet
	StatusHandedOff       Status = "handed-off"        // the citizen is here; account by phone, OTP, e-mail, password
	StatusAccountReady    Status = "account-ready"     // waiting for the choice of a package
	StatusAwaitingPayment Status = "awaiting-payment"  // ordered; the gateway decides
	StatusAwaitingConsent Status = "awaiting-contract" // the contract is written; waiting for the citizen's OTP
	StatusInReview        Status = "in-review"         // an officer decides
	StatusNeedsMore       Status = "needs-more"        // the citizen corrects named fields
	StatusIssuing         Status = "issuing"           // approved; key, certificate, installation
	StatusActivating      Status = "activating"        // PIN on the phone, then OTP
	StatusAccepting       Status = "accepting"         // the acceptance record waits for its signature
	StatusClosing         Status = "closing"           // over without success; revoking and refunding what was done
	StatusActive          Status = "active"            // the certificate is active and accepted
	StatusRefused         Status = "refused"           // by an officer
	StatusIneligible      Status = "ineligible"        // the citizen has an active certificate already
	StatusWithdrawn       Status = "withdrawn"         // by the citizen
	StatusExpired         Status = "expired"           // a deadline passed
	StatusCancelled       Status = "cancelled"         // an operator gave it up
)

// next is the transition table: from a status to every status that may follow it.
var next = map[Status][]Status{
	StatusRequested:       {StatusHandedOff, StatusClosing},
	StatusHandedOff:       {StatusAccountReady, StatusClosing},
	StatusAccountReady:    {StatusAwaitingPayment, StatusAwaitingConsent, StatusClosing},
	StatusAwaitingPayment: {StatusAwaitingConsent, StatusClosing},
	StatusAwaitingConsent: {StatusInReview, StatusClosing},
	StatusInReview:        {StatusNeedsMore, StatusIssuing, StatusClosing},
	StatusNeedsMore:       {StatusInReview, StatusAwaitingConsent, StatusClosing}, // a corrected dossier has another contract
	StatusIssuing:         {StatusActivating, StatusClosing},
	StatusActivating:      {StatusAccepting, StatusClosing},
	StatusAccepting:       {StatusActive, StatusClosing},
	StatusClosing:         {StatusRefused, StatusIneligible, StatusWithdrawn, StatusExpired, StatusCancelled},
}

// Statuses returns every status.
func Statuses() []Status {
	return []Status{StatusRequested, StatusHandedOff, StatusAccountReady, StatusAwaitingPayment, StatusAwaitingConsent,
		StatusInReview, StatusNeedsMore, StatusIssuing, StatusActivating, StatusAccepting, StatusClosing, StatusActive,
		StatusRefused, StatusIneligible, StatusWithdrawn, StatusExpired, StatusCancelled}
}

// Known reports whether s is one of Statuses.
func (s Status) Known() bool { return slices.Contains(Statuses(), s) }

// Final reports whether nothing can follow s.
func (s Status) Final() bool { return len(next[s]) == 0 }

// Check returns nil when a registration may go from s to to, and problem.Conflict otherwise.
func (s Status) Check(to Status) error {
	if slices.Contains(next[s], to) {
		return nil
	}
	return problem.New(problem.Conflict, "a registration that is %s cannot become %s", s, to)
}
