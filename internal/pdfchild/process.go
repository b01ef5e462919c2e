package pdfchild

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"kyso/internal/pdfchild/wire"
)

// process is a running child.
type process struct {
	cmd   *exec.Cmd
	in    *os.File
	out   *bufio.Reader
	pipes []*os.File // ours
	words *tail      // what it said on stderr
	done  chan struct{}

	operations int           // begun in it
	rested     time.Duration // CPU time of those that have ended
	confined   wire.Confinement
}

func start(program *os.File, background bool) (*process, error) {
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
	p.in, p.out, p.pipes = ourIn, bufio.NewReaderSize(ourOut, wire.PageSize), []*os.File{ourIn, ourOut}
	p.cmd = &exec.Cmd{
		Path: pathOf(program), Args: []string{programName}, Dir: "/", Stdin: theirIn, Stdout: theirOut, Stderr: p.words,
		// One thread of Go code: a file gets one core. Without traces the runtime's last words stay short. Memory is
		// overwritten when it is collected, so that nothing of a document is left.
		Env:         []string{"GOMAXPROCS=1", "GOTRACEBACK=none", "GODEBUG=clobberfree=1"},
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
	if err := p.greet(); err != nil {
		p.end()
		return nil, fmt.Errorf("%s: %w %s", program.Name(), err, strings.TrimSpace(p.words.String()))
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

// startLimit is how long a child may take until it is ready. Only one that hangs takes that long.
const startLimit = time.Minute

// greet waits until the child is ready.
func (p *process) greet() error {
	limit := time.AfterFunc(startLimit, p.kill)
	defer limit.Stop()
	kind, payload, err := wire.Read(p.out, wire.MaxCall)
	if err != nil {
		return fmt.Errorf("it does not answer: %w", err)
	}
	var hello wire.Hello
	if kind != wire.FrameHello || json.Unmarshal(payload, &hello) != nil || hello.Shape != wire.Shape() {
		return errors.New("it belongs to another release of kyso than this program")
	}
	p.confined = hello.Confinement
	return nil
}

// ended reports whether the child has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// rest waits for what the child says of itself after an operation.
func (p *process) rest() (wire.Rest, error) {
	kind, payload, err := wire.Read(p.out, wire.RestSize)
	if err != nil {
		return wire.Rest{}, err
	}
	if kind != wire.FrameRest {
		return wire.Rest{}, fmt.Errorf("frame %q", kind)
	}
	return wire.DecodeRest(payload)
}

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

// used is the CPU time of the operation that an ended child died in. The few milliseconds of its start count as well.
func (p *process) used() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime() - p.rested
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

// The Go runtime's last words.
var (
	outOfStack  = regexp.MustCompile(`(?m)^fatal error: stack overflow`)
	outOfMemory = regexp.MustCompile(`(?m)^fatal error: .*memory`)
)

// causeOfDeath says in words what limit a child met. The runtime's own words are looked at and not passed on:
// they may quote the document.
func causeOfDeath(status syscall.WaitStatus, words string, dead error) (string, reason) {
	switch {
	case errors.Is(dead, wire.ErrTooLong):
		return "its result is too large", becauseLimit
	case status.ExitStatus() == wire.ExitCPU:
		return "reading it takes too much CPU time", becauseLimit
	case outOfStack.MatchString(words):
		return "it is nested too deeply", becauseLimit
	case outOfMemory.MatchString(words):
		return "reading it takes too much memory", becauseLimit
	case status.Signaled():
		return fmt.Sprintf("the process reading it was ended by signal %d", int(status.Signal())), becauseDied
	}
	return fmt.Sprintf("the process reading it ended with status %d", status.ExitStatus()), becauseDied
}
