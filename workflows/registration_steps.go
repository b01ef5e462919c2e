package workflows

import (
	"cmp"
	"errors"
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

func (r *registrationRun) awaitHandOff(ctx workflow.Context) error {
	return r.await(ctx, StepHandOff, r.in.Deadlines.HandOff, func() bool { return r.handedOff })
}

func (r *registrationRun) awaitAccount(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusHandedOff, r.in.Deadlines.Account); err != nil {
		return err
	}
	return r.await(ctx, StepAccount, r.in.Deadlines.Account, func() bool { return r.account != "" })
}

func (r *registrationRun) checkHolder(ctx workflow.Context) error {
	return r.step(ctx, StepCheckHolder, "ca", func(ctx workflow.Context) error {
		var holder activities.Holder
		err := workflow.ExecuteActivity(call(ctx, "Ask whether there is a certificate already"), registrationActivities.CheckHolder, r.in.RegistrationID).Get(ctx, &holder)
		if err == nil && holder.Active {
			return ended[registration.Status]{registration.StatusIneligible, problem.AlreadyHolder}
		}
		return err
	})
}

func (r *registrationRun) awaitPackage(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusAccountReady, r.in.Deadlines.Order); err != nil {
		return err
	}
	return r.await(ctx, StepPackage, r.in.Deadlines.Order, func() bool { return r.packageSet })
}

func (r *registrationRun) writePapers(ctx workflow.Context) error {
	return r.step(ctx, StepPapers, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(paper(ctx, "Write request form and contract"), registrationActivities.WritePapers, r.in.RegistrationID).Get(ctx, nil)
	})
}

func (r *registrationRun) awaitConsent(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusAwaitingConsent, r.in.Deadlines.Contract); err != nil {
		return err
	}
	return r.await(ctx, StepContract, r.in.Deadlines.Contract, func() bool { return r.consented })
}

func (r *registrationRun) sealContract(ctx workflow.Context) error {
	return r.step(ctx, StepSeal, "tsa", func(ctx workflow.Context) error {
		var sealed activities.ContractSealed
		err := workflow.ExecuteActivity(paper(ctx, "Seal the contract"), registrationActivities.SealContract, r.in.RegistrationID).Get(ctx, &sealed)
		r.archives = sealed.Archive
		return err
	})
}

// awaitReview waits for an officer, who may send the dossier back to the citizen for named fields. The contract then says what
// the corrected dossier says, and the citizen agrees to it anew.
func (r *registrationRun) awaitReview(ctx workflow.Context) error {
	if r.resumed == registration.StatusNeedsMore {
		if err := r.awaitCorrection(ctx); err != nil {
			return err
		}
		if err := r.agreeAnew(ctx); err != nil {
			return err
		}
	}
	for {
		if err := r.move(ctx, registration.StatusInReview, 0); err != nil {
			return err
		}
		r.review = nil
		if err := r.awaitOfficer(ctx); err != nil {
			return err
		}
		switch r.review.Decision {
		case registration.DecisionApprove:
			return r.move(ctx, registration.StatusIssuing, 0)
		case registration.DecisionRefuse:
			return ended[registration.Status]{registration.StatusRefused, problem.RefusedByOfficer}
		}
		if err := r.awaitCorrection(ctx); err != nil {
			return err
		}
		if err := r.agreeAnew(ctx); err != nil {
			return err
		}
	}
}

// agreeAnew has the papers say what the corrected dossier says. The citizen agrees to a contract that is another one.
func (r *registrationRun) agreeAnew(ctx workflow.Context) error {
	if workflow.GetVersion(ctx, "corrected-contract", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	var rewritten activities.Rewritten
	err := r.step(ctx, StepPapers, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(paper(ctx, "Write the papers of the corrected dossier"), registrationActivities.RewritePapers, r.in.RegistrationID).Get(ctx, &rewritten)
	})
	if err != nil || rewritten.Agreed {
		return err
	}
	r.consented = false
	if err := r.awaitConsent(ctx); err != nil {
		return err
	}
	return r.sealContract(ctx)
}

func (r *registrationRun) awaitCorrection(ctx workflow.Context) error {
	r.corrected = false
	if err := r.move(ctx, registration.StatusNeedsMore, r.in.Deadlines.Correction); err != nil {
		return err
	}
	return r.await(ctx, StepCorrection, r.in.Deadlines.Correction, func() bool { return r.corrected })
}

// awaitPIN waits for the PIN, which the citizen sets on the phone and nowhere else.
func (r *registrationRun) awaitPIN(ctx workflow.Context) error {
	return r.step(ctx, StepPIN, "ca", func(ctx workflow.Context) error {
		recorded := r.open != nil || r.in.Again != nil // the PIN may be set, and nothing tells of it again
		if err := r.look(ctx, "Look once whether the PIN is set", registrationActivities.AwaitPIN, r.in.RegistrationID); err != nil {
			return err
		}
		if r.release >= isTold {
			err := r.hearPIN(ctx, recorded)
			r.pinSet = err == nil
			return err
		}
		pollCtx, stop := workflow.WithCancel(ctx)
		defer stop()
		set := workflow.ExecuteActivity(poll(pollCtx, "Look whether the PIN is set"), registrationActivities.AwaitPIN, r.in.RegistrationID)
		if err := r.wait(ctx, StepPIN, r.deadline, set.IsReady); err != nil {
			return err
		}
		if err := set.Get(ctx, nil); err != nil {
			return err
		}
		r.pinSet = true
		return nil
	})
}

func (r *registrationRun) awaitActivation(ctx workflow.Context) error {
	return r.wait(ctx, StepActivation, r.deadline, func() bool { return r.activated })
}

// firstSigning is the attempt to have the acceptance record signed that a run begins with.
func (r *registrationRun) firstSigning() int {
	if r.in.Again != nil {
		return max(1, r.in.Again.Signings)
	}
	return 1
}

func (r *registrationRun) acceptance(attempt int) activities.AcceptanceInput {
	return activities.AcceptanceInput{RegistrationID: r.in.RegistrationID, Attempt: attempt,
		SigningID: process.AcceptanceSigningID(r.in.RegistrationID, attempt)}
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
		ok, err := r.awaitUntil(ctx, next, func() bool { return done() || len(r.codes) > 0 })
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

// awaitUntil waits for something, or until a time; ok is false when that came first.
func (r *registrationRun) awaitUntil(ctx workflow.Context, at time.Time, done func() bool) (ok bool, err error) {
	if r.release < ridesAlong {
		return workflow.AwaitWithTimeout(ctx, at.Sub(workflow.Now(ctx)), done)
	}
	for !done() {
		if !workflow.Now(ctx).Before(at) {
			return false, nil
		}
		r.wakeAt(ctx, at)
		rung := r.rung
		if err := workflow.Await(ctx, func() bool { return done() || r.rung > rung }); err != nil {
			return false, err
		}
	}
	return true, nil
}

// wakeAt has a timer end no later than a time. All waits share it: one that begins while it runs needs one of its own only when it
// ends earlier, and one that it ends for nothing goes on with the next.
func (r *registrationRun) wakeAt(ctx workflow.Context, at time.Time) {
	if !r.wakes.IsZero() && !at.Before(r.wakes) {
		return
	}
	r.wakes = at
	timer := workflow.NewTimerWithOptions(r.ctx, at.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: "Look at the wait"})
	workflow.Go(r.ctx, func(ctx workflow.Context) {
		if timer.Get(ctx, nil) != nil {
			return // the process ends
		}
		if r.rung++; r.wakes.Equal(at) {
			r.wakes = time.Time{}
		}
	})
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

// remind is best effort: a reminder that cannot be sent stops nothing.
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

// awaitOfficer waits without an end: only the promised time is shown, and passing it shows in lists alone.
func (r *registrationRun) awaitOfficer(ctx workflow.Context) error {
	due := workflow.Now(ctx).Add(r.in.Deadlines.ReviewSLA)
	if err := r.mark(ctx, StepReview, due); err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return r.review != nil })
}

// signAcceptance has the acceptance record signed with the new certificate, which proves that it works. The first
// request goes to the phone by itself, later ones when the citizen asks.
func (r *registrationRun) signAcceptance(ctx workflow.Context) error {
	until := r.deadline
	for attempt := r.firstSigning(); ; attempt++ {
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
	in := r.acceptance(attempt)
	var status signing.Status
	err := r.step(ctx, StepAcceptance, "", func(ctx workflow.Context) error {
		start := r.stored
		r.stored = activities.SigningStart{}
		if start.Provider == "" { // asked for again, or by a release before
			err := workflow.ExecuteActivity(call(ctx, "Ask for the signature on the acceptance record"), registrationActivities.RequestAcceptance, in).Get(ctx, &start)
			if err != nil {
				return err
			}
		}
		if r.listens { // what stopped the step is over; the phone may take its time
			if err := r.close(ctx, process.RepairRecovered); err != nil {
				return err
			}
		}
		r.signingID = in.SigningID
		var err error
		status, err = r.runAcceptance(ctx, in, start)
		return err
	})
	r.signingID = ""
	if err != nil || status != signing.StatusSigned {
		return false, err
	}
	return true, r.accepted(ctx, in)
}

// accepted records that the acceptance record is signed, and since ridesAlong that the certificate is active.
func (r *registrationRun) accepted(ctx workflow.Context, in activities.AcceptanceInput) error {
	if r.release >= ridesAlong {
		if err := r.move(ctx, registration.StatusActive, 0); err != nil {
			return err
		}
		in.Moves = r.owed
	}
	err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.RecordAcceptance, in).Get(ctx, nil)
	if err == nil {
		r.owed = r.owed[len(in.Moves):]
	}
	return err
}

// runAcceptance runs the signing of the acceptance record as a child. One that exists already was started by the API's
// relay, which starts every stored signing that has no process; it is then waited for, and cancelled with its parent.
func (r *registrationRun) runAcceptance(ctx workflow.Context, in activities.AcceptanceInput, start activities.SigningStart) (signing.Status, error) {
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
	status, err := r.awaitAcceptance(ctx, in)
	if temporal.IsCanceledError(err) {
		detached, _ := workflow.NewDisconnectedContext(ctx)
		// It fails only when the signing has ended, and then there is nothing to cancel.
		_ = workflow.RequestCancelExternalWorkflow(detached, id, "").Get(detached, nil)
	}
	return status, err
}

// awaitAcceptance waits for the end of a signing that another process started.
func (r *registrationRun) awaitAcceptance(ctx workflow.Context, in activities.AcceptanceInput) (status signing.Status, err error) {
	if r.release >= isTold {
		return r.hearAcceptance(ctx, in)
	}
	err = workflow.ExecuteActivity(poll(ctx, "Wait for the signature"), registrationActivities.AwaitAcceptance, in).Get(ctx, &status)
	return status, err
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
