package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/workflows"
)

// intruder is somebody who reaches Temporal, and nothing else of kyso.
type intruder struct {
	*lost
	temporal sdk.Client
}

// TestWhoReachesTemporalDecidesNothing: who may write to Temporal, as to a shared cluster, terminates processes and starts them
// again with an invented record, has activities run alone and by workflows of their own, and cancels. Nothing of that acts.
func TestWhoReachesTemporalDecidesNothing(t *testing.T) {
	t.Parallel()
	w, c := ownWorld(t, Options{})
	x := &intruder{&lost{t: t, w: w, c: c}, w.App.Temporal}
	e := &enrolment{client: c, world: w, citizen: "001302990001", plan: "PS1", sayf: func(string, ...any) {}}
	do(t, e.ask(t.Context()))
	x.walk(e, "", "in-review")
	const user = "ICA.079095099001"
	signed := x.sign(user)

	x.cancels(process.RegistrationWorkflowID(e.id), "registration cancel "+e.id)
	x.cancels(process.SigningWorkflowID(signed), "signing cancel "+signed)
	before := effects(w)
	x.startsActivities(e.id, signed)
	x.strangerSchedules(e.id, signed)
	x.terminate(process.RegistrationWorkflowID(e.id))
	x.terminate(process.SigningWorkflowID(signed))
	x.startsAgain(e.id, signed)
	if after := effects(w); !maps.Equal(before, after) {
		t.Errorf("effects before %v, after %v", before, after)
	}
	if v, err := e.view(t.Context()); err != nil || v.Status != "in-review" {
		t.Errorf("the registration is %s, %v", v.Status, err)
	}

	x.awaitMissing(e.id, signed)
	x.resolve(e.id, "begin-again")
	x.resolve(signed, "begin-again")
	x.walk(e, "in-review", "active")
	awaitRegistration(t, e, "active")
	approveOnPhone(t, c, user)
	if s := awaitFinal(t, c, signed); s.Status != "signed" {
		t.Errorf("the signing ended %s", s.Status)
	}
}

// cancels ends a process as the button of Temporal's UI does, and reads what the process then says.
func (x *intruder) cancels(workflowID, command string) {
	x.t.Helper()
	do(x.t, x.temporal.CancelWorkflow(x.t.Context(), workflowID, ""))
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		value, err := x.temporal.QueryWorkflow(x.t.Context(), workflowID, "", "__temporal_workflow_metadata")
		do(x.t, err)
		var said sdkpb.WorkflowMetadata
		do(x.t, value.Get(&said))
		if strings.Contains(said.GetCurrentDetails(), command) {
			break
		}
		if time.Now().After(end) {
			x.t.Fatalf("%s says %q", workflowID, said.GetCurrentDetails())
		}
	}
	described, err := x.temporal.DescribeWorkflowExecution(x.t.Context(), workflowID, "")
	do(x.t, err)
	if status := described.GetWorkflowExecutionInfo().GetStatus(); status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		x.t.Errorf("%s is %s", workflowID, status)
	}
}

// acts are activities with an effect, as an intruder would ask for them.
func acts(registrationID, signingID string) map[string]any {
	return map[string]any{
		"RecordRegistrationMove": activities.MoveInput{RegistrationID: registrationID, Transition: registration.Transition{Seq: 6, Status: registration.StatusIssuing, At: time.Now()}},
		"RecordReview":           activities.ReviewInput{RegistrationID: registrationID, Review: registration.Review{ID: "rev", Officer: "the-minister", Decision: registration.DecisionApprove}},
		"CreateKey":              registrationID,
		"SendNotice":             activities.NoticeInput{ID: "n", AccountID: registrationID, Kind: registration.NoticeReset},
		"RecordTransition":       activities.TransitionInput{SigningID: signingID, Transition: signing.Transition{Seq: 4, Status: signing.StatusCompleting, At: time.Now()}},
		"DeliverDocuments":       signingID,
		"CompleteSigning":        activities.Work{SigningID: signingID, Stages: []string{activities.StageDeliver}},
	}
}

// startsActivities has activities run alone.
func (x *intruder) startsActivities(registrationID, signingID string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	for name, arg := range acts(registrationID, signingID) {
		handle, err := x.temporal.ExecuteActivity(ctx, sdk.StartActivityOptions{ID: "alone-" + name, TaskQueue: workflows.TaskQueue,
			StartToCloseTimeout: patience, ScheduleToCloseTimeout: patience}, name, arg)
		if err == nil {
			err = handle.Get(ctx, nil)
		}
		x.wantDenied("alone "+name, err)
	}
}

func (x *intruder) wantDenied(what string, err error) {
	x.t.Helper()
	if app, ok := errors.AsType[*temporal.ApplicationError](err); !ok || app.Type() != string(problem.Denied) {
		x.t.Errorf("%s: %v, want denied", what, err)
	}
}

// strangerSchedules has activities run by a workflow of a stranger's worker.
func (x *intruder) strangerSchedules(registrationID, signingID string) {
	x.t.Helper()
	w := worker.New(x.temporal, "stranger", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, name string, arg any) error {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: workflows.TaskQueue, StartToCloseTimeout: patience}),
			name, arg).Get(ctx, nil)
	}, workflow.RegisterOptions{Name: "Stranger"})
	do(x.t, w.Start())
	defer w.Stop()
	for name, arg := range acts(registrationID, signingID) {
		run, err := x.temporal.ExecuteWorkflow(x.t.Context(), sdk.StartWorkflowOptions{ID: "stranger-" + name, TaskQueue: "stranger", WorkflowRunTimeout: patience}, "Stranger", name, arg)
		do(x.t, err)
		x.wantDenied("a stranger's "+name, run.Get(x.t.Context(), nil))
	}
}

// startsAgain starts the processes in the place of those that were terminated, as if their records stood elsewhere.
func (x *intruder) startsAgain(registrationID, signingID string) {
	x.t.Helper()
	for _, again := range []*workflows.Again{nil, {Status: "issuing", Seq: 6, AccountID: "x", Ordered: true, Issuing: true}, {Status: "accepting", Seq: 8, Close: true},
		{Recorded: process.Recorded{DecisionID: "run-invented"}, Status: "in-review", Seq: 5}} {
		run, err := x.temporal.ExecuteWorkflow(x.t.Context(), sdk.StartWorkflowOptions{ID: process.RegistrationWorkflowID(registrationID), TaskQueue: workflows.TaskQueue},
			workflows.Registration, workflows.RegistrationInput{RegistrationID: registrationID, Again: again})
		do(x.t, err)
		x.wantDenied("a registration begun again", run.Get(x.t.Context(), nil))
		if again != nil {
			again.Status = "completing"
		}
		run, err = x.temporal.ExecuteWorkflow(x.t.Context(), sdk.StartWorkflowOptions{ID: process.SigningWorkflowID(signingID), TaskQueue: workflows.TaskQueue},
			workflows.Signing, workflows.SigningInput{SigningID: signingID, Provider: "vnpt", Level: signing.LevelB, Documents: 1, Placed: true, Again: again})
		do(x.t, err)
		x.wantDenied("a signing begun again", run.Get(x.t.Context(), nil))
	}
}

// awaitMissing waits until the records are listed as ones without a process.
func (x *intruder) awaitMissing(ids ...string) {
	x.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Second) {
		missing := map[string]bool{}
		for place := ""; ; {
			var part struct {
				Findings []struct {
					ProcessID string `json:"process_id"`
					Code      string
				}
				Next string
			}
			do(x.t, x.c.post(x.t.Context(), x.c.api+"/v1/reconciliations", map[string]string{"place": place}, &part))
			for _, f := range part.Findings {
				missing[f.ProcessID] = f.Code == "process-missing"
			}
			if place = part.Next; place == "" {
				break
			}
		}
		if !slices.ContainsFunc(ids, func(id string) bool { return !missing[id] }) {
			return
		}
		if time.Now().After(end) {
			x.t.Fatalf("listed are %v", missing)
		}
	}
}
