package workflows_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/relay"
	"kyso/workflows"
)

// later is something that happens in the outside world at a time.
type later struct {
	at   time.Time
	do   func()
	done bool
}

// watch is the watchers of a worker in the virtual time of a journey. They look when something is due, and sleep when nothing is.
type watch struct {
	j     *journey
	mu    sync.Mutex
	awake bool
	stop  func(process.Wait) error // instead of a look; nil for none
	by    []*relay.Watcher
}

// watches has what processes wait for looked at from now on.
func (j *journey) watches() {
	w := &watch{j: j}
	j.watch = w
	j.env.SetOnActivityCompletedListener(func(*activity.Info, converter.EncodedValue, error) { w.wake() })
	j.env.SetOnLocalActivityCompletedListener(func(*activity.Info, converter.EncodedValue, error) { w.wake() })
}

// watchers are those of the parties that a test has by the time of the first look.
func (w *watch) watchers() []*relay.Watcher {
	if w.by != nil {
		return w.by
	}
	j := w.j
	look := activities.Watch{Signing: j.acts, Registration: j.reg}
	var parties []string
	for name := range j.acts.Signers {
		parties = append(parties, process.SignerParty(name))
	}
	for code := range j.reg.Issuers {
		parties = append(parties, process.CAParty(code))
	}
	for name := range j.reg.Gateways.(registration.Gateways) {
		parties = append(parties, process.GatewayParty(name))
	}
	parties = append(parties, process.OwnParty)
	slices.Sort(parties)
	for _, party := range parties {
		w.by = append(w.by, &relay.Watcher{Party: party, Holder: "journey", Waits: j.store.Waits(), Look: w.looks(look), Engine: w, Now: j.now})
	}
	return w.by
}

func (w *watch) looks(look activities.Watch) func(context.Context, process.Wait) (bool, error) {
	return func(ctx context.Context, at process.Wait) (bool, error) {
		if w.stop != nil {
			if err := w.stop(at); err != nil {
				return false, err
			}
		}
		return look.Look(ctx, at)
	}
}

// Tell implements relay.Herald.
func (w *watch) Tell(_ context.Context, workflowID string) (bool, error) {
	err := w.j.env.SignalWorkflowByID(workflowID, workflows.SignalNudge, nil)
	if _, gone := err.(*serviceerror.NotFound); gone {
		return false, nil
	}
	return err == nil, err
}

// Nudge implements relay.Nudger.
func (w *watch) Nudge(ctx context.Context, signingID string) error {
	_, err := w.Tell(ctx, process.SigningWorkflowID(signingID))
	return err
}

// Ping implements relay.Nudger.
func (w *watch) Ping(context.Context) error { return nil }

// wake has the watchers look soon: there may be something new to wait for.
func (w *watch) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.awake {
		w.awake = true
		w.j.env.RegisterDelayedCallback(w.round, 100*time.Millisecond)
	}
}

func (w *watch) round() {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	due := w.due()
	if w.awake = !due.IsZero(); w.awake {
		w.j.env.RegisterDelayedCallback(w.round, max(due.Sub(w.j.now()), 100*time.Millisecond))
	}
}

func (w *watch) look() {
	waited, err := w.j.store.Waits().Waited(context.Background(), w.j.now())
	w.j.must(err)
	for _, by := range w.watchers() {
		if !slices.ContainsFunc(waited, func(at process.Waited) bool { return at.Party == by.Party }) {
			continue // a month of looks is a journey
		}
		if err := by.Once(context.Background()); err != nil {
			w.j.Logf("watching: %v", err)
		}
		by.Wait()
	}
}

// due is when something is to be looked at next.
func (w *watch) due() (first time.Time) {
	list, err := w.j.store.Waits().Waited(context.Background(), w.j.now().AddDate(99, 0, 0)) // everything is overdue by then
	w.j.must(err)
	for _, at := range list {
		if next := w.j.now().AddDate(99, 0, 0).Add(-at.Overdue); first.IsZero() || next.Before(first) {
			first = next
		}
	}
	return first
}

// rest lets the world go on after the process has ended, for as long as something is looked for.
func (w *watch) rest() {
	for due := w.due(); !due.IsZero(); due = w.due() {
		next := &later{at: due, do: w.look}
		for _, l := range w.j.laters {
			if !l.done && !l.at.After(next.at) {
				next = l
			}
		}
		w.j.after += max(next.at.Sub(w.j.now()), time.Second)
		next.do()
	}
}
