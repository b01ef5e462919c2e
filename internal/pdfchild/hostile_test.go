package pdfchild

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// What a hostile file could make a reader do, and what the tests want to know of the inside of a child. The
// operations exist in children of this test binary only.
const (
	opMemory     = "test-memory"
	opLoop       = "test-loop"
	opStack      = "test-stack"
	opPanic      = "test-panic"
	opPanicAside = "test-panic-in-goroutine"
	opSleep      = "test-sleep"
	opExit       = "test-exit"
	opHugeFrame  = "test-huge-frame"
	opHugeResult = "test-huge-result"
	opBadFrame   = "test-bad-frame"
	opBadRead    = "test-bad-read"
	opPrint      = "test-print"
	opReadAt     = "test-read-at"
	opLook       = "test-look"
	opBurn       = "test-burn"
)

type readResult struct {
	Data []byte
	Err  string
}

// inside is what a child sees of the world.
type inside struct {
	Environment []string
	Arguments   []string
	Directory   string
	Files       []string
	PID         int
	WriteError  string
}

// What the operations waste is kept here, so that the compiler cannot leave it out.
var (
	hog   [][]byte
	burnt int
)

// deeper stands for a reader that follows references without counting.
func deeper(next []int, at int) int {
	if at < 0 {
		return 0
	}
	return 1 + deeper(next, next[at])
}

func init() {
	add := func(name string, do func(src pades.Source) (any, error)) {
		operations[name] = func(src pades.Source, _ json.RawMessage) (any, error) { return do(src) }
	}
	add(opMemory, func(pades.Source) (any, error) {
		for {
			block := make([]byte, 8<<20)
			for i := range block {
				block[i] = 1
			}
			hog = append(hog, block)
		}
	})
	add(opLoop, func(pades.Source) (any, error) {
		for n := 0; ; n++ {
			burnt = n
		}
	})
	add(opStack, func(pades.Source) (any, error) { return deeper([]int{1, 0}, 0), nil })
	add(opPanic, func(pades.Source) (any, error) {
		panic("Nguyễn Văn Minh, 079095012345")
	})
	add(opPanicAside, func(pades.Source) (any, error) {
		go func() { panic("out of memory of what Nguyễn Văn Minh wrote") }()
		select {}
	})
	add(opSleep, func(pades.Source) (any, error) { time.Sleep(time.Hour); return nil, nil })
	add(opExit, func(pades.Source) (any, error) { os.Exit(0); return nil, nil })
	add(opHugeFrame, func(src pades.Source) (any, error) {
		_, err := src.(*remoteSource).out.Write([]byte{frameResult, 0xFF, 0xFF, 0xFF, 0xFF})
		time.Sleep(time.Hour)
		return nil, err
	})
	add(opHugeResult, func(pades.Source) (any, error) { return strings.Repeat("A", maxResult), nil })
	add(opBadFrame, func(src pades.Source) (any, error) {
		return nil, writeFrame(src.(*remoteSource).out, 'X', []byte("?"))
	})
	add(opBadRead, func(src pades.Source) (any, error) {
		return src.(*remoteSource).fetch(src.Size()-1, 2)
	})
	add(opPrint, func(pades.Source) (any, error) {
		_, err := fmt.Println("a library that prints")
		return "fine", err
	})
	add(opLook, look)
	add(opBurn, func(pades.Source) (any, error) {
		for start := time.Now(); time.Since(start) < 600*time.Millisecond; {
			burnt++
		}
		return nil, nil
	})
	operations[opReadAt] = with(func(src pades.Source, at [2]int64) (any, error) {
		buffer := make([]byte, at[1])
		n, err := src.ReadAt(buffer, at[0])
		return readResult{buffer[:n], fmt.Sprint(err)}, nil
	})
}

func look(pades.Source) (any, error) {
	var seen inside
	seen.Environment, seen.Arguments, seen.PID = os.Environ(), os.Args, os.Getpid()
	seen.Directory, _ = os.Getwd()
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			seen.Files = append(seen.Files, target)
		}
	}
	f, err := os.CreateTemp("/tmp", "pdfchild")
	if err == nil {
		os.Remove(f.Name())
		_, err = f.WriteString("x")
	}
	seen.WriteError = fmt.Sprint(err)
	return seen, nil
}

// parentVariable makes this test binary a parent that is about to be killed; see TestChildDiesWithParent.
const parentVariable = "PDFCHILD_TEST_PARENT"

func TestMain(m *testing.M) {
	Main()
	if os.Getenv(parentVariable) != "" {
		session := new(Runner).Session()
		seen, err := run[inside](context.Background(), session, opLook, bytes.NewReader(nil), nil)
		fmt.Println(seen.PID, err)
		_, err = session.do(context.Background(), opSleep, bytes.NewReader(nil), []byte("null"))
		fmt.Println("not reached", err)
	}
	os.Exit(m.Run())
}

// runner has its children end with the test.
func runner(t testing.TB, r *Runner) *Runner {
	t.Cleanup(r.Close)
	return r
}

func hashState(t *testing.T, data []byte) []byte {
	t.Helper()
	h := sha256.New()
	h.Write(data)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// TestHostileFiles lets each operation fail in a session of its own while another session works on.
func TestHostileFiles(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs more memory than a child may have")
	}
	for _, tt := range []struct {
		op     string
		runner *Runner
		code   problem.Code
		words  string
	}{
		{opMemory, &Runner{MemoryMB: 256}, problem.DocumentTooComplex, "too much memory"},
		{opLoop, &Runner{CPU: time.Second}, problem.DocumentTooComplex, "too much CPU time"},
		{opLoop, &Runner{Wall: 300 * time.Millisecond}, problem.DocumentTooComplex, "longer than 300ms"},
		{opStack, &Runner{}, problem.DocumentTooComplex, "nested too deeply"},
		{opPanic, &Runner{}, problem.DocumentBroken, "stumbled over this file at pdfchild.init"},
		{opPanicAside, &Runner{}, problem.DocumentTooComplex, ""},
		{opSleep, &Runner{Wall: 300 * time.Millisecond}, problem.DocumentTooComplex, "longer than 300ms"},
		{opExit, &Runner{}, problem.DocumentTooComplex, "status 0"},
		{opHugeFrame, &Runner{}, problem.DocumentTooComplex, "result is too large"},
		{opHugeResult, &Runner{}, problem.DocumentTooComplex, "bytes"},
		{opBadFrame, &Runner{}, problem.DocumentTooComplex, ""},
		{opBadRead, &Runner{}, problem.DocumentTooComplex, ""},
	} {
		t.Run(tt.op+" "+tt.words, func(t *testing.T) {
			stop := working(t)
			defer tt.runner.Close()
			session := tt.runner.Session()
			defer session.Close()
			start := time.Now()
			_, err := session.do(context.Background(), tt.op, bytes.NewReader([]byte("document")), []byte("null"))
			took := time.Since(start)
			if problem.CodeOf(err) != tt.code || !strings.Contains(fmt.Sprint(err), tt.words) {
				t.Errorf("got %v, want %s with %q", err, tt.code, tt.words)
			}
			if strings.Contains(fmt.Sprint(err), "Minh") {
				t.Errorf("the document is quoted: %v", err)
			}
			t.Logf("%v after %s", err, took.Round(time.Millisecond))
			if took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
			if _, err := session.Inspect(context.Background(), bytes.NewReader(smallPDF(10)), pades.Policy{}); err != nil {
				t.Errorf("the session's next document: %v", err)
			}
			if n := stop(); n == 0 {
				t.Error("the other session did nothing meanwhile")
			}
		})
	}
}

// working keeps a session of its own at work until stop, which returns how much it did.
func working(t *testing.T) (stop func() int) { return workingIn(t, runner(t, &Runner{})) }

func workingIn(t *testing.T, r *Runner) (stop func() int) {
	session := r.Session()
	done, count := make(chan struct{}), make(chan int)
	file := smallPDF(100)
	go func() {
		n := 0
		for {
			if _, err := session.Inspect(context.Background(), bytes.NewReader(file), pades.Policy{}); err != nil {
				t.Errorf("the other session: %v", err)
			}
			n++
			select {
			case <-done:
				session.Close()
				count <- n
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() int { close(done); return <-count }
}

func TestInsideOfAChild(t *testing.T) {
	t.Setenv("KYSO_SECRET", "must not reach a child")
	secret, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	session := runner(t, &Runner{}).Session()
	defer session.Close()
	seen, err := run[inside](context.Background(), session, opLook, bytes.NewReader(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range seen.Environment {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains([]string{childVariable, "GOMAXPROCS", "GOTRACEBACK", "GODEBUG"}, name) {
			t.Errorf("environment has %s", variable)
		}
	}
	if seen.Directory != "/" || len(seen.Arguments) != 1 {
		t.Errorf("in %s with %v", seen.Directory, seen.Arguments)
	}
	for _, file := range seen.Files {
		// The Go runtime keeps open what it learns its share of the CPU from.
		if !slices.ContainsFunc([]string{"pipe:", "anon_inode:", "/proc/", "/sys/fs/cgroup/"}, func(own string) bool { return strings.HasPrefix(file, own) }) {
			t.Errorf("open file %s", file)
		}
	}
	if runtime.GOOS == "linux" && !strings.Contains(seen.WriteError, syscall.EFBIG.Error()) {
		t.Errorf("writing to a file: %s", seen.WriteError)
	}
	if printed, err := run[string](context.Background(), session, opPrint, bytes.NewReader(nil), nil); err != nil || printed != "fine" {
		t.Errorf("after a stray print: %q, %v", printed, err)
	}
}

// A batch may take more CPU time than one document.
func TestCPUAllowanceIsForEachOperation(t *testing.T) {
	session := runner(t, &Runner{CPU: time.Second, MaxParallel: 1}).Session()
	defer session.Close()
	var pids []int
	for range 5 { // three seconds in all
		if _, err := session.do(context.Background(), opBurn, bytes.NewReader(nil), []byte("null")); err != nil {
			t.Fatal(err)
		}
		seen, err := run[inside](context.Background(), session, opLook, bytes.NewReader(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, seen.PID)
	}
	if len(slices.Compact(pids)) != 1 {
		t.Errorf("several processes: %v", pids)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	session := runner(t, &Runner{}).Session()
	defer session.Close()
	_, err := session.do(ctx, opSleep, bytes.NewReader(nil), []byte("null"))
	if !errors.Is(err, context.DeadlineExceeded) || problem.CodeOf(err) == problem.DocumentTooComplex {
		t.Errorf("got %v: a caller who stops is not the document's fault", err)
	}
	if _, err := session.Inspect(context.Background(), bytes.NewReader(smallPDF(10)), pades.Policy{}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// slowStorage takes its time for every range.
type slowStorage struct {
	*bytes.Reader
	pause time.Duration
}

func (s slowStorage) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(s.pause)
	return s.Reader.ReadAt(p, off)
}

func TestSlowStorageIsNotTheDocuments(t *testing.T) {
	src := slowStorage{bytes.NewReader(make([]byte, 4*maxRead)), 700 * time.Millisecond}
	session := runner(t, &Runner{Wall: 2 * time.Second}).Session()
	defer session.Close()
	got, err := run[readResult](context.Background(), session, opReadAt, src, [2]int64{0, 4 * maxRead})
	if err != nil || len(got.Data) != 4*maxRead {
		t.Errorf("%d bytes, %v", len(got.Data), err)
	}
}

// Service managers and terminals signal a whole group; a shutdown must not look like a hostile document.
func TestSignalsOfAShutdown(t *testing.T) {
	session := runner(t, &Runner{MaxParallel: 1}).Session()
	defer session.Close()
	seen, err := run[inside](context.Background(), session, opLook, bytes.NewReader(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(seen.PID, signal); err != nil {
			t.Fatal(err)
		}
	}
	again, err := run[inside](context.Background(), session, opLook, bytes.NewReader(nil), nil)
	if err != nil || again.PID != seen.PID {
		t.Errorf("process %d, then %d, %v", seen.PID, again.PID, err)
	}
}

func TestMaxParallel(t *testing.T) {
	runner := runner(t, &Runner{MaxParallel: 2})
	src := &countingStorage{Reader: bytes.NewReader(smallPDF(200_000))}
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, err := runner.Inspect(context.Background(), src, pades.Policy{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if src.most != 2 {
		t.Errorf("%d at a time, want 2", src.most)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	full := &Runner{MaxParallel: 1}
	if err := full.acquire(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := full.Inspect(ctx, src, pades.Policy{}); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a place: %v", err)
	}
}

// countingStorage knows how many read at the same time.
type countingStorage struct {
	*bytes.Reader
	mu        sync.Mutex
	now, most int
}

func (c *countingStorage) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	time.Sleep(20 * time.Millisecond)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	return c.Reader.ReadAt(p, off)
}

// TestNothingIsLeft counts goroutines, open files and child processes after work.
func TestNothingIsLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	count := func() (goroutines, files, children int) {
		links, _ := filepath.Glob("/proc/self/fd/*")
		tasks, _ := filepath.Glob("/proc/self/task/*/children")
		for _, task := range tasks {
			own, _ := os.ReadFile(task)
			children += len(strings.Fields(string(own)))
		}
		return runtime.NumGoroutine(), len(links), children
	}
	work := func() {
		runner := &Runner{Wall: 50 * time.Millisecond}
		session := runner.Session()
		session.do(context.Background(), opSleep, bytes.NewReader(nil), []byte("null"))
		session.do(context.Background(), opExit, bytes.NewReader(nil), []byte("null"))
		session.do(context.Background(), opPrint, bytes.NewReader(nil), []byte("null"))
		session.Close()
		session.Close()
		runner.Close()
		runner.Close()
	}
	work() // what the runtime opens once
	goroutines, files, _ := count()
	for range 5 {
		work()
	}
	after, filesAfter, children := count()
	if after > goroutines || filesAfter > files || children != 0 {
		t.Errorf("goroutines %d → %d, files %d → %d, %d children", goroutines, after, files, filesAfter, children)
	}
}

func TestChildDiesWithParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the parent-death signal is Linux's")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(line)[0])
	if err != nil || pid == 0 {
		t.Fatalf("the parent said %q", line)
	}
	time.Sleep(50 * time.Millisecond) // now the child sleeps and does not look at its pipe
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	for range 100 {
		if !alive(pid) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d outlives its parent", pid)
}

// alive reports whether a process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}
