// Package process is the spine of kyso: what every durable process has in common, whatever it is about. A process has a
// Kind, goes from status to status as its Table allows (each step one Transition), and is parked with an Attention when a
// step fails for good. What is parked is kept as an Incident, and a Repair lets the process go on.
//
// The domains (internal/signing, internal/registration) give the statuses and the tables; workflows decide, activities
// record, the store keeps. The package does no I/O and imports the standard library and internal/problem only.
package process

// Kind is what a process is about. Its value stands in decisions, incidents, events and the database, and names the
// group of commands of the command line.
type Kind string

// The kinds. The archiving of a signing belongs to the signing; that of a contract and a refund belong to registrations.
const (
	Signing      Kind = "signing"
	Registration Kind = "registration"
	// Account is no process: a decision about an account lets a notice be sent to its owner.
	Account Kind = "account"
)

// Recorded is the part of every message to a process that counts: the id of a recorded decision. The process reads the
// decision from the store; what else a message says is for workers of releases that knew no decisions.
type Recorded struct {
	DecisionID string `json:"decision_id,omitempty"`
}

// Decision returns the id, so that a message that embeds Recorded names it.
func (r Recorded) Decision() string { return r.DecisionID }
