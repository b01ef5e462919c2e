package workflows

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

func (r *signingRun) snapshot() SigningStatus { return signingStatus(r.in.SigningID, &r.runner) }

// signingStatus is where a process stands that is about a signing.
func signingStatus(id string, r *runner[signing.Status]) SigningStatus {
	return SigningStatus{SigningID: id, Status: r.status, Step: r.atStep, Seq: r.seq, Owed: len(r.owed), Attention: r.open, Deadline: r.deadline}
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
	err := workflow.Await(ctx, func() bool { return r.stands(r.status.Final()) })
	return r.snapshot(), err
}

func (r *signingRun) onRepair(ctx workflow.Context, in process.Repair) (RepairResult, error) {
	outcome, err := r.accept(ctx, in)
	return RepairResult{Outcome: outcome, Status: r.snapshot()}, err
}

// onTemporalCancel ends a signing whose end is decided: a registration that is withdrawn cancels the signing of its acceptance
// record.
func (r *signingRun) onTemporalCancel(ctx workflow.Context) {
	var decided bool
	err := workflow.ExecuteLocalActivity(record(ctx), signingActivities.CancelDecided, r.in.SigningID).Get(ctx, &decided)
	if err == nil && decided {
		r.stop()
		return
	}
	r.runner.onTemporalCancel(ctx)
}
