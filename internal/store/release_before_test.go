package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/incident"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// before is the release that keeps the ledger in five tables. Its statements stand here word by word.
type before struct {
	t *testing.T
	s *store.Store
}

// kindBefore is where that release kept what belongs to one kind of process.
type kindBefore struct{ records, transitions, incidents, column string }

var (
	signingsBefore      = kindBefore{"signings", "transitions", "incidents", "signing_id"}
	registrationsBefore = kindBefore{"registrations", "registration_transitions", "registration_incidents", "registration_id"}
)

func (b before) exec(statement string, args ...any) int64 {
	b.t.Helper()
	result, err := b.s.DB().ExecContext(b.t.Context(), statement, args...)
	must(b.t, err)
	n, err := result.RowsAffected()
	must(b.t, err)
	return n
}

func (b before) sealed(table, column, row, plain string) []byte {
	b.t.Helper()
	value, err := b.s.Sealed(b.t.Context(), table, column, row, plain)
	must(b.t, err)
	return value
}

func (b before) count(query string, args ...any) int {
	b.t.Helper()
	var n int
	must(b.t, b.s.DB().QueryRowContext(b.t.Context(), query, args...).Scan(&n))
	return n
}

// move writes the next transition of a process; on, when it counts, is what that release makes of the row before.
func (b before) move(of kindBefore, id string, status string) {
	b.t.Helper()
	seq := b.count(`SELECT COUNT(*) FROM `+of.transitions+` WHERE `+of.column+` = $1`, id) + 1
	if of == signingsBefore {
		b.exec(`INSERT INTO transitions (signing_id, seq, status, at, detail) VALUES ($1, $2, $3, $4, $5)`, id, seq, status, minute(seq).UTC(), "by the release before")
		b.exec(`UPDATE signings SET status = $1, updated_at = $2, finished_at = $3 WHERE id = $4`, status, minute(seq).UTC(), nil, id)
		return
	}
	b.exec(`INSERT INTO registration_transitions (registration_id, seq, status, at, detail, deadline, actor) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, seq, status, minute(seq).UTC(), "by the release before", minute(99).UTC(), "citizen")
	b.exec(`UPDATE registrations SET status = $1, seq = $2, reason = $3, deadline = $4, updated_at = $5 WHERE id = $6`, status, seq, "", nil, minute(seq).UTC(), id)
}

// park is OpenIncident of signings, and reports whether it wrote.
func (b before) park(id, processID string, attempts int) bool {
	b.t.Helper()
	n := b.exec(`INSERT INTO incidents (id, signing_id, step, reason, message, provider, since, attempts, action, actor, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10) ON CONFLICT (id) DO UPDATE SET step = excluded.step, reason = excluded.reason,
				message = excluded.message, provider = excluded.provider, attempts = excluded.attempts
			WHERE incidents.closed_at IS NULL AND incidents.attempts < excluded.attempts`,
		id, processID, "request", "provider-unavailable", fmt.Sprint("attempt ", attempts), "intrust", minute(1).UTC(), attempts,
		b.sealed("incidents", "actor", id, ""), b.sealed("incidents", "note", id, ""))
	b.exec(`UPDATE signings SET incident_id = (
			SELECT i.id FROM incidents i WHERE i.signing_id = $1 AND i.closed_at IS NULL
			ORDER BY i.since DESC, i.id DESC LIMIT 1)
		WHERE id = $1`, processID)
	return n > 0
}

func (b before) parkRegistration(id, processID string) {
	b.t.Helper()
	b.exec(`INSERT INTO registration_incidents (id, registration_id, step, reason, message, provider, since, attempts, action, actor, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10)`, id, processID, "issue", "provider-unavailable", "answered 503", "ca", minute(1).UTC(), 1,
		b.sealed("registration_incidents", "actor", id, ""), b.sealed("registration_incidents", "note", id, ""))
}

func (b before) close(of kindBefore, id string) int64 {
	b.t.Helper()
	return b.exec(`UPDATE `+of.incidents+` SET closed_at = $1, action = $2, actor = $3, note = $4 WHERE id = $5 AND closed_at IS NULL`,
		minute(9).UTC(), "retry", b.sealed(of.incidents, "actor", id, "ops:lan"), b.sealed(of.incidents, "note", id, "NCC đã chạy lại"), id)
}

func (b before) stray(id, process, processID string) {
	b.t.Helper()
	b.exec(`INSERT INTO stray_incidents (id, process, process_id, step, reason, message, provider, since, attempts, action, actor, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, '', $9, $10) ON CONFLICT (id) DO NOTHING`, id, process, processID, "", incident.RecordMissing, "no record", "",
		minute(1).UTC(), b.sealed("stray_incidents", "actor", id, ""), b.sealed("stray_incidents", "note", id, ""))
}

// shown is one incident as that release lists it.
func (b before) shown(table, id string) string {
	b.t.Helper()
	var step, reason, message, assignee, action string
	var attempts int
	var closed sql.NullTime
	var actor, note []byte
	must(b.t, b.s.DB().QueryRowContext(b.t.Context(), `SELECT step, reason, message, attempts, assignee, closed_at, action, actor, note FROM `+table+` WHERE id = $1`, id).
		Scan(&step, &reason, &message, &attempts, &assignee, &closed, &action, &actor, &note))
	who, err := b.s.OpenSealed(b.t.Context(), table, "actor", id, actor)
	must(b.t, err)
	words := "erased"
	if len(note) > 0 {
		words, err = b.s.OpenSealed(b.t.Context(), table, "note", id, note)
		must(b.t, err)
	}
	return fmt.Sprint(step, " ", attempts, " ", assignee, " ", closed.Valid, " ", action, " ", who, " ", words)
}

func shownNow(t *testing.T, s *store.Store, id string) string {
	t.Helper()
	in, _, err := s.Parked().Show(t.Context(), id)
	must(t, err)
	note := in.Note
	return fmt.Sprint(in.Step, " ", in.Attempts, " ", in.Assignee, " ", !in.ClosedAt.IsZero(), " ", in.Action, " ", in.Actor, " ", note)
}

// inStep compares the five tables with the two, row by row.
func (b before) inStep() {
	b.t.Helper()
	const cells = `step || '|' || reason || '|' || message || '|' || provider || '|' || CAST(since AS TEXT) || '|' || attempts || '|' || assignee || '|' ||
		COALESCE(CAST(closed_at AS TEXT), '') || '|' || action`
	const detail = `seq || '|' || status || '|' || CAST(at AS TEXT) || '|' || detail || '|'`
	rows := func(query string) []string {
		var list []string
		found, err := b.s.DB().QueryContext(b.t.Context(), query)
		must(b.t, err)
		defer found.Close()
		for found.Next() {
			var one string
			var actor, note []byte
			must(b.t, found.Scan(&one, &actor, &note))
			list = append(list, fmt.Sprintf("%s %x %x", one, actor, note))
		}
		must(b.t, found.Err())
		return list
	}
	wantEqual(b.t, "incidents", rows(`SELECT id || '|' || kind || '|' || process_id || '|' || `+cells+`, actor, note FROM process_incidents ORDER BY 1`),
		rows(`SELECT id || '|signing|' || signing_id || '|' || `+cells+`, actor, note FROM incidents
			UNION ALL SELECT id || '|registration|' || registration_id || '|' || `+cells+`, actor, note FROM registration_incidents
			UNION ALL SELECT id || '|' || process || '|' || process_id || '|' || `+cells+`, actor, note FROM stray_incidents ORDER BY 1`))
	wantEqual(b.t, "transitions", rows(`SELECT kind || '|' || process_id || '|' || `+detail+` || COALESCE(CAST(deadline AS TEXT), '') || actor, '', '' FROM process_transitions ORDER BY 1`),
		rows(`SELECT 'signing|' || signing_id || '|' || `+detail+`, '', '' FROM transitions
			UNION ALL SELECT 'registration|' || registration_id || '|' || `+detail+` || COALESCE(CAST(deadline AS TEXT), '') || actor, '', '' FROM registration_transitions ORDER BY 1`))
}

// TestALedgerOfTheReleaseBefore fills the five tables as the release before did, migrates, and finds all of it.
func TestALedgerOfTheReleaseBefore(t *testing.T) {
	onBothEngines(t, func(t *testing.T, dsn string) {
		s := open(t, dsn, masterKey(t))
		must(t, s.Migrate(t.Context()))
		created(t, s, "s")
		r := s.Registrations()
		enrolled(t, r, "r")
		must(t, s.MigrateTo(t.Context(), 29))
		b := before{t, s}
		b.move(signingsBefore, "s", string(signing.StatusAwaitingCertificate))
		b.move(registrationsBefore, "r", "handed-off")
		b.park("s-1", "s", 1)
		b.park("s-2", "s", 1)
		b.close(signingsBefore, "s-1")
		b.parkRegistration("r-1", "r")
		b.stray("lost-record-missing-1", "registration", "lost")

		must(t, s.Migrate(t.Context()))
		b.inStep()
		if n := b.count(`SELECT COUNT(*) FROM process_incidents`); n != 4 {
			t.Errorf("%d incidents", n)
		}
		for id, want := range map[string]string{"s-1": "request 1  true retry ops:lan NCC đã chạy lại", "r-1": "issue 1  false   ", "lost-record-missing-1": " 1  false   "} {
			wantEqual(t, id, shownNow(t, s, id), want)
		}
		moves, err := r.Transitions(t.Context(), "r", 0)
		must(t, err)
		wantEqual(t, "transitions", moves, []registration.Transition{{Seq: 1, Status: "handed-off", At: minute(1).UTC(), Detail: "by the release before",
			Deadline: minute(99).UTC(), Actor: "citizen"}})
		one, err := s.Signing(t.Context(), "s")
		must(t, err)
		wantEqual(t, "attention", one.Attention.IncidentID, "s-2")
		must(t, s.MigrateTo(t.Context(), 29)) // and back
		must(t, s.Migrate(t.Context()))
		b.inStep()
	})
}

// TestTheReleaseBeforeWorksBesideThisOne lets both releases write about the same processes: each goes on where the other was, and reads
// what the other wrote.
func TestTheReleaseBeforeWorksBesideThisOne(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, r, b := t.Context(), s.Registrations(), before{t, s}
		created(t, s, "s")
		enrolled(t, r, "r")
		must(t, s.Move(ctx, "s", signing.Transition{Seq: 1, Status: signing.StatusAwaitingCertificate, At: minute(1), Detail: "by this one"}))
		b.move(signingsBefore, "s", string(signing.StatusAwaitingPlacement))
		must(t, s.Move(ctx, "s", signing.Transition{Seq: 3, Status: signing.StatusCancelled, At: minute(3)}))
		b.move(registrationsBefore, "r", string(registration.StatusHandedOff))
		must(t, r.Move(ctx, "r", registration.Transition{Seq: 2, Status: registration.StatusClosing, At: minute(2), Actor: "clock"}))
		b.inStep()
		if n := b.count(`SELECT COUNT(*) FROM process_transitions`); n != 5 {
			t.Errorf("%d transitions", n)
		}

		must(t, s.OpenIncident(ctx, newIncident("s-1", "s", 1)))
		if !b.park("s-1", "s", 2) || b.park("s-1", "s", 2) { // again, and late
			t.Error("the release before does not find the incident")
		}
		wantEqual(t, "tried again before", shownNow(t, s, "s-1"), "request 2  false   ")
		must(t, s.Parked().Assign(ctx, "s-1", "op-1", incident.Deed{Actor: "op-2", At: minute(5)}))
		wantEqual(t, "assigned now", b.shown("incidents", "s-1"), "request 2 op-1 false   ")
		b.exec(`UPDATE incidents SET assignee = $1 WHERE id = $2`, "op-3", "s-1")
		wantEqual(t, "assigned before", shownNow(t, s, "s-1"), "request 2 op-3 false   ")
		closed := newIncident("s-1", "s", 2)
		closed.ClosedAt, closed.Action, closed.Actor, closed.Note = minute(6), "cancel", "ops:minh", "khách huỷ"
		must(t, s.CloseIncident(ctx, closed))
		wantEqual(t, "closed now", b.shown("incidents", "s-1"), "request 2 op-3 true cancel ops:minh khách huỷ")
		if b.close(signingsBefore, "s-1") != 0 {
			t.Error("the release before closes it again")
		}

		b.parkRegistration("r-1", "r")
		more := newParked("r-1", "r", 2)
		must(t, r.OpenRegistrationIncident(ctx, more))
		wantEqual(t, "tried again now", b.shown("registration_incidents", "r-1"), "issue 2  false   ")
		b.close(registrationsBefore, "r-1")
		wantEqual(t, "closed before", shownNow(t, s, "r-1"), "issue 2  true retry ops:lan NCC đã chạy lại")

		fresh, err := s.Relay().OpenMismatch(ctx, process.Incident{Process: process.Signing, ProcessID: "lost", Attention: process.Attention{Reason: incident.RecordMissing, Since: minute(1)}})
		must(t, err)
		wantEqual(t, "a stray of now", []any{fresh, b.shown("stray_incidents", "lost-record-missing-1")}, []any{true, " 1  false   "})
		b.stray("lost-2", "registration", "lost-2")
		n, err := s.Relay().CloseIncidents(ctx, process.Incident{ProcessID: "lost-2", ClosedAt: minute(7), Action: incident.Close, Actor: "ops:lan"})
		must(t, err)
		wantEqual(t, "strays closed", []any{n, b.shown("stray_incidents", "lost-2")}, []any{1, " 1  true close ops:lan "})
		b.inStep()

		// An erasure of either release empties the words in both.
		b.exec(`UPDATE registration_incidents SET note = $2 WHERE registration_id IN (SELECT id FROM registrations WHERE subject_id = $1)`, subjectOf(t, r, "r"), []byte{})
		wantEqual(t, "erased before", shownNow(t, s, "r-1"), "issue 2  true retry ops:lan ")
		erase(t, r, subjectOf(t, r, "s"))
		if got := b.shown("incidents", "s-1"); !strings.HasSuffix(got, " erased") {
			t.Errorf("after an erasure: %s", got)
		}
		b.inStep()
	})
}

func subjectOf(t *testing.T, r store.Registrations, id string) string {
	t.Helper()
	subject, err := r.SubjectOf(t.Context(), id)
	must(t, err)
	return subject
}

func erase(t *testing.T, r store.Registrations, subject string) {
	t.Helper()
	_, err := r.EraseSubject(t.Context(), subject, "dpo", minute(60), 5)
	must(t, err)
}

// TestALedgerRowBelongsToItsRecord: only a stray incident has no record, and an id is one process's.
func TestALedgerRowBelongsToItsRecord(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		created(t, s, "s")
		enrolled(t, s.Registrations(), "r")
		const incidents = `INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, action, actor, note)
			VALUES ($1, $2, $3, $4, '', 'internal', '', '', $5, 1, '', $6, $6)`
		put := func(statement string, args ...any) error {
			return only(s.DB().ExecContext(t.Context(), statement, args...))
		}
		for _, kind := range []string{"signing", "registration"} {
			if put(`INSERT INTO process_transitions (kind, process_id, seq, status, at, detail) VALUES ($1, 'none', 1, 'x', $2, '')`, kind, day0.UTC()) == nil ||
				put(incidents, "i", kind, "none", false, day0.UTC(), []byte{1}) == nil {
				t.Errorf("a row of a %s that is not there was taken", kind)
			}
			must(t, put(incidents, kind, kind, "none", true, day0.UTC(), []byte{1}))
		}
		must(t, s.OpenIncident(t.Context(), newIncident("i", "s", 1)))
		if put(`INSERT INTO registration_incidents (id, registration_id, step, reason, message, provider, since, attempts, action, actor, note)
			VALUES ('i', 'r', '', 'internal', '', '', $1, 1, '', $2, $2)`, day0.UTC(), []byte{1}) == nil {
			t.Error("the id of one process's incident was taken for another's")
		}
	})
}
