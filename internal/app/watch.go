package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/relay"
)

// Worker polls Temporal, and watches for what processes wait for.
type Worker struct {
	worker.Worker
	log      *slog.Logger
	watchers []*relay.Watcher

	stop     context.CancelFunc
	watching sync.WaitGroup
}

// Start begins both.
func (w *Worker) Start() error {
	if err := w.Worker.Start(); err != nil {
		return err
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	w.watching.Go(func() { relay.Watch(ctx, w.log, w.watchers) })
	return nil
}

// Stop ends the watch, so that another worker takes it over, and lets running activities finish.
func (w *Worker) Stop() {
	if w.stop != nil {
		w.stop()
		w.watching.Wait()
	}
	w.Worker.Stop()
}

// How often a watcher asks the store what is due. A webhook of a signing provider makes something due.
const (
	oftenDue  = 100 * time.Millisecond
	seldomDue = time.Second
)

// watchers look at what processes wait for, one for each party that is configured, and one for what kyso does itself.
func (a *App) watchers(s *activities.Signing, r *activities.Registration) []*relay.Watcher {
	look, pace, holder := activities.Watch{Signing: s, Registration: r}, &activities.Pace{PerSecond: a.Config.PollsPerSecond}, rand.Text()
	var list []*relay.Watcher
	add := func(party string, every time.Duration) {
		list = append(list, &relay.Watcher{Party: party, Every: every, Holder: holder, Waits: a.Store.Waits(), Look: look.Look, Engine: a.Workflows(), Pace: pace})
	}
	for name := range s.Signers {
		add(process.SignerParty(name), oftenDue)
	}
	for code := range r.Issuers {
		add(process.CAParty(code), seldomDue)
	}
	for _, g := range a.Config.Registration.Gateways {
		add(process.GatewayParty(g.Name), seldomDue)
	}
	add(process.OwnParty, seldomDue)
	return list
}
