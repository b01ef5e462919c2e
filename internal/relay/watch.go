package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
)

const (
	// hold is how long a worker that is silent keeps a party: another takes it then.
	hold = 10 * time.Second
	// lookLimit bounds one look.
	lookLimit = 20 * time.Second
	// defaultAtOnce is how many looks at one party are under way at once.
	defaultAtOnce = 16
	// atOnceTold is how many processes are told at once. It asks no party.
	atOnceTold = 32
	// patientFailures is how many looks in a row may fail before the party is taken to be away.
	patientFailures = 4
	// longestRest is how long a party that is away is left alone at most, unless it asks for more.
	longestRest = time.Minute
	// untold is when a process is told again that could not be reached, firstRetell and retell when one is that was told and has not
	// read its answer: a signal is durable, so a worker died before it was sent, or the process was set back in time.
	untold      = 2 * time.Second
	firstRetell = 10 * time.Second
	retell      = 15 * time.Minute
)

// Waits is what a watcher asks of the store.
type Waits interface {
	// Hold takes the watch of a party until a time, or prolongs it. It is false while another worker has it. rest is until when the
	// party is left alone.
	Hold(ctx context.Context, party, holder string, now, until time.Time) (held bool, rest time.Time, err error)
	// Rest notes until when a party is left alone.
	Rest(ctx context.Context, party string, until time.Time) error
	// Due returns up to limit waits of each pause that are due, those of a pause the longest due first.
	Due(ctx context.Context, party string, now time.Time, pauses []time.Duration, limit int) ([]process.Wait, error)
	// Take sets the next look of waits that are still due, and returns those: no other watcher takes them.
	Take(ctx context.Context, party string, due []process.Wait, now time.Time) ([]process.Wait, error)
	// Settle stores what came of a look: the answer or the fault, and when the wait is due again.
	Settle(ctx context.Context, w process.Wait) error
	// EndWait removes a wait.
	EndWait(ctx context.Context, kind process.WaitKind, record string) error
}

// Herald tells processes that there is an answer; *workflows.Client is the real one.
type Herald interface {
	// Tell signals a process. It is false when there is none.
	Tell(ctx context.Context, workflowID string) (bool, error)
}

// Watcher looks at what processes wait for at one party, for all of them: at what is due, the most urgent first, at the pace of the
// party, many at once. Only a process that has an answer hears of it. One worker watches a party at a time. A row is taken before it
// is looked at, by the time of its next look, so a worker that dies loses nothing and delays little.
type Watcher struct {
	Party  string
	Every  time.Duration // how often the store is asked what is due
	Holder string        // names this worker
	Waits  Waits
	Look   func(ctx context.Context, w process.Wait) (answered bool, err error)
	Engine Herald
	Pace   *activities.Pace
	AtOnce int              // looks at the party; zero means defaultAtOnce
	Now    func() time.Time // default time.Now

	heldUntil time.Time
	tryAt     time.Time // to hold
	running   sync.WaitGroup

	mu       sync.Mutex
	looking  int // looks under way
	telling  int
	failures int // looks that failed, in a row
	rest     time.Time
	errs     []error // since the last round
}

// Watch runs watchers until ctx ends, each as often as it says, and then leaves their parties to other workers.
func Watch(ctx context.Context, logger *slog.Logger, watchers []*Watcher) {
	var running sync.WaitGroup
	for _, w := range watchers {
		running.Go(func() {
			Loop{Name: "watch " + w.Party, Every: w.Every, Once: w.Once}.Run(ctx, logger)
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := w.Close(last); err != nil { // another worker has it a little later
				logger.Warn("relay", "loop", "watch "+w.Party, "error", err.Error())
			}
		})
	}
	running.Wait()
}

// Once begins the looks that are due now. Those that are slow go on while the next rounds begin; see Wait.
func (w *Watcher) Once(ctx context.Context) error {
	now := orNow(w.Now)
	held, err := w.hold(ctx, now)
	if err != nil || !held {
		return errors.Join(err, w.failed())
	}
	pauses, looks, tells := w.places(now)
	due, err := w.Waits.Due(ctx, w.Party, now, pauses, max(looks, tells))
	if err != nil || len(due) == 0 {
		return errors.Join(err, w.failed())
	}
	chosen := w.choose(due, looks, tells, now)
	if len(chosen) == 0 {
		return w.failed()
	}
	taken, err := w.Waits.Take(ctx, w.Party, chosen, now)
	for _, at := range taken {
		w.begin(ctx, at)
	}
	return errors.Join(err, w.failed())
}

// Wait returns when no look is under way.
func (w *Watcher) Wait() { w.running.Wait() }

// Close lets another worker take the party at once.
func (w *Watcher) Close(ctx context.Context) error {
	w.Wait()
	if w.heldUntil.IsZero() {
		return nil
	}
	now := orNow(w.Now)
	_, _, err := w.Waits.Hold(ctx, w.Party, w.Holder, now, now)
	return err
}

// hold reports whether the party is this worker's.
func (w *Watcher) hold(ctx context.Context, now time.Time) (bool, error) {
	if now.Before(w.tryAt) {
		return now.Before(w.heldUntil), nil
	}
	w.tryAt = now.Add(hold / 4)
	held, rest, err := w.Waits.Hold(ctx, w.Party, w.Holder, now, now.Add(hold))
	if err != nil || !held {
		w.heldUntil = time.Time{}
		return false, err
	}
	w.heldUntil = now.Add(hold)
	w.mu.Lock()
	defer w.mu.Unlock()
	if rest.After(w.rest) {
		w.rest = rest
	}
	return true, nil
}

// places says which pauses are looked at now, and how many looks and signals may begin.
func (w *Watcher) places(now time.Time) (pauses []time.Duration, looks, tells int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	tells = atOnceTold - w.telling
	pauses = process.Pauses()[:1]
	if now.Before(w.rest) {
		return pauses, 0, tells
	}
	looks = cmp.Or(w.AtOnce, defaultAtOnce)
	if w.failures >= patientFailures {
		looks = 1 // to find out whether the party serves again
	}
	if looks -= w.looking; looks > 0 {
		pauses = process.Pauses()
	}
	return pauses, max(looks, 0), tells
}

// choose takes of what is due as many as may begin, the most urgent pause first, and sets when each is due next.
func (w *Watcher) choose(due []process.Wait, looks, tells int, now time.Time) []process.Wait {
	var chosen []process.Wait
	byPause := map[time.Duration][]process.Wait{}
	for _, at := range due {
		byPause[at.Pause] = append(byPause[at.Pause], at)
	}
	for _, pause := range process.Pauses() {
		list := byPause[pause]
		if pause == process.PauseAnswered {
			chosen = append(chosen, list[:min(len(list), tells)]...)
			continue
		}
		places := w.Pace.Take(w.Party, pause, min(len(list), looks))
		looks -= places
		chosen = append(chosen, list[:places]...)
	}
	for i := range chosen {
		chosen[i].NextAt, chosen[i].Pause = next(chosen[i], now)
	}
	return chosen
}

// next says when a wait is due again that is looked at now. One whose window is over is left to its process, which asks a last time.
func next(at process.Wait, now time.Time) (time.Time, time.Duration) {
	switch {
	case at.Answered:
		return now.Add(firstRetell), process.PauseAnswered // this worker may die before it tells
	case at.Kind == process.WaitLate:
		return now.Add(process.PauseLate), process.PauseLate
	case !at.EndsAt.IsZero() && now.After(at.EndsAt.Add(activities.ApprovalGrace)):
		return time.Time{}, at.Pause
	case at.Kind == process.WaitPayment:
		return now.Add(process.PausePayment), process.PausePayment
	}
	left := time.Duration(longest)
	if !at.EndsAt.IsZero() {
		left = at.EndsAt.Sub(now)
	}
	pause := process.PauseAt(now.Sub(at.BeganAt), left)
	return now.Add(pause), pause
}

// longest is more than what is left of any wait.
const longest = 1 << 62

func (w *Watcher) begin(ctx context.Context, at process.Wait) {
	count := &w.looking
	if at.Answered {
		count = &w.telling
	}
	w.mu.Lock()
	*count++
	w.mu.Unlock()
	w.running.Go(func() {
		err := w.handle(ctx, at)
		w.mu.Lock()
		defer w.mu.Unlock()
		*count--
		if err != nil && ctx.Err() == nil {
			w.errs = append(w.errs[:min(len(w.errs), maxFailures)], err)
		}
	})
}

// handle looks at one wait, and tells its process what there is to tell.
func (w *Watcher) handle(ctx context.Context, at process.Wait) error {
	if at.Answered {
		if err := w.tell(ctx, at); err != nil {
			return err
		}
		at.NextAt = orNow(w.Now).Add(retell)
		return w.Waits.Settle(ctx, at)
	}
	answered, err := w.look(ctx, at)
	if err != nil {
		code, message, final := activities.Fault(err)
		if !final || ctx.Err() != nil {
			return fmt.Errorf("looking at %s %s: %w", at.Kind, at.Record, err)
		}
		at.Fault, at.Message, answered = code, message, true
	}
	switch {
	case !answered:
		return nil
	case at.Workflow == "":
		return w.Waits.EndWait(ctx, at.Kind, at.Record)
	}
	at.Answered, at.NextAt, at.Pause = true, orNow(w.Now).Add(firstRetell), process.PauseAnswered
	if err := w.Waits.Settle(ctx, at); err != nil { // looked at again
		return err
	}
	return w.tell(ctx, at)
}

func (w *Watcher) look(ctx context.Context, at process.Wait) (bool, error) {
	began := orNow(w.Now)
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	answered, err := w.Look(limited, at)
	noteLook(ctx, w.Party, answered, err)
	if ctx.Err() != nil {
		return answered, err
	}
	if rest := w.judge(err, began); !rest.IsZero() {
		err = errors.Join(err, w.Waits.Rest(ctx, w.Party, rest))
	}
	return answered, err
}

// judge counts failures of the party, and returns until when it is left alone now; zero when it serves.
func (w *Watcher) judge(err error, began time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if problem.CodeOf(err).Kind() != problem.KindUpstream {
		w.failures = 0
		return time.Time{}
	}
	now := orNow(w.Now)
	rest := problem.RetryAfterOf(err)
	if began.Before(w.rest) { // one of those that were under way when the party failed
		if now.Add(rest).After(w.rest) && rest > 0 {
			w.rest = now.Add(rest)
			return w.rest
		}
		return time.Time{}
	}
	w.failures++
	if rest <= 0 && w.failures >= patientFailures {
		rest = min(time.Second<<min(w.failures-patientFailures, 10), longestRest)
	}
	if rest <= 0 {
		return time.Time{}
	}
	w.rest = now.Add(rest)
	return w.rest
}

// tell signals the process, which then reads its answer and ends the wait. One that does not is told again.
func (w *Watcher) tell(ctx context.Context, at process.Wait) error {
	call, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	there, err := w.Engine.Tell(call, at.Workflow)
	switch {
	case err != nil:
		at.NextAt = orNow(w.Now).Add(untold)
		return errors.Join(fmt.Errorf("telling %s: %w", at.Workflow, err), w.Waits.Settle(ctx, at))
	case !there: // comparing the books finds a record without its process
		return w.Waits.EndWait(ctx, at.Kind, at.Record)
	}
	return nil
}

// failed returns what failed since the last round.
func (w *Watcher) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	errs := slices.Clone(w.errs)
	w.errs = nil
	return errors.Join(errs...)
}
