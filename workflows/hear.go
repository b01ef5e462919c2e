package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// hear waits until a watcher tells of an answer and read finds it, or until a time. first reads at once. A process that is told and finds
// nothing goes on waiting: the row of its wait was lost and is there again, or a door of an earlier release handed a webhook on. After
// several of those it listens once a minute only, so that forged ones do not fill its history.
func (i *incidents) hear(ctx workflow.Context, until time.Time, summary string, first bool, read func(workflow.Context) (bool, error)) (bool, error) {
	timerCtx, stopTimer := workflow.WithCancel(ctx)
	defer stopTimer()
	timer := workflow.NewTimerWithOptions(timerCtx, until.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: summary})
	for strays := 0; ; strays++ {
		if !first {
			if strays > maxNudges {
				if _, err := workflow.AwaitWithTimeout(ctx, time.Minute, timer.IsReady); err != nil {
					return false, err
				}
			}
			if err := workflow.Await(ctx, func() bool { return timer.IsReady() || i.nudges.waiting() }); err != nil || timer.IsReady() {
				return false, err
			}
		}
		first = false
		i.nudges.read()
		if found, err := read(ctx); found || err != nil {
			return found, err
		}
	}
}
