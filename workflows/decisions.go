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
		if i.byDecision(ctx, update) {
			taker := "update " + update
			if name == UpdateRepair {
				taker = inRun(ctx, taker)
			}
			if in, err = take(ctx, i, name, in, taker, check); err != nil {
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
func (i *incidents) byDecision(ctx workflow.Context, message string) bool {
	const change = "decisions"
	return i.release >= ridesAlong || workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) != workflow.DefaultVersion ||
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

// acts are what people do that one local activity takes by its decision and records, one at a time.
type acts struct {
	// recorded reports whether an act of a kind is one of them, and which attempt to pay it begins. It is nil for a process that has
	// none.
	recorded func(kind string) (attempt int, ok bool)
	busy     bool
	done     activities.Acted // the last, until its handler has read it
}

// take takes the decision that a message carries, and checks what was decided. Nothing is recorded with it that the state does not
// allow any more.
func take[M message](ctx workflow.Context, i *incidents, kind string, in M, taker string, check func(M) error) (M, error) {
	if i.acts.recorded != nil {
		if err := workflow.Await(ctx, func() bool { return !i.acts.busy }); err != nil {
			return in, err
		}
		if attempt, recorded := i.acts.recorded(kind); recorded && check(in) == nil {
			i.acts.busy = true
			defer func() { i.acts.busy = false }()
			return decided(ctx, i, kind, in, taker, func(take decision.Take) (activity, arg any) {
				return registrationActivities.RecordAct, activities.ActInput{Take: take, Attempt: attempt, Watched: attempt > 0 && i.release >= isTold}
			})
		}
	}
	in, err := decided(ctx, i, kind, in, taker, takeOnly)
	if err == nil {
		err = check(in)
	}
	return in, err
}

// takeOnly takes a decision and does nothing else.
func takeOnly(take decision.Take) (activity, arg any) { return decisionActivities.TakeDecision, take }

// decided takes the decision that a message carries and returns its content instead of the message's own.
func decided[M message](ctx workflow.Context, i *incidents, kind string, in M, taker string, by func(decision.Take) (activity, arg any)) (M, error) {
	var taken struct { // activities.Acted, its content read as the message
		Content  M                         `json:"content"`
		PriceVND int64                     `json:"price_vnd"`
		Opened   *activities.PaymentOpened `json:"opened"`
	}
	take := decision.Take{DecisionID: in.Decision(), Kind: kind, Process: i.kind, Object: i.processID, Taker: taker}
	if i.open != nil {
		take.Step, take.Reason = i.open.Step, i.open.Reason
	}
	activity, arg := by(take)
	if err := workflow.ExecuteLocalActivity(record(ctx), activity, arg).Get(ctx, &taken); err != nil {
		return taken.Content, refuse(codeOf(err), "%s", messageOf(err))
	}
	i.acts.done = activities.Acted{PriceVND: taken.PriceVND, Opened: taken.Opened}
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
	if i.byDecision(ctx, signal) {
		if in, err = decided(ctx, i, UpdateRepair, in, inRun(ctx, signal), takeOnly); err != nil {
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
