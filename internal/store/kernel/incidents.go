package kernel

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
)

// Open records a parked step. The same incident may come again with more attempts and another reason. One that was closed stays
// closed, unless the step was parked after that: a process that began again calls its incidents as the run before did.
func (l Ledger) Open(ctx context.Context, s *Base, in process.Incident) error {
	if in.IncidentID == "" || in.Reason == "" || in.Since.IsZero() {
		return problem.New(problem.Invalid, "an incident has an id, a reason and a time")
	}
	return l.write(ctx, s, "opening an incident", in.ProcessID, func(tx *sql.Tx, k *Keys) error { return l.opened(ctx, tx, k, in, s.Now()) })
}

func (l Ledger) opened(ctx context.Context, tx *sql.Tx, k *Keys, in process.Incident, now time.Time) error {
	if _, _, err := l.standing(ctx, tx, in.ProcessID); err != nil {
		return err
	}
	stored, err := l.incident(ctx, tx, in)
	fresh := problem.CodeOf(err) == problem.NotFound
	switch {
	case fresh:
		now = in.Since
		err = InsertIncident(ctx, tx, k, in, false)
	case err != nil:
	case !stored.ClosedAt.IsZero() && in.Since.After(stored.ClosedAt):
		err = l.reopen(ctx, tx, k, in)
	case !stored.ClosedAt.IsZero() || in.Attempts <= stored.Attempts:
		return nil
	default:
		_, err = tx.ExecContext(ctx, `UPDATE process_incidents SET step = $1, reason = $2, message = $3, provider = $4, attempts = $5 WHERE id = $6`,
			in.Step, in.Reason, in.Message, in.Provider, in.Attempts, in.IncidentID)
	}
	if err == nil {
		err = AddEntry(ctx, tx, k, in.IncidentID, "", failure(in, now))
	}
	if err == nil {
		err = l.show(ctx, tx, in.ProcessID)
	}
	if err == nil {
		err = announceAttention(ctx, tx, l, in.ProcessID, in.IncidentID, true, now)
	}
	if err != nil {
		return err
	}
	return l.audit(ctx, tx, now, "incident", in.ProcessID, "", fmt.Sprintf("%s opened %s %s %d", in.IncidentID, in.Step, in.Reason, in.Attempts))
}

// incident reads what is stored of an incident: its process, attempts and end.
func (l Ledger) incident(ctx context.Context, tx *sql.Tx, in process.Incident) (process.Incident, error) {
	var stored process.Incident
	err := tx.QueryRowContext(ctx, `SELECT kind, process_id, attempts, closed_at FROM process_incidents WHERE id = $1`, in.IncidentID).
		Scan(&stored.Process, &stored.ProcessID, &stored.Attempts, Into(&stored.ClosedAt))
	if err == nil && (stored.Process != l.kind || stored.ProcessID != in.ProcessID) {
		return stored, Conflict("the incident belongs to another process")
	}
	return stored, OrNoSuch(err, "incident")
}

// InsertIncident writes a new incident. Two programs may find the same stray at once; any other id that is taken is problem.Conflict.
func InsertIncident(ctx context.Context, tx *sql.Tx, k *Keys, in process.Incident, stray bool) error {
	cells := CellsOf(in.Process, stray)
	made, err := Affected(tx.ExecContext(ctx, `
		INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, action, actor, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, $12) ON CONFLICT (id) DO NOTHING`,
		in.IncidentID, string(in.Process), in.ProcessID, stray, in.Step, in.Reason, in.Message, in.Provider, At(in.Since), in.Attempts,
		k.Sealed(cells, "actor", in.IncidentID, nil), k.Sealed(cells, "note", in.IncidentID, nil)))
	if err == nil && made == 0 && !stray { // two relays may find the same stray at once
		err = Conflict("another incident has this id")
	}
	return err
}

func (l Ledger) reopen(ctx context.Context, tx *sql.Tx, k *Keys, in process.Incident) error {
	_, err := tx.ExecContext(ctx, `UPDATE process_incidents SET step = $1, reason = $2, message = $3, provider = $4, since = $5, attempts = $6,
		closed_at = NULL, action = '', actor = $7, note = $8 WHERE id = $9`,
		in.Step, in.Reason, in.Message, in.Provider, At(in.Since), in.Attempts,
		k.Sealed(l.cells, "actor", in.IncidentID, nil), k.Sealed(l.cells, "note", in.IncidentID, nil), in.IncidentID)
	return err
}

// failure is the entry of a step that failed. Only the first failure came when the process was parked.
func failure(in process.Incident, now time.Time) incident.Entry {
	e := incident.Entry{At: in.Since, Kind: incident.Failed, Attempt: in.Attempts, Reason: in.Reason, Text: in.Message}
	if in.Attempts > 1 {
		e.At = now
	}
	return e
}

// Close ends an incident. Of several who close it, the first stays on record.
func (l Ledger) Close(ctx context.Context, s *Base, in process.Incident) error {
	if in.ClosedAt.IsZero() {
		return problem.New(problem.Invalid, "closing an incident needs a time")
	}
	return l.write(ctx, s, "closing an incident", in.ProcessID, func(tx *sql.Tx, k *Keys) error {
		if _, err := l.incident(ctx, tx, in); err != nil {
			return err
		}
		closed, err := CloseIncident(ctx, tx, k, in, l.cells)
		if err != nil || closed == 0 {
			return err
		}
		if err := l.show(ctx, tx, in.ProcessID); err != nil {
			return err
		}
		if err := announceAttention(ctx, tx, l, in.ProcessID, in.IncidentID, false, in.ClosedAt); err != nil {
			return err
		}
		return l.audit(ctx, tx, in.ClosedAt, "incident", in.ProcessID, in.Actor, in.IncidentID+" closed "+in.Action)
	})
}

// CloseIncident ends an incident that is open, and returns how many it ended.
func CloseIncident(ctx context.Context, tx *sql.Tx, k *Keys, in process.Incident, cells string) (int64, error) {
	return Affected(tx.ExecContext(ctx, `UPDATE process_incidents SET closed_at = $1, action = $2, actor = $3, note = $4 WHERE id = $5 AND closed_at IS NULL`,
		At(in.ClosedAt), in.Action, k.Sealed(cells, "actor", in.IncidentID, []byte(in.Actor)), k.Sealed(cells, "note", in.IncidentID, []byte(in.Note)), in.IncidentID))
}

// show makes the newest open incident, if any, the attention of the process.
func (l Ledger) show(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `UPDATE `+l.Records+` SET incident_id = (SELECT i.id FROM process_incidents i
		WHERE i.kind = '`+string(l.kind)+`' AND i.process_id = $1 AND NOT i.stray AND i.closed_at IS NULL ORDER BY i.since DESC, i.id DESC LIMIT 1) WHERE id = $1`, id)
	return err
}

// EntryRow is the row that the words of an entry are bound to.
func EntryRow(id string, seq int) string { return id + "/" + strconv.Itoa(seq) }

// AddEntry appends to what happened to an incident. The caller's transaction holds its row.
func AddEntry(ctx context.Context, tx *sql.Tx, k *Keys, id, request string, e incident.Entry) error {
	var seq int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM incident_entries WHERE incident_id = $1`, id).Scan(&seq); err != nil {
		return err
	}
	seq++
	_, err := tx.ExecContext(ctx, `INSERT INTO incident_entries (incident_id, seq, at, kind, attempt, reason, words, actor, request) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		id, seq, At(e.At), string(e.Kind), e.Attempt, e.Reason, k.Sealed("incident_entries", "words", EntryRow(id, seq), []byte(e.Text)), e.Actor, request)
	return err
}
