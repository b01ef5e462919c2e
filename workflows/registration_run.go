package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// The steps of a registration, as they stand in KysoStep and in incidents.
const (
	StepHandOff     = "hand-off"
	StepAccount     = "account"
	StepSendCode    = "send-code"
	StepCheckHolder = "check-holder"
	StepPackage     = "package"
	StepPayment     = "payment"
	StepPapers      = "write-papers"
	StepContract    = "contract"
	StepSeal        = "seal-contract"
	StepReview      = "review"
	StepCorrection  = "correction"
	StepKey         = "create-key"
	StepIssue       = "issue"
	StepInstall     = "install"
	StepPIN         = "set-pin"
	StepActivation  = "activation-code"
	StepActivate    = "activate"
	StepAcceptance  = "sign-acceptance"
	StepRevoke      = "revoke"
	StepSettle      = "settle-payment"
	StepRefund      = "refund"
	StepReport      = "report"
)

// otherRepairs are what a repair may do at a step beside process.RepairRetry; process.RepairCancel where a step is not named. Data may
// be wrong where papers and certificates are made of it; nothing depends on one code or on the report; and what makes
// good money and certificates must happen.
var otherRepairs = map[string][]string{
	StepPapers: {process.RepairFix, process.RepairCancel}, StepKey: {process.RepairFix, process.RepairCancel}, StepIssue: {process.RepairFix, process.RepairCancel},
	StepSendCode: {process.RepairSkip, process.RepairCancel}, StepReport: {process.RepairSkip},
	StepRevoke: nil, StepSettle: nil, StepRefund: nil,
}

// RegistrationRepairs returns what a repair may do at a step of a registration.
func RegistrationRepairs(step string) []string {
	other, named := otherRepairs[step]
	if !named {
		other = []string{process.RepairCancel}
	}
	return append([]string{process.RepairRetry}, other...)
}

// FixFields returns what a fix may correct at a step: the data of the person that the step works with, and nothing else. The key
// is made for the citizen number alone, which VNeID corrects; a certificate names province and commune.
func FixFields(step string) []string {
	switch step {
	case StepPapers:
		return registration.CorrectableFields
	case StepIssue:
		return []string{"province", "commune"}
	}
	return nil
}

// step runs one step. What nudges come from now on is news.
func (r *registrationRun) step(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	return r.runner.step(ctx, step, provider, func(ctx workflow.Context) error {
		r.nudged = false
		return do(ctx)
	})
}

func (r *registrationRun) keepTransition(ctx workflow.Context, t registration.Transition) error {
	t.Deadline = r.deadline
	if r.withdrawn != nil && t.Status == registration.StatusClosing {
		t.Actor = r.withdrawn.Actor
	}
	return workflow.ExecuteLocalActivity(record(ctx), registrationActivities.RecordRegistrationMove,
		activities.MoveInput{RegistrationID: r.in.RegistrationID, Transition: t}).Get(ctx, nil)
}

// await waits for a person from now on.
func (r *registrationRun) await(ctx workflow.Context, step string, limit time.Duration, done func() bool) error {
	until := r.deadline
	if until.IsZero() {
		until = workflow.Now(ctx).Add(limit)
		r.deadline = until
	}
	return r.wait(ctx, step, until, done)
}

// wait waits until done or until the deadline, sends the one-time codes that are asked for meanwhile, and reminds
// before the deadline.
func (r *registrationRun) wait(ctx workflow.Context, step string, until time.Time, done func() bool) error {
	// A retried step that reaches a wait for a person has recovered.
	if err := errors.Join(r.close(ctx, process.RepairRecovered), r.mark(ctx, step, until)); err != nil {
		return err
	}
	begin, sent := workflow.Now(ctx), 0
	for !done() {
		if len(r.codes) > 0 {
			if err := r.sendCode(ctx); err != nil {
				return err
			}
			if err := r.mark(ctx, step, until); err != nil {
				return err
			}
			continue
		}
		next, reminds := nextWake(begin, workflow.Now(ctx), until, &sent)
		ok, err := workflow.AwaitWithTimeout(ctx, next.Sub(workflow.Now(ctx)), func() bool { return done() || len(r.codes) > 0 })
		switch {
		case err != nil:
			return err
		case ok:
		case !reminds:
			return ended[registration.Status]{registration.StatusExpired, problem.DeadlinePassed}
		default:
			sent++
			r.remind(ctx, step, sent, until)
		}
	}
	return nil
}

// nextWake returns when to wake: for the next reminder that lies in the second half of the wait, or at its end.
func nextWake(begin, now, until time.Time, sent *int) (at time.Time, reminds bool) {
	for ; *sent < len(activities.Reminders); *sent++ {
		at := until.Add(-activities.Reminders[*sent])
		if at.After(now) && at.After(begin.Add(until.Sub(begin)/2)) {
			return at, true
		}
	}
	return until, false
}

// remind is best effort: a reminder that cannot be sent is no reason to stop anybody.
func (r *registrationRun) remind(ctx workflow.Context, step string, number int, until time.Time) {
	err := workflow.ExecuteActivity(call(ctx, "Remind the citizen"), registrationActivities.Remind,
		activities.RemindInput{RegistrationID: r.in.RegistrationID, Step: step, Number: number, Deadline: until}).Get(ctx, nil)
	if err != nil {
		workflow.GetLogger(ctx).Warn("Reminder not sent", "step", step, "code", string(codeOf(err)))
	}
}

func (r *registrationRun) sendCode(ctx workflow.Context) error {
	code := r.codes[0]
	r.codes = r.codes[1:]
	return r.step(ctx, StepSendCode, "sms", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(effect(ctx, "Send a one-time code"), registrationActivities.SendCode, code).Get(ctx, nil)
	})
}

// awaitOfficer waits without an end: only the promised time is shown, and passing it is told to nobody but lists.
func (r *registrationRun) awaitOfficer(ctx workflow.Context) error {
	due := workflow.Now(ctx).Add(r.in.Deadlines.ReviewSLA)
	if err := r.mark(ctx, StepReview, due); err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return r.review != nil })
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

// signAcceptance has the acceptance record signed with the new certificate, which proves that it works. The first
// request goes to the phone by itself, later ones when the citizen asks.
func (r *registrationRun) signAcceptance(ctx workflow.Context) error {
	until := r.deadline
	first := 1
	if r.in.Again != nil {
		first = max(first, r.in.Again.Signings)
	}
	for attempt := first; ; attempt++ {
		signed, err := r.signOnce(ctx, attempt)
		if signed || err != nil {
			return err
		}
		r.signAgain = false
		if err := r.wait(ctx, StepAcceptance, until, func() bool { return r.signAgain }); err != nil {
			return err
		}
	}
}

func (r *registrationRun) signOnce(ctx workflow.Context, attempt int) (bool, error) {
	in := activities.AcceptanceInput{RegistrationID: r.in.RegistrationID, Attempt: attempt,
		SigningID: process.AcceptanceSigningID(r.in.RegistrationID, attempt)}
	var status signing.Status
	err := r.step(ctx, StepAcceptance, "", func(ctx workflow.Context) error {
		var start activities.SigningStart
		err := workflow.ExecuteActivity(call(ctx, "Ask for the signature on the acceptance record"), registrationActivities.RequestAcceptance, in).Get(ctx, &start)
		if err != nil {
			return err
		}
		if r.listens { // what stopped the step is over; the phone may take its time
			if err := r.close(ctx, process.RepairRecovered); err != nil {
				return err
			}
		}
		r.signingID = in.SigningID
		status, err = runAcceptance(ctx, in, start)
		return err
	})
	r.signingID = ""
	if err != nil || status != signing.StatusSigned {
		return false, err
	}
	return true, workflow.ExecuteLocalActivity(record(ctx), registrationActivities.RecordAcceptance, in).Get(ctx, nil)
}

// runAcceptance runs the signing of the acceptance record as a child. One that exists already was started by the API's
// relay, which starts every stored signing that nobody did; it is then waited for, and cancelled with its parent.
func runAcceptance(ctx workflow.Context, in activities.AcceptanceInput, start activities.SigningStart) (signing.Status, error) {
	id := process.SigningWorkflowID(in.SigningID)
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON, StaticSummary: "Sign the acceptance record",
		TypedSearchAttributes: temporal.NewSearchAttributes(AttributeStep.ValueSet(StepInspect), AttributeAttention.ValueSet(false), AttributeProvider.ValueSet(start.Provider)),
	})
	var result SigningResult
	err := workflow.ExecuteChildWorkflow(child, Signing, SigningInput{SigningID: in.SigningID, Provider: start.Provider,
		Level: cmp.Or(start.Level, signing.LevelT), Documents: 1, Placed: true}).Get(ctx, &result)
	if !alreadyStarted(err) && !refusedToBegin(ctx, err) {
		return result.Status, err
	}
	var status signing.Status
	err = workflow.ExecuteActivity(poll(ctx, "Wait for the signature"), registrationActivities.AwaitAcceptance, in).Get(ctx, &status)
	if temporal.IsCanceledError(err) {
		detached, _ := workflow.NewDisconnectedContext(ctx)
		// It fails only when the signing has ended, and then there is nothing to cancel.
		_ = workflow.RequestCancelExternalWorkflow(detached, id, "").Get(detached, nil)
	}
	return status, err
}

// reportFor is how long VNeID is tried before an operator hears of it. The citizen is served by then.
const reportFor = 3 * day

// report tells VNeID how it ended, patiently. A failure hurts nobody: the process then waits for an operator, who may
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

func (r *registrationRun) describeRegistration() string {
	text := fmt.Sprintf("**%s** · step `%s`", r.status, r.atStep)
	if r.in.Issuer != "" {
		text += " · with " + r.in.Issuer
	}
	return text
}

// refundAttributes are the search attributes of a new Refund.
func refundAttributes(in RefundInput) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(AttributeStep.ValueSet(StepRefund), AttributeAttention.ValueSet(false), AttributeProvider.ValueSet(in.gateway()))
}

// alreadyStarted reports whether a child workflow exists already.
func alreadyStarted(err error) bool {
	_, ok := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err)
	return ok
}

// refusedToBegin reports whether a child was refused because its record has moved under a run that is lost. The record is listed
// as one without a process, and ends when an operator begins it again or closes it.
func refusedToBegin(ctx workflow.Context, err error) bool {
	return codeOf(err) == problem.Denied && workflow.GetVersion(ctx, "acceptance-begun-before", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// registrationActivities names the activities of a registration for method references; it is never called.
var registrationActivities *activities.Registration
