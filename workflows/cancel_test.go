package workflows_test

import (
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// TestTemporalsCancelEndsNothing: whoever reaches Temporal cancels a process at a wait and while it is parked; it goes on, and takes
// acts as before.
func TestTemporalsCancelEndsNothing(t *testing.T) {
	for _, at := range []registration.Status{registration.StatusHandedOff, registration.StatusAwaitingPayment, registration.StatusInReview, registration.StatusActivating} {
		t.Run("registration "+string(at), func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.acts[at] = func() {
				e.once("cancel", e.env.CancelWorkflow)
				if act := e.usual(e.registration()); act != nil {
					act()
				}
			}
			e.enrol(registration.StatusActive)
		})
	}
	t.Run("registration parked", func(t *testing.T) {
		e := newEnrolment(t, "PS0")
		e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueFails = "refused" }))
		e.at(24*time.Hour, func() {
			e.parkedAt(workflows.StepIssue, problem.ProviderRefused)
			e.env.CancelWorkflow()
		})
		e.at(25*time.Hour, func() {
			e.parkedAt(workflows.StepIssue, problem.ProviderRefused)
			e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueFails = "" }))
			e.update(workflows.UpdateRepair, retry(), nil)()
		})
		e.enrol(registration.StatusActive)
	})
	t.Run("signing", func(t *testing.T) {
		j := newJourney(t)
		j.window(5 * time.Hour)
		j.request(signing.Signing{}, page("x"))
		j.at(time.Hour, j.env.CancelWorkflow)
		j.at(2*time.Hour, j.approve(user))
		j.run(signing.StatusSigned)
	})
	t.Run("signing that is then cancelled", func(t *testing.T) {
		j := newJourney(t)
		j.window(5 * time.Hour)
		j.request(signing.Signing{}, page("x"))
		j.at(time.Hour, j.env.CancelWorkflow)
		j.at(2*time.Hour, j.update(workflows.UpdateCancel, workflows.Cancel{Actor: "ops-1", Reason: "x"}, nil))
		j.run(signing.StatusCancelled)
	})
}
