package kernel

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
)

// Watch adds a wait in the transaction that records what begins it. One that is there stays as it is.
func Watch(ctx context.Context, tx *sql.Tx, w process.Wait) error {
	if w.Kind == "" || w.Record == "" || w.Party == "" || w.BeganAt.IsZero() || w.NextAt.IsZero() {
		return problem.New(problem.Invalid, "a wait has a kind, a record, a party and times")
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO waits (kind, record_id, party, workflow, began_at, ends_at, next_at, pause, answered)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (kind, record_id) DO NOTHING`,
		string(w.Kind), w.Record, w.Party, w.Workflow, At(w.BeganAt), At(w.EndsAt), At(w.NextAt), int(w.Pause/time.Second), w.Answered)
	return err
}

// EndWaits removes what a record waits for.
func EndWaits(ctx context.Context, tx *sql.Tx, record string, kinds ...process.WaitKind) error {
	for _, kind := range kinds {
		if _, err := tx.ExecContext(ctx, `DELETE FROM waits WHERE kind = $1 AND record_id = $2`, string(kind), record); err != nil {
			return err
		}
	}
	return nil
}

// Answered notes that what is waited for is recorded. A watcher tells the process, unless it has read the answer by then.
func Answered(ctx context.Context, tx *sql.Tx, kind process.WaitKind, record string, when time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE waits SET answered = TRUE, next_at = $3, pause = $4 WHERE kind = $1 AND record_id = $2 AND NOT answered`,
		string(kind), record, At(when.Add(process.PauseTold)), int(process.PauseAnswered/time.Second))
	return err
}
