package registrations

import (
	"context"
	"database/sql"

	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Move implements registration.Records.
func (r Records) Move(ctx context.Context, id string, t registration.Transition) error {
	return kernel.Move(ctx, r.Base, kernel.RegistrationLedger, registration.Table, id, []registration.Transition{t}, func(tx *sql.Tx, t registration.Transition) error {
		reason := ""
		if t.Status.Final() {
			reason = t.Detail
		}
		_, err := tx.ExecContext(ctx, `UPDATE registrations SET status = $1, seq = $2, reason = $3, deadline = $4, updated_at = $5 WHERE id = $6`,
			string(t.Status), t.Seq, reason, kernel.At(t.Deadline), kernel.At(t.At), id)
		return err
	})
}

// Transitions implements registration.Records.
func (r Records) Transitions(ctx context.Context, id string, after int) ([]registration.Transition, error) {
	return kernel.Steps[registration.Status](ctx, r.Base, kernel.RegistrationLedger, id, after)
}

// OpenRegistrationIncident implements registration.Records.
func (r Records) OpenRegistrationIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Registration
	return kernel.RegistrationLedger.Open(ctx, r.Base, in)
}

// CloseRegistrationIncident implements registration.Records.
func (r Records) CloseRegistrationIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Registration
	return kernel.RegistrationLedger.Close(ctx, r.Base, in)
}
