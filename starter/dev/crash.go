package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"kyso/activities"
)

// crashVariable makes a worker process of this program kill itself once: before:Activity when the activity is about
// to run, after:Activity when its effects are done and its result is not yet reported. Activity.stage names one stage of it.
const crashVariable = "KYSO_CRASH"

// crash is the interceptor behind crashVariable.
type crash struct {
	interceptor.WorkerInterceptorBase
	after    bool
	activity string
	stage    string // of the activity; empty for the whole
	marker   string // a file that exists once it has happened; it names the process that it happened on, and then those whose activities died as well

	mu   sync.Mutex
	busy map[string]int // activities that run, by the id of their process
}

func parseCrash(plan, data string) (*crash, error) {
	moment, name, ok := strings.Cut(plan, ":")
	if !ok || name == "" || (moment != "before" && moment != "after") {
		return nil, fmt.Errorf("%s has to be before:Activity or after:Activity", crashVariable)
	}
	name, stage, _ := strings.Cut(name, ".")
	return &crash{after: moment == "after", activity: name, stage: stage, marker: crashMarker(data, plan), busy: map[string]int{}}, nil
}

// crashMarker is the file that says that a plan was carried out.
func crashMarker(data, plan string) string {
	return filepath.Join(data, "crashed-"+strings.ReplaceAll(plan, ":", "-"))
}

// InterceptActivity implements interceptor.WorkerInterceptor. Local activities pass here too.
func (c *crash) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &crashingActivity{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, plan: c}
}

type crashingActivity struct {
	interceptor.ActivityInboundInterceptorBase
	plan *crash
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *crashingActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	defer a.plan.runs(info.WorkflowExecution.ID)()
	if info.ActivityType.Name != a.plan.activity {
		return a.Next.ExecuteActivity(ctx, in)
	}
	if a.plan.stage != "" {
		return a.Next.ExecuteActivity(activities.AroundStages(ctx, a.plan.around), in)
	}
	if !a.plan.after {
		a.plan.die(info.WorkflowExecution.ID)
	}
	result, err := a.Next.ExecuteActivity(ctx, in)
	if a.plan.after {
		a.plan.die(info.WorkflowExecution.ID)
	}
	return result, err
}

// runs notes that an activity of a process runs, until what it returns is called.
func (c *crash) runs(id string) (ended func()) {
	add := func(n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy[id] += n
	}
	add(1)
	return func() { add(-1) }
}

// interrupted lists the process that the worker dies on, and then the others whose activities run.
func (c *crash) interrupted(on string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []string{on}
	for id, n := range c.busy {
		if n > 0 && id != on {
			list = append(list, id)
		}
	}
	return strings.Join(list, "\n")
}

// around does one stage of the activity, and dies in front of or behind the one that is meant.
func (c *crash) around(ctx context.Context, stage string, do func(context.Context) error) error {
	if stage == c.stage && !c.after {
		c.die(activity.GetInfo(ctx).WorkflowExecution.ID)
	}
	err := do(ctx)
	if stage == c.stage && c.after {
		c.die(activity.GetInfo(ctx).WorkflowExecution.ID)
	}
	return err
}

// die kills the process on an activity of id, the first time only: the marker outlives it.
func (c *crash) die(id string) {
	marker, err := os.OpenFile(c.marker, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return // it has happened before
	}
	_, _ = marker.WriteString(c.interrupted(id))
	_ = marker.Close()
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal arrives
}
