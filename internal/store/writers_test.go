package store_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"kyso/internal/registration"
	"kyso/internal/storetest"
)

// patience ends a wait that would never end.
const patience = time.Minute

// TestRegistrationsDoNotWaitForEachOther writes to a registration, chains and notes while a writer of another one is at work: nothing that
// all writers take keeps them in one line.
func TestRegistrationsDoNotWaitForEachOther(t *testing.T) {
	s := open(t, storetest.Postgres(t), masterKey(t))
	r := s.Registrations()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enrolled(t, r, "a")
	enrolled(t, r, "b")
	must(t, r.Change(ctx, "a", func(*registration.Registration) error {
		must(t, r.Move(ctx, "b", registration.Transition{Seq: 1, Status: registration.StatusHandedOff, At: minute(1)}))
		must(t, r.SaveCode(ctx, newCode("code", "b", 1), "123456"))
		must(t, r.Change(ctx, "b", func(one *registration.Registration) error { one.AccountID = "acc"; return nil }))
		enrolled(t, r, "c")
		return only(storetest.Chained(ctx, s.AuditLog(), 0, 10))
	}))
}

// TestWritersOfBothReleases holds for one registration: a program of the release before, which reads it at the head of the audit log and
// then writes, and one of this release do not overwrite each other, whoever comes first.
func TestWritersOfBothReleases(t *testing.T) {
	s := open(t, storetest.Postgres(t), masterKey(t))
	r := s.Registrations()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enrolled(t, r, "r")
	begin := func() *sql.Tx {
		tx, err := s.DB().BeginTx(ctx, nil)
		must(t, err)
		t.Cleanup(func() { _ = tx.Rollback() })
		return tx
	}
	before := func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE audit_head SET seq = seq WHERE id = 1`)
		return err
	}
	done := make(chan error, 1)

	old := begin()
	must(t, before(old))
	go func() {
		done <- r.Change(ctx, "r", func(one *registration.Registration) error { one.Package += "+"; return nil })
	}()
	untilWaiting(t, s.DB())
	must(t, only(old.ExecContext(ctx, `UPDATE registrations SET facts = '{"package":"PS1"}' WHERE id = 'r'`)))
	must(t, old.Commit())
	must(t, <-done)

	late := begin()
	must(t, r.Change(ctx, "r", func(one *registration.Registration) error {
		go func() { done <- before(late) }()
		untilWaiting(t, s.DB())
		one.Package += "+"
		return nil
	}))
	must(t, <-done)
	var facts string
	must(t, late.QueryRowContext(ctx, `SELECT facts FROM registrations WHERE id = 'r'`).Scan(&facts))
	must(t, late.Commit())
	one, err := r.Registration(ctx, "r")
	must(t, err)
	wantEqual(t, "package", one.Package, "PS1++")
	if !strings.Contains(facts, `"PS1++"`) {
		t.Errorf("the release before read %s", facts)
	}
}

// untilWaiting returns when a connection to the database waits for an advisory lock.
func untilWaiting(t *testing.T, db *sql.DB) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var waiting int
		must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`).Scan(&waiting))
		if waiting > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no writer waits")
		}
	}
}
