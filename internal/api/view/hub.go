package view

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// look reads what has happened in a process after a transition, for no caller in particular. It reads the record before the
// transitions: when it is final, the transitions read after it are all there will be.
type look func(ctx context.Context, after int) (Moment, error)

// Moment is what there is to tell of a process at one look.
type Moment struct {
	Final       bool
	Transitions []Recorded                               // after the last one seen
	Attention   func(ctx context.Context) *AttentionBody // as a caller may see it; nil when no operator has to act
	Countdown   func() *CountdownBody                    // by the clock of now; nil when none runs
}

// Recorded is one transition and how it is shown.
type Recorded struct {
	Seq  int
	Body any
}

// hub looks into the store once for all who follow one process: the first to come begins the looking, and the last to go ends it.
type hub struct {
	mu       sync.Mutex
	followed map[string]*followed
}

// followed is a process that is looked at. The lock of the hub guards it.
type followed struct {
	watchers int
	stop     context.CancelFunc
	news     chan struct{} // closed when there was a further look
	looked   bool          // at least once
	known    Moment        // of the last look, with every transition from the first on
	err      error         // of the last look, after which there is no further one
}

// join follows a process. The first look is made when news is closed.
func (h *hub) join(key string, every time.Duration, look look) (f *followed, news <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f = h.followed[key]; f == nil {
		// Of no caller: the one who came first may go before the others.
		ctx, stop := context.WithCancel(context.Background())
		f = &followed{stop: stop, news: make(chan struct{})}
		if h.followed == nil {
			h.followed = map[string]*followed{}
		}
		h.followed[key] = f
		go h.keepLooking(ctx, key, f, every, look)
	}
	f.watchers++
	if f.looked {
		done := make(chan struct{})
		close(done)
		return f, done
	}
	return f, f.news
}

// leave ends the looking with the last who followed.
func (h *hub) leave(key string, f *followed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.watchers--; f.watchers == 0 {
		f.stop()
		h.forget(key, f)
	}
}

// forget lets the next who comes begin anew.
func (h *hub) forget(key string, f *followed) {
	if h.followed[key] == f {
		delete(h.followed, key)
	}
}

// state is the last look with the transitions after one, and what is closed at the next look.
func (h *hub) state(f *followed, after int) (Moment, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := f.known
	first := slices.IndexFunc(m.Transitions, func(t Recorded) bool { return t.Seq > after })
	if first < 0 {
		first = len(m.Transitions)
	}
	m.Transitions = m.Transitions[first:] // what follows is appended behind it and changes nothing in it
	return m, f.news, f.err
}

// keepLooking looks until the process has ended or cannot be read, or the last who followed has gone.
func (h *hub) keepLooking(ctx context.Context, key string, f *followed, every time.Duration, look look) {
	defer f.stop()
	last, changed := 0, time.Now()
	for {
		m, err := safely(ctx, look, last)
		if len(m.Transitions) > 0 {
			last, changed = m.Transitions[len(m.Transitions)-1].Seq, time.Now()
		}
		h.mu.Lock()
		over := err != nil || m.Final
		if over {
			h.forget(key, f)
		}
		if f.looked, f.err = true, err; err == nil {
			m.Transitions = append(f.known.Transitions, m.Transitions...)
			f.known = m
		}
		close(f.news)
		f.news = make(chan struct{})
		h.mu.Unlock()
		if over {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pauseAfter(time.Since(changed), every)):
		}
	}
}

// pauseAfter is how long to wait between two looks at a process in which nothing has happened for a while: a hundredth of that, and
// no more than four times what is usual.
func pauseAfter(quiet, every time.Duration) time.Duration {
	return min(max(quiet/100, every), 4*every)
}

// safely is a look whose panic is an error, as that of a request is.
func safely(ctx context.Context, look look, after int) (m Moment, err error) {
	defer func() {
		if what := recover(); what != nil {
			m, err = Moment{}, fmt.Errorf("panic: %v\n%s", what, debug.Stack())
		}
	}()
	return look(ctx, after)
}
