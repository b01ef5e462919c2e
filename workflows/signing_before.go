package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/signing"
)

// Signings that a release before ridesAlong began go on as they began: one activity for each step.

// stepsBefore are the steps of such a signing.
func (r *signingRun) stepsBefore() []func(workflow.Context) error {
	steps := []func(workflow.Context) error{
		r.inspect, r.findCertificates, r.awaitChoice, r.awaitPlacement, r.prepare, r.request, r.awaitApproval,
		r.embed, r.timestamp, r.extend, r.archive, r.deliver, r.keepArchived,
	}
	return steps[signingStepsBefore[r.resumed]:]
}

var signingStepsBefore = map[signing.Status]int{signing.StatusAwaitingCertificate: 1, signing.StatusAwaitingPlacement: 3, signing.StatusPreparing: 4,
	signing.StatusRequested: 5, signing.StatusAwaitingApproval: 6, signing.StatusCompleting: 7}

func (r *signingRun) inspect(ctx workflow.Context) error {
	return r.step(ctx, StepInspect, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Look at the documents"), signingActivities.InspectDocuments, r.in.SigningID).Get(ctx, nil)
	})
}

func (r *signingRun) findCertificates(ctx workflow.Context) error {
	return r.step(ctx, StepFindCertificates, r.in.Provider, func(ctx workflow.Context) error {
		var found activities.Found
		err := workflow.ExecuteActivity(call(ctx, "Look the user's certificates up"), signingActivities.FindCertificates, r.in.SigningID).Get(ctx, &found)
		r.chosen, r.usable = found.Fingerprint, found.Usable
		return err
	})
}

func (r *signingRun) embed(ctx workflow.Context) error {
	return r.step(ctx, StepEmbed, r.in.Provider, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Verify the values and embed them"), signingActivities.EmbedSignatures, r.in.SigningID).Get(ctx, nil)
	})
}

func (r *signingRun) timestamp(ctx workflow.Context) error {
	if !r.in.Level.AtLeast(signing.LevelT) {
		return nil
	}
	return r.step(ctx, StepTimestamp, "tsa", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Time-stamp the signatures (B-T)"), signingActivities.TimestampSignatures, r.in.SigningID).Get(ctx, nil)
	})
}

func (r *signingRun) extend(ctx workflow.Context) error {
	if !r.in.Level.AtLeast(signing.LevelLT) {
		return nil
	}
	return r.step(ctx, StepExtend, "ca", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Add revocation data (B-LT)"), signingActivities.ExtendSignatures, r.in.SigningID).Get(ctx, nil)
	})
}

func (r *signingRun) archive(ctx workflow.Context) error {
	if !r.in.Level.AtLeast(signing.LevelLTA) {
		return nil
	}
	return r.step(ctx, StepArchive, "tsa", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Time-stamp the whole documents (B-LTA)"), signingActivities.ArchiveDocuments, r.in.SigningID).Get(ctx, nil)
	})
}

func (r *signingRun) deliver(ctx workflow.Context) error {
	return r.step(ctx, StepDeliver, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Verify the whole result"), signingActivities.DeliverDocuments, r.in.SigningID).Get(ctx, nil)
	})
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
