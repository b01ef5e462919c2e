package workflows

import (
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
)

// What a run of a signing or a registration does follows the release that began it. Its history says which, in the one marker of
// the change id from-the-record; each marker costs two events, so a new release raises the maximum and adds no change id.
const (
	readsRecord workflow.Version = 1 // from the store; runs before believed their input
	ridesAlong  workflow.Version = 2 // transitions ride along with activities; see runner.move
	isTold      workflow.Version = 3 // a registration is told, and polls nothing
)

// releaseChange is the change id of that marker.
const releaseChange = "from-the-record"

// releaseOf returns which release began a run.
func releaseOf(ctx workflow.Context) workflow.Version {
	return workflow.GetVersion(ctx, releaseChange, workflow.DefaultVersion, isTold)
}

// began is how far the beginning of a run is. Updates wait for it.
type began struct {
	over    bool
	refusal error
	deaf    bool // to Temporal's own cancel
}

// end ends the beginning, refused or not, and lets what came meanwhile be answered.
func (b *began) end(ctx workflow.Context, refusal error) error {
	b.over, b.refusal = true, refusal
	if refusal != nil {
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return err
		}
	}
	return refusal
}

// await waits for the end of the beginning and returns the context for a handler. Error: the refusal of the run.
func (b *began) await(ctx workflow.Context) (workflow.Context, error) {
	if b == nil { // its runs take nothing from the store
		return ctx, nil
	}
	detached, _ := workflow.NewDisconnectedContext(ctx)
	if err := workflow.Await(detached, func() bool { return b.over }); err != nil {
		return ctx, err
	}
	if b.deaf {
		return detached, b.refusal
	}
	return ctx, b.refusal
}

// beginning is what a run says of itself.
func beginning(ctx workflow.Context, id string, again *Again) activities.Begin {
	in := activities.Begin{ID: id, Run: firstRun(ctx)}
	if again != nil {
		in.DecisionID = again.DecisionID
	}
	return in
}

// begin takes the place of the input by what the store says.
func (r *signingRun) begin(ctx workflow.Context) error {
	if r.release = releaseOf(ctx); r.release >= readsRecord {
		var stand activities.SigningStand
		err := workflow.ExecuteLocalActivity(record(ctx), signingActivities.BeginSigning, beginning(ctx, r.in.SigningID, r.in.Again)).Get(ctx, &stand)
		if err != nil {
			return refuse(codeOf(err), "%s", messageOf(err))
		}
		r.in = SigningInput{SigningID: r.in.SigningID, Provider: stand.Provider, Level: stand.Level, Documents: stand.Documents, Placed: stand.Placed,
			Patience: defaultPatience}
		if stand.Moved {
			r.in.Again = &Again{Status: stand.Status, Seq: stand.Seq, Deadline: stand.Deadline, Close: stand.Close, Asked: stand.Asked}
		}
		r.ctx, r.stop = r.deafen(ctx, r.onTemporalCancel)
	}
	r.resume(ctx)
	return nil
}

// begin takes the place of the input by what the store says.
func (r *registrationRun) begin(ctx workflow.Context) error {
	if r.release = releaseOf(ctx); r.release >= readsRecord {
		var stand activities.RegistrationStand
		err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.BeginRegistration,
			beginning(ctx, r.in.RegistrationID, r.in.Again)).Get(ctx, &stand)
		if err != nil {
			return refuse(codeOf(err), "%s", messageOf(err))
		}
		r.in = RegistrationInput{RegistrationID: r.in.RegistrationID, Issuer: stand.Issuer, Deadlines: stand.Limits}
		setDefaults(&r.in.Deadlines)
		if stand.Moved {
			r.in.Again = &Again{Status: stand.Status, Seq: stand.Seq, Deadline: stand.Deadline, Close: stand.Close, AccountID: stand.AccountID,
				Ordered: stand.Ordered, PriceVND: stand.PriceVND, Attempts: stand.Attempts, Signings: stand.Signings, Issuing: stand.Issuing, Reason: stand.Reason,
				Archive: stand.Archive}
		}
		r.gateways = stand.Gateways
		if r.release >= ridesAlong {
			r.acts.recorded = r.recordedActs
		}
		r.ctx, r.stop = r.deafen(ctx, r.onTemporalCancel)
	}
	r.resume(ctx)
	return nil
}

// ownRun refuses a run under another workflow id than its record's. Temporal runs one process for each id, and kyso starts
// each process under the id of its record: another run is a second one of the record, or was started by hand. A run of an
// earlier release goes on; the activities refuse what its record does not say.
func ownRun(ctx workflow.Context, id string) error {
	if workflow.GetInfo(ctx).WorkflowExecution.ID == id || workflow.GetVersion(ctx, "own-run", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	return refuse(problem.Denied, "this run has not the workflow id of its record")
}
