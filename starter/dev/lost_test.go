package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/process"
	"kyso/internal/sandbox"
	"kyso/workflows"
)

// lostAt are where a process is lost, and what an operator then does about it.
var lostAt = []struct{ status, act, end string }{
	{"awaiting-payment", "begin-again", "active"}, // and paid while no process lives
	{"in-review", "begin-again", "active"},
	{"activating", "begin-again", "active"},
	{"accepting", "begin-again", "active"},
	{"handed-off", "begin-again", "withdrawn"},
	{"account-ready", "begin-again", "withdrawn"},
	{"awaiting-contract", "begin-again", "withdrawn"},
	{"needs-more", "begin-again", "withdrawn"},
	{"issuing", "begin-again", "withdrawn"},
	{"closing", "begin-again", "withdrawn"}, // as it was about to end
	{"handed-off", "close", "cancelled"},
	{"account-ready", "close", "cancelled"},
	{"awaiting-payment", "close", "cancelled"},
	{"awaiting-contract", "close", "cancelled"},
	{"needs-more", "close", "cancelled"},
	{"issuing", "close", "cancelled"},
	{"closing", "close", "cancelled"},
	{"in-review", "close", "cancelled"},
	{"activating", "close", "cancelled"},
	{"accepting", "close", "cancelled"},
}

// beyond are statuses off the way of a registration that succeeds: what leads to them from the status before.
var beyond = map[string]struct {
	from string
	do   func(ctx context.Context, e *enrolment) error
}{
	"needs-more": {"in-review", func(ctx context.Context, e *enrolment) error {
		return e.act(ctx, "review", map[string]any{"decision": "ask", "officer": "officer-1", "reason": "address-unclear", "fields": []string{"address"}})
	}},
	"issuing": {"in-review", func(ctx context.Context, e *enrolment) error {
		err := e.world.Sandbox.SetKnobs(e.citizen, sandbox.Knobs{IssueAfterSeconds: 3600})
		if err == nil {
			err = e.act(ctx, "review", approval())
		}
		return err
	}},
	"closing": {"awaiting-contract", func(ctx context.Context, e *enrolment) error {
		return e.act(ctx, "withdraw", map[string]string{"reason": "test"})
	}},
}

// TestLostProcesses terminates processes at every status, by mistake, and has an operator begin them again or close them:
// none of them stays open in silence, nothing outside is done twice, captured money pays for a certificate in use or goes back, and
// a certificate that nobody uses is revoked.
func TestLostProcesses(t *testing.T) {
	t.Parallel()
	w, c := ownWorld(t, Options{Data: filepath.Join(t.TempDir(), oddFolder)})
	l := &lost{t: t, w: w, c: c}
	// Nothing is given back before it is lost, so that a registration stays closing.
	do(t, w.Sandbox.UpdateSettings(func(s *sandbox.Settings) { s.Faults = []sandbox.Fault{{On: "vnpay-refund", Do: "500"}} }))

	people := inParallel(len(lostAt), func(i int) *enrolment {
		e := &enrolment{client: l.c, world: w, citizen: fmt.Sprintf("001302%06d", 300_000+i), plan: "PS1", sayf: func(string, ...any) {}}
		do(t, e.ask(t.Context()))
		before, off := beyond[lostAt[i].status]
		if !off {
			l.walk(e, "", lostAt[i].status)
			return e
		}
		l.walk(e, "", before.from)
		do(t, before.do(t.Context(), e))
		awaitRegistration(t, e, lostAt[i].status)
		return e
	})
	signings := inParallel(2, func(i int) string { return l.sign(fmt.Sprintf("ICA.0790957%05d", i)) })
	for _, e := range people {
		l.terminate(process.RegistrationWorkflowID(e.id))
	}
	for _, id := range signings {
		l.terminate(process.SigningWorkflowID(id))
	}
	do(t, w.Sandbox.UpdateSettings(func(s *sandbox.Settings) { s.Faults = nil }))
	l.refusedEverywhere(people[1].id, signings[0])
	for i, e := range people {
		if lostAt[i].status == "awaiting-payment" {
			do(t, w.Sandbox.PayOrder(process.TxnRef(e.id, 1), "pay"))
		}
	}
	l.awaitListed(len(people) + len(signings))
	l.refusedEverywhere(people[1].id, signings[0])
	for i, e := range people {
		l.resolve(e.id, lostAt[i].act)
	}
	l.resolve(signings[0], "begin-again")
	l.resolve(signings[1], "close")
	for _, e := range people {
		l.attributed(process.RegistrationWorkflowID(e.id))
	}
	for _, id := range signings {
		l.attributed(process.SigningWorkflowID(id))
	}

	inParallel(len(people), func(i int) error {
		from := lostAt[i].status
		if lostAt[i].end == "withdrawn" && from != "closing" {
			do(t, people[i].act(t.Context(), "withdraw", map[string]string{"reason": "test"}))
		}
		if lostAt[i].end == "active" {
			if from == "awaiting-payment" {
				from = "awaiting-contract"
			}
			l.walk(people[i], from, lostAt[i].end)
		}
		awaitRegistration(t, people[i], lostAt[i].end)
		return nil
	})
	approveOnPhone(t, l.c, "ICA.079095700000")
	for i, want := range []string{"signed", "cancelled"} {
		if s := awaitFinal(t, l.c, signings[i]); s.Status != want {
			t.Errorf("signing %d ended %s, want %s", i, s.Status, want)
		}
	}
	l.awaitListed(0)
	l.ledger()
}

type lost struct {
	t *testing.T
	w *World
	c *client
}

// walk takes a citizen from one status to another; "" is the beginning.
func (l *lost) walk(e *enrolment, from, to string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	reached := from == ""
	for _, at := range e.way() {
		reached = reached || at.status == from
		if !reached {
			continue
		}
		_, err := e.await(ctx, at.status)
		do(l.t, err)
		if at.status == to {
			if to == "awaiting-payment" {
				_, err := e.beginPayment(ctx)
				do(l.t, err)
			}
			return
		}
		do(l.t, at.do(ctx))
	}
}

func (l *lost) sign(user string) string {
	knobs(l.t, l.w, user, sandbox.Knobs{WindowSeconds: 1800})
	id := startSigning(l.t, l.c, user)
	_, err := l.c.await(l.t.Context(), id, nil, func(s apiclient.Signing) bool { return s.Status == "awaiting-approval" })
	do(l.t, err)
	return id
}

func (l *lost) terminate(workflowID string) {
	l.t.Helper()
	do(l.t, l.w.App.Temporal.TerminateWorkflow(l.t.Context(), workflowID, "", "by mistake"))
}

// refusedEverywhere holds that acts on a record without a process are refused as a conflict, before and after it is listed.
func (l *lost) refusedEverywhere(registrationID, signingID string) {
	l.t.Helper()
	for _, act := range []struct {
		path string
		in   map[string]any
	}{
		{"registrations/" + registrationID + "/withdraw", map[string]any{"reason": "cleanup"}},
		{"registrations/" + registrationID + "/repair", map[string]any{"action": "cancel", "reason": "cleanup"}},
		{"registrations/" + registrationID + "/repair", map[string]any{"action": "retry", "reason": "cleanup"}},
		{"registrations/" + registrationID + "/review", approval()},
		{"signings/" + signingID + "/cancel", map[string]any{"reason": "cleanup"}},
		{"signings/" + signingID + "/repair", map[string]any{"action": "cancel", "reason": "cleanup"}},
		{"signings/" + signingID + "/repair", map[string]any{"action": "retry", "reason": "cleanup"}},
	} {
		err := l.c.post(l.t.Context(), l.c.api+"/v1/"+act.path, act.in, nil)
		if err == nil || !strings.Contains(err.Error(), "409") {
			l.t.Errorf("%s %v: %v, want 409", act.path, act.in["action"], err)
		}
	}
}

// awaitListed waits until comparing the books finds so many mismatches, each a process that is missing.
func (l *lost) awaitListed(want int) {
	l.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Second) {
		var codes []string
		for place := ""; ; {
			var part struct {
				Findings []struct{ Code string }
				Failed   []struct{ Message string }
				Next     string
			}
			do(l.t, l.c.post(l.t.Context(), l.c.api+"/v1/reconciliations", map[string]string{"place": place}, &part))
			for _, f := range part.Findings {
				codes = append(codes, f.Code)
			}
			for _, f := range part.Failed {
				codes = append(codes, f.Message)
			}
			if place = part.Next; place == "" {
				break
			}
		}
		if len(codes) == want && !slices.ContainsFunc(codes, func(c string) bool { return c != "process-missing" }) {
			l.t.Logf("%d processes are listed as missing", want)
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("%d mismatches, want %d: %q", len(codes), want, codes)
		}
	}
}

func (l *lost) resolve(id, act string) {
	l.t.Helper()
	do(l.t, l.c.post(l.t.Context(), l.c.api+"/v1/incidents/"+id+"-process-missing-1/repair", map[string]string{"action": act, "reason": "terminated by mistake"}, nil))
}

// attributed holds that a run that began again is found by its search attributes, as the first one was.
func (l *lost) attributed(workflowID string) {
	l.t.Helper()
	described, err := l.w.App.Temporal.DescribeWorkflowExecution(l.t.Context(), workflowID, "")
	do(l.t, err)
	fields := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	for _, name := range []string{workflows.AttributeStep.GetName(), workflows.AttributeAttention.GetName(), workflows.AttributeProvider.GetName()} {
		if fields[name] == nil {
			l.t.Errorf("%s has no %s", workflowID, name)
		}
	}
}

// ledger holds what the world outside saw against how it ended.
func (l *lost) ledger() {
	l.t.Helper()
	count := eachOnce(l.t, l.w)
	active, issued, charged := 0, 0, 0
	for _, at := range lostAt {
		if at.status != "handed-off" && at.status != "account-ready" {
			charged++
		}
		if at.end == "active" {
			active++
		}
		if at.end == "active" || at.status == "activating" || at.status == "accepting" {
			issued++
		}
	}
	for _, want := range []struct {
		kind string
		n    int
	}{{"charge", charged}, {"refund", charged - active}, {"issue", issued}, {"revoke", issued - active}} {
		if n := len(count[want.kind]); n != want.n {
			l.t.Errorf("%d × %s, want %d", n, want.kind, want.n)
		}
	}
	l.t.Logf("ledger: %d charges, %d refunds, %d certificates, %d revocations, %d keys, %d pushes", len(count["charge"]), len(count["refund"]),
		len(count["issue"]), len(count["revoke"]), len(count["key"]), len(count["push"]))
}
