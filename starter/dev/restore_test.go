package main

import (
	"crypto/rsa"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"kyso/internal/keytest"
	"kyso/internal/sandbox"
)

// restored is how many registrations and signings are in flight at the backup, and again after it.
const restored = 6

// TestRestore restores one of the two databases to a moment before, while the world outside has gone on: everything that
// does not agree is listed, an operator begins each process again with one command, all of it ends, and the ledger shows
// every charge once, for a certificate or given back.
func TestRestore(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kyso.db", "temporal.db"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			(&restoreDrill{database: name}).run(t)
		})
	}
}

type restoreDrill struct {
	database string
	data     string
	keys     func() (*rsa.PrivateKey, error) // of the world outside, which goes on
	pages    sync.Map                        // of VNPay that are open when the database is restored, by attempt
	w        *World
	d        *drill
}

func (r *restoreDrill) run(t *testing.T) {
	r.data, r.keys = t.TempDir(), keytest.Keys()
	r.start(t, program(t, "kyso"))
	defer func() { do(t, r.w.Close()) }()

	before := inParallel(restored, func(i int) *enrolment {
		return until(t, r.w, r.d.c, fmt.Sprintf("001302%06d", 700_000+i), []string{"account-ready", "awaiting-payment", "in-review"}[i%3])
	})
	users := make([]string, restored)
	signings := inParallel(restored, func(i int) string {
		users[i] = fmt.Sprintf("ICA.0790956%05d", i)
		knobs(t, r.w, users[i], sandbox.Knobs{WindowSeconds: 1800})
		return startSigning(t, r.d.c, users[i])
	})
	for _, id := range signings {
		for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			s, err := r.d.c.signing(t.Context(), id)
			do(t, err)
			if s.Status == "awaiting-approval" {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("signing %s is %s", id, s.Status)
			}
		}
	}
	snapshot := filepath.Join(t.TempDir(), r.database)
	r.backup(t, snapshot)

	r.goOn(t, before)
	for i, user := range users[:restored/2] {
		approveOnPhone(t, r.d.c, user)
		awaitFinal(t, r.d.c, signings[i])
	}
	after := until(t, r.w, r.d.c, "001302799999", "account-ready")
	came := r.load(t, drillMinutes(t))

	do(t, r.w.Close())
	r.rows(t)
	r.restore(t, snapshot)
	r.start(t, r.d.starter)
	people := slices.Concat(before, []*enrolment{after}, came.registrations)
	for _, e := range people {
		e.client, e.world = r.d.c, r.w
	}
	r.payLate(t)
	began := time.Now()
	listed := r.settle(t)
	t.Logf("%s restored: %d mismatches listed, resolved in %.0f s", r.database, listed, time.Since(began).Seconds())
	if listed == 0 {
		t.Error("nothing is listed")
	}
	r.finish(t, before, signings, users)
	r.finishLoad(t, came)
	r.everyCharge(t, people)
}

// rows logs how much each database holds.
func (r *restoreDrill) rows(t *testing.T) {
	t.Helper()
	for name, tables := range map[string][]string{"kyso.db": {"registrations", "payments", "signings", "process_transitions", "process_incidents", "decisions", "audit"},
		"temporal.db": {"current_executions", "history_node"}} {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(r.data, name)+"?mode=ro&_pragma=busy_timeout(20000)")
		do(t, err)
		for _, table := range tables {
			var n int
			if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
				t.Logf("%s has no %s: %v", name, table, err)
				continue
			}
			t.Logf("%s at the restore: %d rows in %s", name, n, table)
		}
		do(t, db.Close())
	}
}

// goOn is what happens outside after the backup: some pay, and others choose a package and pay.
func (r *restoreDrill) goOn(t *testing.T, before []*enrolment) {
	t.Helper()
	for i, e := range before {
		switch i % 3 {
		case 0:
			do(t, e.act(t.Context(), "package", map[string]string{"code": e.plan}))
			_, err := e.await(t.Context(), "awaiting-payment")
			do(t, err)
			do(t, e.pay(t.Context()))
			_, err = e.await(t.Context(), "awaiting-contract")
			do(t, err)
		case 1:
			do(t, e.pay(t.Context()))
			_, err := e.await(t.Context(), "awaiting-contract")
			do(t, err)
		}
	}
}

func (r *restoreDrill) start(t *testing.T, starter string) {
	t.Helper()
	w, err := startAlone(t.Context(), Options{Data: r.data, SandboxKeys: r.keys})
	do(t, err)
	r.w, r.d = w, &drill{t: t, w: w, c: newClient(w.Addresses), starter: starter}
}

// backup copies a database while it is written to.
func (r *restoreDrill) backup(t *testing.T, to string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(r.data, r.database)+"?_pragma=busy_timeout(20000)")
	do(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `VACUUM INTO '`+to+`'`)
	do(t, err)
}

// restore makes a data folder in which one database is as it was. It is another folder, as on another machine: Temporal's
// server keeps its database open for as long as this process lives.
func (r *restoreDrill) restore(t *testing.T, from string) {
	t.Helper()
	to := t.TempDir()
	do(t, os.CopyFS(to, os.DirFS(r.data)))
	for _, name := range []string{"kyso.db", "temporal.db"} {
		_ = os.Remove(filepath.Join(to, name+"-shm")) // SQLite makes it anew from the log
	}
	path := filepath.Join(to, r.database)
	_ = os.Remove(path + "-wal")
	content, err := os.ReadFile(from)
	do(t, err)
	do(t, os.WriteFile(path, content, 0o600))
	r.data = to
}

// settle reconciles and begins everything again that is listed, until the books agree, and returns how much that was.
func (r *restoreDrill) settle(t *testing.T) int {
	t.Helper()
	listed, behind, kinds := map[string]bool{}, map[string]bool{}, map[string]int{}
	began := time.Now()
	for end := began.Add(patience + 2*drillMinutes(t)); ; time.Sleep(time.Second) {
		var report struct {
			Checked  int
			Findings []struct {
				ProcessID string `json:"process_id"`
				Code      string
				Message   string
			}
			Failed, Behind []struct {
				ProcessID string `json:"process_id"`
				Message   string
			}
		}
		out, err := r.kyso(t, "reconcile", "-o", "json").Output()
		if _, disagree := err.(*exec.ExitError); err != nil && !disagree {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &report); err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		for _, f := range report.Failed {
			t.Logf("not compared %s: %s", f.ProcessID, f.Message)
		}
		for _, b := range report.Behind {
			if !behind[b.ProcessID] {
				t.Logf("behind %s: %s", b.ProcessID, b.Message)
			}
			behind[b.ProcessID] = true
		}
		for _, f := range report.Findings {
			if !listed[f.ProcessID+f.Code] {
				t.Logf("%s %s: %s", f.Code, f.ProcessID, f.Message)
				kinds[f.Code]++
			}
			listed[f.ProcessID+f.Code] = true
			action := "begin-again"
			if !r.there(t, "registrations", f.ProcessID) && !r.there(t, "signings", f.ProcessID) {
				action = "close" // there is no record
			}
			if out, err := r.kyso(t, "incident", "repair", f.ProcessID+"-"+f.Code+"-1", "--action", action, "--reason", "restored", "--apply", "-o", "json").CombinedOutput(); err != nil {
				t.Logf("%s %s: %v %s", action, f.ProcessID, err, out)
			}
		}
		// A record or a run of the last half minute may still be on its way into the other book.
		if len(report.Findings)+len(report.Failed)+len(report.Behind) == 0 && time.Since(began) > 40*time.Second {
			t.Logf("%d processes were behind their record and told again; mismatches %v", len(behind), kinds)
			return len(listed)
		}
		if time.Now().After(end) {
			t.Fatalf("the books do not agree: %+v", report)
		}
	}
}

func (r *restoreDrill) there(t *testing.T, kind, id string) bool {
	return r.d.c.do(t.Context(), "GET", r.d.c.api+"/v1/"+kind+"/"+id, "", nil, &struct{}{}) == nil
}

func (r *restoreDrill) kyso(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), r.d.starter, args...)
	cmd.Env = append(os.Environ(), "KYSO_URL="+r.w.Addresses.API, "KYSO_API_KEY="+r.w.Addresses.APIKey)
	return cmd
}

// finish takes what is left to its end: phones say yes, and citizens withdraw.
func (r *restoreDrill) finish(t *testing.T, registrations []*enrolment, signings, users []string) {
	t.Helper()
	for i, id := range signings {
		if s, err := r.d.c.signing(t.Context(), id); err == nil && s.Status != "signed" && i >= restored/2 {
			approveOnPhone(t, r.d.c, users[i])
		}
	}
	for _, id := range signings {
		if s := awaitFinal(t, r.d.c, id); s.Status != "signed" {
			t.Errorf("signing %s ended %s", id, s.Status)
		}
	}
	for _, e := range registrations {
		v, err := e.view(t.Context())
		do(t, err)
		if !v.Final {
			do(t, e.act(t.Context(), "withdraw", map[string]string{"reason": "drill"}))
		}
	}
	for _, e := range registrations {
		awaitRegistration(t, e, "withdrawn")
	}
}
