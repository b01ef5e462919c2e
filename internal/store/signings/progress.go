package signings

import (
	"context"
	"database/sql"
	"errors"
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
		if err == nil && t.Status.Final() {
			err = endApproval(ctx, tx, id, t)
		}
		return err
	})
}

// endApproval removes the wait of a signing that has ended. A request whose signing is given up, or has expired,
// is watched until its window is well over: a value that still comes is recorded and never used.
func endApproval(ctx context.Context, tx *sql.Tx, id string, t signing.Transition) error {
	err := kernel.EndWaits(ctx, tx, id, process.WaitApproval)
	if err != nil || t.Status == signing.StatusSigned {
		return err
	}
	var provider string
	var until time.Time
	err = tx.QueryRowContext(ctx, `SELECT s.provider, a.expires_at FROM signings s JOIN approvals a ON a.our_id = s.approval_id
		WHERE s.id = $1 AND a.watched`, id).Scan(&provider, kernel.Into(&until))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return kernel.Watch(ctx, tx, process.Wait{Kind: process.WaitLate, Record: id, Party: process.SignerParty(provider), BeganAt: t.At, EndsAt: signing.LateUntil(until, t.At),
		NextAt: t.At, Pause: process.PauseLate})
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
