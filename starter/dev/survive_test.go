package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// startUp runs "up" as a process of its own and returns when it says that it is ready.
func startUp(t *testing.T, data string) *exec.Cmd {
	t.Helper()
	cmd := upCommand(t, data)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { killUp(cmd) })
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "ready in") {
				ready <- true
				break
			}
		}
		close(ready)
		_, _ = io.Copy(io.Discard, stdout)
	}()
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("up ended before it was ready: %v", cmd.Wait())
		}
	case <-time.After(patience):
		t.Fatal("up does not become ready")
	}
	return cmd
}

func upCommand(t *testing.T, data string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "up", "--data", data)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = ownGroup()
	return cmd
}

// killUp is kill -9 of everything: Temporal, store, sandbox, worker and API.
func killUp(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // fails when it is dead already
	_ = cmd.Wait()         // says that it was killed
}

func readAddresses(t *testing.T, data string) Addresses {
	t.Helper()
	var a Addresses
	if err := readJSON(filepath.Join(data, addressesFile), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// pace is how long a world takes to be ready, and until a new signing is on its phone.
type pace struct{ ready, atWork []time.Duration }

// start starts a world in a folder and has a user sign; it returns the signing.
func (p *pace) start(t *testing.T, data, user string) (*exec.Cmd, string) {
	t.Helper()
	begin := time.Now()
	up := startUp(t, data)
	p.ready = append(p.ready, time.Since(begin))
	c := newClient(readAddresses(t, data))
	id := startSigning(t, c, user)
	awaitStatus(t, c, id, "awaiting-approval")
	p.atWork = append(p.atWork, time.Since(begin))
	return up, id
}

func median(took []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(took))[len(took)/2]
}

// atMost is how many times as long as a first start a start after a kill may take (medians). The first starts are between the others: a busy
// machine makes both slow, and what waits for the lock or the lease of a dead process takes longer than that.
const atMost = 3

// TestWorldSurvivesKill kills the whole world twenty times while a signing waits for the phone and others begin, and wants
// it to go on from where it was, at the same addresses, about as fast as a new world starts. It is not parallel: nothing else may take
// its ports while it is dead.
func TestWorldSurvivesKill(t *testing.T) {
	const user = "ICA.001095100003"
	data := t.TempDir()
	up := startUp(t, data)
	before := readAddresses(t, data)
	c := newClient(before)
	id := startSigning(t, c, user)
	waiting := awaitStatus(t, c, id, "awaiting-approval")

	var first, again pace
	var others []string
	for i := range 20 {
		if i%5 == 0 {
			fresh, _ := first.start(t, t.TempDir(), user)
			killUp(fresh)
		}
		killUp(up)
		var other string
		up, other = again.start(t, data, fmt.Sprintf("ICA.0010951001%02d", i))
		others = append(others, other)
	}
	for what, took := range map[string][2][]time.Duration{"ready": {again.ready, first.ready}, "a new signing on the phone": {again.atWork, first.atWork}} {
		after, before := median(took[0]), median(took[1])
		t.Logf("%s after kill -9 of everything: median %.1f s, longest %.1f s; at a first start %.1f s", what, after.Seconds(), slices.Max(took[0]).Seconds(), before.Seconds())
		if after > atMost*before {
			t.Errorf("%s after %v (median), at a first start after %v", what, after, before)
		}
	}
	for i, other := range others {
		approveOnPhone(t, c, fmt.Sprintf("ICA.0010951001%02d", i))
		awaitStatus(t, c, other, "signed")
	}
	if after := readAddresses(t, data); after != before {
		t.Errorf("addresses changed:\n%+v\n%+v", before, after)
	}
	if s, err := c.signing(t.Context(), id); err != nil || s.Status != "awaiting-approval" || s.ShortCode != waiting.ShortCode {
		t.Fatalf("after the restarts the signing is %s with code %s: %v", s.Status, s.ShortCode, err)
	}
	approveOnPhone(t, c, user)
	s := awaitStatus(t, c, id, "signed")
	effects, err := c.ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"push", "sign", "timestamp"} {
		n := 0
		for _, e := range effects {
			if e.Kind == kind {
				n++
			}
		}
		if n != 1+len(others) {
			t.Errorf("the outside world saw %d %s, want %d", n, kind, 1+len(others))
		}
	}
	if _, err := c.signed(t.Context(), s.Documents[0].Content); err != nil {
		t.Error(err)
	}
}

// TestFirstStartKilled kills the very first start at sixty moments and wants the next start to find a world, not a half of one. The last
// moment is three times as late as Temporal's database takes to be whole: on a quiet machine, about 300 ms.
func TestFirstStartKilled(t *testing.T) {
	t.Parallel()
	const moments = 60
	var span time.Duration
	before, half := 0, 0
	for i := range moments {
		if i%20 == 0 {
			span = 3 * untilDatabase(t)
		}
		after := span * time.Duration(i%20*3+i/20+1) / moments // early and late ones in each third, as the load of the machine changes
		switch killedFirst(t, after) {
		case "":
			before++
		case "temporal.db.new":
			half++
		}
	}
	t.Logf("killed %d times before there was a database, %d times while it was made, %d times afterwards", before, half, moments-before-half)
}

// killedFirst kills a first start after a time, and looks at the next start. It returns what there was of Temporal's database between them.
func killedFirst(t *testing.T, after time.Duration) (was string) {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	data := t.TempDir()
	up := upCommand(t, data)
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	killUp(up)
	for _, name := range []string{"temporal.db.new", "temporal.db"} {
		if exists(filepath.Join(data, name)) {
			was = name
		}
	}
	killUp(startUp(t, data))
	if n := schemaObjects(t, filepath.Join(data, "temporal.db")); n != wholeSchema(t) {
		t.Errorf("killed after %v: Temporal's schema has %d objects, want %d", after, n, wholeSchema(t))
	}
	return was
}

// untilDatabase is how long a first start takes until Temporal's database is whole.
func untilDatabase(t *testing.T) time.Duration {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	data := t.TempDir()
	up, begin := upCommand(t, data), time.Now()
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	defer killUp(up)
	for end := begin.Add(patience); !exists(filepath.Join(data, "temporal.db")); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there is no database")
		}
	}
	return time.Since(begin)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func schemaObjects(t *testing.T, path string) int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow(`SELECT COUNT(*) FROM sqlite_master`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

var wholeSchemaCount int

func wholeSchema(t *testing.T) int {
	t.Helper()
	if wholeSchemaCount == 0 {
		path := filepath.Join(t.TempDir(), "whole.db")
		if err := createTemporalDB(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		wholeSchemaCount = schemaObjects(t, path)
	}
	return wholeSchemaCount
}

func TestTwoWorldsDoNotShareAFolder(t *testing.T) {
	data := t.TempDir()
	first, err := openFolder(data)
	if err != nil {
		t.Fatal(err)
	}
	_, err = openFolder(data)
	if !errors.Is(err, errInUse) || !strings.Contains(err.Error(), "--data") {
		t.Errorf("the second world got %v; want an error that says what to do", err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openFolder(data)
	if err != nil {
		t.Fatalf("a folder that was given back cannot be taken: %v", err)
	}
	if err := again.close(); err != nil {
		t.Error(err)
	}
}

func TestPortsStayUnlessTaken(t *testing.T) {
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	first, err := f.reservePorts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", first.hostPort(portPhone))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	second, err := f.reservePorts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	for _, name := range portNames {
		if stayed := second.port(name) == first.port(name); stayed == (name == portPhone) {
			t.Errorf("port of %s: %d, then %d", name, first.port(name), second.port(name))
		}
	}
}

// TestPragmasAreReadBack misspells one and wants to be told: SQLite says nothing.
func TestPragmasAreReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "temporal.db")
	if err := createTemporalDB(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	cfg := temporalSQL(path)
	delete(cfg.ConnectAttributes, "synchronous")
	cfg.ConnectAttributes["synchronus"] = "full"
	cfg.ConnectAttributes["journal_mode"] = "delete"
	if err := checkPragmas(cfg); err == nil {
		t.Error("a database in the wrong mode was accepted")
	}
	if err := checkPragmas(temporalSQL(path)); err != nil {
		t.Error(err)
	}
}

// TestDemo runs what "make demo" runs.
func TestDemo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	output, err := exec.CommandContext(t.Context(), self, "demo", "--out", out).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{"the worker is dead (signal: killed)", "TOTAL_PASSED", "1 push, 1 use of the key, 1 time-stamp"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("the demo does not say %q:\n%s", want, output)
		}
	}
	for _, name := range []string{"hop-dong-signed.pdf", "hop-dong-signature.p7s", "hop-dong-signed-content.bin", "report.json", "trust.pem"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is missing or empty: %v", name, err)
		}
	}
}
