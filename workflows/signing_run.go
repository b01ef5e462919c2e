package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// step runs one step under the rules of incidents. Before the owner was asked, a document or certificate that
// cannot be used ends the process: nobody but the requester can mend it, with another request. Afterwards
// somebody may have agreed to something, so every failure parks.
func (r *signingRun) step(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	r.status.Step = step
	r.describe(ctx)
	final := func(code problem.Code) bool {
		return r.status.Status.Check(signing.StatusRefused) == nil && refusal(code)
	}
	err := r.incidents.run(ctx, parkable{step: step, provider: provider, actions: []string{process.RepairRetry, process.RepairCancel}, final: final}, do)
	if err != nil && ctx.Err() == nil && final(codeOf(err)) {
		return ended{signing.StatusRefused, codeOf(err)}
	}
	return err
}

// keepIncident records an incident of the signing.
func (r *signingRun) keepIncident(ctx workflow.Context, open process.Attention, end incidentEnd) (activities.Parked, error) {
	return recordSigningIncident(ctx, r.in.SigningID, open, end)
}

func recordSigningIncident(ctx workflow.Context, signingID string, open process.Attention, end incidentEnd) (activities.Parked, error) {
	var parked activities.Parked
	err := workflow.ExecuteLocalActivity(record(ctx), signingActivities.RecordIncident, process.Incident{
		Process: process.Signing, ProcessID: signingID, Attention: open, ClosedAt: end.at, Action: end.action, Actor: end.actor, Note: end.note,
	}).Get(ctx, &parked)
	return parked, err
}

// refusal tells the codes that say "not with this document", "not with this certificate" or "not this signer".
func refusal(code problem.Code) bool { return code.Cause() == problem.CauseSigner }

// move checks the transition table and records the transition.
func (r *signingRun) move(ctx workflow.Context, to signing.Status, reason problem.Code) error {
	if r.resumed != "" {
		same := r.resumed == to
		if r.resumed = ""; same {
			return nil // recorded by the run before
		}
	}
	if err := r.status.Status.Check(to); err != nil {
		return temporal.NewNonRetryableApplicationError(err.Error(), string(problem.Internal), err)
	}
	r.status.Status = to
	r.status.Seq++
	return workflow.ExecuteLocalActivity(record(ctx), signingActivities.RecordTransition, activities.TransitionInput{
		SigningID:  r.in.SigningID,
		Transition: signing.Transition{Seq: r.status.Seq, Status: to, At: workflow.Now(ctx), Detail: string(reason)},
	}).Get(ctx, nil)
}

// finish records the outcome and takes the marks of the last wait away.
func (r *signingRun) finish(ctx workflow.Context, end ended) error {
	r.status.Step, r.status.Deadline = StepDone, time.Time{}
	if err := r.move(ctx, end.status, end.reason); err != nil {
		return err
	}
	r.describe(ctx)
	return workflow.UpsertTypedSearchAttributes(ctx, AttributeStep.ValueSet(StepDone), AttributeDeadline.ValueUnset())
}

// watchLate keeps looking until the provider's window is well over, for a value that nobody may use.
func (r *signingRun) watchLate(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s**. Watching for a late value, which would be recorded and not used.", r.status.Status))
	err := workflow.ExecuteActivity(poll(ctx, "Watch for a late value"), signingActivities.CollectLate, r.in.SigningID).Get(ctx, nil)
	r.describe(ctx)
	return err
}

// awaitPerson waits until done or until patience ends.
func (r *signingRun) awaitPerson(ctx workflow.Context, status signing.Status, step string, done func() bool) error {
	r.status.Step, r.status.Deadline = step, workflow.Now(ctx).Add(r.in.Patience)
	if err := r.move(ctx, status, ""); err != nil {
		return err
	}
	r.describe(ctx)
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttributeStep.ValueSet(step), AttributeDeadline.ValueSet(r.status.Deadline)); err != nil {
		return err
	}
	ok, err := workflow.AwaitWithTimeout(ctx, r.in.Patience, done)
	r.status.Deadline = time.Time{}
	if err != nil {
		return err
	}
	if !ok {
		return ended{signing.StatusExpired, ""}
	}
	return nil
}

// pollUntil races the poll against the deadline and against webhooks. The webhook is a hint, the poll is the
// truth: a lost one costs seconds, a forged one a question to the provider.
func (r *signingRun) pollUntil(ctx workflow.Context, until time.Time) (activities.Polled, error) {
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		AttributeStep.ValueSet(StepAwaitApproval), AttributeDeadline.ValueSet(r.status.Deadline)); err != nil {
		return activities.Polled{}, err
	}
	timerCtx, stopTimer := workflow.WithCancel(ctx)
	defer stopTimer()
	timer := workflow.NewTimerWithOptions(timerCtx, until.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: "The provider's window and grace"})
	nudges := workflow.GetSignalChannel(ctx, SignalNudge)
	for round := 0; ; round++ {
		var polled activities.Polled
		var err error
		again, late := false, false
		pollCtx, stopPoll := workflow.WithCancel(ctx)
		future := workflow.ExecuteActivity(poll(pollCtx, "Ask the provider for the decision"), signingActivities.PollApproval, activities.PollInput{SigningID: r.in.SigningID})
		selector := workflow.NewSelector(ctx).
			AddFuture(future, func(f workflow.Future) { err = f.Get(ctx, &polled) }).
			AddFuture(timer, func(workflow.Future) { late = true })
		if round < maxNudges {
			selector.AddReceive(nudges, func(c workflow.ReceiveChannel, _ bool) {
				c.Receive(ctx, nil)
				again = true
			})
		}
		selector.Select(ctx)
		stopPoll()
		switch {
		case ctx.Err() != nil:
			return polled, ctx.Err()
		case late:
			return r.lastPoll(ctx)
		case !again:
			return polled, err
		}
	}
}

// lastPoll asks once more after the deadline. While the provider says nothing, the request has expired; when it
// cannot be reached, nobody knows, and the process parks.
func (r *signingRun) lastPoll(ctx workflow.Context) (activities.Polled, error) {
	var polled activities.Polled
	err := workflow.ExecuteActivity(call(ctx, "Ask the provider a last time"), signingActivities.PollApproval,
		activities.PollInput{SigningID: r.in.SigningID, Last: true}).Get(ctx, &polled)
	return polled, err
}

// describe writes what the Temporal UI shows of the process.
func (r *signingRun) describe(ctx workflow.Context) {
	text := fmt.Sprintf("**%s** · step `%s` · %d document(s), %s, through %s", r.status.Status, r.status.Step, r.in.Documents, r.in.Level, r.in.Provider)
	if !r.status.Deadline.IsZero() {
		text += "\n\nThis wait ends by itself at " + r.status.Deadline.UTC().Format(time.RFC3339) + "."
	}
	workflow.SetCurrentDetails(ctx, text+r.ignored)
}

func (r *signingRun) snapshot() SigningStatus {
	status := r.status
	status.Attention = r.open
	return status
}

func (r *signingRun) setHandlers(ctx workflow.Context) error {
	return errors.Join(
		workflow.SetQueryHandler(ctx, QueryStatus, func() (SigningStatus, error) { return r.snapshot(), nil }),
		setUpdate(ctx, &r.incidents, UpdateChooseCertificate, r.checkChoose, r.onChoose),
		setUpdate(ctx, &r.incidents, UpdatePlace, r.checkPlace, r.onPlace),
		setUpdate(ctx, &r.incidents, UpdateCancel, r.checkCancel, r.onCancel),
		setUpdate(ctx, &r.incidents, UpdateRepair, r.checkRepair, r.onRepair),
	)
}

func (r *signingRun) checkChoose(in ChooseCertificate) error {
	switch {
	case !r.choosing:
		return refuse(problem.Conflict, "no certificate is being asked for")
	case len(in.Fingerprint) != 64:
		return refuse(problem.Invalid, "a fingerprint is 64 hex digits")
	}
	return nil
}

func (r *signingRun) onChoose(ctx workflow.Context, in ChooseCertificate) (SigningStatus, error) {
	err := workflow.ExecuteActivity(call(ctx, "Check and record the choice"), signingActivities.RecordChoice,
		activities.ChoiceInput{SigningID: r.in.SigningID, Fingerprint: in.Fingerprint}).Get(ctx, nil)
	if err != nil {
		return r.snapshot(), refuse(codeOf(err), "%s", messageOf(err))
	}
	r.chosen = in.Fingerprint
	return r.snapshot(), nil
}

func (r *signingRun) checkPlace(in Place) error {
	switch {
	case !r.placing:
		return refuse(problem.Conflict, "no placement is being asked for")
	case len(in.Placements) != r.in.Documents:
		return refuse(problem.Invalid, "%d placements for %d documents", len(in.Placements), r.in.Documents)
	}
	return nil
}

func (r *signingRun) onPlace(ctx workflow.Context, in Place) (SigningStatus, error) {
	err := workflow.ExecuteLocalActivity(record(ctx), signingActivities.RecordPlacements,
		activities.PlacementsInput{SigningID: r.in.SigningID, Placements: in.Placements}).Get(ctx, nil)
	if err != nil {
		return r.snapshot(), refuse(codeOf(err), "%s", messageOf(err))
	}
	r.placed = in.Placements
	return r.snapshot(), nil
}

func (r *signingRun) checkCancel(in Cancel) error {
	switch {
	case r.status.Status.Final():
		return refuse(problem.Conflict, "the signing is %s", r.status.Status)
	case r.status.Status == signing.StatusCompleting && !r.waiting: // what is parked may be given up
		return refuse(problem.Conflict, "the owner has approved; the documents are being completed")
	case in.Actor == "":
		return refuse(problem.Invalid, "a cancellation names its actor")
	}
	return nil
}

// onCancel ends the run and answers when the outcome is recorded.
func (r *signingRun) onCancel(ctx workflow.Context, in Cancel) (SigningStatus, error) {
	if r.cancel == nil {
		r.cancel = &in
		r.stop()
	}
	err := workflow.Await(ctx, func() bool { return r.status.Status.Final() })
	return r.snapshot(), err
}

func (r *signingRun) onRepair(ctx workflow.Context, in process.Repair) (RepairResult, error) {
	outcome, err := r.accept(ctx, in)
	return RepairResult{Outcome: outcome, Status: r.snapshot()}, err
}
