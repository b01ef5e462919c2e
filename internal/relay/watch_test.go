package relay_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/relay"
	"kyso/internal/storetest"
	"kyso/workflows"
)

// watched is a party and the processes that wait for it, over a real store and with a clock of its own.
type watched struct {
	*testing.T
	f   *storetest.Filled
	mu  sync.Mutex
	now time.Time

	asked    []string            // records that the party was asked about
	answers  map[string]bool     // by record
	failures map[string]error    // of looks, by record
	away     error               // of every look
	gone     map[string]bool     // processes that Temporal does not have
	told     []string            // workflow ids
	untold   error               // Temporal is away
	during   func(record string) // what else happens while a look is under way
}

func newWatched(t *testing.T, f *storetest.Filled) *watched {
	return &watched{T: t, f: f, now: storetest.Start, answers: map[string]bool{}, failures: map[string]error{}, gone: map[string]bool{}}
}

func (w *watched) look(_ context.Context, at process.Wait) (bool, error) {
	if w.during != nil {
		w.during(at.Record)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, at.Record)
	if w.away != nil {
		return false, w.away
	}
	return w.answers[at.Record], w.failures[at.Record]
}

// Tell implements relay.Herald.
func (w *watched) Tell(_ context.Context, workflowID string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.untold != nil || w.gone[workflowID] {
		return false, w.untold
	}
	w.told = append(w.told, workflowID)
	return true, nil
}

func (w *watched) watcher(holder, party string) *relay.Watcher {
	now := func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}
	return &relay.Watcher{Party: party, Holder: holder, Waits: w.f.Waits(), Look: w.look, Engine: w, Now: now, Pace: &activities.Pace{PerSecond: 20, Now: now}, AtOnce: 100}
}

func (w *watched) waits(party string, began time.Duration, records ...string) {
	w.Helper()
	for _, record := range records {
		must(w.T, w.f.Waits().Watch(w.Context(), process.Wait{Kind: process.WaitApproval, Record: record, Party: party, Workflow: "signing-" + record,
			BeganAt: w.now.Add(-began), EndsAt: w.now.Add(48 * time.Hour), NextAt: w.now, Pause: process.PauseAt(began, time.Hour)}))
	}
}

// round runs one round some time later, and returns who was asked about in it.
func (w *watched) round(by *relay.Watcher, later time.Duration) []string {
	w.Helper()
	w.mu.Lock()
	w.now, w.asked = w.now.Add(later), nil
	w.mu.Unlock()
	if err := by.Once(w.Context()); err != nil {
		w.Logf("round: %v", err)
	}
	by.Wait()
	slices.Sort(w.asked)
	return w.asked
}

func (w *watched) wants(what string, got []string, want ...string) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (w *watched) row(record string) process.Wait {
	w.Helper()
	at, err := w.f.Waits().Wait(w.Context(), process.WaitApproval, record)
	if problem.CodeOf(err) != problem.NotFound {
		must(w.T, err)
	}
	return at
}

// TestOnlyProcessesWithAnAnswerAreTold looks at three requests for a while: each is asked about at its pace, by its age, and the one
// process with an answer is told once.
func TestOnlyProcessesWithAnAnswerAreTold(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		w := newWatched(t, f)
		by := w.watcher("a", "signer/p")
		w.waits("signer/p", 0, "young", "answered")
		w.waits("signer/p", 30*time.Minute, "old")
		w.wants("at first", w.round(by, 0), "answered", "old", "young")
		w.wants("too early", w.round(by, time.Second))
		w.answers["answered"] = true
		w.wants("after 4 s", w.round(by, 3*time.Second), "answered", "young")
		w.wants("told", w.told, "signing-answered")
		w.wants("after 8 s", w.round(by, 4*time.Second), "young")
		w.wants("after 16 s", w.round(by, 8*time.Second), "old", "young")
		w.wants("told again, because the process has not read its answer", w.told, "signing-answered", "signing-answered")
		w.wants("and in the next quarter of an hour", w.round(by, time.Minute), "old", "young")
		w.wants("told", w.told, "signing-answered", "signing-answered")
	})
}

// TestTheMostUrgentComeFirst has more due than the party takes: the young ones are not held up by a thousand old ones, and the old
// ones have places of their own.
func TestTheMostUrgentComeFirst(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		w := newWatched(t, f)
		by := w.watcher("a", "signer/p")
		for i := range 100 {
			w.waits("signer/p", 2*time.Hour, fmt.Sprintf("old-%03d", i))
		}
		w.waits("signer/p", 0, "young")
		asked := w.round(by, 0)
		if len(asked) != 21 || !slices.Contains(asked, "young") || !slices.Contains(asked, "old-019") {
			t.Errorf("asked about %d: %v", len(asked), asked)
		}
		_, err := f.Waits().Hasten(t.Context(), process.WaitApproval, "old-099", w.now)
		must(t, err)
		if asked = w.round(by, 500*time.Millisecond); len(asked) != 11 || !slices.Contains(asked, "old-099") {
			t.Errorf("half a second later, with a webhook for the last: %d: %v", len(asked), asked)
		}
	})
}

// TestSeveralWorkersShareThePartiesAndSurviveEachOther has two workers with two parties: nothing is looked at twice, and what a worker
// had when it was killed goes on.
func TestSeveralWorkersShareThePartiesAndSurviveEachOther(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		w := newWatched(t, f)
		w.waits("signer/p", 0, "p")
		a, b := w.watcher("a", "signer/p"), w.watcher("b", "signer/p")
		w.wants("the first worker", w.round(a, 0), "p")
		w.wants("the second", w.round(b, 4*time.Second))
		w.wants("while the first goes on", w.round(a, 0), "p")
		w.wants("the first is killed", w.round(b, 4*time.Second))
		w.wants("and the second takes over", w.round(b, 8*time.Second), "p")
		w.wants("the first was only slow", w.round(a, 4*time.Second))
		must(t, b.Close(t.Context()))
		w.wants("the second stops", w.round(a, 4*time.Second), "p")
	})
}

// TestAPartyThatIsAwayRests holds that a party that fails is asked ever less often and then found again, that one that names a time is
// left alone until then, by the next worker too, and that another party is not held up.
func TestAPartyThatIsAwayRests(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		w := newWatched(t, f)
		w.waits("signer/p", 0, "1", "2", "3", "4", "5")
		w.away = problem.New(problem.ProviderUnavailable, "away")
		by := w.watcher("a", "signer/p")
		w.wants("before it is known", w.round(by, 0), "1", "2", "3", "4", "5")
		asked := 0
		for range 100 {
			asked += len(w.round(by, time.Second))
		}
		if asked < 3 || asked > 10 {
			t.Errorf("a party that is away is asked %d times in 100 s", asked)
		}
		w.away = nil
		for range 70 {
			w.round(by, time.Second)
		}
		w.wants("a minute after it is back", w.round(by, 5*time.Second), "1", "2", "3", "4", "5")

		busy := problem.New(problem.ProviderUnavailable, "busy")
		busy.RetryAfter = 5 * time.Minute
		w.away = busy
		w.round(by, 5*time.Second)
		w.away = nil
		w.wants("as the party asked", w.round(by, time.Minute))
		must(t, by.Close(t.Context()))
		other := w.watcher("b", "signer/p")
		w.wants("by another worker", w.round(other, 3*time.Minute))
		w.waits("signer/q", 0, "q")
		w.wants("another party", w.round(w.watcher("b", "signer/q"), 0), "q")
		w.wants("when its time is over", w.round(other, 2*time.Minute), "1", "2", "3", "4", "5")
	})
}

// TestWhatCannotBeAnsweredIsTold holds that a process hears of an error that asking again does not overcome, that it then reads it from
// its row, and that a row of a process that is gone vanishes.
func TestWhatCannotBeAnsweredIsTold(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		w := newWatched(t, f)
		w.waits("signer/p", 0, "refused", "gone", "late")
		w.failures["refused"] = problem.New(problem.ProviderRefused, "unknown request 079095012345")
		w.answers["gone"], w.gone["signing-gone"] = true, true
		by := w.watcher("a", "signer/p")
		w.round(by, 0)
		w.wants("told", w.told, "signing-refused")
		if at := w.row("refused"); at.Fault != string(problem.ProviderRefused) || at.Message != "provider-refused: unknown request ***" {
			t.Errorf("the row of a refusal: %+v", at)
		}
		if at := w.row("gone"); at.Kind != "" {
			t.Errorf("the row of a process that is gone: %+v", at)
		}
		w.answers["late"], w.untold = true, problem.New(problem.ProviderUnavailable, "Temporal is away")
		w.round(by, 4*time.Second)
		w.untold = nil
		w.wants("nothing is asked when Temporal is back", w.round(by, 3*time.Second))
		w.wants("told", w.told, "signing-refused", "signing-late")
		w.waits("signer/p", 0, "over")
		w.round(by, 0)
		w.round(by, 49*time.Hour)
		w.wants("after the window", w.round(by, time.Hour))
		if at := w.row("over"); at.Kind == "" || !at.NextAt.IsZero() {
			t.Errorf("a row whose window is over: %+v", at)
		}
	})
}

// State implements relay.RestingEngine: processes run unless they are gone.
func (w *watched) State(_ context.Context, workflowID string) (workflows.RunState, error) {
	if w.gone[workflowID] {
		return workflows.RunBroken, w.untold
	}
	return workflows.RunRunning, w.untold
}

// Ping implements relay.Engine.
func (w *watched) Ping(context.Context) error { return w.untold }

// TestWaitsOfDeadProcessesGo holds that a wait whose window is over is removed when its process is gone, and no other.
func TestWaitsOfDeadProcessesGo(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		w := newWatched(t, f)
		w.waits("signer/p", 0, "runs", "dead")
		by := w.watcher("a", "signer/p")
		w.round(by, 49*time.Hour)
		w.waits("signer/p", 0, "looked-at")
		w.gone["signing-dead"], w.gone["signing-looked-at"] = true, true
		resting := &relay.Resting{Waits: f.Waits(), Engine: w, Now: func() time.Time { return w.now }}
		w.untold = problem.New(problem.ProviderUnavailable, "Temporal is away")
		if err := resting.Once(t.Context()); err == nil || w.row("dead").Kind == "" {
			t.Errorf("while Temporal is away: %v", err)
		}
		w.untold = nil
		must(t, resting.Once(t.Context()))
		for record, want := range map[string]bool{"runs": true, "dead": false, "looked-at": true} {
			if there := w.row(record).Kind != ""; there != want {
				t.Errorf("%s is there: %v", record, there)
			}
		}
	})
}
