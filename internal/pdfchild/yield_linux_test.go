package pdfchild

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kyso/internal/pdfchild/pdftest"
)

// A child in the background has every thread at the lower priority; others run like their parent.
func TestAChildInTheBackgroundYields(t *testing.T) {
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	for background, want := range map[bool]string{true: fmt.Sprint(min(20-own+niceness, 19)), false: fmt.Sprint(20 - own)} {
		session := runner(t, &Runner{Background: background}).Session()
		defer session.Close()
		seen, err := run[pdftest.Inside](context.Background(), session, pdftest.Look, bytes.NewReader(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", seen.PID))
		if err != nil || len(threads) == 0 {
			t.Fatalf("%d threads, %v", len(threads), err)
		}
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(string(stat), ") ") // a name may hold blanks
			if nice := strings.Fields(after)[16]; nice != want {
				t.Errorf("background %v: %s has nice %s, want %s", background, thread, nice, want)
			}
		}
	}
}
