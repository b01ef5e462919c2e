package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
)

// message is the argument of an update or of the repair signal.
type message interface{ Decision() string }

// setUpdate sets the handler of an update. check refuses what the state does not allow: as the validator, where a refusal
// leaves nothing in the history, and once more on what was decided. act then acts on what was decided.
func setUpdate[M message, Out any](ctx workflow.Context, i *incidents, name string, check func(M) error, act func(workflow.Context, M) (Out, error)) error {
	handler := func(ctx workflow.Context, in M) (out Out, err error) {
		if ctx, err = i.begun.await(ctx); err != nil {
			return out, err
		}
		update := workflow.GetCurrentUpdateInfo(ctx).ID
		if byDecision(ctx, update) {
			taker := "update " + update
			if name == UpdateRepair {
				taker = inRun(ctx, taker)
			}
			if in, err = decided(ctx, i, name, in, taker); err == nil {
				err = check(in)
			}
			if err != nil {
				return out, err
			}
		}
		return act(ctx, in)
	}
	validator := func(in M) error {
		if in.Decision() == "" {
			return refuse(problem.Denied, "an update carries the id of a recorded decision")
		}
		if i.begun != nil && !i.begun.over {
			return nil // the handler waits, and checks then
		}
		return check(in)
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, name, handler, workflow.UpdateHandlerOptions{Validator: validator})
}

// byDecision reports whether a message is taken by its decision. It is, unless a worker of an earlier release took it:
// that happens in replays only, because validators refuse new updates without an id. A process that began with such a
// release has a mark for each message since; any other has one.
func byDecision(ctx workflow.Context, message string) bool {
	const change = "decisions"
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) != workflow.DefaultVersion ||
		workflow.GetVersion(ctx, change+"-"+message, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// inRun makes a taker's name one of this run: the decision to repair a run is no decision about the next. A reset keeps it.
func inRun(ctx workflow.Context, taker string) string {
	return workflow.GetInfo(ctx).OriginalRunID + " " + taker
}

// firstRun is the run that a run was reset from, or itself.
func firstRun(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	if info.OriginalRunID == "" { // Temporal's test environment
		return info.WorkflowExecution.RunID
	}
	return info.OriginalRunID
}

// decided takes the decision that a message carries and returns its content instead of the message's own.
func decided[M message](ctx workflow.Context, i *incidents, kind string, in M, taker string) (M, error) {
	var taken struct { // activities.Decided, its content read as the message
		Content M `json:"content"`
	}
	take := decision.Take{DecisionID: in.Decision(), Kind: kind, Process: i.kind, Object: i.processID, Taker: taker}
	if i.open != nil {
		take.Step, take.Reason = i.open.Step, i.open.Reason
	}
	if err := workflow.ExecuteLocalActivity(record(ctx), decisionActivities.TakeDecision, take).Get(ctx, &taken); err != nil {
		return taken.Content, refuse(codeOf(err), "%s", messageOf(err))
	}
	return taken.Content, nil
}

// SignalCommand is the command that carries a decision to every process that is parked at a step for a reason.
func SignalCommand(step, reason, decisionID string) string {
	return fmt.Sprintf(`temporal workflow signal --name %s --query "KysoAttention=true AND KysoStep='%s' AND KysoReason='%s'" --input '{"decision_id":"%s"}' --yes`,
		SignalRepair, step, reason, decisionID)
}

// receiveSignals is the signal twin of the repair update, for Temporal's batch operations. A signal that does not
// fit is ignored with a log line: a signal has no answer.
func (i *incidents) receiveSignals(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		signals := workflow.GetSignalChannel(ctx, SignalRepair)
		for n := 1; ; n++ {
			var in process.Repair
			if !signals.Receive(ctx, &in) {
				return
			}
			if err := i.repairBySignal(ctx, in, fmt.Sprintf("signal-%d", n)); err != nil {
				workflow.GetLogger(ctx).Warn("Repair signal ignored", "reason", err.Error())
			}
		}
	})
}

func (i *incidents) repairBySignal(ctx workflow.Context, in process.Repair, signal string) (err error) {
	if !i.waiting {
		return refuse(problem.Conflict, "the process is not waiting for a repair")
	}
	if i.begun != nil && i.begun.deaf {
		ctx, _ = workflow.NewDisconnectedContext(ctx)
	}
	if byDecision(ctx, signal) {
		if in, err = decided(ctx, i, UpdateRepair, in, inRun(ctx, signal)); err != nil {
			return err
		}
	}
	if err := i.checkRepair(in); err != nil {
		return err
	}
	i.repair = &in
	return nil
}

// decisionActivities names the activity of decisions for method references; it is never called.
var decisionActivities *activities.Decisions
