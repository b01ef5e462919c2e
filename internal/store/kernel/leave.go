package kernel

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// What is left to be removed.
const (
	LeftoverBlobs   = "blobs"   // a folder of blobs, or one blob
	LeftoverPages   = "pages"   // of the database, which held keys
	LeftoverSigning = "signing" // what only the process of a signing needed
)

// Leave notes what is to be removed, and when. The earliest time counts.
func Leave(ctx context.Context, tx *sql.Tx, kind, name string, due time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO leftovers (kind, name, due) VALUES ($1, $2, $3) ON CONFLICT (kind, name) DO UPDATE SET due = excluded.due WHERE excluded.due < leftovers.due`,
		kind, name, At(due))
	return err
}

// ScrubPause is how long after an erasure the pages of the key tables are rewritten. On SQLite, at once. On PostgreSQL it
// locks the tables for a moment, so that the erasures of an hour share it.
func (s *Base) ScrubPause() time.Duration {
	if s.Engine == sqliteEngine {
		return 0
	}
	return time.Hour
}

var errBusyLog = errors.New("the write-ahead log is in use")

// RewritePages rewrites the pages of the tables that hold keys.
func (s *Base) RewritePages(ctx context.Context) error {
	if s.Engine == PostgresEngine {
		// VACUUM FULL copies dead rows that a snapshot anywhere in the cluster might still see; a rewrite copies live rows only.
		for _, table := range []string{"subjects", "document_keys", "verification_keys"} {
			if _, err := s.DB.ExecContext(ctx, `ALTER TABLE `+table+` ALTER COLUMN wrapped TYPE BYTEA USING wrapped || ''::bytea`); err != nil {
				return err
			}
		}
		return nil
	}
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, err := s.DB.ExecContext(ctx, `VACUUM`); err != nil {
		return err
	}
	var busy, pages, moved int
	err := s.DB.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	if err == nil && busy != 0 {
		err = errBusyLog
	}
	return err
}
