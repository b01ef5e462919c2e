package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

// audit appends one entry to the chain. The caller's transaction holds the head.
func audit(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, actor, detail string) error {
	e := registration.AuditEntry{At: when.UTC().Truncate(time.Microsecond), Kind: kind, Object: object, Actor: actor, Detail: detail}
	if err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&e.Seq, &e.Prev); err != nil {
		return err
	}
	e.Seq++
	e.Hash = e.Digest()
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (seq, at, kind, object, actor, detail, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.Seq, at(e.At), e.Kind, e.Object, e.Actor, e.Detail, e.Prev, e.Hash)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1`, e.Seq, e.Hash)
	return err
}

// Audit implements registration.Records.
func (r Registrations) Audit(ctx context.Context, after int64, limit int) ([]registration.AuditEntry, error) {
	var list []registration.AuditEntry
	err := r.read(ctx, "reading the audit log", func(tx *sql.Tx, _ *keys) error {
		rows, err := tx.QueryContext(ctx, `SELECT seq, at, kind, object, actor, detail, prev, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var e registration.AuditEntry
			err := rows.Scan(&e.Seq, into(&e.At), &e.Kind, &e.Object, &e.Actor, &e.Detail, &e.Prev, &e.Hash)
			list = append(list, e)
			return err
		})
	})
	return list, err
}

// SaveReview implements registration.Records.
func (r Registrations) SaveReview(ctx context.Context, id string, review registration.Review, publicNote, internalNote string) error {
	text, err := json.Marshal(review)
	if err != nil {
		return err
	}
	return r.write(ctx, "saving a review", func(tx *sql.Tx, _ *keys) error {
		s, err := r.ofRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		made, err := affected(tx.ExecContext(ctx, `INSERT INTO reviews (id, registration_id, review, public_note, internal_note) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO NOTHING`, review.ID, id, string(text), s.sealed("reviews", "public_note", review.ID, []byte(publicNote)),
			s.sealed("reviews", "internal_note", review.ID, []byte(internalNote))))
		if err != nil || made == 0 {
			return err
		}
		return audit(ctx, tx, review.At, "review", id, review.Officer, fmt.Sprintf("%s %s %v", review.Decision, review.Reason, review.Fields))
	})
}

// ReviewNotes implements registration.Records.
func (r Registrations) ReviewNotes(ctx context.Context, reviewID string) (publicNote, internalNote string, err error) {
	err = r.read(ctx, "reading a review", func(tx *sql.Tx, _ *keys) error {
		var id string
		var public, internal []byte
		err := tx.QueryRowContext(ctx, `SELECT registration_id, public_note, internal_note FROM reviews WHERE id = $1`, reviewID).Scan(&id, &public, &internal)
		if err != nil {
			return orNoSuch(err, "review")
		}
		s, err := r.ofRegistration(ctx, tx, id)
		err2 := err
		if err2 == nil {
			err2 = s.openText(nil, &publicNote, "reviews", "public_note", reviewID, public)
			err2 = s.openText(err2, &internalNote, "reviews", "internal_note", reviewID, internal)
		}
		return err2
	})
	return publicNote, internalNote, err
}

// OpenRegistrationIncident implements registration.Records.
func (r Registrations) OpenRegistrationIncident(ctx context.Context, in registration.Incident) error {
	if in.IncidentID == "" || !in.Open() {
		return problem.New(problem.Invalid, "an incident has an id and a reason")
	}
	return r.write(ctx, "opening an incident", func(tx *sql.Tx, k *keys) error {
		made, err := affected(tx.ExecContext(ctx, `
			INSERT INTO registration_incidents (id, registration_id, step, reason, message, provider, since, attempts, action, actor, note)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10)
			ON CONFLICT (id) DO UPDATE SET step = $3, reason = $4, message = $5, provider = $6, attempts = $8`,
			in.IncidentID, in.RegistrationID, in.Step, in.Reason, in.Message, in.Provider, at(in.Since), in.Attempts,
			k.sealed("registration_incidents", "actor", in.IncidentID, nil), k.sealed("registration_incidents", "note", in.IncidentID, nil)))
		if err != nil || made == 0 {
			return err
		}
		if err := showRegistrationIncident(ctx, tx, in.RegistrationID); err != nil {
			return err
		}
		return audit(ctx, tx, r.s.now(), "incident", in.RegistrationID, "", fmt.Sprintf("%s opened %s %s %d", in.IncidentID, in.Step, in.Reason, in.Attempts))
	})
}

// CloseRegistrationIncident implements registration.Records. Of several who close it, the first stays on record.
func (r Registrations) CloseRegistrationIncident(ctx context.Context, in registration.Incident) error {
	return r.write(ctx, "closing an incident", func(tx *sql.Tx, k *keys) error {
		closed, err := affected(tx.ExecContext(ctx, `UPDATE registration_incidents SET closed_at = $1, action = $2, actor = $3, note = $4
			WHERE id = $5 AND closed_at IS NULL`, at(in.ClosedAt), in.Action, k.sealed("registration_incidents", "actor", in.IncidentID, []byte(in.Actor)),
			k.sealed("registration_incidents", "note", in.IncidentID, []byte(in.Note)), in.IncidentID))
		if err != nil || closed == 0 {
			return err
		}
		if err := showRegistrationIncident(ctx, tx, in.RegistrationID); err != nil {
			return err
		}
		return audit(ctx, tx, in.ClosedAt, "incident", in.RegistrationID, in.Actor, in.IncidentID+" closed "+in.Action)
	})
}

func showRegistrationIncident(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `UPDATE registrations SET incident_id = (SELECT i.id FROM registration_incidents i
		WHERE i.registration_id = $1 AND i.closed_at IS NULL ORDER BY i.since DESC, i.id DESC LIMIT 1) WHERE id = $1`, id)
	return err
}

// RegistrationIncidents implements registration.Records.
func (r Registrations) RegistrationIncidents(ctx context.Context, all bool) ([]registration.Incident, error) {
	which := ` WHERE closed_at IS NULL`
	if all {
		which = ``
	}
	var list []registration.Incident
	err := r.read(ctx, "listing incidents", func(tx *sql.Tx, k *keys) error {
		rows, err := tx.QueryContext(ctx, `SELECT id, registration_id, step, reason, message, provider, since, attempts, closed_at, action, actor, note
			FROM registration_incidents`+which+` ORDER BY since, id`)
		return each(rows, err, func(rows *sql.Rows) error {
			var in registration.Incident
			var actor, note []byte
			err := rows.Scan(&in.IncidentID, &in.RegistrationID, &in.Step, &in.Reason, &in.Message, &in.Provider, into(&in.Since), &in.Attempts,
				into(&in.ClosedAt), &in.Action, &actor, &note)
			err = k.openText(err, &in.Actor, "registration_incidents", "actor", in.IncidentID, actor)
			err = k.openText(err, &in.Note, "registration_incidents", "note", in.IncidentID, note)
			list = append(list, in)
			return err
		})
	})
	return list, err
}
