package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/signing"
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

// Since isTold a registration asks no party while it waits: a watcher asks, or a webhook comes, and the process hears of the answer. What
// it holds meanwhile is the timer of its deadline.

// told reads until there is an answer: at once when first, and whenever await has heard a nudge. A process that is told and finds
// nothing goes on waiting; after several of those it listens once a minute only, so that forged ones do not fill its history.
func (r *registrationRun) told(ctx workflow.Context, first bool, await func() error, read func() (bool, error)) error {
	for r.strays = 0; ; r.strays++ {
		if !first {
			if r.strays > maxNudges {
				if err := workflow.Sleep(ctx, time.Minute); err != nil {
					return err
				}
			}
			if err := await(); err != nil {
				return err
			}
		}
		first, r.nudged = false, false
		if found, err := read(); found || err != nil {
			return err
		}
	}
}

// hearPIN waits until the PIN is set.
func (r *registrationRun) hearPIN(ctx workflow.Context, recorded bool) error {
	return r.told(ctx, recorded, func() error {
		return r.wait(ctx, StepPIN, r.deadline, func() bool { return r.nudged })
	}, func() (set bool, err error) {
		err = workflow.ExecuteLocalActivity(record(ctx), registrationActivities.ReadPIN, r.in.RegistrationID).Get(ctx, &set)
		return set, err
	})
}

// hearPayment waits until one attempt is captured.
func (r *registrationRun) hearPayment(ctx workflow.Context, until time.Time) error {
	return r.told(ctx, r.in.Again != nil, func() error {
		return r.wait(ctx, StepPayment, until, func() bool { return r.nudged || len(r.stuck) > 0 })
	}, func() (bool, error) {
		for {
			paid, err := r.lookAtPayments(ctx)
			if paid || err != nil || len(r.stuck) == 0 {
				return paid, err
			}
			ref := r.stuck[0]
			r.stuck = r.stuck[1:]
			if err := r.askAgain(ctx, ref); err != nil {
				return false, err
			}
		}
	})
}

// hearAcceptance waits for the end of a signing that another process started.
func (r *registrationRun) hearAcceptance(ctx workflow.Context, in activities.AcceptanceInput) (status signing.Status, err error) {
	err = r.told(ctx, true, func() error {
		return workflow.Await(ctx, func() bool { return r.nudged })
	}, func() (bool, error) {
		err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.ReadAcceptance, in).Get(ctx, &status)
		return status != "", err
	})
	return status, err
}
