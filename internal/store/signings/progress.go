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
func (s Records) Move(ctx context.Context, id string, list ...signing.Transition) error {
	return kernel.Move(ctx, s.Base, kernel.SigningLedger, signing.Table, id, list, func(tx *sql.Tx, t signing.Transition) error {
		finished := kernel.At(time.Time{})
		if t.Status.Final() {
			finished = kernel.At(t.At)
		}
		_, err := tx.ExecContext(ctx, `UPDATE signings SET status = $1, updated_at = $2, finished_at = $3 WHERE id = $4`,
			string(t.Status), kernel.At(t.At), finished, id)
		if err == nil && (t.Watched || t.Status.Final()) {
			err = watch(ctx, tx, id, t)
		}
		if err == nil && t.Status.Final() {
			err = kernel.Leave(ctx, tx, kernel.LeftoverSigning, id, t.At.Add(trimAfter))
		}
		return err
	})
}

// watch begins the wait for the owner's answer, and ends it with the signing. One that ends without it may be watched for a value that
// still comes, until the provider's window is well over: such a value is recorded and never used.
func watch(ctx context.Context, tx *sql.Tx, id string, t signing.Transition) error {
	if t.Status.Final() {
		if err := kernel.EndWaits(ctx, tx, id, process.WaitApproval); err != nil {
			return err
		}
		if _, ok := process.OfAcceptance(id); ok {
			if err := kernel.Answered(ctx, tx, process.WaitAcceptance, id, t.At.Add(-process.PauseTold)); err != nil { // a watcher alone tells of it
				return err
			}
		}
	}
	if !t.Watched {
		return nil
	}
	var provider string
	var a signing.Approval
	err := tx.QueryRowContext(ctx, `SELECT s.provider, a.accepted_at, a.expires_at FROM signings s JOIN approvals a ON a.our_id = s.approval_id WHERE s.id = $1`, id).
		Scan(&provider, kernel.Into(&a.AcceptedAt), kernel.Into(&a.ExpiresAt))
	switch {
	case errors.Is(err, sql.ErrNoRows): // nothing was asked
		return nil
	case err != nil:
		return err
	case t.Status.Final():
		return kernel.Watch(ctx, tx, signing.LateWait(id, provider, a, t.At))
	}
	if _, err := tx.ExecContext(ctx, `UPDATE approvals SET watched = TRUE WHERE our_id = (SELECT approval_id FROM signings WHERE id = $1)`, id); err != nil {
		return err
	}
	return kernel.Watch(ctx, tx, signing.ApprovalWait(id, provider, a))
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
