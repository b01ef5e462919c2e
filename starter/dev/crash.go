package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	marker   string // a file that exists once it has happened
}

func parseCrash(plan, data string) (*crash, error) {
	moment, name, ok := strings.Cut(plan, ":")
	if !ok || name == "" || (moment != "before" && moment != "after") {
		return nil, fmt.Errorf("%s has to be before:Activity or after:Activity", crashVariable)
	}
	name, stage, _ := strings.Cut(name, ".")
	return &crash{after: moment == "after", activity: name, stage: stage, marker: crashMarker(data, plan)}, nil
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
	if activity.GetInfo(ctx).ActivityType.Name != a.plan.activity {
		return a.Next.ExecuteActivity(ctx, in)
	}
	if a.plan.stage != "" {
		return a.Next.ExecuteActivity(activities.AroundStages(ctx, a.plan.around), in)
	}
	if !a.plan.after {
		a.plan.die()
	}
	result, err := a.Next.ExecuteActivity(ctx, in)
	if a.plan.after {
		a.plan.die()
	}
	return result, err
}

// around does one stage of the activity, and dies in front of or behind the one that is meant.
func (c *crash) around(ctx context.Context, stage string, do func(context.Context) error) error {
	if stage == c.stage && !c.after {
		c.die()
	}
	err := do(ctx)
	if stage == c.stage && c.after {
		c.die()
	}
	return err
}

// die kills the process, the first time only: the marker outlives it.
func (c *crash) die() {
	marker, err := os.OpenFile(c.marker, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return // it has happened before
	}
	_ = marker.Close()
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal arrives
}
