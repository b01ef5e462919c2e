package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

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
		return insertTransition(ctx, tx, id, t)
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

// OpenIncident implements signing.Records. An incident that was closed stays closed.
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
		opened, err := affected(tx.ExecContext(ctx, `
			INSERT INTO incidents (id, signing_id, step, reason, message, provider, since, attempts, action, actor, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10) ON CONFLICT (id) DO NOTHING`,
			in.ID, in.SigningID, a.Step, a.Reason, a.Message, a.Provider, at(a.Since), a.Attempts,
			k.sealed("incidents", "actor", in.ID, nil), k.sealed("incidents", "note", in.ID, nil)))
		if err != nil || opened == 0 {
			return err
		}
		return showIncident(ctx, tx, in.SigningID)
	})
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
		_, err = tx.ExecContext(ctx, `
			UPDATE incidents SET closed_at = $1, action = $2, actor = $3, note = $4
			WHERE id = $5 AND closed_at IS NULL`,
			at(in.ClosedAt), in.Action, k.sealed("incidents", "actor", in.ID, []byte(in.Actor)),
			k.sealed("incidents", "note", in.ID, []byte(in.Note)), in.ID)
		if err != nil {
			return err
		}
		return showIncident(ctx, tx, in.SigningID)
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

// Incidents implements signing.Desk.
func (s *Store) Incidents(ctx context.Context, all bool) ([]signing.Incident, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	which := `WHERE closed_at IS NULL`
	if all {
		which = ``
	}
	var list []signing.Incident
	rows, err := s.db.QueryContext(ctx, `
		SELECT id, signing_id, step, reason, message, provider, since, attempts, closed_at, action, actor, note
		FROM incidents `+which+` ORDER BY since, id`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var in signing.Incident
		var actor, note []byte
		a := &in.Attention
		err := rows.Scan(&in.ID, &in.SigningID, &a.Step, &a.Reason, &a.Message, &a.Provider, into(&a.Since),
			&a.Attempts, into(&in.ClosedAt), &in.Action, &actor, &note)
		err = k.openText(err, &in.Actor, "incidents", "actor", in.ID, actor)
		err = k.openText(err, &in.Note, "incidents", "note", in.ID, note)
		list = append(list, in)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing incidents: %w", err)
	}
	return list, nil
}
