// Package workflows holds the durable processes of kyso and their public contract. A process decides; what it
// decides is done by activities and kept in the store. Its history carries ids, digests and states, never a
// document, a name, a number of a person or a code.
//
// It may import activities, the domain packages, internal/problem and the Temporal SDK.
package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// defaultPatience is how long the user may take to choose a certificate or to place the box.
const defaultPatience = 24 * time.Hour

// maxNudges bounds how often webhooks make the process look at once; after that the poll alone finds out.
const maxNudges = 8

// Signing signs 1 to 50 documents under one approval on the owner's phone.
//
//	inspect → find certificates → [choose] → [place] → prepare → request → await approval
//	        → embed → [time-stamp] → [extend] → [archive] → deliver → signed
//
//	refused   a document or the certificate cannot be used; known before the phone is asked
//	declined  by the owner   expired  by the provider's window or our patience   cancelled  by the requester
//
// Until the owner approves, cancelling stops everything; a value that comes later is recorded and never used.
// After the approval only an operator may give a parked process up. Deadlines: patience for each human wait,
// then the provider's own window and a short grace.
func Signing(ctx workflow.Context, in SigningInput) (SigningResult, error) {
	if err := ownRun(ctx, process.SigningWorkflowID(in.SigningID)); err != nil {
		return SigningResult{}, err
	}
	r, err := newSigningRun(ctx, in)
	if err == nil {
		err = r.begun.end(ctx, r.begin(ctx))
	}
	if err != nil {
		return SigningResult{}, err
	}
	if r.status.Final() { // a run that was reset, or begun again, after its end
		return SigningResult{Status: r.status}, nil
	}
	return r.finish(ctx, r.business(r.ctx))
}

// signingRun is one execution. It holds nothing that can do I/O.
type signingRun struct {
	runner[signing.Status]
	in       SigningInput
	usable   int    // certificates to choose from
	chosen   string // fingerprint; empty until known
	placed   []signing.Placement
	placing  bool // waiting for a placement
	choosing bool // waiting for a choice
	asked    bool // the provider may know the request
	cancel   *Cancel
}

func newSigningRun(ctx workflow.Context, in SigningInput) (*signingRun, error) {
	if in.Patience <= 0 {
		in.Patience = defaultPatience
	}
	r := &signingRun{in: in}
	r.runner = runner[signing.Status]{incidents: incidents{kind: process.Signing, processID: in.SigningID, begun: &began{}, nudges: nudgesOf(ctx)},
		table: signing.Table, status: signing.StatusCreated, atStep: StepInspect, kept: r.keepTransition, repairs: signingRepairs, final: r.refuses,
		headline: r.describeSigning}
	r.ctx, r.stop = workflow.WithCancel(ctx)
	r.receiveSignals(ctx)
	return r, r.setHandlers(ctx)
}

// business is what a signing does.
func (r *signingRun) business(ctx workflow.Context) error {
	steps := []func(workflow.Context) error{
		r.inspect, r.findCertificates, r.awaitChoice, r.awaitPlacement, r.prepare, r.request, r.awaitApproval,
		r.embed, r.timestamp, r.extend, r.archive, r.deliver, r.keepArchived,
	}
	if r.in.Again != nil && r.in.Again.Close {
		return errGivenUp
	}
	for _, step := range steps[signingSteps[r.resumed]:] {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

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

// finish records the outcome and cleans up. It works on a context of its own, since the process may have been cancelled.
func (r *signingRun) finish(ctx workflow.Context, err error) (SigningResult, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	end, ok := r.outcome(err, signing.StatusSigned, signing.StatusCancelled)
	if !ok {
		return SigningResult{}, err
	}
	r.atStep = StepDone
	if err := r.moveFor(ctx, end.status, end.reason, 0); err != nil {
		return SigningResult{}, err
	}
	if err := r.done(ctx); err != nil {
		return SigningResult{}, err
	}
	if end.status != signing.StatusSigned && r.asked {
		if err := r.watchLate(ctx); err != nil {
			return SigningResult{}, err
		}
	}
	return SigningResult{Status: end.status, Reason: string(end.reason)}, answered(ctx)
}

// watchLate keeps looking until the provider's window is well over, for a value that nobody may use.
func (r *signingRun) watchLate(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s**. Watching for a late value, which would be recorded and not used.", r.status))
	err := workflow.ExecuteActivity(poll(ctx, "Watch for a late value"), signingActivities.CollectLate, r.in.SigningID).Get(ctx, nil)
	r.describe(ctx)
	return err
}
