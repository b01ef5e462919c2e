package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

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

// awaitChoice waits for the user when there is more than one usable certificate.
func (r *signingRun) awaitChoice(ctx workflow.Context) error {
	if r.chosen != "" {
		return nil
	}
	r.choosing = true
	defer func() { r.choosing = false }()
	return r.awaitPerson(ctx, signing.StatusAwaitingCertificate, StepChooseCertificate, func() bool { return r.chosen != "" })
}

func (r *signingRun) awaitPlacement(ctx workflow.Context) error {
	if r.in.Placed {
		return nil
	}
	r.placing = true
	defer func() { r.placing = false }()
	return r.awaitPerson(ctx, signing.StatusAwaitingPlacement, StepPlace, func() bool { return r.placed != nil })
}

func (r *signingRun) prepare(ctx workflow.Context) error {
	if err := r.move(ctx, signing.StatusPreparing, 0); err != nil {
		return err
	}
	return r.step(ctx, StepPrepare, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Check the certificate and prepare the documents"), signingActivities.PrepareDocuments, r.in.SigningID).Get(ctx, nil)
	})
}

func (r *signingRun) request(ctx workflow.Context) error {
	if err := r.move(ctx, signing.StatusRequested, 0); err != nil {
		return err
	}
	r.asked = true
	return r.step(ctx, StepRequest, r.in.Provider, func(ctx workflow.Context) error {
		var requested activities.Requested
		err := workflow.ExecuteActivity(call(ctx, "Ask the owner on the phone"), signingActivities.RequestApproval, r.in.SigningID).Get(ctx, &requested)
		r.deadline = requested.ExpiresAt
		return err
	})
}

func (r *signingRun) awaitApproval(ctx workflow.Context) error {
	window := r.deadline
	if err := r.move(ctx, signing.StatusAwaitingApproval, window.Sub(workflow.Now(ctx))); err != nil {
		return err
	}
	r.deadline = window // also when it is over already
	until := window.Add(activities.ApprovalGrace)
	var polled activities.Polled
	err := r.step(ctx, StepAwaitApproval, r.in.Provider, func(ctx workflow.Context) (err error) {
		if err := r.look(ctx, "Ask the provider once", signingActivities.PollApproval, activities.PollInput{SigningID: r.in.SigningID}); err != nil {
			return err
		}
		polled, err = r.pollUntil(ctx, until)
		return err
	})
	r.deadline = time.Time{}
	if err != nil {
		return err
	}
	switch polled.Outcome {
	case signing.OutcomeApproved:
		return r.move(ctx, signing.StatusCompleting, 0)
	case signing.OutcomeDeclined:
		return ended[signing.Status]{signing.StatusDeclined, problem.DeclinedBySigner}
	}
	return ended[signing.Status]{signing.StatusExpired, problem.ApprovalExpired}
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

// keepArchived starts the process that renews the archive time-stamps for as long as the record is kept.
func (r *signingRun) keepArchived(ctx workflow.Context) error {
	if !r.in.Level.AtLeast(signing.LevelLTA) || workflow.GetVersion(ctx, "keep-archived", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	return r.step(ctx, StepArchive, "", func(ctx workflow.Context) error {
		return beginArchive(ctx, ArchiveInput{SigningID: r.in.SigningID, Generation: 1})
	})
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
// cannot be reached, the outcome is unknown, and the process parks.
func (r *signingRun) lastPoll(ctx workflow.Context) (activities.Polled, error) {
	var polled activities.Polled
	err := workflow.ExecuteActivity(call(ctx, "Ask the provider a last time"), signingActivities.PollApproval,
		activities.PollInput{SigningID: r.in.SigningID, Last: true}).Get(ctx, &polled)
	return polled, err
}

// maxNudges bounds how often webhooks make the process look at once; after that the poll alone finds out.
const maxNudges = 8
