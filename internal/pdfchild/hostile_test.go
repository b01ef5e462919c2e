package pdfchild

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
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
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/pdfchild/wire"
	"kyso/internal/problem"
)

// parentVariable makes this test binary a parent that is about to be killed; see TestChildDiesWithParent.
const parentVariable = "PDFCHILD_TEST_PARENT"

var hostileProgram string

func TestMain(m *testing.M) {
	var err error
	if hostileProgram, err = pdftest.Build(pdftest.Hostile); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv(parentVariable) != "" {
		session := (&Runner{Program: hostileProgram}).Session()
		seen, err := run[pdftest.Inside](context.Background(), session, pdftest.Look, bytes.NewReader(nil), nil)
		fmt.Println(seen.PID, err)
		_, err = session.do(context.Background(), pdftest.Sleep, bytes.NewReader(nil), []byte("null"))
		fmt.Println("not reached", err)
	}
	os.Exit(m.Run())
}

// runner has its children be hostile and end with the test.
func runner(t testing.TB, r *Runner) *Runner {
	r.Program = hostileProgram
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
	for _, tt := range []struct {
		op     string
		runner *Runner
		code   problem.Code
		words  string
	}{
		{pdftest.Memory, &Runner{MemoryMB: 256}, problem.DocumentTooComplex, "too much memory"},
		{pdftest.Loop, &Runner{CPU: time.Second}, problem.DocumentTooComplex, "too much CPU time"},
		{pdftest.Stack, &Runner{}, problem.DocumentTooComplex, "nested too deeply"},
		{pdftest.Panic, &Runner{}, problem.DocumentBroken, "stumbled over this file at main."},
		{pdftest.PanicAside, &Runner{}, problem.DocumentTooComplex, ""},
		{pdftest.Sleep, &Runner{Wall: 300 * time.Millisecond}, problem.Busy, "of CPU time in 300ms"},
		{pdftest.Exit, &Runner{}, problem.DocumentTooComplex, "status 0"},
		{pdftest.HugeFrame, &Runner{}, problem.DocumentTooComplex, "result is too large"},
		{pdftest.HugeResult, &Runner{}, problem.DocumentTooComplex, "bytes"},
		{pdftest.BadFrame, &Runner{}, problem.DocumentTooComplex, ""},
		{pdftest.BadRead, &Runner{}, problem.DocumentTooComplex, ""},
	} {
		t.Run(tt.op+" "+tt.words, func(t *testing.T) {
			stop := working(t)
			runner(t, tt.runner)
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
	seen, err := run[pdftest.Inside](context.Background(), session, pdftest.Look, bytes.NewReader(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range seen.Environment {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains([]string{"GOMAXPROCS", "GOTRACEBACK", "GODEBUG"}, name) {
			t.Errorf("environment has %s", variable)
		}
	}
	if folder, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", seen.PID)); runtime.GOOS == "linux" && folder != "/" || len(seen.Arguments) != 1 {
		t.Errorf("in %s with %v", folder, seen.Arguments)
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", seen.PID))
	for _, link := range links {
		file, err := os.Readlink(link)
		// The Go runtime keeps open what it learns its share of the CPU from.
		if err != nil || !slices.ContainsFunc([]string{"pipe:", "anon_inode:", "/proc/", "/sys/fs/cgroup/"}, func(own string) bool { return strings.HasPrefix(file, own) }) {
			t.Errorf("open file %s, %v", file, err)
		}
	}
	if runtime.GOOS == "linux" && (len(links) < 3 || seen.WriteError == "<nil>") {
		t.Errorf("open files %v, writing to a file: %s", links, seen.WriteError)
	}
	if printed, err := run[string](context.Background(), session, pdftest.Print, bytes.NewReader(nil), nil); err != nil || printed != "fine" {
		t.Errorf("after a stray print: %q, %v", printed, err)
	}
}

// A batch may take more CPU time than one document.
func TestCPUAllowanceIsForEachOperation(t *testing.T) {
	session := runner(t, &Runner{CPU: time.Second, MaxParallel: 1}).Session()
	defer session.Close()
	var pids []int
	for range 5 { // three seconds in all
		if _, err := session.do(context.Background(), pdftest.Burn, bytes.NewReader(nil), []byte("null")); err != nil {
			t.Fatal(err)
		}
		seen, err := run[pdftest.Inside](context.Background(), session, pdftest.Look, bytes.NewReader(nil), nil)
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
	_, err := session.do(ctx, pdftest.Sleep, bytes.NewReader(nil), []byte("null"))
	if !errors.Is(err, context.DeadlineExceeded) || problem.CodeOf(err) == problem.DocumentTooComplex {
		t.Errorf("got %v: a caller who stops is not the document's fault", err)
	}
	if _, err := session.Inspect(context.Background(), bytes.NewReader(smallPDF(10)), pades.Policy{}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// TestWallTimeIsJudgedByCPUTime: an overloaded machine is not the document's fault, also in a child that worked for others before.
func TestWallTimeIsJudgedByCPUTime(t *testing.T) {
	r := &Runner{CPU: 10 * time.Second, Wall: 20 * time.Second}
	for used, want := range map[time.Duration]problem.Code{
		0: problem.Busy, 4 * time.Second: problem.Busy, 5 * time.Second: problem.DocumentTooComplex, 9 * time.Second: problem.DocumentTooComplex,
	} {
		end, err := r.tooSlow(used)
		if problem.CodeOf(err) != want || (end == becauseLimit) != (want == problem.DocumentTooComplex) {
			t.Errorf("%s of CPU time: %v, %s", used, err, end)
		}
	}
	r = runner(t, &Runner{CPU: 2 * time.Second, Wall: 3 * time.Second, MaxParallel: 1})
	session := r.Session()
	defer session.Close()
	for range 3 { // together more than half of what one may use
		if _, err := session.do(t.Context(), pdftest.Burn, bytes.NewReader(nil), []byte("null")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := session.do(t.Context(), pdftest.Sleep, bytes.NewReader(nil), []byte("null")); problem.CodeOf(err) != problem.Busy {
		t.Errorf("it slept, and the verdict is %v", err)
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
	src := slowStorage{bytes.NewReader(make([]byte, 4*wire.MaxRead)), 700 * time.Millisecond}
	session := runner(t, &Runner{Wall: 2 * time.Second}).Session()
	defer session.Close()
	got, err := run[pdftest.ReadResult](context.Background(), session, pdftest.ReadAt, src, [2]int64{0, 4 * wire.MaxRead})
	if err != nil || len(got.Data) != 4*wire.MaxRead {
		t.Errorf("%d bytes, %v", len(got.Data), err)
	}
}

// Service managers and terminals signal a whole group; a shutdown must not look like a hostile document.
func TestSignalsOfAShutdown(t *testing.T) {
	session := runner(t, &Runner{MaxParallel: 1}).Session()
	defer session.Close()
	seen, err := run[pdftest.Inside](context.Background(), session, pdftest.Look, bytes.NewReader(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(seen.PID, signal); err != nil {
			t.Fatal(err)
		}
	}
	again, err := run[pdftest.Inside](context.Background(), session, pdftest.Look, bytes.NewReader(nil), nil)
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
	full := &Runner{Program: hostileProgram, MaxParallel: 1}
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
		runner := &Runner{Program: hostileProgram, Wall: 50 * time.Millisecond}
		session := runner.Session()
		session.do(context.Background(), pdftest.Sleep, bytes.NewReader(nil), []byte("null"))
		session.do(context.Background(), pdftest.Exit, bytes.NewReader(nil), []byte("null"))
		session.do(context.Background(), pdftest.Print, bytes.NewReader(nil), []byte("null"))
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
