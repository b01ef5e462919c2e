package workflows

import (
	"go.temporal.io/sdk/workflow"

	"kyso/internal/registration"
)

// Registrations that a release before ridesAlong began go on as they began: one activity for each step.

// stepsBefore are the steps of such a registration from a status on; without one, all of them.
func (r *registrationRun) stepsBefore(from registration.Status) []func(workflow.Context) error {
	first := map[registration.Status]int{registration.StatusHandedOff: 1, registration.StatusAccountReady: 3,
		registration.StatusAwaitingPayment: 4, registration.StatusAwaitingConsent: 6, registration.StatusInReview: 8, registration.StatusNeedsMore: 8,
		registration.StatusIssuing: 9, registration.StatusActivating: 12, registration.StatusAccepting: 15}
	return []func(workflow.Context) error{
		r.awaitHandOff, r.awaitAccount, r.checkHolder, r.awaitPackage, r.awaitPayment, r.writePapers, r.awaitConsent,
		r.sealContract, r.awaitReview, r.createKey, r.issue, r.install, r.awaitPIN, r.awaitActivation, r.activate,
		r.writeAcceptance, r.signAcceptance,
	}[first[from]:]
}

func (r *registrationRun) createKey(ctx workflow.Context) error {
	r.issuing = true
	return r.step(ctx, StepKey, "ca", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(effect(ctx, "Make the key pair"), registrationActivities.CreateKey, r.in.RegistrationID).Get(ctx, nil)
	})
}

func (r *registrationRun) activate(ctx workflow.Context) error {
	return r.step(ctx, StepActivate, "ca", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(effect(ctx, "Activate the key"), registrationActivities.ActivateKey, r.in.RegistrationID).Get(ctx, nil)
	})
}

func (r *registrationRun) writeAcceptance(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusAccepting, r.in.Deadlines.Acceptance); err != nil {
		return err
	}
	return r.step(ctx, StepPapers, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(paper(ctx, "Write the acceptance record"), registrationActivities.WriteAcceptance, r.in.RegistrationID).Get(ctx, nil)
	})
}
