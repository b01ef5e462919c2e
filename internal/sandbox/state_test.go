package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

// TestSurvivesKill stops using a world without closing it, as kill -9 would, and wakes another from the same
// folder at the same address.
func TestSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := newClock()
	first := start(t, sandbox.Options{Dir: dir, Clock: clock.now})
	trust, err := first.TrustPEM()
	must(t, err)
	leaf := first.leaf(minh)
	a := first.sign(minh, "T-1", "a", "b")
	if info, err := os.Stat(filepath.Join(dir, "sandbox.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state file %v %v", info, err)
	}

	second, err := sandbox.New(sandbox.Options{Dir: dir, Clock: clock.now})
	must(t, err)
	must(t, second.SetBaseURL(first.url))
	server := httptest.NewServer(second.Parties())
	t.Cleanup(server.Close)
	b := &bench{second, t, server.URL}
	if again, err := b.TrustPEM(); err != nil || !bytes.Equal(again, trust) {
		t.Errorf("another CA after the restart: %v", err)
	}
	if !b.leaf(minh).Equal(leaf) {
		t.Error("another certificate after the restart")
	}
	if again := b.sign(minh, "T-1", "a", "b"); again.Data.TranCode != a.Data.TranCode {
		t.Errorf("the request was forgotten: %s", again.raw)
	}
	if n, err := b.Approve(minh); n != 1 || err != nil {
		t.Errorf("%d requests after the restart, %v", n, err)
	}
	if got := b.status("T-1"); got.Message != "SUCCESS" || len(got.values(t)["b"]) != 256 {
		t.Errorf("status after the restart: %s", got.raw)
	}

	// What was decided before a crash is the same after it: one value for one use of the key.
	third, err := sandbox.New(sandbox.Options{Dir: dir, Clock: clock.now})
	must(t, err)
	server3 := httptest.NewServer(third.Parties())
	t.Cleanup(server3.Close)
	b3 := &bench{third, t, server3.URL}
	if before, after := b.status("T-1"), b3.status("T-1"); !bytes.Equal(before.raw, after.raw) {
		t.Errorf("before\n%s, after\n%s", before.raw, after.raw)
	}
	if n := third.CountEffects(sandbox.EffectPush, "T-1"); n != 1 {
		t.Errorf("%d pushes", n)
	}
	if n := third.CountEffects(sandbox.EffectSign, ""); n != 2 {
		t.Errorf("%d uses of the key", n)
	}
}

// TestExpiresWhileDown: nobody ran the sandbox when the window ended.
func TestExpiresWhileDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := newClock()
	first := start(t, sandbox.Options{Dir: dir, Clock: clock.now})
	first.sign(minh, "T-1", "a")
	clock.advance(time.Hour)
	second, err := sandbox.New(sandbox.Options{Dir: dir, Clock: clock.now})
	must(t, err)
	if waiting := second.Pending(minh); len(waiting) != 0 {
		t.Errorf("%d requests wait after their time", len(waiting))
	}
	if n := second.CountEffects(sandbox.EffectDecision, "T-1"); n != 1 {
		t.Errorf("%d decisions", n)
	}
}

func TestDamagedStateIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sandbox.json")
	must(t, os.WriteFile(path, []byte(`{"version":`), 0o600))
	if _, err := sandbox.New(sandbox.Options{Dir: dir}); err == nil {
		t.Error("a damaged state was taken")
	}
	must(t, os.WriteFile(path, []byte(`{"version":99}`), 0o600))
	if _, err := sandbox.New(sandbox.Options{Dir: dir}); err == nil {
		t.Error("a state of another version was taken")
	}
}

// TestAStateOfTheReleaseBefore wakes a world that the release before left: one flat object for all parties. It goes on with
// the same keys, and what it writes has a state for each party.
func TestAStateOfTheReleaseBefore(t *testing.T) {
	t.Parallel()
	old, err := os.ReadFile("testdata/sandbox-v1.json")
	must(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "sandbox.json")
	must(t, os.WriteFile(path, old, 0o600))
	clock := vectorClock()
	wake := func() *bench {
		w, err := sandbox.New(sandbox.Options{Dir: dir, Clock: clock.now})
		must(t, err)
		server := httptest.NewServer(w.Parties())
		t.Cleanup(server.Close)
		return &bench{w, t, server.URL}
	}
	for _, release := range []string{"read", "read again"} { // the second time from the new file
		b := wake()
		if s := b.Settings(); s.OCSP != "stale" || s.TSA != "reject" || s.IPN != "late" || s.WebhookURL == "" || len(s.Faults) != 1 {
			t.Errorf("%s: settings %+v", release, s)
		}
		if k := b.Knobs(anh); !k.KeyLocked || len(k.Faults) != 1 || b.Knobs("001095000031").Decision != "" {
			t.Errorf("%s: knobs %+v, and %+v of a special user", release, k, b.Knobs("001095000031"))
		}
		if keys := b.Keys(anh); len(keys) != 1 || keys[0].State != "pin-set" || !b.CheckPIN(keys[0].ID, "280594") {
			t.Errorf("%s: keys %+v", release, keys)
		}
		if a := b.status("T-1"); a.Message != "SUCCESS" || len(b.Pending(minh)) != 1 {
			t.Errorf("%s: status %s, %d requests wait", release, a.raw, len(b.Pending(minh)))
		}
		serial := fmt.Sprintf("%x", b.leaf(icaFree).SerialNumber)
		if err := b.Restore(serial); !errors.Is(err, sandbox.ErrInvalid) {
			t.Errorf("%s: a revocation was forgotten: %v", release, err)
		}
		if p := b.Payments(); len(p) != 2 || p[0].ResponseCode != "00" || len(b.Messages("0901234567")) != 1 || len(b.RegisteredCertificates(anh)) != 1 {
			t.Errorf("%s: payments %+v", release, p)
		}
		for kind, want := range map[sandbox.EffectKind]int{sandbox.EffectCharge: 1, sandbox.EffectIssue: 1, sandbox.EffectSign: 1, sandbox.EffectPush: 2} {
			if n := b.CountEffects(kind, ""); n != want {
				t.Errorf("%s: %d %s effects, want %d", release, n, kind, want)
			}
		}
		must(t, b.Flush())
	}
	var file map[string]json.RawMessage
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, json.Unmarshal(data, &file))
	for _, party := range wake().Kernel.Parties() {
		if len(file[party.Name]) == 0 {
			t.Errorf("the file has no state of %s", party.Name)
		}
	}
}

// TestTheStateOfAnotherPartyStays: a file of a release with a party that this one does not have keeps its state.
func TestTheStateOfAnotherPartyStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sandbox.json")
	must(t, os.WriteFile(path, []byte(`{"version":2,"stranger":{"kept":true}}`), 0o600))
	w, err := sandbox.New(sandbox.Options{Dir: dir})
	must(t, err)
	must(t, w.Close())
	data, err := os.ReadFile(path)
	must(t, err)
	mustContain(t, string(data), `"stranger":{"kept":true}`, `"vnpay":`)
}
