package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/problem"
	"kyso/internal/process"
)

// runner is what the runs of all processes have in common: where the process stands, and one way each to run a step, to move
// to another status, to mark a wait, to describe itself, and to come to an end. S is the type of its statuses.
type runner[S ~string] struct {
	incidents // how a step that fails is parked

	table    process.Table[S]
	status   S
	atStep   string
	seq      int
	deadline time.Time        // when the current wait ends by itself
	ctx      workflow.Context // ends when a person ends the process
	stop     workflow.CancelFunc
	resumed  S                       // where the record stood when this run began again; empty once it has moved, and for a first run
	owed     []process.Transition[S] // made, and not recorded for certain yet; none before ridesAlong

	stamp    func(t *process.Transition[S])                                   // completes a transition; nil for none
	kept     func(ctx workflow.Context, moves ...process.Transition[S]) error // records transitions
	repairs  func(step string) []string                                       // what a repair may do at a step
	final    func(problem.Code) bool                                          // codes that end the process instead of parking it; nil for none
	headline func() string                                                    // begins the description
}

// ended is how a step says that the process is over, with an outcome other than success.
type ended[S ~string] struct {
	status S
	reason problem.Code
}

func (e ended[S]) Error() string { return string(e.status) }

func (ended[S]) ends() {}

// ending is ended of any process.
type ending interface {
	error
	ends()
}

// step runs one step under the rules of incidents. What it does finds every transition recorded.
func (r *runner[S]) step(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	if err := r.settleOwed(ctx); err != nil {
		return err
	}
	return r.under(ctx, step, provider, do)
}

// carry is step for one activity that takes the owed transitions along. The activity records them before it does its work (see
// activities.TransitionInput), each once by its number: an activity that failed may have recorded them or not, so the
// next one carries them again, or the incident records them.
func (r *runner[S]) carry(ctx workflow.Context, step, provider string, do func(ctx workflow.Context, moves []process.Transition[S]) error) error {
	return r.under(ctx, step, provider, func(ctx workflow.Context) error {
		moves := r.owed
		err := do(ctx, moves)
		if err == nil {
			r.owed = r.owed[len(moves):]
		}
		return err
	})
}

func (r *runner[S]) under(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	r.atStep = step
	r.describe(ctx)
	return r.run(ctx, parkable{step: step, provider: provider, actions: r.repairs(step), final: r.final}, do)
}

// move makes a transition and begins the wait that it stands for; zero means no deadline. Since ridesAlong the next activity
// takes it to the store (carry). Whatever a person or a query could see for long records it itself (settleOwed): a wait,
// an incident, the end.
func (r *runner[S]) move(ctx workflow.Context, to S, wait time.Duration) error {
	return r.moveFor(ctx, to, "", wait)
}

// moveFor is move with a reason. It checks the transition table.
func (r *runner[S]) moveFor(ctx workflow.Context, to S, reason problem.Code, wait time.Duration) error {
	if r.resumed != "" {
		same := r.resumed == to
		if r.resumed = ""; same {
			return nil // recorded by the run before; its deadline stands
		}
	}
	if err := r.table.Check(r.status, to); err != nil {
		return temporal.NewNonRetryableApplicationError(err.Error(), string(problem.Internal), err)
	}
	r.status = to
	r.seq++
	r.deadline = time.Time{}
	if wait > 0 {
		r.deadline = workflow.Now(ctx).Add(wait)
	}
	made := process.Transition[S]{Seq: r.seq, Status: to, At: workflow.Now(ctx), Detail: string(reason)}
	if r.stamp != nil {
		r.stamp(&made)
	}
	if r.release < ridesAlong {
		return r.kept(ctx, made)
	}
	r.owed = append(r.owed, made)
	return nil
}

// settleOwed records what is owed.
func (r *runner[S]) settleOwed(ctx workflow.Context) error {
	if len(r.owed) == 0 {
		return nil
	}
	err := r.kept(ctx, r.owed...)
	if err == nil {
		r.owed = nil
	}
	return err
}

// stands reports whether the process has come to a status, and the store holds it.
func (r *runner[S]) stands(at bool) bool { return at && len(r.owed) == 0 }

// mark marks a wait that ends by itself, when the store holds that the process has come to it.
func (r *runner[S]) mark(ctx workflow.Context, step string, until time.Time) error {
	if err := r.settleOwed(ctx); err != nil {
		return err
	}
	r.atStep, r.deadline = step, until
	r.describe(ctx)
	if r.release >= isTold && r.marks == "" && step == StepHandOff && marked(ctx, step) {
		return nil
	}
	marks := step + " " + until.String()
	if r.release >= ridesAlong && r.marks == marks {
		return nil
	}
	r.marks = marks
	return workflow.UpsertTypedSearchAttributes(ctx, AttributeStep.ValueSet(step), AttributeDeadline.ValueSet(until))
}

// marked reports whether a process was started with the marks of its first wait.
func marked(ctx workflow.Context, step string) bool {
	attributes := workflow.GetTypedSearchAttributes(ctx)
	at, ok := attributes.GetKeyword(AttributeStep)
	_, ends := attributes.GetTime(AttributeDeadline)
	return ok && ends && at == step
}

// done records the end and takes the marks of the last wait away.
func (r *runner[S]) done(ctx workflow.Context) error {
	if err := r.settleOwed(ctx); err != nil {
		return err
	}
	r.atStep, r.deadline = StepDone, time.Time{}
	r.describe(ctx)
	return workflow.UpsertTypedSearchAttributes(ctx, AttributeStep.ValueSet(StepDone), AttributeDeadline.ValueUnset())
}

// answered waits until every update has its answer.
func answered(ctx workflow.Context) error {
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// describe writes what the Temporal UI shows of the process.
func (r *runner[S]) describe(ctx workflow.Context) {
	text := r.headline()
	if !r.deadline.IsZero() {
		text += "\n\nThis wait ends, or is due, at " + r.deadline.UTC().Format(time.RFC3339) + "."
	}
	workflow.SetCurrentDetails(ctx, text+r.ignored)
}

// onTemporalCancel notes Temporal's own cancel, which ends nothing: a person who ends a process is named by a decision.
func (r *runner[S]) onTemporalCancel(ctx workflow.Context) {
	r.ignore(ctx, "kyso "+string(r.kind)+" cancel "+r.processID)
	if r.open == nil {
		r.describe(ctx)
	}
}

// outcome turns the end of a run into a status: success when there is no error. ok is false for an error that is no end.
func (r *runner[S]) outcome(err error, success, cancelled S) (end ended[S], ok bool) {
	switch {
	case err == nil:
		return ended[S]{status: success}, true
	case errors.As(err, &end):
		return end, true
	case errors.Is(err, errGivenUp), r.ctx.Err() != nil:
		return ended[S]{status: cancelled}, true
	}
	return end, false
}

// Temporal's own cancel (the button of its UI, temporal workflow cancel) names no actor and carries no decision. A signing or a
// registration goes on, and says which command ends it. A run of an earlier release ends as cancelled.

// deafen returns the context of a process that Temporal's cancel does not end. cancelled is called when it comes.
func (i *incidents) deafen(ctx workflow.Context, cancelled func(workflow.Context)) (workflow.Context, workflow.CancelFunc) {
	i.begun.deaf = true
	detached, _ := workflow.NewDisconnectedContext(ctx)
	workflow.Go(detached, func(detached workflow.Context) {
		ctx.Done().Receive(detached, nil)
		cancelled(detached)
	})
	return workflow.WithCancel(detached)
}

// ignore notes a cancel without a decision. The Temporal UI then shows which command ends the process.
func (i *incidents) ignore(ctx workflow.Context, command string) {
	i.ignored = fmt.Sprintf("\n\nTemporal's cancel does nothing here, because it names no actor who decided it. To end the process: `%s`, "+
		"or a repair with the action `cancel` while it is parked.", command)
	workflow.GetLogger(ctx).Warn("Temporal's cancel ignored: no decision is recorded", "command", command)
	if i.open != nil && i.waiting {
		workflow.SetCurrentDetails(ctx, i.details())
	}
}
