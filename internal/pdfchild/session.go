package pdfchild

import (
	"context"
	"fmt"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/wire"
	"kyso/internal/problem"
)

// Session is for several operations one after the other. See Runner.Session.
type Session struct {
	runner *Runner
	own    *process // with ShareSession, from the first operation on; nil after a death
}

// Close ends the child of the session, where it has one of its own. It may be called twice.
func (s *Session) Close() {
	if s.own != nil {
		s.runner.retire(s.own, becauseShared)
		s.own = nil
	}
}

// do runs one operation. A child that other documents went through before may die of what one of them left behind, so such a
// death is no verdict: the operation runs again in a child that has seen nothing else.
func (s *Session) do(ctx context.Context, op string, src pades.Source, args []byte) ([]byte, error) {
	r := s.runner
	call, err := wire.Call{
		Op: op, Size: src.Size(), Args: args, MemoryMB: r.memoryMB(),
		CPUSeconds: uint64((r.cpu() + time.Second - 1) / time.Second),
	}.Encode()
	if err != nil {
		return nil, fmt.Errorf("writing a call: %w", err)
	}
	if len(call) > wire.MaxCall {
		return nil, problem.New(problem.TooLarge, "options of %d bytes", len(call))
	}
	if err := r.acquire(ctx); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		child, err := s.child(first)
		if err != nil {
			r.release()
			return nil, fmt.Errorf("starting a PDF process: %w", err)
		}
		result := r.operate(ctx, child, src, call)
		if result.again && first && child.operations > 1 {
			s.own = nil
			r.retire(child, result.end)
			continue
		}
		s.giveBack(child, result.end)
		return result.answer, result.err
	}
}

// child is the one for the next operation: the session's own, one that is ready, or a new one.
func (s *Session) child(mayBeUsed bool) (*process, error) {
	if s.own != nil {
		return s.own, nil
	}
	child, err := s.runner.take(mayBeUsed)
	if err == nil && s.runner.Share == ShareSession {
		s.own = child
		s.runner.replace() // the next session finds one ready
	}
	return child, err
}

// giveBack lets the child forget the document and makes place for the next operation. The caller has its answer meanwhile,
// unless the child stays with the session.
func (s *Session) giveBack(child *process, end reason) {
	r := s.runner
	if s.own == nil {
		r.aside(func() { r.settle(child, end) })
		return
	}
	defer r.release()
	if end == "" {
		end = r.rested(child)
	}
	if end != "" {
		s.own = nil
		r.retire(child, end)
	}
}

// outcome is what came of an operation.
type outcome struct {
	answer []byte
	err    error
	end    reason // why the child can do no more, or ""
	again  bool   // the child died, and not of the operation's own time
}

// operate runs one operation in a child.
func (r *Runner) operate(ctx context.Context, child *process, src pades.Source, call []byte) outcome {
	child.operations++
	talk := &talk{child: child, src: src, wall: newStopwatch(r.wall(), child.kill)}
	stop := context.AfterFunc(ctx, child.kill)
	answer, dead := talk.run(call)
	stop()
	talk.wall.stop()
	if dead == nil && ctx.Err() == nil && !talk.wall.over() {
		return outcome{answer: answer, err: talk.verdict()}
	}
	// Dead, or the kill is on its way.
	status, words := child.end(), child.words.String()
	switch {
	case talk.readErr != nil:
		return outcome{err: talk.verdict(), end: becauseStopped}
	case ctx.Err() != nil:
		return outcome{err: fmt.Errorf("PDF work was stopped: %w", context.Cause(ctx)), end: becauseStopped}
	case talk.wall.over():
		end, err := r.tooSlow(child.used())
		return outcome{err: err, end: end}
	}
	cause, end := causeOfDeath(status, words, dead)
	return outcome{err: problem.New(problem.DocumentTooComplex, "%s", cause), end: end, again: status.ExitStatus() != wire.ExitCPU}
}

// tooSlow judges an operation that came to its limit of wall time by the CPU time that it used. One that had the CPU for half of
// what it may use says that the document is too complex; otherwise the machine was busy, and another attempt may succeed.
func (r *Runner) tooSlow(used time.Duration) (reason, error) {
	if used < min(r.cpu(), r.wall())/2 {
		return becauseBusy, problem.New(problem.Busy, "reading the document got %s of CPU time in %s", used.Round(time.Millisecond), r.wall())
	}
	return becauseLimit, problem.New(problem.DocumentTooComplex, "reading it took longer than %s", r.wall())
}
