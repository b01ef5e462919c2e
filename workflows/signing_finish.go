package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"kyso/internal/signing"
)

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
	if end.status != signing.StatusSigned && r.asked && r.release < ridesAlong { // since then a watcher looks for a late value
		if err := r.watchLate(ctx); err != nil {
			return SigningResult{}, err
		}
	}
	return SigningResult{Status: end.status, Reason: string(end.reason)}, answered(ctx)
}

// watchLate keeps looking until the provider's window is well over, for a value that must not be used.
func (r *signingRun) watchLate(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s**. Watching for a late value, which would be recorded and not used.", r.status))
	err := workflow.ExecuteActivity(poll(ctx, "Watch for a late value"), signingActivities.CollectLate, r.in.SigningID).Get(ctx, nil)
	r.describe(ctx)
	return err
}
