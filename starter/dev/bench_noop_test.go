package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
)

// A shape is what the engine has to do for a process, counted in its history.
type shape struct {
	Events, Bytes, Tasks                           int
	Activities, Locals, Timers, Signals, Updates   int
	WaitsOfActivities, Children, Markers, Searches int
}

func (s shape) String() string {
	return fmt.Sprintf("%d activities, %d local, %d timers, %d signals, %d updates", s.Activities, s.Locals, s.Timers, s.Signals, s.Updates)
}

// shapeOf counts a history.
func shapeOf(events []*historypb.HistoryEvent) shape {
	s := shape{Events: len(events)}
	for _, e := range events {
		s.Bytes += proto.Size(e)
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			s.Tasks++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			s.Activities++
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			if e.GetMarkerRecordedEventAttributes().GetMarkerName() == "LocalActivity" {
				s.Locals++
			} else {
				s.Markers++
			}
		case enumspb.EVENT_TYPE_TIMER_STARTED:
			s.Timers++
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			s.Signals++
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			s.Updates++
		case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			s.Children++
		case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			s.Searches++
		}
	}
	return s
}

// shapeOfProcess counts the history of a process of the world.
func (w *World) shapeOfProcess(b testing.TB, workflowID string) shape {
	b.Helper()
	var events []*historypb.HistoryEvent
	it := w.App.Temporal.GetWorkflowHistory(b.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		event, err := it.Next()
		must(b, err)
		events = append(events, event)
	}
	return shapeOf(events)
}

// sixActivities is a flow of six activities that do nothing: about what a signing needs.
var sixActivities = shape{Activities: 6}

// yardstick runs workflows that do nothing in a shape.
type yardstick struct {
	w     *benchWorld
	queue string
	n     int // started so far
}

// newYardstick starts a worker for workflows that do nothing.
func newYardstick(b *testing.B, w *benchWorld) *yardstick {
	b.Helper()
	y := &yardstick{w: w, queue: "yardstick-" + b.Name()}
	idle := worker.New(w.App.Temporal, y.queue, worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	})
	idle.RegisterWorkflowWithOptions(likeIt, workflow.RegisterOptions{Name: "LikeIt"})
	idle.RegisterActivityWithOptions(idleness, registerIdleness)
	must(b, idle.Start())
	b.Cleanup(idle.Stop)
	return y
}

// run runs one in the given shape: acts and signals come from outside, one after the other.
func (y *yardstick) run(b *testing.B, i int, s shape) {
	ctx, cancel := context.WithTimeout(b.Context(), benchPatience)
	defer cancel()
	id := fmt.Sprintf("%s-%d", y.queue, i)
	run, err := y.w.App.Temporal.ExecuteWorkflow(ctx, sdk.StartWorkflowOptions{ID: id, TaskQueue: y.queue}, "LikeIt", s)
	must(b, err)
	for n := range max(s.Signals, s.Updates) {
		if n < s.Signals {
			must(b, y.w.App.Temporal.SignalWorkflow(ctx, id, "", "hint", n))
		}
		if n < s.Updates {
			handle, err := y.w.App.Temporal.UpdateWorkflow(ctx, sdk.UpdateWorkflowOptions{WorkflowID: id, UpdateName: "act", Args: []any{n},
				WaitForStage: sdk.WorkflowUpdateStageCompleted})
			must(b, err)
			must(b, handle.Get(ctx, nil))
		}
	}
	must(b, run.Get(ctx, nil))
}

// likeIt does nothing as often as the shape says. It waits for each signal and each update before its share of the activities, as a process
// waits for people; a timer runs during an activity and is cancelled after it, as deadlines are.
func likeIt(ctx workflow.Context, s shape) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
	acts := 0
	if err := workflow.SetUpdateHandler(ctx, "act", func(workflow.Context, int) error { acts++; return nil }); err != nil {
		return err
	}
	hints := workflow.GetSignalChannel(ctx, "hint")
	steps := max(s.Activities, s.Locals, s.Timers, s.Signals, s.Updates)
	share := func(i, of int) int { return (i+1)*of/max(1, steps) - i*of/max(1, steps) } // of a kind, in step i
	for i := range steps {
		for range share(i, s.Signals) {
			hints.Receive(ctx, nil)
		}
		if due := (i + 1) * s.Updates / steps; acts < due {
			if err := workflow.Await(ctx, func() bool { return acts >= due }); err != nil {
				return err
			}
		}
		timed, stop := workflow.WithCancel(ctx)
		for range share(i, s.Timers) {
			workflow.NewTimer(timed, time.Hour)
		}
		for range share(i, s.Activities) {
			if err := workflow.ExecuteActivity(ctx, idleName).Get(ctx, nil); err != nil {
				return err
			}
		}
		stop()
		for range share(i, s.Locals) {
			if err := workflow.ExecuteLocalActivity(ctx, idleness).Get(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
