package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"kyso/internal/process"
	"kyso/internal/signing"
)

// TaskQueue is where the workers of kyso poll.
const TaskQueue = "kyso"

// Updates, signals and queries of Signing.
const (
	UpdateChooseCertificate = "choose-certificate"
	UpdatePlace             = "place"
	UpdateCancel            = "cancel"
	UpdateRepair            = "repair"

	// SignalRepair is the twin of UpdateRepair, because Temporal's batch operations can send signals only.
	SignalRepair = "repair"
	// SignalNudge says that a webhook came: look now. It carries nothing; the poll is the truth.
	SignalNudge = "nudge"

	QueryStatus = "status"
)

// Search attributes of both processes. None holds personal data.
var (
	// AttributeStep is the step in kebab-case, such as await-approval.
	AttributeStep = temporal.NewSearchAttributeKeyKeyword("KysoStep")
	// AttributeAttention is true while the process is parked.
	AttributeAttention = temporal.NewSearchAttributeKeyBool("KysoAttention")
	// AttributeReason is the problem code of a parked process.
	AttributeReason = temporal.NewSearchAttributeKeyKeyword("KysoReason")
	// AttributeProvider is the outside party that the process waits for or that failed.
	AttributeProvider = temporal.NewSearchAttributeKeyKeyword("KysoProvider")
	// AttributeDeadline is when the current wait ends by itself.
	AttributeDeadline = temporal.NewSearchAttributeKeyTime("KysoDeadline")
)

// SigningInput starts a Signing. The process takes SigningID and the decision of Again, and everything else from the store: the
// other fields are for workers of releases that believed them.
type SigningInput struct {
	SigningID string        `json:"signing_id"`
	Provider  string        `json:"provider"`
	Level     signing.Level `json:"level"`
	Documents int           `json:"documents"`
	Placed    bool          `json:"placed"` // every document has its placement already
	// Patience was how long the user may take to choose a certificate and to place the box. It is 24 hours now.
	Patience time.Duration `json:"patience,omitempty"`
	Again    *Again        `json:"again,omitempty"` // resume from the record
}

// SigningResult is how a Signing ended.
type SigningResult struct {
	Status signing.Status `json:"status"`
	Reason string         `json:"reason,omitempty"` // problem code when refused
}

// SigningStatus is what the status query and every update return.
type SigningStatus struct {
	SigningID string         `json:"signing_id"`
	Status    signing.Status `json:"status"`
	Step      string         `json:"step"`
	// Seq counts the transitions so far; the store holds each.
	Seq       int                `json:"seq"`
	Attention *process.Attention `json:"attention,omitempty"` // set while parked
	// Deadline is when the current wait ends by itself; for an approval, the end of the provider's window.
	Deadline time.Time `json:"deadline,omitzero"`
	// Remaining counts down to Deadline in whole seconds, never below zero. The client fills it in: a workflow's
	// own time stands still between events.
	Remaining int `json:"remaining_seconds,omitempty"`
}

// ChooseCertificate is the argument of UpdateChooseCertificate.
type ChooseCertificate struct {
	process.Recorded
	Fingerprint string `json:"fingerprint"` // SHA-256 of the certificate, hex
}

// Place is the argument of UpdatePlace: one placement for each document, in order.
type Place struct {
	process.Recorded
	Placements []signing.Placement `json:"placements"`
}

// Cancel is the argument of UpdateCancel.
type Cancel struct {
	process.Recorded
	Actor  string `json:"actor"`  // who, as an opaque id
	Reason string `json:"reason"` // a code or a few words without personal data
}

// RepairResult says what became of a repair.
type RepairResult struct {
	Outcome string        `json:"outcome"` // process.RepairRecovered, process.RepairFailedAgain, process.RepairGivenUp, process.RepairSkipped or process.RepairStillWaiting
	Status  SigningStatus `json:"status"`
}
