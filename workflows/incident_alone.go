package workflows

import (
	"errors"
	"hash/fnv"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
)

// A parked process waits for three things at once: a repair, a nudge of the party that may free it, and, when an outside party
// caused the failure, the time of its next try. None of them costs an activity while it waits. A try that fails leaves about
// twelve events: some 290 on the first day, and at the default pauses 50 on each day after the second, so that a process may
// stay parked for years before its history is full.

// actorSelf is who ends an incident that no operator had to repair.
const actorSelf = "kyso"

const (
	// patient is how long the last pause is repeated as it is. Afterwards it is slower times as long.
	patient = 48 * time.Hour
	slower  = 6
	// automaticAttempts is how often one try of a parked process asks the party: it is there to find out, not to insist.
	automaticAttempts = 2
)

// errTakenOver is what a try returns when an operator's repair took its place.
var errTakenOver = errors.New("taken over by a repair")

// alone is what a parked process does by itself.
type alone struct {
	tries   int // since it was parked, or since the last repair of an operator
	heard   int // nudges that made it try again
	running *automaticRun
}

// automaticRun is one try. It is over when the incident is closed, even if the step goes on.
type automaticRun struct{ on bool }

type automaticKey struct{}

// automatic reports whether a step runs because its parked process tries again by itself.
func automatic(ctx workflow.Context) bool {
	run, ok := ctx.Value(automaticKey{}).(*automaticRun)
	return ok && run.on
}

func (a *alone) over() {
	if a.running != nil {
		a.running.on = false
	}
}

// nudges are the signals of a party that has news. The zero value never hears of any.
type nudges struct {
	waiting func() bool // without reading them
	read    func()
}

// nudgesOf reads the nudges of a process that looks for them only while it is parked.
func nudgesOf(ctx workflow.Context) nudges {
	c := workflow.GetSignalChannel(ctx, SignalNudge)
	return nudges{waiting: func() bool { return c.Len() > 0 }, read: func() {
		for c.ReceiveAsync(nil) { // they carry nothing
		}
	}}
}

// maxNudges bounds how often webhooks make a process look at once; after that its own pauses find out.
const maxNudges = 8

// hearing are the steps whose party sends nudges: an IPN of the gateway, a webhook of the signing provider.
var hearing = map[string]bool{StepPayment: true, StepSettle: true, StepRefund: true, StepRequest: true, StepAwaitApproval: true}

func (i *incidents) hears() bool {
	return i.nudges.waiting != nil && hearing[i.open.Step] && i.heard < maxNudges && i.nudges.waiting()
}

// listen waits for a repair, for a nudge, or for the next try.
func (i *incidents) listen(ctx workflow.Context, pauses []time.Duration) error {
	woken := func() bool { return i.repair != nil || i.hears() }
	i.open.RetryAt = time.Time{}
	caused := problem.Code(i.open.Reason).Cause() == problem.CauseParty && len(pauses) > 0
	pause := i.pause(ctx, pauses)
	if caused {
		i.open.RetryAt = workflow.Now(ctx).Add(pause)
	}
	workflow.SetCurrentDetails(ctx, i.details())
	var err error
	if caused {
		i.tries++
		_, err = workflow.AwaitWithTimeout(ctx, pause, woken)
	} else {
		err = workflow.Await(ctx, woken)
	}
	switch {
	case err != nil:
		return err
	case i.repair != nil:
		i.tries = 0
	case i.hears():
		i.heard++
		i.nudges.read()
		i.repair = &process.Repair{Action: process.RepairAuto, Actor: actorSelf, Reason: "the party sent news"}
	default:
		i.repair = &process.Repair{Action: process.RepairAuto, Actor: actorSelf, Reason: "tried again after a pause"}
	}
	return nil
}

// pause is how long the next try is away, spread by a quarter so that thousands that were parked together do not come together.
func (i *incidents) pause(ctx workflow.Context, pauses []time.Duration) time.Duration {
	if len(pauses) == 0 {
		return 0
	}
	pause := pauses[min(i.tries, len(pauses)-1)]
	if i.tries >= len(pauses) && workflow.Now(ctx).Sub(i.open.Since) > patient {
		pause *= slower
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(i.open.IncidentID + "/" + strconv.Itoa(i.tries))) // a hash never fails
	return pause*3/4 + pause/2*time.Duration(sum.Sum32()%1000)/1000
}

// look asks the party of a step that polls once, when the step is retried: an answer, even "not yet", means that the party serves
// again, and the incident is over while the wait goes on. A failure parks again.
func (i *incidents) look(ctx workflow.Context, summary string, activity, in any) error {
	if i.open == nil || !i.listens {
		return nil
	}
	once := workflow.WithRetryPolicy(call(ctx, summary), temporal.RetryPolicy{MaximumAttempts: 1})
	err := workflow.ExecuteActivity(once, activity, in).Get(ctx, nil)
	if app, ok := errors.AsType[*temporal.ApplicationError](err); err != nil && (!ok || app.Type() != activities.ErrorPending) {
		return err
	}
	return i.close(ctx, process.RepairRecovered)
}

// try runs the step. When the process tries by itself, an operator's repair still acts at once: it ends the try.
func (i *incidents) try(ctx workflow.Context, do func(workflow.Context) error) error {
	if i.repair == nil || i.repair.Action != process.RepairAuto {
		return do(ctx)
	}
	own, run := i.open, &automaticRun{on: true}
	i.running, i.waiting, i.open.RetryAt = run, true, time.Time{}
	runCtx, stop := workflow.WithCancel(workflow.WithValue(ctx, automaticKey{}, run))
	defer stop()
	var err error
	done := false
	workflow.Go(runCtx, func(ctx workflow.Context) { err, done = do(ctx), true })
	takenOver := func() bool { return i.open == own && i.repair != nil && i.repair.Action != process.RepairAuto }
	detached, _ := workflow.NewDisconnectedContext(ctx) // a cancelled step ends by itself
	awaited := workflow.Await(detached, func() bool { return done || takenOver() })
	if !done {
		stop()
		awaited = errors.Join(awaited, workflow.Await(detached, func() bool { return done }))
	}
	if i.open == own {
		i.waiting = false
	}
	if err != nil && awaited == nil && takenOver() && ctx.Err() == nil {
		return errTakenOver
	}
	return errors.Join(err, awaited)
}
