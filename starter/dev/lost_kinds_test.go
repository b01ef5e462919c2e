package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/process"
	"kyso/internal/relay"
	"kyso/internal/sandbox"
	"kyso/workflows"
)

// registry notes what a worker runs.
type registry struct{ names []string }

func (r *registry) RegisterWorkflow(w any) {
	name := runtime.FuncForPC(reflect.ValueOf(w).Pointer()).Name()
	r.names = append(r.names, name[strings.LastIndex(name, ".")+1:])
}

func (r *registry) RegisterWorkflowWithOptions(w any, _ workflow.RegisterOptions) {
	r.RegisterWorkflow(w)
}

func (r *registry) RegisterDynamicWorkflow(any, workflow.DynamicRegisterOptions) {}

// TestEveryKindOfProcessIsBegunAgainOrListed loses a process of every kind that a worker runs: a loop begins it again by itself, or
// comparing the books lists it. What is parked can be repaired by the commands that it prints.
func TestEveryKindOfProcessIsBegunAgainOrListed(t *testing.T) {
	t.Parallel()
	// An hour before a process tries again by itself: what recovers here, recovers by a command.
	w, c := ownWorld(t, Options{Environment: []string{"KYSO_RETRY_PAUSES=1h"}})
	k := &kinds{lost: &lost{t: t, w: w, c: c}, starter: program(t, "kyso")}
	k.beginParked()
	var known []string
	for _, kind := range []struct {
		name string
		lose func()
	}{
		{"Text", k.text}, {"Registration", k.failedWithoutRecord}, {"Refund", k.refund}, {"Delivery", k.delivery}, {"Archive", k.archive},
		{"Refund", k.parkedRefund},   // after VNPay's patience
		{"Signing", k.parkedSigning}, // losing one is in TestLostProcesses
	} {
		began := time.Now()
		kind.lose()
		t.Logf("%s: %.0f s", kind.name, time.Since(began).Seconds())
		known = append(known, kind.name)
	}
	runs := &registry{}
	workflows.Register(runs)
	for _, name := range runs.names {
		if !slices.Contains(known, name) {
			t.Errorf("nobody knows what becomes of a lost %s", name)
		}
	}
	eachOnce(t, w)
}

type kinds struct {
	*lost
	starter  string
	parked   string // a signing
	waiting  string // a signing that waits for its phone
	refunded string // an attempt to pay
}

// awaitIt waits until something holds.
func (k *kinds) awaitIt(what string, holds func() bool) {
	k.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			k.t.Fatalf("waiting in vain: %s", what)
		}
	}
}

func (k *kinds) is(workflowID string, want workflows.RunState) bool {
	state, err := k.w.App.Workflows().State(k.t.Context(), workflowID)
	do(k.t, err)
	return state == want
}

func (k *kinds) awaitState(workflowID string, want workflows.RunState) {
	k.t.Helper()
	k.awaitIt(fmt.Sprintf("%s is %s", workflowID, want), func() bool { return k.is(workflowID, want) })
}

// citizen takes a new citizen to a status.
func (k *kinds) citizen(n int, status string) *enrolment {
	e := &enrolment{client: k.c, world: k.w, citizen: fmt.Sprintf("001302%06d", 400_000+n), plan: "PS1", sayf: func(string, ...any) {}}
	do(k.t, e.ask(k.t.Context()))
	k.walk(e, "", status)
	return e
}

func (k *kinds) faults(list ...sandbox.Fault) {
	do(k.t, k.w.Sandbox.UpdateSettings(func(s *sandbox.Settings) { s.Faults = list }))
}

// text is begun again by the loop of texts.
func (k *kinds) text() {
	e := k.citizen(1, "account-ready")
	k.faults(sandbox.Fault{On: "sms", Do: "500"})
	var challenge struct {
		LoginID string `json:"login_id"`
	}
	do(k.t, k.c.post(k.t.Context(), k.c.api+"/v1/login/code", map[string]string{"phone": e.phone}, &challenge))
	k.awaitState(process.TextWorkflowID(challenge.LoginID), workflows.RunRunning)
	k.terminate(process.TextWorkflowID(challenge.LoginID))
	k.faults()
	k.awaitIt("the code is sent", func() bool { return k.w.Sandbox.CountEffects(sandbox.EffectSMS, challenge.LoginID) == 1 })
}

// delivery is begun again, as another round of its message, by comparing the books and by the loop of deliveries.
func (k *kinds) delivery() {
	var endpoint struct {
		ID string `json:"id"`
	}
	do(k.t, k.c.post(k.t.Context(), k.c.api+"/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:1/", "events": []string{"signing.*"}}, &endpoint))
	k.waiting = k.sign("ICA.079095740001")
	round := func(n int) string {
		answer, err := k.w.App.Temporal.ListWorkflow(k.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowType = 'Delivery' AND ExecutionStatus = 'Running'"})
		do(k.t, err)
		for _, e := range answer.GetExecutions() {
			if id := e.GetExecution().GetWorkflowId(); strings.HasSuffix(id, fmt.Sprintf("-%d", n)) {
				return id
			}
		}
		return ""
	}
	var id string
	first := 0
	k.awaitIt("a message is carried", func() bool {
		for n := range 2 {
			if id == "" {
				id, first = round(n), n
			}
		}
		return id != ""
	})
	k.terminate(id)
	k.awaitState(strings.TrimSuffix(id, fmt.Sprint(first))+fmt.Sprint(first+1), workflows.RunRunning)
}

// archive is listed, and begins again by an operator's command.
func (k *kinds) archive() {
	const user = "ICA.079095740002"
	knobs(k.t, k.w, user, sandbox.Knobs{WindowSeconds: 1800})
	id := startSigningAt(k.t, k.c, user, "B-LTA")
	awaitStatus(k.t, k.c, id, "awaiting-approval")
	approveOnPhone(k.t, k.c, user)
	awaitStatus(k.t, k.c, id, "signed")
	archive := process.ArchiveWorkflowID(id)
	k.awaitState(archive, workflows.RunRunning)
	k.terminate(archive)
	k.awaitIncident(id + "-process-missing-1")
	k.resolve(id, "begin-again")
	k.awaitState(archive, workflows.RunRunning)

	// One of a signing that is not signed at B-LTA has nothing to keep, and ends.
	do(k.t, k.w.App.Workflows().ArchiveAgain(k.t.Context(), workflows.ArchiveInput{SigningID: k.waiting, Generation: 1}))
	k.awaitState(process.ArchiveWorkflowID(k.waiting), workflows.RunCompleted)
}

// refund is begun again by the loop of refunds, when it watches and when it gives back.
func (k *kinds) refund() {
	e := k.citizen(2, "awaiting-payment")
	ref := process.TxnRef(e.id, 1)
	do(k.t, e.act(k.t.Context(), "withdraw", map[string]string{"reason": "test"}))
	awaitRegistration(k.t, e, "withdrawn")
	again := func() {
		refund := process.RefundWorkflowID(ref)
		k.awaitState(refund, workflows.RunRunning)
		k.terminate(refund)
		records, engine := k.w.App.Store.Relay(), k.w.App.Workflows()
		later := func() time.Time { return time.Now().Add(time.Hour) } // the loop looks every ten minutes
		do(k.t, (&relay.Refunds{Records: records, Engine: engine, Now: later}).Once(k.t.Context()))
		k.awaitState(refund, workflows.RunRunning)
	}
	again() // while it watches an attempt
	k.faults(sandbox.Fault{On: "vnpay-refund", Do: "500"})
	do(k.t, k.w.Sandbox.PayOrder(ref, "pay"))
	again() // while it is to give money back
	k.refunded = ref
}

// parkedRefund is repaired by its incident, as it says.
func (k *kinds) parkedRefund() {
	k.awaitIncident(k.refunded + "-1")
	k.printed(process.RefundWorkflowID(k.refunded))
	k.awaitIt("the money is given back", func() bool { return k.w.Sandbox.CountEffects(sandbox.EffectRefund, k.refunded) == 1 })
}

// parkedUser has a signing that parks, which takes the patience of two minutes.
const parkedUser = "ICA.079095740003"

func (k *kinds) beginParked() {
	knobs(k.t, k.w, parkedUser, sandbox.Knobs{Faults: []sandbox.Fault{{On: "sign", Do: "junk"}, {On: "status", Do: "junk"}}})
	k.parked = startSigning(k.t, k.c, parkedUser)
}

// parkedSigning has it repaired as it says.
func (k *kinds) parkedSigning() {
	k.awaitIncident(k.parked + "-1")
	k.printed(process.SigningWorkflowID(k.parked))
}

// failedWithoutRecord is a run that fails because its record was lost, not one that is terminated: it is listed, and close gives
// money back and revokes, also where a key was made.
func (k *kinds) failedWithoutRecord() {
	paid, issued := k.citizen(3, "awaiting-payment"), k.citizen(4, "activating")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(k.w.folder.path, "kyso.db")+"?_pragma=busy_timeout(20000)")
	do(k.t, err)
	defer db.Close()
	for _, e := range []*enrolment{paid, issued} {
		for _, statement := range []string{`DELETE FROM payments WHERE registration_id = $1`, `DELETE FROM registrations WHERE id = $1`} {
			_, err := db.ExecContext(k.t.Context(), statement, e.id)
			do(k.t, err)
		}
	}
	do(k.t, k.w.Sandbox.PayOrder(process.TxnRef(paid.id, 1), "pay"))
	do(k.t, k.w.App.Workflows().NudgeRegistration(k.t.Context(), paid.id))
	for _, e := range []*enrolment{paid, issued} {
		workflowID := process.RegistrationWorkflowID(e.id)
		k.awaitState(workflowID, workflows.RunBroken)
		described, err := k.w.App.Temporal.DescribeWorkflowExecution(k.t.Context(), workflowID, "")
		do(k.t, err)
		if status := described.GetWorkflowExecutionInfo().GetStatus(); status != enumspb.WORKFLOW_EXECUTION_STATUS_FAILED {
			k.t.Errorf("%s is %s", workflowID, status)
		}
		k.awaitIncident(e.id + "-record-missing-1")
		do(k.t, k.c.post(k.t.Context(), k.c.api+"/v1/incidents/"+e.id+"-record-missing-1/repair", map[string]string{"action": "close", "reason": "its record was lost"}, nil))
		if n := k.w.Sandbox.CountEffects(sandbox.EffectRefund, process.TxnRef(e.id, 1)); n != 1 {
			k.t.Errorf("%d refunds of %s", n, e.id)
		}
	}
	if n := k.w.Sandbox.CountEffects(sandbox.EffectRevoke, ""); n != 1 {
		k.t.Errorf("%d certificates revoked", n)
	}
}

// awaitIncident compares the books until an incident is open.
func (k *kinds) awaitIncident(id string) {
	k.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Second) {
		var shown struct {
			ClosedAt *time.Time `json:"closed_at"`
		}
		if err := k.c.do(k.t.Context(), "GET", k.c.api+"/v1/incidents/"+id, "", nil, &shown); err == nil && shown.ClosedAt == nil {
			return
		}
		if time.Now().After(end) {
			k.t.Fatalf("no incident %s is open", id)
		}
		if strings.Contains(id, "-missing-") {
			for place := ""; ; {
				var part struct{ Next string }
				do(k.t, k.c.post(k.t.Context(), k.c.api+"/v1/reconciliations", map[string]string{"place": place}, &part))
				if place = part.Next; place == "" {
					break
				}
			}
		}
	}
}

// printed runs every command that a parked process prints, the last one after what stopped it is over: each reaches the process.
func (k *kinds) printed(workflowID string) {
	k.t.Helper()
	var commands []string
	k.awaitIt("it prints its commands", func() bool {
		value, err := k.w.App.Temporal.QueryWorkflow(k.t.Context(), workflowID, "", "__temporal_workflow_metadata")
		do(k.t, err)
		var metadata sdkpb.WorkflowMetadata
		do(k.t, value.Get(&metadata))
		commands = nil
		for line := range strings.Lines(metadata.GetCurrentDetails()) {
			if command, ok := strings.CutPrefix(line, "    kyso "); ok {
				commands = append(commands, strings.TrimSpace(strings.ReplaceAll(command, `"…"`, "tested")))
			}
		}
		return len(commands) > 0
	})
	for i, command := range commands {
		if last := i == len(commands)-1; last && strings.Contains(command, "--action retry") {
			k.faults()
		}
		k.runs(command)
	}
}

// runs repeats a command until it reaches its process, which may be trying what was asked for before.
func (k *kinds) runs(command string) {
	k.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Second) {
		cmd := exec.CommandContext(k.t.Context(), k.starter, strings.Fields(command)...)
		cmd.Env = append(os.Environ(), "KYSO_URL="+k.w.Addresses.API, "KYSO_API_KEY="+k.w.Addresses.APIKey, "KYSO_LANG=en")
		out, err := cmd.CombinedOutput()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		}
		text := string(out)
		busy := strings.Contains(text, "not waiting for a repair")
		if !busy && slices.Contains([]int{0, 1, 8}, code) && !strings.Contains(text, "not-done") {
			k.t.Logf("kyso %s: %d", command, code)
			return
		}
		if !busy || time.Now().After(end) {
			k.t.Errorf("kyso %s ended with %d: %s", command, code, text)
			return
		}
	}
}
