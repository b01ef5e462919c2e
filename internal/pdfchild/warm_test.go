package pdfchild

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/pdfchild/wire"
	"kyso/internal/problem"
)

// pid runs an operation that names its process.
func pid(t *testing.T, s *Session) int {
	t.Helper()
	seen, err := run[pdftest.Inside](context.Background(), s, pdftest.Look, bytes.NewReader(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	return seen.PID
}

func plain(s *Session, op string) error {
	_, err := s.do(context.Background(), op, bytes.NewReader(nil), []byte("null"))
	return err
}

// since says what was counted since before.
func since(before Counts) (started, ended map[string]int64) {
	now := Counted()
	for mine, then := range map[*map[string]int64]map[string]int64{&now.Started: before.Started, &now.Ended: before.Ended} {
		for name, n := range then {
			(*mine)[name] -= n
		}
		maps.DeleteFunc(*mine, func(_ string, n int64) bool { return n == 0 })
	}
	return now.Started, now.Ended
}

// settled waits until the children of a runner have forgotten their documents.
func settled(r *Runner) {
	for range r.maxParallel() {
		_ = r.acquire(context.Background())
	}
	for range r.maxParallel() {
		r.release()
	}
}

// TestAWarmChildServesOperationAfterOperation guards that no process starts on the way of an operation.
func TestAWarmChildServesOperationAfterOperation(t *testing.T) {
	r := runner(t, &Runner{})
	if err := r.Warm(); err != nil {
		t.Fatal(err)
	}
	ready(t, r)
	before := Counted()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 25 {
				if _, err := r.Inspect(context.Background(), bytes.NewReader(smallPDF(10)), pades.Policy{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	settled(r)
	started, ended := since(before)
	if n := Counted().Operations - before.Operations; len(started)+len(ended) != 0 || n != 100 {
		t.Errorf("%d operations, started %v, ended %v; want 100 and no process", n, started, ended)
	}
}

// ready waits until as many children wait as should.
func ready(t *testing.T, r *Runner) {
	t.Helper()
	for range 2000 {
		r.mu.Lock()
		n := len(r.idle)
		r.mu.Unlock()
		if n == r.maxParallel() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the children do not come up")
}

// TestWhyAChildIsReplaced lets a child meet each reason; the next document gets another one, which was ready before.
func TestWhyAChildIsReplaced(t *testing.T) {
	stopped, cancel := context.WithCancel(context.Background())
	for _, tt := range []struct {
		why reason
		r   *Runner
		do  func(*Session) error
	}{
		{becauseFault, &Runner{}, func(s *Session) error { return plain(s, pdftest.Panic) }},
		{becauseFault, &Runner{}, func(s *Session) error { return plain(s, pdftest.LeaveGoroutine) }},
		{becauseMemory, &Runner{}, func(s *Session) error { return plain(s, pdftest.LeaveMemory) }},
		{becauseLimit, &Runner{}, func(s *Session) error { return plain(s, pdftest.Stack) }},
		{becauseDied, &Runner{}, func(s *Session) error { return plain(s, pdftest.Exit) }},
		{becauseOperations, &Runner{MaxOperations: 1}, func(s *Session) error { return plain(s, pdftest.Print) }},
		{becauseShared, &Runner{Share: ShareSession}, func(s *Session) error { return plain(s, pdftest.Print) }},
		{becauseStopped, &Runner{}, func(s *Session) error {
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err := s.do(stopped, pdftest.Sleep, bytes.NewReader(nil), []byte("null"))
			return err
		}},
	} {
		t.Run(string(tt.why), func(t *testing.T) {
			r := runner(t, tt.r)
			r.MaxParallel = 1
			if err := r.Warm(); err != nil {
				t.Fatal(err)
			}
			before := Counted()
			s := r.Session()
			t.Log(tt.do(s))
			s.Close()
			settled(r)
			ready(t, r)
			started, ended := since(before)
			if !maps.Equal(ended, map[string]int64{string(tt.why): 1}) || !maps.Equal(started, map[string]int64{startedAhead: 1}) {
				t.Errorf("started %v, ended %v; want one ended for %s and one started ahead", started, ended, tt.why)
			}
		})
	}
}

// TestADeathIsTheDocumentsOwn has one document leave a child that dies later, under the next document.
func TestADeathIsTheDocumentsOwn(t *testing.T) {
	r := runner(t, &Runner{MaxParallel: 1})
	s := r.Session()
	first := pid(t, s)
	if err := plain(s, pdftest.LeaveBomb); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := plain(s, pdftest.Burn); err != nil { // longer than the bomb waits
			t.Errorf("the next document: %v", err)
		}
	}
	if pid(t, s) == first {
		t.Error("the child did not die: the test shows nothing")
	}
	// A child that is killed while it waits, as by the kernel when memory is short, costs no document either.
	process, _ := os.FindProcess(pid(t, s))
	settled(r)
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := plain(s, pdftest.Print); err != nil {
		t.Errorf("after a kill: %v", err)
	}
}

// TestSessionsApart: with ShareSession no process sees the documents of two sessions.
func TestSessionsApart(t *testing.T) {
	r := runner(t, &Runner{Share: ShareSession})
	var pids []int
	for range 3 {
		s := r.Session()
		own := pid(t, s)
		if again := pid(t, s); again != own {
			t.Errorf("one session has the processes %d and %d", own, again)
		}
		s.Close()
		pids = append(pids, own)
	}
	slices.Sort(pids)
	if len(slices.Compact(pids)) != 3 {
		t.Errorf("three sessions have the processes %v", pids)
	}
}

// TestKillersOneAfterAnother gives all that brings a child down to one warm Runner, without a pause, while others use it for honest
// work. Each killer gets its own verdict, as in a process of its own, and honest work notices nothing.
func TestKillersOneAfterAnother(t *testing.T) {
	r := runner(t, &Runner{CPU: time.Second, MaxParallel: 3})
	if err := r.Warm(); err != nil {
		t.Fatal(err)
	}
	stop := workingIn(t, r)
	s := r.Session()
	for _, tt := range []struct{ op, words string }{
		{pdftest.Stack, "nested too deeply"}, {pdftest.Stack, "nested too deeply"}, {pdftest.Panic, "stumbled"}, {pdftest.Memory, "too much memory"}, {pdftest.Exit, "status 0"},
		{pdftest.LeaveMemory, "<nil>"}, {pdftest.Memory, "too much memory"}, {pdftest.LeaveGoroutine, "<nil>"}, {pdftest.Stack, "nested too deeply"}, {pdftest.HugeFrame, "too large"},
		{pdftest.BadFrame, ""}, {pdftest.BadRead, ""}, {pdftest.PanicAside, ""}, {pdftest.LeaveBomb, "<nil>"}, {pdftest.Loop, "too much CPU time"},
	} {
		err := plain(s, tt.op)
		if !strings.Contains(fmt.Sprint(err), tt.words) || (err == nil) != (tt.words == "<nil>") {
			t.Errorf("%s: %v, want %q", tt.op, err, tt.words)
		}
	}
	src := map[string]pades.Source{}
	for _, k := range killers {
		src[k.name] = k.write(t)
	}
	for _, k := range killers {
		_, err := s.Inspect(context.Background(), src[k.name], pades.Policy{MaxSize: 1 << 30})
		if code := problem.CodeOf(err); code != k.code {
			t.Errorf("%s: %v, want %q", k.name, err, k.code)
		}
	}
	if n := stop(); n == 0 {
		t.Error("no honest work was done meanwhile")
	}
}

// TestNothingOfADocumentIsLeft looks for a document in the memory of a child: it is there during an operation and gone after it.
func TestNothingOfADocumentIsLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	cert, _ := newSigner(t)
	for name, do := range map[string]func(s *Session, src pades.Source, canary string) error{
		wire.Inspect: func(s *Session, src pades.Source, _ string) error {
			_, err := s.Inspect(context.Background(), src, pades.Policy{})
			return err
		},
		wire.Prepare: func(s *Session, src pades.Source, canary string) error {
			_, err := s.Prepare(context.Background(), src, pades.PrepareOptions{Certificate: cert, SigningTime: time.Now(), Reason: canary, Box: pades.Box{Page: 1}})
			return err
		},
		wire.Verify: func(s *Session, src pades.Source, _ string) error {
			_, err := s.Verify(context.Background(), src, pades.VerifyOptions{Now: time.Now()})
			return err
		},
		wire.Extend: func(s *Session, src pades.Source, canary string) error {
			_, err := s.Extend(context.Background(), src, pades.Evidence{Certificates: [][]byte{[]byte(canary)}}, []byte(canary))
			t.Log(err)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := runner(t, &Runner{MaxParallel: 1})
			s := r.Session()
			child := pid(t, s)
			const canary = "079095012345-canary"
			src := &watched{Reader: bytes.NewReader(bytes.ReplaceAll(smallPDF(300_000), []byte("xxxxxxxxxxxxxxxxxxxxx"), []byte("x"+canary+"x"))), look: func() int { return occurrences(t, child, canary) }}
			if err := do(s, src, canary); err != nil {
				t.Fatal(err)
			}
			settled(r)
			// The runtime does not overwrite every small piece that it frees: of thousands of lines a handful may be left, which
			// nothing reaches. What is kept, or not overwritten, is there hundreds of times.
			if n := occurrences(t, child, canary); n > 50 || src.seen < 5000 {
				t.Errorf("%d times in the memory of the child after the operation, %d times during it; want at most 50, and thousands", n, src.seen)
			}
			if pid(t, s) != child {
				t.Error("another child: the test shows nothing")
			}
		})
	}
}

// watched looks at the child when it reads for the second time.
type watched struct {
	*bytes.Reader
	look        func() int
	reads, seen int
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if w.reads++; w.reads > 1 {
		w.seen = max(w.seen, w.look())
	}
	return w.Reader.ReadAt(p, off)
}

// occurrences counts a text in what a process may write to.
func occurrences(t *testing.T, pid int, text string) (n int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		content, err := io.ReadAll(io.NewSectionReader(memory, from, to-from))
		if err != nil && len(content) == 0 {
			t.Fatal(line, err)
		}
		n += bytes.Count(content, []byte(text))
	}
	return n
}
