package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// stage is a step that shares its activity with others. In incidents and repairs it is a step like any other.
type stage struct{ step, provider string }

// inStages does several steps in one activity. One that fails parks by its own name, and its repair tries it alone; the rest then
// follows together.
func (r *signingRun) inStages(ctx workflow.Context, left []stage, do func(workflow.Context, activities.Work) error) error {
	return r.orRefused(ctx, r.runner.inStages(ctx, left, func(ctx workflow.Context, moves []signing.Transition, stages []string) error {
		return do(ctx, activities.Work{SigningID: r.in.SigningID, Moves: moves, Stages: stages, Attempts: attempts(ctx)})
	}))
}

func (r *runner[S]) inStages(ctx workflow.Context, left []stage, do func(ctx workflow.Context, moves []process.Transition[S], stages []string) error) error {
	for len(left) > 0 {
		err := r.carry(ctx, left[0].step, left[0].provider, func(ctx workflow.Context, moves []process.Transition[S]) error {
			now := left
			if r.open != nil {
				now = left[:1]
			}
			var stages []string
			for _, s := range now {
				stages = append(stages, s.step)
			}
			err := do(ctx, moves, stages)
			if err == nil {
				left = left[len(now):]
				return nil
			}
			left = left[failedAt(now, err):]
			r.atStep = left[0].step
			return &failedStage{err, left[0], r.repairs(left[0].step)}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// failedAt returns which of the stages of an activity failed. The first, when the activity did not say: each
// does nothing where it is done.
func failedAt(stages []stage, err error) int {
	var at activities.AtStage
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.HasDetails() {
		_ = app.Details(&at) // what cannot be read says nothing
	} else if late, ok := errors.AsType[*temporal.TimeoutError](err); ok && late.HasLastHeartbeatDetails() {
		_ = late.LastHeartbeatDetails(&at)
	}
	return max(0, slices.IndexFunc(stages, func(s stage) bool { return s.step == at.Stage }))
}
