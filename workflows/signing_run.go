package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// signingRepairs are what a repair may do at any step of a signing.
func signingRepairs(string) []string { return []string{process.RepairRetry, process.RepairCancel} }

// refuses tells the codes that say "not with this document", "not with this certificate" or "not this signer", while the
// owner was not asked: nobody but the requester can correct that, with another request. Afterwards somebody may have agreed to
// something, so every failure parks.
func (r *signingRun) refuses(code problem.Code) bool {
	return r.status.Check(signing.StatusRefused) == nil && code.Cause() == problem.CauseSigner
}

// step runs one step. A refusal ends the process.
func (r *signingRun) step(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	err := r.runner.step(ctx, step, provider, do)
	if err != nil && ctx.Err() == nil && r.refuses(codeOf(err)) {
		return ended[signing.Status]{signing.StatusRefused, codeOf(err)}
	}
	return err
}

func (r *signingRun) keepTransition(ctx workflow.Context, t signing.Transition) error {
	return workflow.ExecuteLocalActivity(record(ctx), signingActivities.RecordTransition,
		activities.TransitionInput{SigningID: r.in.SigningID, Transition: t}).Get(ctx, nil)
}

// awaitPerson waits until done or until patience ends.
func (r *signingRun) awaitPerson(ctx workflow.Context, status signing.Status, step string, done func() bool) error {
	until := workflow.Now(ctx).Add(r.in.Patience)
	r.atStep = step
	if err := r.move(ctx, status, r.in.Patience); err != nil {
		return err
	}
	if err := r.mark(ctx, step, until); err != nil {
		return err
	}
	ok, err := workflow.AwaitWithTimeout(ctx, r.in.Patience, done)
	r.deadline = time.Time{}
	if err != nil {
		return err
	}
	if !ok {
		return ended[signing.Status]{signing.StatusExpired, ""}
	}
	return nil
}

// pollUntil races the poll against the deadline and against webhooks. The webhook is a hint, the poll is the
// truth: a lost one costs seconds, a forged one a question to the provider.
func (r *signingRun) pollUntil(ctx workflow.Context, until time.Time) (activities.Polled, error) {
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		AttributeStep.ValueSet(StepAwaitApproval), AttributeDeadline.ValueSet(r.deadline)); err != nil {
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

func (r *signingRun) describeSigning() string {
	return fmt.Sprintf("**%s** · step `%s` · %d document(s), %s, through %s", r.status, r.atStep, r.in.Documents, r.in.Level, r.in.Provider)
}

func (r *signingRun) snapshot() SigningStatus { return signingStatus(r.in.SigningID, &r.runner) }

// signingStatus is where a process stands that is about a signing.
func signingStatus(id string, r *runner[signing.Status]) SigningStatus {
	return SigningStatus{SigningID: id, Status: r.status, Step: r.atStep, Seq: r.seq, Attention: r.open, Deadline: r.deadline}
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
	case r.status.Final():
		return refuse(problem.Conflict, "the signing is %s", r.status)
	case r.status == signing.StatusCompleting && !r.waiting: // what is parked may be given up
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
	err := workflow.Await(ctx, func() bool { return r.status.Final() })
	return r.snapshot(), err
}

func (r *signingRun) onRepair(ctx workflow.Context, in process.Repair) (RepairResult, error) {
	outcome, err := r.accept(ctx, in)
	return RepairResult{Outcome: outcome, Status: r.snapshot()}, err
}
