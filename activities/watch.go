package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// Watch looks at what processes wait for, once for each call. It does what the activities do that ask until there is an answer, for
// the watchers of internal/relay.
type Watch struct {
	Signing      *Signing
	Registration *Registration
}

// Look asks the party of a wait once, and records what comes. answered says that there is something to tell the process, or that
// there is nothing more to look for. Errors are those of the party, and problem.Conflict when the record has moved on.
func (w Watch) Look(ctx context.Context, at process.Wait) (answered bool, err error) {
	switch at.Kind {
	case process.WaitApproval:
		_, outcome, err := w.Signing.lookAtApproval(ctx, PollInput{SigningID: at.Record})
		return outcome != "", err
	case process.WaitLate:
		return w.Signing.lookForLate(ctx, at.Record)
	case process.WaitPIN:
		_, set, err := w.Registration.lookForPIN(ctx, at.Record)
		return set, err
	case process.WaitPayment:
		asked, err := w.Registration.askPayment(ctx, at.Record)
		return asked.Status.Decided(), err
	case process.WaitAcceptance:
		return w.Registration.acceptanceEnded(ctx, at.Record)
	}
	return false, problem.New(problem.Invalid, "there is no wait of kind %q", at.Kind)
}

// Fault is what a process learns of an error that asking again does not overcome, without personal data; final is false for an error
// that passes.
func Fault(err error) (code, message string, final bool) {
	of := problem.CodeOf(err)
	return string(of), legible(of, err), !retryable(of)
}

// Pace keeps waiting processes from asking an outside party more often than it, and the worker, can bear: when thousands
// wait at once, each asks less often. Questions of one party that are asked at the same pause share a queue, so those that
// have waited for long do not hold up those that have just begun; a party that tells us by webhook is asked at once anyway.
//
// The zero value, and nil, let every caller ask at any time.
type Pace struct {
	// PerSecond is how many questions of one queue this worker asks in a second; zero means no limit.
	PerSecond int
	Now       func() time.Time // nil means time.Now

	mu   sync.Mutex
	free map[queue]time.Time // when the next place of a queue is free
}

// Take returns how many of the questions that wait at a pause may be asked now, and takes their places. What was not asked in the last
// second is not asked later.
func (p *Pace) Take(party string, pause time.Duration, waiting int) int {
	if p == nil || p.PerSecond <= 0 || waiting <= 0 {
		return waiting
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	at, key, each := now.Add(-time.Second), queue{party, pause}, time.Second/time.Duration(p.PerSecond)
	if p.free[key].After(at) {
		at = p.free[key]
	}
	places := min(waiting, int(now.Sub(at)/each))
	if places > 0 {
		p.free[key] = at.Add(time.Duration(places) * each)
	}
	return max(places, 0)
}

// now makes the queues, and returns the time.
func (p *Pace) now() time.Time {
	if p.free == nil {
		p.free = map[queue]time.Time{}
	}
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

type queue struct {
	party string
	pause time.Duration
}

// Next returns how long to wait before the party is asked again: the pause, or longer when the queue is full.
func (p *Pace) Next(party string, pause time.Duration) time.Duration {
	if p == nil || p.PerSecond <= 0 {
		return pause
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	at, key := now.Add(pause), queue{party, pause}
	if p.free[key].After(at) {
		at = p.free[key]
	}
	p.free[key] = at.Add(time.Second / time.Duration(p.PerSecond))
	return at.Sub(now)
}

// lookNow has a wait looked at now whose process came for an answer that is not recorded: a webhook woke it, or its row is lost. The
// fault of a look is the answer, and ends the wait.
func lookNow(ctx context.Context, waits process.Waits, w process.Wait, now time.Time) error {
	stored, err := waits.Wait(ctx, w.Kind, w.Record)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		return waits.Watch(ctx, w)
	case err != nil:
		return err
	case stored.Fault == "":
		_, err = waits.Hasten(ctx, w.Kind, w.Record, now)
		return err
	}
	if err := waits.EndWait(ctx, w.Kind, w.Record); err != nil {
		return err
	}
	return temporal.NewNonRetryableApplicationError(stored.Message, stored.Fault, nil)
}

// ReadAcceptance returns how the signing of the acceptance record ended; empty while it goes on, and then the store has a watcher tell
// the process of its end. It is for a signing that another process started, as AwaitAcceptance is. Effect: records. Key: the signing.
func (a *Registration) ReadAcceptance(ctx context.Context, in AcceptanceInput) (signing.Status, error) {
	status, err := a.readAcceptance(ctx, in)
	return status, fail(err)
}

func (a *Registration) readAcceptance(ctx context.Context, in AcceptanceInput) (signing.Status, error) {
	if of, ok := process.OfAcceptance(in.SigningID); !ok || of != in.RegistrationID {
		return "", problem.New(problem.Conflict, "the signing is not of this registration")
	}
	// The wait begins before the signing is read, so that no end is missed.
	if err := a.Waits.Watch(ctx, registration.AcceptanceWait(in.RegistrationID, in.SigningID, a.Now())); err != nil {
		return "", err
	}
	s, err := a.Signings.Signing(ctx, in.SigningID)
	if err != nil || !s.Status.Final() {
		return "", err
	}
	return s.Status, a.Waits.EndWait(ctx, process.WaitAcceptance, s.ID)
}

// acceptanceEnded reports whether a signing of an acceptance record has ended.
func (a *Registration) acceptanceEnded(ctx context.Context, signingID string) (bool, error) {
	s, err := a.Signings.Signing(ctx, signingID)
	return s.Status.Final(), err
}
