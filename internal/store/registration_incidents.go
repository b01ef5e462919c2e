package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

// OpenRegistrationIncident implements registration.Records. The same incident may come again with more attempts and
// another reason. One that was closed stays closed, unless the step was parked after that: a Refund that began again calls its incidents
// as the run before did.
func (r Registrations) OpenRegistrationIncident(ctx context.Context, in registration.Incident) error {
	if in.IncidentID == "" || !in.Open() || in.Since.IsZero() {
		return problem.New(problem.Invalid, "an incident has an id, a reason and a time")
	}
	return r.write(ctx, "opening an incident", func(tx *sql.Tx, k *keys) error {
		if err := registered(ctx, tx, in.RegistrationID); err != nil {
			return err
		}
		stored, err := incidentOf(ctx, tx, in)
		fresh := problem.CodeOf(err) == problem.NotFound
		switch {
		case fresh:
			err = insertIncident(ctx, tx, k, in)
		case err != nil:
		case !stored.ClosedAt.IsZero() && in.Since.After(stored.ClosedAt):
			err = reopenIncident(ctx, tx, k, in)
		case !stored.ClosedAt.IsZero() || in.Attempts <= stored.Attempts:
			return nil
		default:
			_, err = tx.ExecContext(ctx, `
				UPDATE registration_incidents SET step = $1, reason = $2, message = $3, provider = $4, attempts = $5 WHERE id = $6`,
				in.Step, in.Reason, in.Message, in.Provider, in.Attempts, in.IncidentID)
		}
		if err != nil {
			return err
		}
		if err := addEntry(ctx, tx, k, in.IncidentID, "", failure(in.Since, r.s.now(), in.Attempts, in.Reason, in.Message)); err != nil {
			return err
		}
		if err := showRegistrationIncident(ctx, tx, in.RegistrationID); err != nil {
			return err
		}
		when := in.Since
		if !fresh {
			when = r.s.now()
		}
		if err := announceAttention(ctx, tx, "registration", in.RegistrationID, in.IncidentID, true, when); err != nil {
			return err
		}
		return audit(ctx, tx, when, "incident", in.RegistrationID, "", fmt.Sprintf("%s opened %s %s %d", in.IncidentID, in.Step, in.Reason, in.Attempts))
	})
}

// incidentOf reads what is stored of an incident.
func incidentOf(ctx context.Context, tx *sql.Tx, in registration.Incident) (registration.Incident, error) {
	var stored registration.Incident
	err := tx.QueryRowContext(ctx, `SELECT registration_id, attempts, closed_at FROM registration_incidents WHERE id = $1`, in.IncidentID).
		Scan(&stored.RegistrationID, &stored.Attempts, into(&stored.ClosedAt))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return stored, noSuch("incident")
	case err == nil && stored.RegistrationID != in.RegistrationID:
		return stored, conflict("the incident belongs to another registration")
	}
	return stored, err
}

func insertIncident(ctx context.Context, tx *sql.Tx, k *keys, in registration.Incident) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO registration_incidents (id, registration_id, step, reason, message, provider, since, attempts, action, actor, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10)`,
		in.IncidentID, in.RegistrationID, in.Step, in.Reason, in.Message, in.Provider, at(in.Since), in.Attempts,
		k.sealed("registration_incidents", "actor", in.IncidentID, nil), k.sealed("registration_incidents", "note", in.IncidentID, nil))
	return err
}

func reopenIncident(ctx context.Context, tx *sql.Tx, k *keys, in registration.Incident) error {
	_, err := tx.ExecContext(ctx, `UPDATE registration_incidents SET step = $1, reason = $2, message = $3, provider = $4, since = $5, attempts = $6,
		closed_at = NULL, action = '', actor = $7, note = $8 WHERE id = $9`,
		in.Step, in.Reason, in.Message, in.Provider, at(in.Since), in.Attempts,
		k.sealed("registration_incidents", "actor", in.IncidentID, nil), k.sealed("registration_incidents", "note", in.IncidentID, nil), in.IncidentID)
	return err
}

// CloseRegistrationIncident implements registration.Records. Of several who close it, the first stays on record.
func (r Registrations) CloseRegistrationIncident(ctx context.Context, in registration.Incident) error {
	if in.ClosedAt.IsZero() {
		return problem.New(problem.Invalid, "closing an incident needs a time")
	}
	return r.write(ctx, "closing an incident", func(tx *sql.Tx, k *keys) error {
		if _, err := incidentOf(ctx, tx, in); err != nil {
			return err
		}
		closed, err := affected(tx.ExecContext(ctx, `
			UPDATE registration_incidents SET closed_at = $1, action = $2, actor = $3, note = $4 WHERE id = $5 AND closed_at IS NULL`,
			at(in.ClosedAt), in.Action, k.sealed("registration_incidents", "actor", in.IncidentID, []byte(in.Actor)),
			k.sealed("registration_incidents", "note", in.IncidentID, []byte(in.Note)), in.IncidentID))
		if err != nil || closed == 0 {
			return err
		}
		if err := showRegistrationIncident(ctx, tx, in.RegistrationID); err != nil {
			return err
		}
		if err := announceAttention(ctx, tx, "registration", in.RegistrationID, in.IncidentID, false, in.ClosedAt); err != nil {
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
