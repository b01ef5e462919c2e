package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// inspectAndFind knows before any phone rings whether the documents can be signed, and with which certificate.
func (r *signingRun) inspectAndFind(ctx workflow.Context) error {
	stages := []stage{{StepInspect, ""}, {StepFindCertificates, r.in.Provider}}
	if r.resumed == signing.StatusAwaitingCertificate {
		stages = stages[1:]
	}
	return r.inStages(ctx, stages, func(ctx workflow.Context, work activities.Work) error {
		var found activities.Found
		err := workflow.ExecuteActivity(inStages(ctx, "Look at the documents, look the user's certificates up", len(work.Stages)),
			signingActivities.InspectAndFind, work).Get(ctx, &found)
		if err == nil {
			r.chosen, r.usable = found.Fingerprint, found.Usable
		}
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
	return r.carry(ctx, StepPrepare, "", func(ctx workflow.Context, work activities.Work) error {
		if r.release < ridesAlong {
			return workflow.ExecuteActivity(heavy(ctx, "Check the certificate and prepare the documents"), signingActivities.PrepareDocuments, work).Get(ctx, nil)
		}
		r.asked, work.Ask = true, true
		return workflow.ExecuteActivity(heavy(ctx, "Prepare the documents and ask the owner"), signingActivities.PrepareDocuments, work).Get(ctx, &r.accepted)
	})
}

func (r *signingRun) request(ctx workflow.Context) error {
	if err := r.move(ctx, signing.StatusRequested, 0); err != nil {
		return err
	}
	r.asked = true
	if !r.accepted.ExpiresAt.IsZero() { // the activity that prepared has asked
		r.deadline, r.owed[len(r.owed)-1].At = r.accepted.ExpiresAt, r.accepted.AskedAt
		return nil
	}
	return r.carry(ctx, StepRequest, r.in.Provider, func(ctx workflow.Context, work activities.Work) error {
		var requested activities.Requested
		err := workflow.ExecuteActivity(call(ctx, "Ask the owner on the phone"), signingActivities.RequestApproval, work).Get(ctx, &requested)
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
		recorded := r.open != nil || r.in.Again != nil // the answer may be, and nothing tells of it again
		if err := r.look(ctx, "Ask the provider once", signingActivities.PollApproval, activities.PollInput{SigningID: r.in.SigningID}); err != nil {
			return err
		}
		if r.release < ridesAlong {
			polled, err = r.pollUntil(ctx, until)
		} else {
			polled, err = r.hearUntil(ctx, until, recorded)
		}
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

// complete makes the signed documents out of the values that the owner approved.
func (r *signingRun) complete(ctx workflow.Context) error {
	stages := []stage{{StepEmbed, r.in.Provider}}
	for _, s := range []struct {
		stage
		from signing.Level
	}{{stage{StepTimestamp, "tsa"}, signing.LevelT}, {stage{StepExtend, "ca"}, signing.LevelLT}, {stage{StepArchive, "tsa"}, signing.LevelLTA}} {
		if r.in.Level.AtLeast(s.from) {
			stages = append(stages, s.stage)
		}
	}
	return r.inStages(ctx, append(stages, stage{StepDeliver, ""}), func(ctx workflow.Context, work activities.Work) error {
		return workflow.ExecuteActivity(inStages(ctx, "Embed the values, complete the documents and verify them", len(work.Stages)),
			signingActivities.CompleteSigning, work).Get(ctx, nil)
	})
}

// keepArchived starts the process that renews the archive time-stamps for as long as the record is kept.
func (r *signingRun) keepArchived(ctx workflow.Context) error {
	if !r.in.Level.AtLeast(signing.LevelLTA) ||
		r.release < ridesAlong && workflow.GetVersion(ctx, "keep-archived", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
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

// hearUntil waits for the provider's answer: a watcher asks, records it and tells the process. It holds one timer and no activity.
// recorded says that the answer may be there already.
func (r *signingRun) hearUntil(ctx workflow.Context, until time.Time, recorded bool) (polled activities.Polled, err error) {
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		AttributeStep.ValueSet(StepAwaitApproval), AttributeDeadline.ValueSet(r.deadline)); err != nil {
		return polled, err
	}
	heard, err := r.hear(ctx, until, "The provider's window and grace", recorded, func(ctx workflow.Context) (bool, error) {
		err := workflow.ExecuteLocalActivity(record(ctx), signingActivities.ReadApproval, r.in.SigningID).Get(ctx, &polled)
		return polled.Outcome != "", err
	})
	if err != nil || heard {
		return polled, err
	}
	return r.lastPoll(ctx)
}

// lastPoll asks once more after the deadline. While the provider says nothing, the request has expired; when it
// cannot be reached, the outcome is unknown, and the process parks.
func (r *signingRun) lastPoll(ctx workflow.Context) (activities.Polled, error) {
	var polled activities.Polled
	err := workflow.ExecuteActivity(call(ctx, "Ask the provider a last time"), signingActivities.PollApproval,
		activities.PollInput{SigningID: r.in.SigningID, Last: true}).Get(ctx, &polled)
	return polled, err
}
