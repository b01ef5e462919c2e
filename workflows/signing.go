// Package workflows holds the durable processes of kyso and their public contract. A process decides; what it
// decides is done by activities and kept in the store. Its history carries ids, digests and states, never a
// document, a name, a number of a person or a code.
//
// It may import activities, the domain packages, internal/problem and the Temporal SDK.
package workflows

import (
	"errors"
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
	if r.status.Status.Final() { // a run that was reset, or begun again, after its end
		return SigningResult{Status: r.status.Status}, nil
	}
	return r.close(ctx, r.run(r.ctx))
}

// signingRun is one execution. It holds nothing that can do I/O.
type signingRun struct {
	in       SigningInput
	ctx      workflow.Context // ends when the requester cancels
	stop     workflow.CancelFunc
	status   SigningStatus
	usable   int    // certificates to choose from
	chosen   string // fingerprint; empty until known
	placed   []signing.Placement
	placing  bool // waiting for a placement
	choosing bool // waiting for a choice
	asked    bool // the provider may know the request
	cancel   *Cancel
	resumed  signing.Status // where the record stood when this run began again; empty once it has moved, and for a first run
	incidents
}

func newSigningRun(ctx workflow.Context, in SigningInput) (*signingRun, error) {
	if in.Patience <= 0 {
		in.Patience = defaultPatience
	}
	r := &signingRun{in: in, incidents: incidents{processID: in.SigningID, command: "signing", begun: &began{}}}
	r.keep = r.keepIncident
	r.status = SigningStatus{SigningID: in.SigningID, Status: signing.StatusCreated, Step: StepInspect}
	r.ctx, r.stop = workflow.WithCancel(ctx)
	r.nudges = nudgesOf(ctx)
	r.receiveSignals(ctx)
	return r, r.setHandlers(ctx)
}

// run is the business.
func (r *signingRun) run(ctx workflow.Context) error {
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

// ended is how a step says that the process is over with an outcome other than signed.
type ended struct {
	status signing.Status
	reason problem.Code
}

func (e ended) Error() string { return string(e.status) }

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
	if err := r.move(ctx, signing.StatusPreparing, ""); err != nil {
		return err
	}
	return r.step(ctx, StepPrepare, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(heavy(ctx, "Check the certificate and prepare the documents"), signingActivities.PrepareDocuments, r.in.SigningID).Get(ctx, nil)
	})
}

func (r *signingRun) request(ctx workflow.Context) error {
	if err := r.move(ctx, signing.StatusRequested, ""); err != nil {
		return err
	}
	r.asked = true
	return r.step(ctx, StepRequest, r.in.Provider, func(ctx workflow.Context) error {
		var requested activities.Requested
		err := workflow.ExecuteActivity(call(ctx, "Ask the owner on the phone"), signingActivities.RequestApproval, r.in.SigningID).Get(ctx, &requested)
		r.status.Deadline = requested.ExpiresAt
		return err
	})
}

func (r *signingRun) awaitApproval(ctx workflow.Context) error {
	if err := r.move(ctx, signing.StatusAwaitingApproval, ""); err != nil {
		return err
	}
	until := r.status.Deadline.Add(activities.ApprovalGrace)
	var polled activities.Polled
	err := r.step(ctx, StepAwaitApproval, r.in.Provider, func(ctx workflow.Context) (err error) {
		if err := r.look(ctx, "Ask the provider once", signingActivities.PollApproval, activities.PollInput{SigningID: r.in.SigningID}); err != nil {
			return err
		}
		polled, err = r.pollUntil(ctx, until)
		return err
	})
	r.status.Deadline = time.Time{}
	if err != nil {
		return err
	}
	switch polled.Outcome {
	case signing.OutcomeApproved:
		return r.move(ctx, signing.StatusCompleting, "")
	case signing.OutcomeDeclined:
		return ended{signing.StatusDeclined, problem.DeclinedBySigner}
	}
	return ended{signing.StatusExpired, problem.ApprovalExpired}
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

// close turns the end of run into the outcome and cleans up. It works on a context of its own, since the process
// may have been cancelled.
func (r *signingRun) close(ctx workflow.Context, err error) (SigningResult, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	end := ended{status: signing.StatusSigned}
	switch {
	case err == nil:
	case errors.As(err, &end):
	case r.ctx.Err() != nil || errors.Is(err, errGivenUp):
		end = ended{status: signing.StatusCancelled}
	default:
		return SigningResult{}, err
	}
	if err := r.finish(ctx, end); err != nil {
		return SigningResult{}, err
	}
	if end.status != signing.StatusSigned && r.asked {
		if err := r.watchLate(ctx); err != nil {
			return SigningResult{}, err
		}
	}
	err = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return SigningResult{Status: end.status, Reason: string(end.reason)}, err
}
