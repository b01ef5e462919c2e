package process

import "time"

// Repair is what an operator decides about a parked process. It travels as the argument of the update and of the signal
// with which a process is repaired.
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

// Outcomes of a repair.
const (
	RepairRecovered    = "recovered"     // the step succeeded, the process goes on
	RepairFailedAgain  = "failed-again"  // the step failed and the process is parked again
	RepairSkipped      = "skipped"       // the process goes on without the step
	RepairGivenUp      = "given-up"      // the process ends as cancelled, as the repair asked
	RepairStillWaiting = "still-waiting" // no result within RepairWait
)

// RepairWait is how long a repair waits for the step's result before it answers.
const RepairWait = 20 * time.Second
