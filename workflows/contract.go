package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"

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
	Seq       int        `json:"seq"`
	Attention *Attention `json:"attention,omitempty"` // set while parked
	// Deadline is when the current wait ends by itself; for an approval, the end of the provider's window.
	Deadline time.Time `json:"deadline,omitzero"`
	// Remaining counts down to Deadline in whole seconds, never below zero. The client fills it in: a workflow's
	// own time stands still between events.
	Remaining int `json:"remaining_seconds,omitempty"`
}

// Attention is an open incident.
type Attention struct {
	IncidentID string    `json:"incident_id"`
	Step       string    `json:"step"`
	Reason     string    `json:"reason"`
	Message    string    `json:"message"`
	Provider   string    `json:"provider,omitempty"`
	Since      time.Time `json:"since"`
	Attempts   int       `json:"attempts"` // how often the step was run, automatic retries of one run not counted
	Actions    []string  `json:"actions"`  // what a repair may do
	// RetryAt is when the process tries again by itself; zero when it waits for a repair or a nudge alone, or is trying.
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// ChooseCertificate is the argument of UpdateChooseCertificate.
type ChooseCertificate struct {
	Recorded
	Fingerprint string `json:"fingerprint"` // SHA-256 of the certificate, hex
}

// Place is the argument of UpdatePlace: one placement for each document, in order.
type Place struct {
	Recorded
	Placements []signing.Placement `json:"placements"`
}

// Cancel is the argument of UpdateCancel.
type Cancel struct {
	Recorded
	Actor  string `json:"actor"`  // who, as an opaque id
	Reason string `json:"reason"` // a code or a few words without personal data
}

// Repair is the argument of UpdateRepair and SignalRepair.
type Repair struct {
	Recorded
	Action string `json:"action"` // one of Attention.Actions
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
}

// What a repair may do.
const (
	RepairRetry  = "retry"  // run the step again
	RepairCancel = "cancel" // give the process up, with its compensation
	RepairFix    = "fix"    // run the step again after data was corrected in the store
	RepairSkip   = "skip"   // go on without the step; only where nothing depends on it
)

// RepairAuto closes an incident that ended without an operator: the outside party that caused it serves again. No caller may ask for it.
const RepairAuto = "auto"

// RepairResult says what became of a repair.
type RepairResult struct {
	Outcome string        `json:"outcome"` // RepairRecovered, RepairFailedAgain, RepairGivenUp, RepairSkipped or RepairStillWaiting
	Status  SigningStatus `json:"status"`
}

// Outcomes of a repair.
const (
	RepairRecovered    = "recovered"     // the step succeeded, the process goes on
	RepairFailedAgain  = "failed-again"  // the step failed and the process is parked again
	RepairSkipped      = "skipped"       // the process goes on without the step
	RepairGivenUp      = "given-up"      // the process ends as cancelled, as the repair asked
	RepairStillWaiting = "still-waiting" // no result within RepairWait
)

// RepairWait is how long the repair update waits for the step's result before it answers.
const RepairWait = 20 * time.Second
