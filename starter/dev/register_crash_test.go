package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/apiclient"
	"kyso/internal/process"
)

// offTheWay are activities of a registration that the ways below do not run; the journeys in workflows reach them. A log-in is
// a process of its own, and so is a notice. A contract is archived years later.
var offTheWay = []string{"Remind", "RecordRegistrationIncident", "KeepMoney", "SendLoginCode", "SendNotice", "RewritePapers", "ContractDue", "ArchiveContract"}

// ofTheReleaseBefore are activities that a registration asks for that an earlier release began. Some are also for a CA that takes its
// time, for a second attempt to pay and for a second signature; the journeys reach those.
var ofTheReleaseBefore = []string{"RecordHandOff", "RecordAccount", "RecordPackage", "RecordCodeUse", "RecordReview", "OpenPayment", "CreateKey", "IssueCertificate",
	"InstallCertificate", "ActivateKey", "WriteAcceptance", "RequestAcceptance", "LookAtPayments", "QueryPayment", "AwaitPIN", "AwaitAcceptance"}

// whenTheRelayStartedIt are activities that only run when the API's relay was faster than the worker that died.
var whenTheRelayStartedIt = []string{"ReadAcceptance"}

// onTheWayBack are activities that only a registration runs that is given up after it was paid and issued.
var onTheWayBack = []string{"RevokeCertificate", "RefundPayment", "AskPayment"}

// registrationPlans names every other activity, before and after.
func registrationPlans(t *testing.T) []string {
	var plans []string
	for method := range reflect.TypeFor[*activities.Registration]().Methods() {
		if !slices.Contains(offTheWay, method.Name) && !slices.Contains(ofTheReleaseBefore, method.Name) {
			plans = append(plans, "before:"+method.Name, "after:"+method.Name)
			for _, stage := range stagesOf[method.Name] {
				plans = append(plans, "before:"+method.Name+"."+stage, "after:"+method.Name+"."+stage)
			}
		}
	}
	if len(plans) < 34 {
		t.Fatalf("only %v are activities of a registration; this test does not look at the right type", plans)
	}
	return plans
}

// walker is a citizen who does what there is to do, again and again, whatever the world answers: workers die under it.
type walker struct {
	*client
	world    *World
	citizen  string
	phone    string
	plan     string
	id       string
	withdraw bool // once the certificate is being activated
	asked    map[string]time.Time
	lost     *unanswered
	trouble  error // of the last act that failed, for those who ask why it did not end
}

// What citizens of the tests type. It is looked for afterwards.
const (
	walkerEmail    = "nguoi.dan@thu-nghiem.example"
	walkerPassword = "mật khẩu của người đi thử"
	walkerPIN      = "270519"
)

// TestWorkerKilledAtEachActivityOfARegistration kills worker processes with SIGKILL right before and right after each
// activity of a registration, its refund and its revocation included. Every registration ends as if nothing had
// happened, and the ledgers agree: captured ⇔ issued or refunded, one live certificate or none, one text for a code.
//
// The registrations run together; each worker dies on the first of them that comes to its activity.
func TestWorkerKilledAtEachActivityOfARegistration(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	w, c := ownWorld(t, Options{Data: data, NoWorker: true})
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	defer stop()
	var running sync.WaitGroup
	var walkers []*walker
	for i, plan := range registrationPlans(t) {
		_, activity, _ := strings.Cut(plan, ":")
		walk := &walker{client: c, world: w, citizen: fmt.Sprintf("001302%06d", 100_000+i), asked: map[string]time.Time{}, plan: "PS1",
			withdraw: slices.Contains(onTheWayBack, activity)}
		walkers = append(walkers, walk)
		running.Go(func() { walk.run(ctx) })
		if slices.Contains(whenTheRelayStartedIt, activity) {
			dieOnce(ctx, t, data, "after:HandOver")
			w.relayStarts(ctx, t, data)
		}
		dieOnce(ctx, t, data, plan)
	}
	last, err := startWorkerProcess(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer last.kill()
	begin := time.Now()
	running.Wait()
	t.Logf("%d workers killed; all registrations ended %.0f s after the last worker started", len(walkers), time.Since(begin).Seconds())
	for _, walk := range walkers {
		walk.check(t)
	}
	checkLedgers(t, w)
}

// relayStarts waits until the API's relay has started the signing of an acceptance record that a worker died on after HandOver.
func (w *World) relayStarts(ctx context.Context, t *testing.T, data string) {
	t.Helper()
	list, err := os.ReadFile(crashMarker(data, "after:HandOver"))
	if err != nil {
		t.Error(err)
		return
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Second) {
		for of := range strings.FieldsSeq(string(list)) {
			id := process.AcceptanceSigningID(strings.TrimPrefix(of, process.RegistrationWorkflowID("")), 1)
			if _, err := w.App.Temporal.DescribeWorkflowExecution(ctx, process.SigningWorkflowID(id), ""); err == nil {
				return
			}
		}
	}
	t.Errorf("the relay started no signing of an acceptance record of %s", list)
}

// dieOnce runs a worker until it dies on its plan.
func dieOnce(ctx context.Context, t *testing.T, data, plan string) {
	t.Helper()
	_ = os.Remove(crashMarker(data, plan)) // it may have been the plan before
	worker, err := startWorkerProcess(ctx, data, crashVariable+"="+plan)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-worker.done:
	case <-time.After(patience):
		worker.kill()
		t.Errorf("%s: no registration came to the point where the worker dies", plan)
		return
	}
	if _, err := os.Stat(crashMarker(data, plan)); err != nil {
		t.Errorf("%s: the worker died of something else: %v", plan, err)
	}
}

// run walks until the registration has ended.
func (k *walker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if k.id == "" {
			_ = k.begin(ctx)
		} else if k.lost != nil {
			k.send(ctx, *k.lost)
		} else if r, err := k.view(ctx); err == nil {
			if r.Final {
				return
			}
			k.step(ctx, r)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (k *walker) begin(ctx context.Context) error {
	_, token, err := k.world.Sandbox.SubmitRequest(k.citizen)
	if err != nil {
		return err
	}
	k.phone = k.world.Sandbox.PhoneOf(k.citizen)
	return k.handOff(ctx, token)
}

func (k *walker) handOff(ctx context.Context, token string) error {
	var came struct {
		ID string `json:"registration_id"`
	}
	if err := k.post(ctx, k.api+"/v1/hand-off", map[string]string{"token": token}, &came); err != nil {
		return err
	}
	k.id = came.ID
	return nil
}

func (k *walker) view(ctx context.Context) (apiclient.Registration, error) {
	e := enrolment{client: k.client, id: k.id}
	return e.view(ctx)
}

// unanswered is an act whose answer was lost.
type unanswered struct {
	act, key string
	in       any
}

// act asks for something. What it did shows in the next view; when there was no answer it is sent again with the same key
// before anything else, as every client has to do.
func (k *walker) act(ctx context.Context, act string, in any) {
	k.send(ctx, unanswered{act, apiclient.NewKey(), in})
}

func (k *walker) send(ctx context.Context, u unanswered) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	api := &apiclient.Client{BaseURL: k.api, Key: k.key}
	_, err := api.Post(ctx, u.key, "/v1/registrations/"+k.id+"/"+u.act, u.in, nil)
	k.lost = nil
	if answer, ok := errors.AsType[*apiclient.Error](err); err != nil && (!ok || answer.Status >= http.StatusInternalServerError) {
		k.lost = &u
	}
	k.note(err)
}

func (k *walker) step(ctx context.Context, r apiclient.Registration) {
	switch r.Status {
	case "handed-off":
		k.withCode(ctx, "account", "account", map[string]string{"email": walkerEmail, "password": walkerPassword})
	case "account-ready":
		k.act(ctx, "package", map[string]string{"code": k.plan})
	case "awaiting-payment":
		k.pay(ctx)
	case "awaiting-contract":
		k.withCode(ctx, "contract", "contract", map[string]string{})
	case "in-review":
		k.act(ctx, "review", approval())
	case "activating":
		k.activate(ctx, r)
	case "accepting":
		_, _ = k.world.Sandbox.Approve(k.citizen)
	}
}

// withCode asks for a code, and hands it in once the text is there.
func (k *walker) withCode(ctx context.Context, purpose, act string, in map[string]string) {
	at, asked := k.asked[purpose]
	inbox := k.world.Sandbox.Messages(k.phone)
	for _, m := range slices.Backward(inbox) {
		if asked && m.At.After(at) {
			in["code"] = sixDigits.FindString(m.Text)
			k.act(ctx, act, in)
			return
		}
	}
	if asked && time.Since(at) < 70*time.Second {
		return
	}
	k.asked[purpose] = time.Now()
	ask := map[string]string{"purpose": purpose}
	if purpose == "account" {
		ask["phone"] = k.phone
	}
	k.act(ctx, "code", ask)
}

func (k *walker) pay(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var attempt struct {
		TxnRef string `json:"txn_ref"`
		PayURL string `json:"pay_url"`
	}
	if err := k.post(ctx, k.api+"/v1/registrations/"+k.id+"/pay", map[string]string{}, &attempt); err != nil {
		k.note(err)
		return
	}
	_, err := k.world.Sandbox.OpenPayURL(attempt.PayURL)
	if err == nil {
		err = k.world.Sandbox.PayOrder(attempt.TxnRef, "pay") // decided before, when it is pressed again
	}
	k.note(err)
}

func (k *walker) note(err error) {
	if err != nil {
		k.trouble = err
	}
}

func (k *walker) activate(ctx context.Context, r apiclient.Registration) {
	if k.withdraw {
		k.act(ctx, "withdraw", map[string]string{"reason": "changed my mind"})
		return
	}
	if r.Activation == nil || r.Activation.PinSetAt.IsZero() {
		_ = k.world.Sandbox.SetPIN(k.citizen, walkerPIN) // no key asks for one, or it is set
		return
	}
	k.withCode(ctx, "activation", "activation", map[string]string{})
}

func (k *walker) check(t *testing.T) {
	t.Helper()
	want := "active"
	if k.withdraw {
		want = "withdrawn"
	}
	r, err := k.view(t.Context())
	if err != nil || r.Status != want {
		t.Errorf("registration %s is %s at %v, want %s; %v; the last trouble was: %v", k.id, r.Status, r.Attention, want, err, k.trouble)
	}
}

// eachOnce counts the effects of the outside world by kind and business key, and wants none twice.
func eachOnce(t *testing.T, w *World) map[string]map[string]int {
	t.Helper()
	count := map[string]map[string]int{}
	for _, e := range w.Sandbox.Ledger() {
		kind := string(e.Kind)
		if count[kind] == nil {
			count[kind] = map[string]int{}
		}
		count[kind][e.Key]++
	}
	for _, kind := range []string{"charge", "refund", "key", "issue", "revoke", "sms", "push"} {
		for key, n := range count[kind] {
			if n > 1 {
				t.Errorf("%s %s happened %d times", kind, key, n)
			}
		}
	}
	return count
}

// checkLedgers holds the ledger of the outside world against the rules, by business key.
func checkLedgers(t *testing.T, w *World) {
	t.Helper()
	count := eachOnce(t, w)
	back := 2 * len(onTheWayBack)
	all := len(registrationPlans(t))
	for _, want := range []struct {
		kind string
		n    int
	}{{"revoke", back}, {"issue", all}} {
		if n := len(count[want.kind]); n != want.n {
			t.Errorf("%d × %s, want %d", n, want.kind, want.n)
		}
	}
	// Who presses "pay" again while no worker lives may pay twice, and gets one of them back.
	if kept := len(count["charge"]) - len(count["refund"]); kept != all-back {
		t.Errorf("%d charges are kept for %d active certificates", kept, all-back)
	}
	t.Logf("ledger: %d charges, %d refunds, %d certificates, %d revocations, %d texts, %d pushes", len(count["charge"]), len(count["refund"]),
		len(count["issue"]), len(count["revoke"]), len(count["sms"]), len(count["push"]))
}
