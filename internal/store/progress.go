package store

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/process"
	"kyso/internal/signing"
)

// Move implements signing.Records.
func (s *Store) Move(ctx context.Context, id string, t signing.Transition) error {
	moved := step{seq: t.Seq, status: string(t.Status), at: t.At, detail: t.Detail, final: t.Status.Final()}
	return signingLedger.move(ctx, s, id, moved, func(from string) error { return signing.Status(from).Check(t.Status) }, func(tx *sql.Tx) error {
		finished := at(time.Time{})
		if t.Status.Final() {
			finished = at(t.At)
		}
		_, err := tx.ExecContext(ctx, `UPDATE signings SET status = $1, updated_at = $2, finished_at = $3 WHERE id = $4`,
			string(t.Status), at(t.At), finished, id)
		return err
	})
}

// Transitions implements signing.Desk.
func (s *Store) Transitions(ctx context.Context, id string, after int) ([]signing.Transition, error) {
	var list []signing.Transition
	err := signingLedger.steps(ctx, s, id, after, func(t step) {
		list = append(list, signing.Transition{Seq: t.seq, Status: signing.Status(t.status), At: t.at, Detail: t.detail})
	})
	return list, err
}

// OpenIncident implements signing.Records.
func (s *Store) OpenIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Signing
	return signingLedger.open(ctx, s, in)
}

// CloseIncident implements signing.Records.
func (s *Store) CloseIncident(ctx context.Context, in process.Incident) error {
	in.Process = process.Signing
	return signingLedger.close(ctx, s, in)
}
