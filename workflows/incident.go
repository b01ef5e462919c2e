package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
)

// errGivenUp is what a step returns when an operator's repair gave the process up.
var errGivenUp = errors.New("given up by a repair")

// incidents gives a process one way to run a step that may fail: call it; when it fails for good or runs past its
// patience, mark the process in the search attributes, record the incident, and wait for a repair. Retry runs
// the step again from its beginning, which every activity allows.
type incidents struct {
	release   workflow.Version // that began the run; zero for a process without one
	kind      process.Kind
	processID string // what decisions about the process name
	record    string // whose incidents they are, when not processID
	series    string // of incidents, when the process is not the only one of its record
	// byIncident says that the process has no record of its own: it is repaired by the id of its incident.
	byIncident bool
	nudges     nudges                       // from the party that the process waits for
	before     func(workflow.Context) error // records what the process has come to, before its incident; nil for nothing
	episodes   int                          // how often the process was parked
	open       *process.Attention           // the incident that waits or is being retried
	listens    bool                         // parked by a release that tries again by itself
	waiting    bool                         // parked now, or trying again by itself: a repair is welcome
	repair     *process.Repair
	marks      string // of the last wait, that the search attributes say already
	settled    int    // counts retries that ended
	outcome    string // of the last of them
	acts       acts   // of people, that are recorded with their decisions
	begun      *began // nil for a process whose run takes nothing from the store before it begins
	ignored    string // what is said of a cancel that did nothing
	alone             // what the process tries by itself
}

// parkable is a step that may fail: its name, the outside party behind it, and what a repair may do besides retry.
type parkable struct {
	step, provider string
	actions        []string                // what a repair may do
	final          func(problem.Code) bool // codes that end the process instead of parking it; nil for none
}

// failedStage is the failure of one stage of a step.
type failedStage struct {
	error
	at      stage
	actions []string // what a repair may do
}

func (f *failedStage) Unwrap() error { return f.error }

// of is the step as the incident shows it: the stage that failed.
func (p parkable) of(err error) parkable {
	if failed, ok := errors.AsType[*failedStage](err); ok {
		p.step, p.provider, p.actions = failed.at.step, failed.at.provider, failed.actions
	}
	return p
}

// run runs one step.
func (i *incidents) run(ctx workflow.Context, p parkable, do func(workflow.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := i.try(ctx, do)
		switch {
		case err == nil:
			return i.close(ctx, process.RepairRecovered)
		case errors.Is(err, errTakenOver): // an operator's repair takes the place of the failure
		case ctx.Err() != nil || isEnd(err) || p.final != nil && p.final(codeOf(err)):
			return errors.Join(err, i.close(ctx, process.RepairFailedAgain))
		default:
			if err := i.park(ctx, p.of(err), attempt, err); err != nil {
				return err
			}
		}
		switch i.repair.Action {
		case process.RepairCancel:
			return errors.Join(errGivenUp, i.close(ctx, process.RepairGivenUp))
		case process.RepairSkip:
			return i.close(ctx, process.RepairSkipped)
		}
	}
}

// isEnd reports whether a step says that the process is over.
func isEnd(err error) bool {
	_, ok := errors.AsType[ending](err)
	return ok || errors.Is(err, errGivenUp)
}

// park makes the failure visible and waits for a repair.
func (i *incidents) park(ctx workflow.Context, p parkable, attempt int, cause error) error {
	i.listens = i.release >= ridesAlong || workflow.GetVersion(ctx, "parked-listens", workflow.DefaultVersion, 1) != workflow.DefaultVersion
	var marked process.Attention
	if i.open == nil {
		i.episodes++
		i.open = &process.Attention{
			IncidentID: process.IncidentID(i.processID, i.series, i.episodes), Since: workflow.Now(ctx),
		}
		i.alone = alone{}
	} else if i.listens {
		marked = *i.open
	}
	i.open.Step, i.open.Provider, i.open.Attempts = p.step, p.provider, attempt
	i.open.Actions = p.actions
	i.open.Reason, i.open.Message = string(codeOf(cause)), messageOf(cause)
	if marked.Step != i.open.Step || marked.Reason != i.open.Reason { // else the marks say it already
		if err := i.markAttention(ctx, true); err != nil {
			return err
		}
	}
	if i.before != nil {
		if err := i.before(ctx); err != nil {
			return err
		}
	}
	parked, err := i.keep(ctx, i.incident())
	if err != nil {
		return err
	}
	i.settle(process.RepairFailedAgain)
	i.repair, i.waiting = nil, true
	if i.listens {
		err = i.listen(ctx, parked.Pauses)
	} else {
		workflow.SetCurrentDetails(ctx, i.details())
		err = workflow.Await(ctx, func() bool { return i.repair != nil })
	}
	i.waiting = false
	if err != nil {
		return errors.Join(err, i.close(ctx, process.RepairFailedAgain))
	}
	return nil
}

// incident is the open incident as the store keeps it.
func (i *incidents) incident() process.Incident {
	return process.Incident{Process: i.kind, ProcessID: cmp.Or(i.record, i.processID), Attention: *i.open}
}

// keep records an incident, opened or closed.
func (i *incidents) keep(ctx workflow.Context, in process.Incident) (parked activities.Parked, err error) {
	activity := any(signingActivities.RecordIncident)
	if i.kind == process.Registration {
		activity = registrationActivities.RecordRegistrationIncident
	}
	err = workflow.ExecuteLocalActivity(record(ctx), activity, in).Get(ctx, &parked)
	return parked, err
}

// close takes the marks away and records who ended the incident, if there is one. It works on a cancelled
// process too.
func (i *incidents) close(ctx workflow.Context, outcome string) error {
	if i.open == nil {
		return nil
	}
	end := i.incident()
	end.ClosedAt, end.Action = workflow.Now(ctx), process.RepairCancel
	if i.repair != nil && (i.repair.Action != process.RepairAuto || ctx.Err() == nil) { // a cancelled process did not recover by itself
		end.Action, end.Actor, end.Note = i.repair.Action, i.repair.Actor, i.repair.Reason
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := i.markAttention(ctx, false)
	_, kept := i.keep(ctx, end)
	err = errors.Join(err, kept)
	i.open, i.repair, i.waiting = nil, nil, false
	i.over()
	i.settle(outcome)
	return err
}

// settle says what became of a retry.
func (i *incidents) settle(outcome string) {
	i.settled++
	i.outcome = outcome
}

func (i *incidents) markAttention(ctx workflow.Context, attention bool) error {
	i.marks = ""
	updates := []temporal.SearchAttributeUpdate{AttributeAttention.ValueSet(attention), AttributeStep.ValueSet(i.open.Step)}
	if attention {
		updates = append(updates, AttributeReason.ValueSet(i.open.Reason), AttributeDeadline.ValueUnset())
	} else {
		updates = append(updates, AttributeReason.ValueUnset())
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// details is what an operator reads first in the Temporal UI.
func (i *incidents) details() string {
	commands := ""
	for _, action := range i.open.Actions {
		//nolint:modernize // a few lines; workflowcheck does not take what writes into a builder
		commands += "    " + i.repairCommand(action) + "\n"
	}
	again := ""
	if !i.open.RetryAt.IsZero() {
		again = "kyso tries again by itself at " + i.open.RetryAt.UTC().Format(time.RFC3339) + ".\n\n"
	}
	return fmt.Sprintf("### Waiting for a repair\n\n"+again+
		"**Step** `%s` · **reason** `%s` · **party** %s · **since** %s · **runs of the step** %d\n\n%s\n\n"+
		"Runbook: `docs/operations.md#%s`\n\n"+
		"May be done: %s\n\n%s\n"+
		"Many at once: `kyso incident decide --process %s --step %s --code %s --action retry --reason \"…\"` records the decision and prints the command that sends it:\n\n    %s\n%s",
		i.open.Step, i.open.Reason, party(i.open.Provider), i.open.Since.UTC().Format(time.RFC3339), i.open.Attempts,
		i.open.Message, i.open.Reason, strings.Join(i.open.Actions, ", "), commands, i.kind, i.open.Step, i.open.Reason,
		SignalCommand(i.open.Step, i.open.Reason, "…"), i.ignored)
}

// repairCommand is what an operator types to repair the process.
func (i *incidents) repairCommand(action string) string {
	if i.byIncident {
		return fmt.Sprintf("kyso incident repair %s --action %s --reason \"…\" --apply", i.open.IncidentID, action)
	}
	return fmt.Sprintf("kyso %s repair %s --action %s --reason \"…\"", i.kind, i.processID, action)
}

func party(provider string) string {
	if provider == "" {
		return "kyso"
	}
	return provider
}

// checkRepair is the validator of the update: what it rejects leaves nothing in the history.
func (i *incidents) checkRepair(in process.Repair) error {
	switch {
	case !i.waiting:
		return refuse(problem.Conflict, "the process is not waiting for a repair")
	case !slices.Contains(i.open.Actions, in.Action):
		return refuse(problem.Invalid, "action %q is not one of %v", in.Action, i.open.Actions)
	case in.Actor == "" || in.Reason == "":
		return refuse(problem.Invalid, "a repair names its actor and its reason")
	}
	return nil
}

// accept takes a repair and waits for what becomes of it.
func (i *incidents) accept(ctx workflow.Context, in process.Repair) (string, error) {
	if i.repair == nil || i.repair.Action == process.RepairAuto {
		i.repair = &in
	}
	before := i.settled
	ok, err := workflow.AwaitWithTimeout(ctx, process.RepairWait, func() bool { return i.settled > before })
	if err != nil {
		return "", err
	}
	if !ok {
		return process.RepairStillWaiting, nil
	}
	return i.outcome, nil
}

// codeOf returns the problem code of an activity's failure. A time-out of the engine is the outside party's.
func codeOf(err error) problem.Code {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		code := problem.Code(app.Type())
		if code.Kind() == problem.KindInternal {
			return problem.Internal
		}
		return code
	}
	if _, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return problem.ProviderUnavailable
	}
	return problem.CodeOf(err)
}

func messageOf(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	if _, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return "the step did not end in its time"
	}
	return "see the last failure of the activity"
}

// refuse is the answer of a validator: a typed error that is not retried.
func refuse(code problem.Code, format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), string(code), nil)
}

// signingActivities names the activities of a signing for method references; it is never called.
var signingActivities *activities.Signing
