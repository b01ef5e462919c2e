package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/webhook"
)

// Change implements registration.Records.
func (r Registrations) Change(ctx context.Context, id string, fn func(*registration.Registration) error) error {
	return r.write(ctx, "changing a registration", func(tx *sql.Tx, _ *keys) error {
		one, err := r.load(ctx, tx, id)
		if err != nil {
			return err
		}
		var before []byte
		if one.Issued != nil {
			before = bytes.Clone(one.Issued.Certificate)
		}
		subjectID, pinWasSet := one.SubjectID, pinSet(one)
		if err := fn(&one); err != nil {
			return err
		}
		if !pinWasSet && pinSet(one) {
			if err := announce(ctx, tx, webhook.Event{Kind: "registration", ID: id, Status: string(one.Status), Seq: one.Seq, Name: webhook.PINSet,
				Self: "/v1/registrations/" + id, At: one.Activation.PINSetAt}); err != nil {
				return err
			}
		}
		facts, err := json.Marshal(one.Facts)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE registrations SET facts = $1 WHERE id = $2`, string(facts), id); err != nil {
			return err
		}
		if one.Issued == nil || len(one.Issued.Certificate) == 0 || bytes.Equal(before, one.Issued.Certificate) {
			return nil
		}
		subject, err := r.subjectKey(ctx, tx, subjectID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE registrations SET certificate = $1 WHERE id = $2`,
			subject.sealed("registrations", "certificate", id, one.Issued.Certificate), id)
		return err
	})
}

func pinSet(r registration.Registration) bool {
	return r.Activation != nil && !r.Activation.PINSetAt.IsZero()
}

// Move implements registration.Records. A step that the transition table does not know, or a gap in the sequence, is
// problem.Conflict as well: either means that two runs write to one registration.
func (r Registrations) Move(ctx context.Context, id string, t registration.Transition) error {
	return r.write(ctx, "moving a registration", func(tx *sql.Tx, _ *keys) error {
		var from registration.Status
		var last int
		err := tx.QueryRowContext(ctx, `SELECT status, seq FROM registrations WHERE id = $1`, id).Scan(&from, &last)
		if err != nil {
			return orNoSuch(err, "registration")
		}
		if done, err := movedRegistration(ctx, tx, id, t); done || err != nil {
			return err
		}
		if t.Seq != last+1 {
			return conflict("transition %d does not follow transition %d", t.Seq, last)
		}
		if err := from.Check(t.Status); err != nil {
			return err
		}
		if t.At.IsZero() {
			return problem.New(problem.Invalid, "a transition has a time")
		}
		if err := insertRegistrationTransition(ctx, tx, id, t); err != nil {
			return err
		}
		return audit(ctx, tx, t.At, "transition", id, t.Actor, strings.TrimSpace(fmt.Sprintf("%d %s→%s %s", t.Seq, from, t.Status, t.Detail)))
	})
}

// movedRegistration reports whether this transition is recorded already.
func movedRegistration(ctx context.Context, tx *sql.Tx, id string, t registration.Transition) (bool, error) {
	var stored registration.Status
	err := tx.QueryRowContext(ctx, `SELECT status FROM registration_transitions WHERE registration_id = $1 AND seq = $2`, id, t.Seq).Scan(&stored)
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

func insertRegistrationTransition(ctx context.Context, tx *sql.Tx, id string, t registration.Transition) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO registration_transitions (registration_id, seq, status, at, detail, deadline, actor) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, t.Seq, string(t.Status), at(t.At), t.Detail, at(t.Deadline), t.Actor)
	if err != nil {
		return err
	}
	reason := ""
	if t.Status.Final() {
		reason = t.Detail
	}
	_, err = tx.ExecContext(ctx, `UPDATE registrations SET status = $1, seq = $2, reason = $3, deadline = $4, updated_at = $5 WHERE id = $6`,
		string(t.Status), t.Seq, reason, at(t.Deadline), at(t.At), id)
	if err != nil {
		return err
	}
	return announce(ctx, tx, webhook.Event{Kind: "registration", ID: id, Status: string(t.Status), Seq: t.Seq, Final: t.Status.Final(), Detail: t.Detail,
		Self: "/v1/registrations/" + id, At: t.At})
}

// Transitions implements registration.Records.
func (r Registrations) Transitions(ctx context.Context, id string, after int) ([]registration.Transition, error) {
	var list []registration.Transition
	err := r.read(ctx, "listing transitions", func(tx *sql.Tx, _ *keys) error {
		if err := registered(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT seq, status, at, detail, deadline, actor FROM registration_transitions
			WHERE registration_id = $1 AND seq > $2 ORDER BY seq`, id, after)
		return each(rows, err, func(rows *sql.Rows) error {
			var t registration.Transition
			err := rows.Scan(&t.Seq, &t.Status, into(&t.At), &t.Detail, into(&t.Deadline), &t.Actor)
			list = append(list, t)
			return err
		})
	})
	return list, err
}
