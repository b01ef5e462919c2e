package pdfchild

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"kyso/internal/pdfchild/wire"
)

// Share says which documents go through one process, one after the other. Two documents are never in a process at the same time.
type Share string

// The choices; docs/decisions/0013-warm-pdf-processes.md says what each costs.
const (
	ShareAny     Share = "any"     // all of them: a process forgets one document before it gets the next
	ShareSession Share = "session" // those of one Session: the documents of one signing in one activity, or one upload
)

// pool holds the children that wait for work.
type pool struct {
	once  sync.Once
	slots chan struct{} // operations under way, and children that forget

	mu         sync.Mutex
	idle       []*process
	warm       bool // keep children ready
	starting   int
	closed     bool
	file       *os.File // see open
	confined   wire.Confinement
	background sync.WaitGroup
}

// reason is why a child can do no more.
type reason string

const (
	becauseFault      reason = "fault"      // the reader panicked, or left a goroutine behind
	becauseLimit      reason = "limit"      // it used up memory, stack, CPU or wall time
	becauseBusy       reason = "busy"       // it came to the limit of wall time without having had the CPU
	becauseDied       reason = "died"       // it ended otherwise, or made no sense
	becauseStopped    reason = "stopped"    // the caller went away, or the document's storage failed
	becauseOperations reason = "operations" // it had its number of operations
	becauseMemory     reason = "memory"     // it kept more memory than a new one would
	becauseShared     reason = "shared"     // its session ended, and no other may have its child
	becauseClosed     reason = "closed"     // its Runner was closed
)

// Ways to start a child.
const (
	startedAhead = "ahead" // before it was needed
	startedFor   = "need"  // while an operation waited
)

// Counts is what the children of all Runners of this process did so far.
type Counts struct {
	Started    map[string]int64 // by "ahead" (before it was needed) and "need" (while an operation waited)
	Ended      map[string]int64 // by reason: fault, limit, busy, died, stopped, operations, memory, shared, closed
	Operations int64
	CPU        float64 // of the operations, in seconds; that of starts is not in it
}

var counted struct {
	started, ended  sync.Map // of *atomic.Int64
	operations, cpu atomic.Int64
}

func count(kind *sync.Map, name string) {
	n, _ := kind.LoadOrStore(name, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// Counted returns the counts.
func Counted() Counts {
	c := Counts{Started: map[string]int64{}, Ended: map[string]int64{}, Operations: counted.operations.Load()}
	for kind, into := range map[*sync.Map]map[string]int64{&counted.started: c.Started, &counted.ended: c.Ended} {
		kind.Range(func(name, n any) bool {
			into[name.(string)] = n.(*atomic.Int64).Load()
			return true
		})
	}
	c.CPU = float64(counted.cpu.Load()) / 1e9
	return c
}

// Warm starts MaxParallel children and has as many ready from now on, until Close. It returns when the first one is ready. Without
// Warm a Runner starts a child when it needs the first, and keeps it.
func (r *Runner) Warm() error {
	child, err := r.start(startedAhead)
	if err != nil {
		return fmt.Errorf("starting a PDF process: %w", err)
	}
	r.mu.Lock()
	r.warm = true
	r.mu.Unlock()
	r.keep(child)
	for range r.maxParallel() - 1 {
		r.replace()
	}
	return nil
}

// Confined is what the child that was started last has given up. Where it is not all that there is, Missing says why.
func (r *Runner) Confined() wire.Confinement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.confined
}

// Close ends the children. Operations that are under way end as they would; later ones find no place to keep their child.
func (r *Runner) Close() {
	r.mu.Lock()
	idle, file := r.idle, r.file
	r.idle, r.file, r.warm, r.closed = nil, nil, false, true
	r.mu.Unlock()
	for _, child := range idle {
		r.retire(child, becauseClosed)
	}
	r.background.Wait()
	if file != nil {
		_ = file.Close() // was read only
	}
}

// aside does something while its caller goes on, which a closed Runner has no time for.
func (r *Runner) aside(do func()) {
	r.mu.Lock()
	if !r.closed {
		r.background.Go(do)
		do = func() {}
	}
	r.mu.Unlock()
	do()
}

// acquire waits for one of MaxParallel places.
func (r *Runner) acquire(ctx context.Context) error {
	r.once.Do(func() { r.slots = make(chan struct{}, r.maxParallel()) })
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for a PDF process: %w", context.Cause(ctx))
	}
}

func (r *Runner) release() { <-r.slots }

// take returns a child that waits, the one that worked last, or starts one.
func (r *Runner) take(mayBeUsed bool) (*process, error) {
	for {
		child := r.pop(mayBeUsed)
		if child == nil {
			return r.start(startedFor)
		}
		if !child.ended() {
			return child, nil
		}
		r.retire(child, becauseDied) // while it waited
	}
}

func (r *Runner) pop(mayBeUsed bool) *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, child := range slices.Backward(r.idle) {
		if mayBeUsed || child.operations == 0 {
			r.idle = slices.Delete(r.idle, i, i+1)
			return child
		}
	}
	return nil
}

// keep puts a child among those that wait.
func (r *Runner) keep(child *process) {
	r.mu.Lock()
	if !r.closed {
		r.idle = append(r.idle, child)
		child = nil
	}
	r.mu.Unlock()
	if child != nil {
		r.retire(child, becauseClosed)
	}
}

// settle waits until a child has forgotten its document and lets it wait for the next, or ends it. Then there is a place for an
// operation again.
func (r *Runner) settle(child *process, end reason) {
	defer r.release()
	if end == "" {
		end = r.rested(child)
	}
	if end == "" {
		r.keep(child)
		return
	}
	r.retire(child, end)
	r.replace()
}

// rested waits until a child has forgotten its document, and says why it cannot have another.
func (r *Runner) rested(child *process) reason {
	watch := newStopwatch(r.wall(), child.kill)
	left, err := child.rest()
	watch.stop()
	counted.operations.Add(1)
	counted.cpu.Add(int64(left.CPU))
	child.rested += left.CPU
	switch {
	case err != nil:
		return becauseDied
	case left.Broken:
		return becauseFault
	case child.operations >= r.maxOperations():
		return becauseOperations
	case left.Memory > uint64(r.memoryMB())<<20/4:
		return becauseMemory
	}
	return ""
}

// replace starts a child in the background where fewer wait than should.
func (r *Runner) replace() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.warm || len(r.idle)+r.starting >= r.maxParallel() {
		return
	}
	r.starting++
	r.background.Go(func() {
		child, err := r.start(startedAhead)
		r.mu.Lock()
		r.starting--
		r.mu.Unlock()
		if err == nil { // otherwise the next operation starts one, and says why it cannot
			r.keep(child)
		}
	})
}

func (r *Runner) start(why string) (*process, error) {
	program, err := r.open()
	if err != nil {
		return nil, err
	}
	child, err := start(program, r.Background)
	if err != nil {
		return nil, err
	}
	count(&counted.started, why)
	r.mu.Lock()
	r.confined = child.confined
	r.mu.Unlock()
	return child, nil
}

// retire ends a child.
func (r *Runner) retire(child *process, why reason) {
	child.end()
	count(&counted.ended, string(why))
}
