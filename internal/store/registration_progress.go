package store

import (
	"context"
	"database/sql"

	"kyso/internal/process"
	"kyso/internal/registration"
)

// Move implements registration.Records.
func (r Registrations) Move(ctx context.Context, id string, t registration.Transition) error {
	moved := step{t.Seq, string(t.Status), t.At, t.Detail, t.Deadline, t.Actor, t.Status.Final()}
	return registrationLedger.move(ctx, r.s, id, moved, func(from string) error { return registration.Status(from).Check(t.Status) }, func(tx *sql.Tx) error {
		reason := ""
		if t.Status.Final() {
			reason = t.Detail
		}
		_, err := tx.ExecContext(ctx, `UPDATE registrations SET status = $1, seq = $2, reason = $3, deadline = $4, updated_at = $5 WHERE id = $6`,
			string(t.Status), t.Seq, reason, at(t.Deadline), at(t.At), id)
		return err
	})
}

// Transitions implements registration.Records.
func (r Registrations) Transitions(ctx context.Context, id string, after int) ([]registration.Transition, error) {
	var list []registration.Transition
	err := registrationLedger.steps(ctx, r.s, id, after, func(t step) {
		list = append(list, registration.Transition{Seq: t.seq, Status: registration.Status(t.status), At: t.at, Detail: t.detail, Deadline: t.deadline, Actor: t.actor})
	})
	return list, err
}

// OpenRegistrationIncident implements registration.Records.
func (r Registrations) OpenRegistrationIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Registration
	return registrationLedger.open(ctx, r.s, in)
}

// CloseRegistrationIncident implements registration.Records.
func (r Registrations) CloseRegistrationIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Registration
	return registrationLedger.close(ctx, r.s, in)
}
