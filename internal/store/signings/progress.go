package signings

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// Move implements signing.Records.
func (s Records) Move(ctx context.Context, id string, t signing.Transition) error {
	return kernel.Move(ctx, s.Base, kernel.SigningLedger, signing.Table, id, t, func(tx *sql.Tx) error {
		finished := kernel.At(time.Time{})
		if t.Status.Final() {
			finished = kernel.At(t.At)
		}
		_, err := tx.ExecContext(ctx, `UPDATE signings SET status = $1, updated_at = $2, finished_at = $3 WHERE id = $4`,
			string(t.Status), kernel.At(t.At), finished, id)
		return err
	})
}

// Transitions implements signing.Desk.
func (s Records) Transitions(ctx context.Context, id string, after int) ([]signing.Transition, error) {
	return kernel.Steps[signing.Status](ctx, s.Base, kernel.SigningLedger, id, after)
}

// OpenIncident implements signing.Records.
func (s Records) OpenIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Signing
	return kernel.SigningLedger.Open(ctx, s.Base, in)
}

// CloseIncident implements signing.Records.
func (s Records) CloseIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Signing
	return kernel.SigningLedger.Close(ctx, s.Base, in)
}
