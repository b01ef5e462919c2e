package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// finish records the outcome, after compensating what cannot be taken back, and tells VNeID. It works on a context of
// its own, since the process may have been cancelled.
func (r *registrationRun) finish(ctx workflow.Context, err error) (RegistrationResult, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	end, ok := r.outcome(err, registration.StatusActive, registration.StatusCancelled)
	if err != nil && r.withdrawn != nil {
		end, ok = ended[registration.Status]{registration.StatusWithdrawn, problem.Withdrawn}, true
	}
	if !ok {
		return RegistrationResult{}, err
	}
	if end.status != registration.StatusActive {
		if err := r.makeGood(ctx, end); err != nil {
			return RegistrationResult{}, err
		}
	}
	if r.status != end.status { // it is active since its acceptance record is signed
		if err := r.moveFor(ctx, end.status, end.reason, 0); err != nil {
			return RegistrationResult{}, err
		}
	}
	if err := r.report(ctx, end.status); err != nil {
		return RegistrationResult{}, err
	}
	if err := r.keepContract(ctx); err != nil {
		return RegistrationResult{}, err
	}
	err = errors.Join(r.done(ctx), answered(ctx))
	return RegistrationResult{Status: end.status, Reason: string(end.reason)}, err
}

// makeGood revokes and refunds. Nothing but success ends these two steps: an operator can only have them tried again.
func (r *registrationRun) makeGood(ctx workflow.Context, end ended[registration.Status]) error {
	if err := r.moveFor(ctx, registration.StatusClosing, end.reason, 0); err != nil {
		return err
	}
	if err := r.settleOwed(ctx); err != nil {
		return err
	}
	if r.issuing {
		err := r.step(ctx, StepRevoke, "ca", func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(call(ctx, "Revoke the certificate and destroy the key"), registrationActivities.RevokeCertificate, r.in.RegistrationID).Get(ctx, nil)
		})
		if err != nil {
			return err
		}
	}
	if r.keepsMoney(end) {
		return workflow.ExecuteLocalActivity(record(ctx), registrationActivities.KeepMoney, r.in.RegistrationID).Get(ctx, nil)
	}
	if workflow.GetVersion(ctx, "settle-now", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		return r.settleNow(ctx)
	}
	for attempt := 1; attempt <= r.attempts; attempt++ {
		if err := r.settle(ctx, attempt); err != nil {
			return err
		}
	}
	return nil
}

// keepsMoney reports whether the price is kept: by configuration, for an issued certificate that was not accepted.
func (r *registrationRun) keepsMoney(end ended[registration.Status]) bool {
	return r.in.Deadlines.KeepMoney && r.attempts > 0 && r.issuing && end.status == registration.StatusExpired
}

// reportFor is how long VNeID is tried before an operator hears of it. The citizen is served by then.
const reportFor = 3 * day

// report tells VNeID how it ended, patiently. A failure harms no person: the process then waits for an operator, who may
// skip it.
func (r *registrationRun) report(ctx workflow.Context, status registration.Status) error {
	return r.step(ctx, StepReport, "vneid", func(ctx workflow.Context) error {
		tries := reportAttempts
		if automatic(ctx) {
			tries = automaticAttempts
		}
		options := workflow.WithRetryPolicy(poll(ctx, "Tell VNeID"), temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Hour, MaximumAttempts: tries})
		return workflow.ExecuteActivity(options, registrationActivities.ReportStatus,
			activities.ReportInput{RegistrationID: r.in.RegistrationID, Status: status}).Get(ctx, nil)
	})
}

// reportAttempts fills reportFor: eleven doublings to an hour, then one an hour.
const reportAttempts = int32(11 + reportFor/time.Hour)
