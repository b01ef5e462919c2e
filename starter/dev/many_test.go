package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

// manyDocuments is how many documents TestManyDocuments signs: KYSO_MANY, or 120.
func manyDocuments(t *testing.T) int {
	t.Helper()
	text := os.Getenv("KYSO_MANY")
	if text == "" {
		return 120
	}
	n, err := strconv.Atoi(text)
	do(t, err)
	return n
}

// TestManyDocuments signs more documents than one approval covers with one command, and says how long that took; run again
// with its key, the command does nothing twice. A second signer declines, and is not asked any more.
func TestManyDocuments(t *testing.T) {
	w, c := sharedWorld(t)
	const user, unwilling = "ICA.079095063003", "ICA.079095063004"
	do(t, c.knobs(t.Context(), user, map[string]any{"decision": "approve"}))
	do(t, c.knobs(t.Context(), unwilling, map[string]any{"decision": "decline"}))
	folder, count := t.TempDir(), manyDocuments(t)
	pdf, err := samplePDF()
	do(t, err)
	args := []string{"sign", "--out", filepath.Join(folder, "signed"), "--idempotency-key", "many-1", "--force"}
	for i := range count {
		file := filepath.Join(folder, fmt.Sprintf("hợp đồng %04d.pdf", i))
		do(t, os.WriteFile(file, append(bytes.Clone(pdf), fmt.Sprintf("%% %d\n", i)...), 0o600))
		args = append(args, file)
	}
	starter := program(t, "kyso")
	run := func(user string, more ...string) (string, int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), starter, append(append(args, "--user", user), more...)...)
		cmd.Env = append(os.Environ(), "KYSO_URL="+w.Addresses.API, "KYSO_API_KEY="+w.Addresses.APIKey, "KYSO_LANG=en")
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	groups := (count + 49) / 50
	before, start := pushes(t, c), time.Now()
	out, code := run(user)
	took := time.Since(start)
	if code != 0 || !strings.Contains(out, fmt.Sprintf("under %d approvals", groups)) || !strings.Contains(out, fmt.Sprintf("[%s] %d/%d signed", strings.Repeat("#", 30), count, count)) {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	signed, err := filepath.Glob(filepath.Join(folder, "signed", "*-signed.pdf"))
	if err != nil || len(signed) != count {
		t.Errorf("%d signed files, %v", len(signed), err)
	}
	t.Logf("%d documents under %d approvals in %v: %.1f documents a second", count, groups, took.Round(time.Millisecond), float64(count)/took.Seconds())
	if out, code := run(user); code != 0 {
		t.Errorf("again: exit code %d:\n%s", code, out)
	}
	if asked := pushes(t, c) - before; asked != groups {
		t.Errorf("the phone was asked %d times for %d approvals", asked, groups)
	}
	before = pushes(t, c)
	args[4] = "many-2"
	out, code = run(unwilling, "--approvals-at-once", "1")
	if asked := pushes(t, c) - before; code != 6 || asked != 1 {
		t.Errorf("declined: exit code %d, asked %d times:\n%s", code, asked, out)
	}
}

// pushes counts how often phones were asked in the shared world.
func pushes(t *testing.T, c *client) int {
	t.Helper()
	effects, err := c.ledger(t.Context())
	do(t, err)
	n := 0
	for _, e := range effects {
		if e.Kind == string(sandbox.EffectPush) {
			n++
		}
	}
	return n
}
