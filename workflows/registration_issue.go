package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/registration"
)

// obtain has a key made, and a certificate issued and installed. A CA that takes its time is asked again for as long as it takes.
func (r *registrationRun) obtain(ctx workflow.Context) error {
	r.issuing = true
	if err := r.settleOwed(ctx); err != nil { // whoever approved it is shown that the certificate is being issued
		return err
	}
	var obtained activities.Obtained
	err := r.inStages(ctx, []stage{{StepKey, "ca"}, {StepIssue, "ca"}, {StepInstall, "ca"}}, func(ctx workflow.Context, moves []registration.Transition, stages []string) error {
		if obtained.Pending {
			return nil
		}
		return workflow.ExecuteActivity(toTheEnd(inStages(ctx, "Have the certificate issued and install it, inactive", len(stages))),
			registrationActivities.ObtainCertificate, r.certificateWork(ctx, moves, stages)).Get(ctx, &obtained)
	})
	if err == nil && obtained.Pending {
		if err = r.issue(ctx); err == nil {
			return r.install(ctx)
		}
	}
	if err != nil {
		return err
	}
	return r.move(ctx, registration.StatusActivating, r.in.Deadlines.Activation)
}

func (r *registrationRun) certificateWork(ctx workflow.Context, moves []registration.Transition, stages []string) activities.CertificateWork {
	return activities.CertificateWork{RegistrationID: r.in.RegistrationID, Moves: moves, Stages: stages, Attempts: attempts(ctx)}
}

func (r *registrationRun) issue(ctx workflow.Context) error {
	return r.step(ctx, StepIssue, "ca", func(ctx workflow.Context) error {
		if err := r.look(workflow.WithWaitForCancellation(ctx, true), "Ask the CA once", registrationActivities.IssueCertificate, r.in.RegistrationID); err != nil {
			return err
		}
		return r.pollIssue(ctx)
	})
}

func (r *registrationRun) install(ctx workflow.Context) error {
	err := r.step(ctx, StepInstall, "ca", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(effect(ctx, "Install the certificate, inactive"), registrationActivities.InstallCertificate, r.in.RegistrationID).Get(ctx, nil)
	})
	if err != nil {
		return err
	}
	return r.move(ctx, registration.StatusActivating, r.in.Deadlines.Activation)
}

// pollIssue waits for the CA, which may take days. What it did when the process was cancelled meanwhile is found out
// when the issuance is undone.
func (r *registrationRun) pollIssue(ctx workflow.Context) error {
	issueCtx := workflow.WithWaitForCancellation(poll(ctx, "Have the certificate issued"), true)
	issueCtx = workflow.WithRetryPolicy(issueCtx, temporal.RetryPolicy{
		InitialInterval: 3 * time.Second, BackoffCoefficient: 1.5, MaximumInterval: time.Minute, MaximumAttempts: unlimited})
	issueCtx = workflow.WithStartToCloseTimeout(issueCtx, time.Minute)
	issued := workflow.ExecuteActivity(issueCtx, registrationActivities.IssueCertificate, r.in.RegistrationID)
	return issued.Get(ctx, nil)
}

// handOver has the key activated, the acceptance record written, and its signing stored.
func (r *registrationRun) handOver(ctx workflow.Context) error {
	stages := []stage{{StepActivate, "ca"}, {StepPapers, ""}, {StepAcceptance, ""}}
	err := r.inStages(ctx, stages, func(ctx workflow.Context, moves []registration.Transition, stages []string) error {
		work := r.certificateWork(ctx, moves, stages)
		work.Acceptance = r.acceptance(r.firstSigning())
		return workflow.ExecuteActivity(toTheEnd(inStages(ctx, "Activate the key and write the acceptance record", len(stages))),
			registrationActivities.HandOver, work).Get(ctx, &r.stored)
	})
	if err != nil {
		return err
	}
	return r.move(ctx, registration.StatusAccepting, r.in.Deadlines.Acceptance)
}
