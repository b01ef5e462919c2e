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
		if err == nil {
			err = waits(ctx, tx, id, t)
		}
		return err
	})
}

// waits begins the wait that a transition stands for, and ends those that it leaves behind.
func waits(ctx context.Context, tx *sql.Tx, id string, t registration.Transition) error {
	over := t.Status == registration.StatusClosing || t.Status.Final() && t.Status != registration.StatusActive
	if over || t.Status == registration.StatusAccepting {
		if err := kernel.EndWaits(ctx, tx, id, process.WaitPIN); err != nil {
			return err
		}
	}
	if over || t.Status == registration.StatusAwaitingConsent {
		if _, err := tx.ExecContext(ctx, `DELETE FROM waits WHERE kind = $1 AND record_id IN (SELECT txn_ref FROM payments WHERE registration_id = $2)`,
			string(process.WaitPayment), id); err != nil {
			return err
		}
	}
	if t.Wait == nil {
		return nil
	}
	return kernel.Watch(ctx, tx, *t.Wait)
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
