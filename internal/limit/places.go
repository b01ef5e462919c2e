package limit

import (
	"context"
	"slices"
	"sync"
	"time"

	"kyso/internal/problem"
)

// Places are what a process does at the same time of one kind of work. Who waits for a place gets it in turn by caller,
// not in turn of coming: whoever brings a hundred pieces of work waits behind whoever brings one. The zero value has no
// places; it must not be copied after first use.
type Places struct {
	Name   string        // for the refusal
	Most   int           // at the same time
	Queue  int           // callers that may wait; none with 0
	Wait   time.Duration // that one waits at most
	Resume time.Duration // what the refused are told to wait

	mu      sync.Mutex
	taken   map[string]int // by caller
	all     int
	turn    int            // counts the places given
	served  map[string]int // turn in which a caller got a place last, while it has or waits for one
	waiting []*waiter
}

// Holder is whom a place counts for, and how many it may have.
type Holder struct {
	Key  string
	Most int
}

type waiter struct {
	holders []Holder
	ready   chan struct{}
}

// Take takes a place that counts for every holder; the last of them, which a caller cannot draw anew, says whose turn it is.
// free gives it back. Errors: problem.Busy with RetryAfter, and that of ctx.
func (p *Places) Take(ctx context.Context, holders ...Holder) (free func(), err error) {
	w := &waiter{holders: holders, ready: make(chan struct{})}
	p.mu.Lock()
	if p.taken == nil {
		p.taken, p.served = map[string]int{}, map[string]int{}
	}
	if len(p.waiting) >= p.Queue && (len(p.waiting) > 0 || !p.fits(w)) || p.Queue > 0 && p.waitingFor(w.caller()) >= max(1, p.Queue/4) {
		p.mu.Unlock()
		return nil, p.busy()
	}
	p.waiting = append(p.waiting, w)
	p.next()
	p.mu.Unlock()
	patience := time.NewTimer(p.Wait)
	defer patience.Stop()
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-patience.C:
		err = p.busy()
	}
	if err != nil && p.leave(w) {
		return nil, err
	}
	return sync.OnceFunc(func() { p.free(w) }), nil
}

// leave takes back a waiter that gave up; it reports false for one that got its place meanwhile.
func (p *Places) leave(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, w)
	if i < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	p.forget(w)
	return true
}

func (p *Places) busy() error {
	return &problem.Error{Code: problem.Busy, RetryAfter: max(time.Second, p.Resume), Message: "all places for " + p.Name + " are taken"}
}

func (w *waiter) caller() string {
	if len(w.holders) == 0 {
		return ""
	}
	return w.holders[len(w.holders)-1].Key
}

func (p *Places) waitingFor(caller string) int {
	n := 0
	for _, w := range p.waiting {
		if w.caller() == caller {
			n++
		}
	}
	return n
}

func (p *Places) fits(w *waiter) bool {
	return p.all < p.Most && !slices.ContainsFunc(w.holders, func(h Holder) bool { return p.taken[h.Key] >= h.Most })
}

// next gives free places away: to the caller whose last turn is longest ago, and of its work to what came first.
func (p *Places) next() {
	for {
		var chosen *waiter
		for _, w := range p.waiting {
			if p.fits(w) && (chosen == nil || p.served[w.caller()] < p.served[chosen.caller()]) {
				chosen = w
			}
		}
		if chosen == nil {
			return
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(w *waiter) bool { return w == chosen })
		p.turn++
		p.all++
		p.served[chosen.caller()] = p.turn
		for _, h := range chosen.holders {
			p.taken[h.Key]++
		}
		close(chosen.ready)
	}
}

func (p *Places) free(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	for _, h := range w.holders {
		if p.taken[h.Key]--; p.taken[h.Key] <= 0 {
			delete(p.taken, h.Key)
		}
	}
	p.next()
	p.forget(w)
}

// forget keeps nothing about callers who have and want nothing.
func (p *Places) forget(w *waiter) {
	if caller := w.caller(); p.taken[caller] == 0 && p.waitingFor(caller) == 0 {
		delete(p.served, caller)
	}
}
