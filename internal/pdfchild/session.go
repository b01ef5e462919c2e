package pdfchild

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// Session is a child that works through operations one by one. See Runner.Session.
type Session struct {
	runner *Runner
	child  *process // nil before the first operation and after a death
}

// Close ends the child. It may be called twice.
func (s *Session) Close() {
	if s.child != nil {
		s.child.end()
		s.child = nil
	}
}

// do runs one operation.
func (s *Session) do(ctx context.Context, op string, src pades.Source, args []byte) ([]byte, error) {
	if err := s.runner.acquire(ctx); err != nil {
		return nil, err
	}
	defer s.runner.release()
	call, err := json.Marshal(request{
		Op: op, Size: src.Size(), Args: args, MemoryMB: s.runner.memoryMB(),
		CPUSeconds: uint64((s.runner.cpu() + time.Second - 1) / time.Second),
	})
	if err != nil {
		return nil, fmt.Errorf("writing a call: %w", err)
	}
	if len(call) > maxCall {
		return nil, problem.New(problem.TooLarge, "options of %d bytes", len(call))
	}
	if s.child == nil {
		if s.child, err = start(s.runner.Background); err != nil {
			return nil, fmt.Errorf("starting a PDF process: %w", err)
		}
	}
	talk := &talk{child: s.child, src: src, wall: newStopwatch(s.runner.wall(), s.child.kill)}
	stop := context.AfterFunc(ctx, s.child.kill)
	answer, dead := talk.run(call)
	stop()
	talk.wall.stop()
	if dead == nil && ctx.Err() == nil && !talk.wall.over() {
		return answer, talk.verdict()
	}
	// Dead, or the kill is on its way.
	status, words := s.child.end(), s.child.words.String()
	s.child = nil
	switch {
	case talk.readErr != nil:
		return nil, talk.verdict()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("PDF work was stopped: %w", context.Cause(ctx))
	case talk.wall.over():
		return nil, problem.New(problem.DocumentTooComplex, "reading it took longer than %s", s.runner.wall())
	}
	return nil, problem.New(problem.DocumentTooComplex, "%s", causeOfDeath(status, words, dead))
}

// The Go runtime's last words.
var (
	outOfStack  = regexp.MustCompile(`(?m)^fatal error: stack overflow`)
	outOfMemory = regexp.MustCompile(`(?m)^fatal error: .*memory`)
)

// causeOfDeath says in words what limit a child met. The runtime's own words are looked at and not passed on:
// they may quote the document.
func causeOfDeath(status syscall.WaitStatus, words string, dead error) string {
	switch {
	case errors.Is(dead, errTooLong):
		return "its result is too large"
	case status.ExitStatus() == exitCPU:
		return "reading it takes too much CPU time"
	case outOfStack.MatchString(words):
		return "it is nested too deeply"
	case outOfMemory.MatchString(words):
		return "reading it takes too much memory"
	case status.Signaled():
		return fmt.Sprintf("the process reading it was ended by signal %d", int(status.Signal()))
	}
	return fmt.Sprintf("the process reading it ended with status %d", status.ExitStatus())
}

// talk is the exchange with a child over one operation.
type talk struct {
	child   *process
	src     pades.Source
	wall    *stopwatch
	failed  *failure // the child's own verdict
	readErr error    // of src
	buffer  []byte
}

// verdict is the error of an operation that the child survived. Storage that failed is our trouble, whatever the
// child made of it.
func (t *talk) verdict() error {
	switch {
	case t.readErr != nil:
		return fmt.Errorf("reading the document: %w", t.readErr)
	case t.failed != nil:
		return t.failed.err()
	}
	return nil
}

// run sends the call and answers the child's questions until it has a result. An error means that the child is
// dead or makes no sense.
func (t *talk) run(call []byte) ([]byte, error) {
	if err := writeFrame(t.child.in, frameCall, call); err != nil {
		return nil, err
	}
	for {
		kind, payload, err := readFrame(t.child.out, maxResult)
		if err != nil {
			return nil, err
		}
		switch kind {
		case frameRead:
			if err := t.answerRead(payload); err != nil {
				return nil, err
			}
		case frameResult:
			return payload, nil
		case frameFail:
			var f failure
			if err := json.Unmarshal(payload, &f); err != nil {
				return nil, err
			}
			t.failed = &f
			return nil, nil
		default:
			return nil, fmt.Errorf("frame %q", kind)
		}
	}
}

// answerRead reads a range for the child. The child's clock stands still meanwhile: slow storage is not the
// document's fault.
func (t *talk) answerRead(payload []byte) error {
	if len(payload) != 12 {
		return errors.New("malformed read")
	}
	off, length := binary.BigEndian.Uint64(payload), binary.BigEndian.Uint32(payload[8:])
	if size := uint64(t.src.Size()); length > maxRead || off > size || uint64(length) > size-off {
		return errors.New("read outside the document")
	}
	if cap(t.buffer) < int(length) {
		t.buffer = make([]byte, length)
	}
	t.wall.pause()
	n, err := t.src.ReadAt(t.buffer[:length], int64(off))
	t.wall.resume()
	if n < int(length) {
		t.readErr = orDefault(err, io.ErrUnexpectedEOF)
		return writeFrame(t.child.in, frameNoData, nil)
	}
	return writeFrame(t.child.in, frameData, t.buffer[:length])
}

// process is a running child.
type process struct {
	cmd   *exec.Cmd
	in    *os.File
	out   *bufio.Reader
	pipes []*os.File // ours
	words *tail      // what it said on stderr
	done  chan struct{}
}

func start(background bool) (*process, error) {
	path, err := executable()
	if err != nil {
		return nil, err
	}
	if err := keepFiles(); err != nil {
		return nil, err
	}
	p := &process{words: &tail{}, done: make(chan struct{})}
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		theirIn.Close()
		ourIn.Close()
		return nil, err
	}
	p.in, p.out, p.pipes = ourIn, bufio.NewReaderSize(ourOut, pageSize), []*os.File{ourIn, ourOut}
	p.cmd = &exec.Cmd{
		Path: path, Args: []string{"kyso-pdf"}, Dir: "/", Stdin: theirIn, Stdout: theirOut, Stderr: p.words,
		// One thread of Go code: a file gets one core. Without traces the runtime's last words stay short.
		Env:         []string{childVariable + "=1", "GOMAXPROCS=1", "GOTRACEBACK=none"},
		SysProcAttr: childAttributes(),
	}
	started := make(chan error)
	go p.run(started)
	err = <-started
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		ourIn.Close()
		ourOut.Close()
		return nil, err
	}
	if background {
		if err := yield(p.cmd.Process.Pid); err != nil {
			p.end()
			return nil, fmt.Errorf("lowering the priority: %w", err)
		}
	}
	return p, nil
}

// run starts the child and waits for its end on one thread: Linux delivers the parent-death signal when the
// thread that made the child ends, so that thread has to stay.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // how it ended stands in ProcessState
	}
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

// end kills the child if it still lives, waits for it and returns how it ended.
func (p *process) end() syscall.WaitStatus {
	for _, pipe := range p.pipes {
		pipe.Close()
	}
	p.kill()
	<-p.done
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status
}

// tail keeps the last words of a child.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const maxTail = 8 << 10

// Write implements io.Writer. It keeps the beginning: the runtime says there why it gives up.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), maxTail-len(t.text))]...)
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// stopwatch calls expire after a time during which it was not paused.
type stopwatch struct {
	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	since   time.Time
	expired bool
}

func newStopwatch(d time.Duration, expire func()) *stopwatch {
	w := &stopwatch{left: d, since: time.Now()}
	w.timer = time.AfterFunc(d, func() {
		w.mu.Lock()
		w.expired = true
		w.mu.Unlock()
		expire()
	})
	return w
}

func (w *stopwatch) pause() {
	if w.timer.Stop() {
		w.left -= time.Since(w.since)
	}
}

func (w *stopwatch) resume() {
	w.since = time.Now()
	w.timer.Reset(max(w.left, 0))
}

func (w *stopwatch) stop() { w.timer.Stop() }

func (w *stopwatch) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.expired
}
