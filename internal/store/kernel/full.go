package kernel

import (
	"context"
	"database/sql"
	"errors"
	"syscall"
	"time"

	"kyso/internal/problem"
)

// Codes of the databases for "no room". SQLite's low byte is the kind of an error, the rest says where it happened.
const (
	sqliteFull       = 13
	sqliteNoShared   = 10 | 19<<8 // the shared memory of the WAL could not grow
	sqliteShortWrite = 10 | 3<<8
	postgresFull     = "53100"
)

// Roomy makes problem.StorageFull of a write that found no room, and remembers it for Ping until a write succeeds. The
// transaction is rolled back, so what was stored before is there and what came now is not.
func (s *Base) Roomy(err error) error {
	if err == nil {
		s.full.Store(false)
		return nil
	}
	if !NoRoom(err) {
		return err
	}
	s.full.Store(true)
	return &problem.Error{Code: problem.StorageFull, Message: "the database has no room", RetryAfter: 10 * time.Second, Err: err}
}

// NoRoom reports whether a database refused a write because the disk is full.
func NoRoom(err error) bool {
	var ofSQLite interface{ Code() int }
	if errors.As(err, &ofSQLite) {
		code := ofSQLite.Code()
		return code&0xFF == sqliteFull || code == sqliteNoShared || code == sqliteShortWrite
	}
	var ofPostgres interface{ SQLState() string }
	if errors.As(err, &ofPostgres) {
		return ofPostgres.SQLState() == postgresFull
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// pingRoom tries a write after one that found no room. A database that has room is not written to.
func (s *Base) pingRoom(ctx context.Context) error {
	if !s.full.Load() {
		return nil
	}
	return s.Write(ctx, "looking for room", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO limits (id, span, used, earlier, ends_at) VALUES ('room', 0, 0, 0, $1)
			ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, used = limits.used + 1`, At(s.Now()))
		return err
	})
}
