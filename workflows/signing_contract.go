package workflows

import (
	"slices"
	"time"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// Updates of Signing, besides UpdateRepair.
const (
	UpdateChooseCertificate = "choose-certificate"
	UpdatePlace             = "place"
	UpdateCancel            = "cancel"
)

// The steps of a signing, as they stand in KysoStep and in incidents.
const (
	StepInspect           = activities.StageInspect
	StepFindCertificates  = activities.StageFindCertificates
	StepChooseCertificate = "choose-certificate"
	StepPlace             = "place"
	StepPrepare           = "prepare"
	StepRequest           = "request"
	StepAwaitApproval     = "await-approval"
	StepEmbed             = activities.StageEmbed
	StepTimestamp         = activities.StageTimestamp
	StepExtend            = activities.StageExtend
	StepArchive           = activities.StageArchive
	StepDeliver           = activities.StageDeliver
	StepDone              = "done"
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
	// Seq counts the transitions so far; the store holds all but the last Owed, which the activity that runs now takes to it.
	Seq       int                `json:"seq"`
	Owed      int                `json:"owed,omitempty"`
	Attention *process.Attention `json:"attention,omitempty"` // set while parked
	// Deadline is when the current wait ends by itself; for an approval, the end of the provider's window.
	Deadline time.Time `json:"deadline,omitzero"`
	// Remaining counts down to Deadline in whole seconds, never below zero. The client fills it in: a workflow's
	// own time stands still between events.
	Remaining int `json:"remaining_seconds,omitempty"`
}

// Recorded is how many transitions the store must hold.
func (s SigningStatus) Recorded() int { return s.Seq - s.Owed }

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

// SigningInputOf is what the process of a new signing begins with.
func SigningInputOf(record signing.Signing) SigningInput {
	unplaced := slices.ContainsFunc(record.Documents, func(d signing.Document) bool { return d.Placement == nil })
	return SigningInput{SigningID: record.ID, Provider: record.Provider, Level: record.Level, Documents: len(record.Documents), Placed: !unplaced}
}
