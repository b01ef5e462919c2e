package main

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"kyso/internal/process"
	"kyso/internal/sandbox"
)

// outside are the effects that must not happen again.
var outside = []sandbox.EffectKind{sandbox.EffectPush, sandbox.EffectSign, sandbox.EffectTimestamp, sandbox.EffectCharge, sandbox.EffectRefund,
	sandbox.EffectKey, sandbox.EffectIssue, sandbox.EffectRevoke, sandbox.EffectSMS}

func effects(w *World) map[sandbox.EffectKind]int {
	counts := map[sandbox.EffectKind]int{}
	for _, kind := range outside {
		counts[kind] = w.Sandbox.CountEffects(kind, "")
	}
	return counts
}

// resetEverywhere resets a process that has ended to every moment at which it had decided something, and waits for each
// new run to end. It returns how many moments there were.
func resetEverywhere(t *testing.T, w *World, id string) int {
	t.Helper()
	moments := 0
	for _, event := range history(t, w, id) {
		if event.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			continue
		}
		moments++
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		// Always of the first run: a reset run has a history of its own.
		first := firstRun(t, w, id)
		answer, err := w.App.Temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{Namespace: namespace,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: first}, Reason: "drill", RequestId: uuid.NewString(),
			WorkflowTaskFinishEventId: event.GetEventId()})
		do(t, err)
		if err := w.App.Temporal.GetWorkflow(ctx, id, answer.GetRunId()).Get(ctx, nil); err != nil {
			t.Errorf("reset to event %d: %v", event.GetEventId(), err)
		}
		cancel()
	}
	return moments
}

var firstRuns sync.Map // run ids by workflow id

func firstRun(t *testing.T, w *World, id string) string {
	t.Helper()
	if run, known := firstRuns.Load(id); known {
		return run.(string)
	}
	d, err := w.App.Temporal.DescribeWorkflowExecution(t.Context(), id, "")
	do(t, err)
	run := d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	firstRuns.Store(id, run)
	return run
}

// TestResetRepeatsNothing resets a signing that ended well to each of its moments. Nothing is pushed, signed or stamped
// again, and the file stays the one that was delivered.
func TestResetRepeatsNothing(t *testing.T) {
	t.Parallel()
	w, c := ownWorld(t, Options{})
	const user = "ICA.079095030601"
	signing := startSigning(t, c, user)
	awaitStatus(t, c, signing, "awaiting-approval")
	approveOnPhone(t, c, user)
	signed := awaitStatus(t, c, signing, "signed")

	before := effects(w)
	moments := resetEverywhere(t, w, process.SigningWorkflowID(signing))
	if after := effects(w); !maps.Equal(before, after) {
		t.Errorf("effects before %v, after %v", before, after)
	}
	if s, err := c.signing(t.Context(), signing); err != nil || s.Status != "signed" || s.Documents[0].SignedSHA256 != signed.Documents[0].SignedSHA256 {
		t.Errorf("the signing is %+v, %v", s, err)
	}
	t.Logf("%d resets", moments)
}

// TestResetRegistration resets a registration that is active to each of its moments. A reset run waits again for people who
// have acted already, which helps nobody; but nothing is charged, issued, signed or revoked again, and the certificate
// stays active.
func TestResetRegistration(t *testing.T) {
	t.Parallel()
	w, c := ownWorld(t, Options{})
	walk := register(t, w, c, "001302030701", "PS1")
	id := process.RegistrationWorkflowID(walk.id)
	before, moments := effects(w), 0
	for _, event := range history(t, w, id) {
		if event.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			continue
		}
		moments++
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		answer, err := w.App.Temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{Namespace: namespace,
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: firstRun(t, w, id)}, Reason: "drill", RequestId: uuid.NewString(),
			WorkflowTaskFinishEventId: event.GetEventId()})
		do(t, err)
		// Long enough for what it does by itself; then it waits, or has ended.
		short, stop := context.WithTimeout(ctx, 1500*time.Millisecond)
		_ = w.App.Temporal.GetWorkflow(short, id, answer.GetRunId()).Get(short, nil)
		stop()
		if r, err := walk.view(ctx); err != nil || r.Status != "active" {
			t.Errorf("reset to event %d: the registration is %s, %v", event.GetEventId(), r.Status, err)
		}
		cancel()
	}
	if after := effects(w); !maps.Equal(before, after) {
		t.Errorf("effects before %v, after %v", before, after)
	}
	t.Logf("%d resets", moments)
}
