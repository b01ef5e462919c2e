package registration

import (
	"slices"

	"kyso/internal/process"
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

// Table says which status may follow which.
var Table = process.Table[Status]{Kind: process.Registration, Rows: []process.Row[Status]{
	{From: StatusRequested, To: []Status{StatusHandedOff, StatusClosing}},
	{From: StatusHandedOff, To: []Status{StatusAccountReady, StatusClosing}},
	{From: StatusAccountReady, To: []Status{StatusAwaitingPayment, StatusAwaitingConsent, StatusClosing}},
	{From: StatusAwaitingPayment, To: []Status{StatusAwaitingConsent, StatusClosing}},
	{From: StatusAwaitingConsent, To: []Status{StatusInReview, StatusClosing}},
	{From: StatusInReview, To: []Status{StatusNeedsMore, StatusIssuing, StatusClosing}},
	{From: StatusNeedsMore, To: []Status{StatusInReview, StatusAwaitingConsent, StatusClosing}}, // a corrected dossier has another contract
	{From: StatusIssuing, To: []Status{StatusActivating, StatusClosing}},
	{From: StatusActivating, To: []Status{StatusAccepting, StatusClosing}},
	{From: StatusAccepting, To: []Status{StatusActive, StatusClosing}},
	{From: StatusClosing, To: []Status{StatusRefused, StatusIneligible, StatusWithdrawn, StatusExpired, StatusCancelled}},
	{From: StatusActive},
	{From: StatusRefused},
	{From: StatusIneligible},
	{From: StatusWithdrawn},
	{From: StatusExpired},
	{From: StatusCancelled},
}}

// Statuses returns every status.
func Statuses() []Status { return Table.Statuses() }

// Known reports whether s is one of Statuses.
func (s Status) Known() bool { return slices.Contains(Statuses(), s) }

// Final reports whether nothing can follow s.
func (s Status) Final() bool { return Table.Final(s) }

// Check returns nil when a registration may go from s to to, and problem.Conflict otherwise.
func (s Status) Check(to Status) error { return Table.Check(s, to) }

// Transition is one recorded change of a registration's status.
type Transition = process.Transition[Status]
