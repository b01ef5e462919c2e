package pdfchild

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/pdfchild/pdftest"
)

// TestAChildHasGivenUpWhatItDoesNotNeed tries in a child what code of an attacker would try.
func TestAChildHasGivenUpWhatItDoesNotNeed(t *testing.T) {
	r := runner(t, &Runner{MaxParallel: 1})
	s := r.Session()
	tried, err := run[map[string]string](context.Background(), s, pdftest.Try, bytes.NewReader(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(tried) < 13 {
		t.Errorf("only %v was tried", tried)
	}
	for what, answer := range tried {
		if !strings.Contains(answer, "operation not permitted") && !strings.Contains(answer, "permission denied") {
			t.Errorf("a child may %s: %s", what, answer)
		}
	}
	confined := r.Confined()
	if !confined.NoNewPrivileges || !confined.Seccomp || !confined.Landlock || len(confined.Missing) > 0 {
		t.Errorf("%+v", confined)
	}
	child := pid(t, s)
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", child))
	if len(threads) < 2 {
		t.Errorf("%d threads", len(threads))
	}
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
			if !strings.Contains(string(status), line) {
				t.Errorf("%s lacks %q", thread, line)
			}
		}
	}
}
