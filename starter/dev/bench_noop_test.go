package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
)

// A shape is what the engine has to do for a process, counted in its history.
type shape struct {
	Events, Bytes, Tasks                         int
	Activities, Locals, Timers, Signals, Updates int
	Markers, Searches                            int
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

// processes are the ids of all that were begun so far.
func (w *World) processes(b testing.TB) map[string]bool {
	b.Helper()
	ids := map[string]bool{}
	for next := []byte(nil); ; {
		page, err := w.App.Temporal.ListWorkflow(b.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: next})
		must(b, err)
		for _, e := range page.GetExecutions() {
			ids[e.GetExecution().GetWorkflowId()] = true
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			return ids
		}
	}
}

// shapesOf runs a flow alone, and counts the histories of all processes that it begins, its own first.
func (w *World) shapesOf(b *testing.B, flow func() string) []shape {
	b.Helper()
	time.Sleep(2 * time.Second) // what flows before it began
	known := w.processes(b)
	id := flow()
	time.Sleep(2 * time.Second)
	shapes := []shape{w.shapeOfProcess(b, id)}
	for one := range w.processes(b) {
		if !known[one] && one != id {
			shapes = append(shapes, w.shapeOfProcess(b, one))
		}
	}
	return shapes
}

// together is the sum of shapes.
func together(shapes []shape) shape {
	var sum shape
	for _, s := range shapes {
		sum.Events += s.Events
		sum.Bytes += s.Bytes
		sum.Tasks += s.Tasks
		sum.Activities += s.Activities
		sum.Locals += s.Locals
		sum.Timers += s.Timers
		sum.Signals += s.Signals
		sum.Updates += s.Updates
		sum.Markers += s.Markers
		sum.Searches += s.Searches
	}
	return sum
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

// run runs one after the other in the given shapes.
func (y *yardstick) run(b *testing.B, i int, shapes ...shape) {
	for n, s := range shapes {
		y.runOne(b, fmt.Sprintf("%s-%d-%d", y.queue, i, n), s)
	}
}

// runOne runs one: acts and signals come from outside, one after the other.
func (y *yardstick) runOne(b *testing.B, id string, s shape) {
	ctx, cancel := context.WithTimeout(b.Context(), benchPatience)
	defer cancel()
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
