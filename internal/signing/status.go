package signing

import "kyso/internal/process"

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

// Table says which status may follow which.
var Table = process.Table[Status]{Kind: process.Signing, Rows: []process.Row[Status]{
	{From: StatusCreated, To: []Status{StatusAwaitingCertificate, StatusAwaitingPlacement, StatusPreparing, StatusRefused,
		StatusCancelled, StatusExpired}},
	{From: StatusAwaitingCertificate, To: []Status{StatusAwaitingPlacement, StatusPreparing, StatusRefused, StatusCancelled, StatusExpired}},
	{From: StatusAwaitingPlacement, To: []Status{StatusPreparing, StatusRefused, StatusCancelled, StatusExpired}},
	{From: StatusPreparing, To: []Status{StatusAwaitingPlacement, StatusRequested, StatusRefused, StatusCancelled}},
	{From: StatusRequested, To: []Status{StatusAwaitingApproval, StatusRefused, StatusCancelled, StatusDeclined, StatusExpired}},
	{From: StatusAwaitingApproval, To: []Status{StatusCompleting, StatusDeclined, StatusExpired, StatusCancelled}},
	{From: StatusCompleting, To: []Status{StatusSigned, StatusCancelled}},
	{From: StatusSigned},
	{From: StatusDeclined},
	{From: StatusExpired},
	{From: StatusCancelled},
	{From: StatusRefused},
}}

// Statuses returns every status.
func Statuses() []Status { return Table.Statuses() }

// Final reports whether nothing can follow s.
func (s Status) Final() bool { return Table.Final(s) }

// Check returns nil when a signing may go from s to to, and problem.Conflict otherwise.
func (s Status) Check(to Status) error { return Table.Check(s, to) }

// Transition is one recorded change of a signing's status.
type Transition = process.Transition[Status]
