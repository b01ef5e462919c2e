package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/webhook"
)

// Move implements signing.Records. A step that the transition table does not know, or a gap in the sequence, is
// problem.Conflict as well: either means that two runs write to one signing.
func (s *Store) Move(ctx context.Context, id string, t signing.Transition) error {
	return s.change(ctx, "moving a signing", id, func(tx *sql.Tx) error {
		done, err := moved(ctx, tx, id, t)
		if done || err != nil {
			return err
		}
		var from signing.Status
		var last int
		err = tx.QueryRowContext(ctx, `
			SELECT s.status, (SELECT COUNT(*) FROM transitions t WHERE t.signing_id = s.id)
			FROM signings s WHERE s.id = $1`, id).Scan(&from, &last)
		if err != nil {
			return err
		}
		if t.Seq != last+1 {
			return conflict("transition %d does not follow transition %d", t.Seq, last)
		}
		if err := from.Check(t.Status); err != nil {
			return err
		}
		if err := insertTransition(ctx, tx, id, t); err != nil {
			return err
		}
		return note(ctx, tx, t.At, "transition", id, "", strings.TrimSpace(fmt.Sprintf("%d %s→%s %s", t.Seq, from, t.Status, t.Detail)))
	})
}

// moved reports whether this transition is recorded already.
func moved(ctx context.Context, tx *sql.Tx, id string, t signing.Transition) (bool, error) {
	var stored signing.Status
	err := tx.QueryRowContext(ctx, `SELECT status FROM transitions WHERE signing_id = $1 AND seq = $2`, id, t.Seq).
		Scan(&stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case stored != t.Status:
		return false, conflict("transition %d was to %s, not to %s", t.Seq, stored, t.Status)
	}
	return true, nil
}

func insertTransition(ctx context.Context, tx *sql.Tx, id string, t signing.Transition) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO transitions (signing_id, seq, status, at, detail) VALUES ($1, $2, $3, $4, $5)`,
		id, t.Seq, string(t.Status), at(t.At), t.Detail)
	if err != nil {
		return err
	}
	finished := at(time.Time{})
	if t.Status.Final() {
		finished = at(t.At)
	}
	_, err = tx.ExecContext(ctx, `UPDATE signings SET status = $1, updated_at = $2, finished_at = $3 WHERE id = $4`,
		string(t.Status), at(t.At), finished, id)
	if err != nil {
		return err
	}
	return announce(ctx, tx, webhook.Event{Kind: "signing", ID: id, Status: string(t.Status), Seq: t.Seq, Final: t.Status.Final(), Detail: t.Detail,
		Self: "/v1/signings/" + id, At: t.At})
}

// Transitions implements signing.Desk.
func (s *Store) Transitions(ctx context.Context, id string, after int) ([]signing.Transition, error) {
	var list []signing.Transition
	err := s.read(ctx, "listing transitions", func(tx *sql.Tx) error {
		if err := exists(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `
			SELECT seq, status, at, detail FROM transitions WHERE signing_id = $1 AND seq > $2 ORDER BY seq`, id, after)
		return each(rows, err, func(rows *sql.Rows) error {
			var t signing.Transition
			err := rows.Scan(&t.Seq, &t.Status, into(&t.At), &t.Detail)
			list = append(list, t)
			return err
		})
	})
	return list, err
}

// exists returns problem.NotFound when there is no such signing.
func exists(ctx context.Context, tx *sql.Tx, id string) error {
	var one int
	return orNoSuch(tx.QueryRowContext(ctx, `SELECT 1 FROM signings WHERE id = $1`, id).Scan(&one), "signing")
}

// OpenIncident implements signing.Records. The same incident may come again with more attempts and another reason. One
// that was closed stays closed.
func (s *Store) OpenIncident(ctx context.Context, in signing.Incident) error {
	k, err := s.openKeys(ctx)
	if err != nil {
		return err
	}
	if in.ID == "" || !in.Attention.Open() {
		return problem.New(problem.Invalid, "an incident has an id and a reason")
	}
	return s.change(ctx, "opening an incident", in.SigningID, func(tx *sql.Tx) error {
		a := in.Attention
		written, err := affected(tx.ExecContext(ctx, `
			INSERT INTO incidents (id, signing_id, step, reason, message, provider, since, attempts, action, actor, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10) ON CONFLICT (id) DO UPDATE SET step = excluded.step, reason = excluded.reason,
				message = excluded.message, provider = excluded.provider, attempts = excluded.attempts
			WHERE incidents.closed_at IS NULL AND incidents.attempts < excluded.attempts`,
			in.ID, in.SigningID, a.Step, a.Reason, a.Message, a.Provider, at(a.Since), a.Attempts,
			k.sealed("incidents", "actor", in.ID, nil), k.sealed("incidents", "note", in.ID, nil)))
		if err != nil || written == 0 {
			return err
		}
		if err := addEntry(ctx, tx, k, in.ID, "", failure(a.Since, s.now(), a.Attempts, a.Reason, a.Message)); err != nil {
			return err
		}
		if err := showIncident(ctx, tx, in.SigningID); err != nil {
			return err
		}
		if err := announceAttention(ctx, tx, "signing", in.SigningID, in.ID, true, s.now()); err != nil {
			return err
		}
		return note(ctx, tx, s.now(), "incident", in.SigningID, "", fmt.Sprintf("%s opened %s %s %d", in.ID, a.Step, a.Reason, a.Attempts))
	})
}

// failure is the entry of a step that failed. Only the first failure came when the process was parked.
func failure(since, now time.Time, attempt int, reason, message string) incident.Entry {
	e := incident.Entry{At: since, Kind: incident.Failed, Attempt: attempt, Reason: reason, Text: message}
	if attempt > 1 {
		e.At = now
	}
	return e
}

// CloseIncident implements signing.Records. Of several who close it, the first one stays on record.
func (s *Store) CloseIncident(ctx context.Context, in signing.Incident) error {
	k, err := s.openKeys(ctx)
	if err != nil {
		return err
	}
	if in.ClosedAt.IsZero() {
		return problem.New(problem.Invalid, "closing an incident needs a time")
	}
	return s.change(ctx, "closing an incident", in.SigningID, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `SELECT id FROM incidents WHERE id = $1 AND signing_id = $2`,
			in.ID, in.SigningID).Scan(&id)
		if err != nil {
			return orNoSuch(err, "incident")
		}
		closed, err := affected(tx.ExecContext(ctx, `
			UPDATE incidents SET closed_at = $1, action = $2, actor = $3, note = $4
			WHERE id = $5 AND closed_at IS NULL`,
			at(in.ClosedAt), in.Action, k.sealed("incidents", "actor", in.ID, []byte(in.Actor)),
			k.sealed("incidents", "note", in.ID, []byte(in.Note)), in.ID))
		if err != nil || closed == 0 {
			return err
		}
		if err := showIncident(ctx, tx, in.SigningID); err != nil {
			return err
		}
		if err := announceAttention(ctx, tx, "signing", in.SigningID, in.ID, false, in.ClosedAt); err != nil {
			return err
		}
		return note(ctx, tx, in.ClosedAt, "incident", in.SigningID, "", in.ID+" closed "+in.Action)
	})
}

// showIncident makes the newest open incident, if any, the attention of the signing.
func showIncident(ctx context.Context, tx *sql.Tx, signingID string) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE signings SET incident_id = (
			SELECT i.id FROM incidents i WHERE i.signing_id = $1 AND i.closed_at IS NULL
			ORDER BY i.since DESC, i.id DESC LIMIT 1)
		WHERE id = $1`, signingID)
	return err
}
