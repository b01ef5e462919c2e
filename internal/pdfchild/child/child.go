// Package child is the inside of a PDF process: it reads one document after another through a pipe and says what it found. It sets
// limits on itself before it sees a byte of a document, and forgets each before the next.
//
// It imports internal/pades, internal/problem and the wire.
package child

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"syscall"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/wire"
	"kyso/internal/problem"
)

// maxStack bounds the stack of a goroutine in the child. Go's own bound of 1 GB would hit the memory limit first
// and look like it.
const maxStack = 64 << 20

// Main answers calls until the parent closes the pipe, and returns the exit status. Tests give more operations.
func Main(more map[string]Operation) int {
	// Ctrl-C and service managers signal whole groups. The parent decides when the child ends: if the child died
	// first, a shutdown would look like a hostile document.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	maps.Copy(operations, more)
	out := os.Stdout
	os.Stdout = os.Stderr // a stray print must not get among the frames
	endOnSignal(syscall.SIGXCPU)
	if err := serve(os.Stdin, out); !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "kyso-pdf:", err)
		return 1
	}
	return 0
}

// endOnSignal ends the child when its CPU time is used up. The Go runtime catches the kernel's signal and, left to
// itself, ignores it.
func endOnSignal(s os.Signal) {
	exceeded := make(chan os.Signal, 1)
	signal.Notify(exceeded, s)
	go func() {
		<-exceeded
		os.Exit(wire.ExitCPU)
	}()
}

// serve answers calls until in ends, which is io.EOF.
func serve(in io.Reader, out io.Writer) error {
	buffered := bufio.NewReaderSize(in, pageSize+wire.HeaderSize)
	hello, err := json.Marshal(wire.Hello{Shape: wire.Shape(), Confinement: giveUp()})
	if err == nil {
		err = wire.Write(out, wire.FrameHello, hello)
	}
	if err != nil {
		return fmt.Errorf("saying hello: %w", err)
	}
	goroutines, used := runtime.NumGoroutine(), cpuTime()
	for {
		broken, err := answer(buffered, out)
		if err != nil {
			return err
		}
		forget(buffered, in)
		left := wire.Rest{Broken: broken || runtime.NumGoroutine() > goroutines, Memory: mapped(), CPU: cpuTime() - used}
		used += left.CPU
		if err := wire.Write(out, wire.FrameRest, left.Encode()); err != nil {
			return fmt.Errorf("sending what is left: %w", err)
		}
	}
}

// answer takes one call and sends its result. All that it knows of the document is unreachable once it has returned.
func answer(in *bufio.Reader, out io.Writer) (broken bool, err error) {
	kind, payload, err := wire.Read(in, wire.MaxCall)
	if err != nil {
		return false, err
	}
	if kind != wire.FrameCall {
		return false, fmt.Errorf("frame %q where a call belongs", kind)
	}
	call, err := wire.DecodeCall(payload)
	if err != nil {
		return false, fmt.Errorf("reading a call: %w", err)
	}
	if err := confine(call.MemoryMB, call.CPUSeconds); err != nil {
		return false, fmt.Errorf("limiting this process: %w", err)
	}
	src := &remoteSource{size: call.Size, in: in, out: out}
	kind, result, broken := perform(call, src)
	if err := wire.Write(out, kind, result); err != nil {
		return false, fmt.Errorf("sending a result: %w", err)
	}
	return broken, nil
}

// forget overwrites what was read last and collects the rest: twice, as what lies in a sync.Pool outlives one collection. The
// runtime overwrites what it collects (GODEBUG=clobberfree=1, see start).
func forget(buffered *bufio.Reader, in io.Reader) {
	buffered.Reset(in)
	room, _ := buffered.Peek(0)
	clear(room[:cap(room)])
	runtime.GC()
	runtime.GC()
}

// cpuTime is what this process used so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // a figure for the metrics; the limit asks again
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// mapped is how much memory this process may write to, in bytes: what the limit of memory counts.
func mapped() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// confine sets the limits before the first byte of a document is seen.
func confine(memoryMB int, cpuSeconds uint64) error {
	debug.SetMaxStack(maxStack)
	// Collect early: the hard limit counts what the collector has not given back.
	debug.SetMemoryLimit(int64(memoryMB) << 20 / 4 * 3)
	return setLimits(uint64(memoryMB)<<20, cpuSeconds)
}

// perform runs one operation and encodes what came of it.
func perform(call wire.Call, src *remoteSource) (kind byte, answer []byte, broken bool) {
	result, broken, err := guarded(call, src)
	if err == nil {
		if answer, err = json.Marshal(result); err == nil && len(answer) > wire.MaxResult {
			err = problem.New(problem.DocumentTooComplex, "the result has %d bytes", len(answer))
		}
	}
	if err == nil {
		return wire.FrameResult, answer, broken
	}
	answer, err = json.Marshal(wire.FailureOf(err))
	if err != nil { // strings always marshal
		panic(err)
	}
	return wire.FrameFail, answer, broken
}

// guarded turns a panic into an error. A panic is a mistake in the reader that a broken file brought out: the
// place goes into the error, its text does not, as it may quote the document.
func guarded(call wire.Call, src *remoteSource) (result any, broken bool, err error) {
	do, ok := operations[call.Op]
	if !ok {
		return nil, false, fmt.Errorf("operation %q is not known", call.Op)
	}
	defer func() {
		if recovered := recover(); recovered != nil {
			broken, err = true, problem.New(problem.DocumentBroken, "the reader stumbled over this file at %s", panicPlace())
		}
	}()
	result, err = do(src, call.Args)
	return result, false, err
}

// panicPlace names the innermost function of ours on the panicking stack.
func panicPlace() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs[:])])
	panicking := false
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "runtime.") {
			panicking = panicking || frame.Function == "runtime.gopanic"
		} else if panicking {
			name := frame.Function[strings.LastIndexByte(frame.Function, '/')+1:]
			return fmt.Sprintf("%s line %d", name, frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

const (
	pageSize = wire.PageSize
	maxPages = 64 // kept by a child, so 4 MiB
)

// remoteSource reads a document through the parent, in pages. It is safe for concurrent use.
type remoteSource struct {
	size int64
	in   io.Reader
	out  io.Writer

	mu    sync.Mutex
	pages map[int64][]byte
	order []int64 // of pages, oldest first
}

var _ pades.Source = (*remoteSource)(nil)

// Size implements pades.Source.
func (s *remoteSource) Size() int64 { return s.size }

// ReadAt implements io.ReaderAt. Long reads go around the pages: whoever reads a file from end to end does so
// once.
func (s *remoteSource) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		if at >= s.size {
			return n, io.EOF
		}
		var got []byte
		if want := min(int64(len(p)-n), s.size-at, wire.MaxRead); want >= pageSize {
			got, err = s.fetch(at, want)
		} else {
			got, err = s.page(at / pageSize)
			if err == nil {
				got = got[at%pageSize:]
			}
		}
		if err != nil {
			return n, err
		}
		n += copy(p[n:], got)
	}
	return n, nil
}

func (s *remoteSource) page(number int64) ([]byte, error) {
	if data, ok := s.pages[number]; ok {
		return data, nil
	}
	start := number * pageSize
	data, err := s.fetch(start, min(pageSize, s.size-start))
	if err != nil {
		return nil, err
	}
	if s.pages == nil {
		s.pages = make(map[int64][]byte, maxPages)
	}
	if len(s.order) == maxPages {
		delete(s.pages, s.order[0])
		s.order = s.order[1:]
	}
	s.pages[number] = data
	s.order = append(s.order, number)
	return data, nil
}

var errNoData = errors.New("the document cannot be read")

func (s *remoteSource) fetch(off, length int64) ([]byte, error) {
	var ask [12]byte
	binary.BigEndian.PutUint64(ask[:], uint64(off))
	binary.BigEndian.PutUint32(ask[8:], uint32(length))
	if err := wire.Write(s.out, wire.FrameRead, ask[:]); err != nil {
		return nil, err
	}
	kind, data, err := wire.Read(s.in, wire.MaxRead)
	if err != nil {
		return nil, err
	}
	if kind != wire.FrameData || int64(len(data)) != length {
		return nil, errNoData
	}
	return data, nil
}
