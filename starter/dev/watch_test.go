package main

import (
	"maps"
	"testing"
	"time"

	"kyso/internal/sandbox"
	"kyso/workflows"
)

// watchedWorld is a world in which only watchers find answers: its webhooks are lost. Its workers are processes.
type watchedWorld struct {
	*World
	*client
	data string
}

func newWatchedWorld(t *testing.T) watchedWorld {
	t.Helper()
	data := t.TempDir()
	w, c := ownWorld(t, Options{Data: data, NoWorker: true})
	do(t, w.Sandbox.UpdateSettings(func(s *sandbox.Settings) { s.Webhook = "lost" }))
	return watchedWorld{w, c, data}
}

func (w watchedWorld) worker(t *testing.T) *workerProcess {
	t.Helper()
	p, err := startWorkerProcess(t.Context(), w.data)
	do(t, err)
	t.Cleanup(p.kill)
	return p
}

// asks parks a signing until its owner has decided.
func (w watchedWorld) asks(t *testing.T, user string) (id string) {
	t.Helper()
	id = startSigning(t, w.client, user)
	awaitStatus(t, w.client, id, "awaiting-approval")
	return id
}

// activates parks a registration until the PIN is set.
func (w watchedWorld) activates(t *testing.T, citizen string) *enrolment {
	t.Helper()
	e := until(t, w.World, w.client, citizen, "in-review")
	do(t, e.act(t.Context(), "review", approval()))
	awaitRegistration(t, e, "activating")
	return e
}

// setsPIN sets the PIN, and waits until the process has heard of it.
func (w watchedWorld) setsPIN(t *testing.T, e *enrolment) {
	t.Helper()
	do(t, w.Sandbox.SetPIN(e.citizen, walkerPIN))
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		status, err := w.App.Workflows().RegistrationStatus(t.Context(), e.id)
		if err == nil && status.Step == workflows.StepActivation {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the process stands at %s: %v", status.Step, err)
		}
	}
}

// holders say which worker watches each party.
func (w watchedWorld) holders(t *testing.T) map[string]string {
	t.Helper()
	rows, err := w.App.Store.DB.QueryContext(t.Context(), `SELECT party, holder FROM watchers`)
	do(t, err)
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var party, holder string
		do(t, rows.Scan(&party, &holder))
		all[party] = holder
	}
	do(t, rows.Err())
	return all
}

// TestTheWatchOfAKilledWorkerGoesOn kills the worker that holds every party. Another has taken them when its lease is over, and what
// was answered meanwhile is found.
func TestTheWatchOfAKilledWorkerGoesOn(t *testing.T) {
	t.Parallel()
	w := newWatchedWorld(t)
	first := w.worker(t)
	id, e := w.asks(t, "ICA.079095041001"), w.activates(t, "001302041101")
	before := w.holders(t)
	w.worker(t)
	first.kill()
	approveOnPhone(t, w.client, "ICA.079095041001")
	w.setsPIN(t, e)
	awaitStatus(t, w.client, id, "signed")
	for party, holder := range w.holders(t) {
		if holder == before[party] && (party == "signer/intrustca" || party == "ca/VNPT-CA") {
			t.Errorf("%s is still held by the worker that was killed", party)
		}
	}
}

// TestWorkersShareTheWatch has two workers at once: one of them watches a party, and goes on to, while processes of both hear of answers.
func TestWorkersShareTheWatch(t *testing.T) {
	t.Parallel()
	w := newWatchedWorld(t)
	w.worker(t)
	w.worker(t)
	users := []string{"ICA.079095041002", "ICA.079095041003", "ICA.079095041004"}
	ids := map[string]string{}
	for _, user := range users {
		ids[user] = w.asks(t, user)
	}
	e := w.activates(t, "001302041102")
	before := w.holders(t)
	for _, user := range users {
		approveOnPhone(t, w.client, user)
	}
	w.setsPIN(t, e)
	for _, id := range ids {
		awaitStatus(t, w.client, id, "signed")
	}
	if after := w.holders(t); !maps.Equal(before, after) {
		t.Errorf("the parties were held as %v, and then as %v", before, after)
	}
}

// TestAPartyThatHangsHoldsUpNoOther has a signing provider that accepts questions and does not answer. The waits at a CA end.
func TestAPartyThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWatchedWorld(t)
	w.worker(t)
	const user = "ICA.079095041005"
	knobs(t, w.World, user, sandbox.Knobs{Faults: []sandbox.Fault{{On: "status", Do: "slow", DelayMS: 15_000}}})
	id, e := w.asks(t, user), w.activates(t, "001302041103")
	time.Sleep(2 * time.Second) // the provider holds a look
	w.setsPIN(t, e)
	if s := awaitStatus(t, w.client, id, "awaiting-approval"); s.Final {
		t.Errorf("the signing ended %s", s.Status)
	}
	knobs(t, w.World, user, sandbox.Knobs{})
	approveOnPhone(t, w.client, user)
	awaitStatus(t, w.client, id, "signed")
}
