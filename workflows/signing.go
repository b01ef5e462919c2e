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
	accepted activities.Requested
	cancel   *Cancel
}

func newSigningRun(ctx workflow.Context, in SigningInput) (*signingRun, error) {
	if in.Patience <= 0 {
		in.Patience = defaultPatience
	}
	r := &signingRun{in: in}
	r.runner = runner[signing.Status]{incidents: incidents{kind: process.Signing, processID: in.SigningID, begun: &began{}, nudges: nudgesOf(ctx)},
		table: signing.Table, status: signing.StatusCreated, atStep: StepInspect, kept: r.keepTransition, repairs: signingRepairs, final: r.refuses,
		headline: r.describeSigning, stamp: r.stampTransition}
	r.before = r.settleOwed
	r.ctx, r.stop = workflow.WithCancel(ctx)
	r.receiveSignals(ctx)
	return r, r.setHandlers(ctx)
}

// business is what a signing does.
func (r *signingRun) business(ctx workflow.Context) error {
	if r.in.Again != nil && r.in.Again.Close {
		return errGivenUp
	}
	steps := []func(workflow.Context) error{
		r.inspectAndFind, r.awaitChoice, r.awaitPlacement, r.prepare, r.request, r.awaitApproval, r.complete, r.keepArchived,
	}[signingSteps[r.resumed]:]
	if r.release < ridesAlong {
		steps = r.stepsBefore()
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// signingRepairs are what a repair may do at any step of a signing.
func signingRepairs(string) []string { return []string{process.RepairRetry, process.RepairCancel} }

// refuses tells the codes that say "not with this document", "not with this certificate" or "not this signer", while the
// owner was not asked: only the requester can correct that, with another request. Afterwards the owner may have agreed to
// something, so every failure parks.
func (r *signingRun) refuses(code problem.Code) bool {
	return r.status.Check(signing.StatusRefused) == nil && code.Cause() == problem.CauseSigner
}

// step runs one step. A refusal ends the process.
func (r *signingRun) step(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	return r.orRefused(ctx, r.runner.step(ctx, step, provider, do))
}

// carry runs one activity, which takes the owed transitions along. A refusal ends the process.
func (r *signingRun) carry(ctx workflow.Context, step, provider string, do func(workflow.Context, activities.Work) error) error {
	return r.orRefused(ctx, r.runner.carry(ctx, step, provider, func(ctx workflow.Context, moves []signing.Transition) error {
		return do(ctx, activities.Work{SigningID: r.in.SigningID, Moves: moves})
	}))
}

func (r *signingRun) orRefused(ctx workflow.Context, err error) error {
	if err != nil && ctx.Err() == nil && r.refuses(codeOf(err)) {
		return ended[signing.Status]{signing.StatusRefused, codeOf(err)}
	}
	return err
}

// stampTransition has the store begin what is watched for: the owner's answer, and a value that comes after the end. Runs of earlier
// releases ask themselves.
func (r *signingRun) stampTransition(t *signing.Transition) {
	if r.release >= ridesAlong {
		t.Watched = t.Status == signing.StatusAwaitingApproval || t.Status.Final() && t.Status != signing.StatusSigned && r.asked
	}
}

func (r *signingRun) keepTransition(ctx workflow.Context, moves ...signing.Transition) error {
	return workflow.ExecuteLocalActivity(record(ctx), signingActivities.RecordTransition,
		activities.TransitionInput{SigningID: r.in.SigningID, Transition: moves[0], Then: moves[1:]}).Get(ctx, nil)
}

func (r *signingRun) describeSigning() string {
	return fmt.Sprintf("**%s** · step `%s` · %d document(s), %s, through %s", r.status, r.atStep, r.in.Documents, r.in.Level, r.in.Provider)
}
