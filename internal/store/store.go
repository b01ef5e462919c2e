// Package store keeps the records of kyso in SQL: signings with their documents, transitions, approvals, values
// and evidence, registrations with their people, payments and codes, the audit log, the webhook inbox and the answers
// to Idempotency-Keys. One SQL text runs on SQLite and PostgreSQL;
// the two migration folders differ in column types only. Personal data is sealed before it reaches a statement.
//
// It decides nothing about a process: it refuses what contradicts an earlier record, and no more.
// It imports internal/signing, internal/registration, internal/problem and internal/vault. It links the PostgreSQL driver; a program that
// wants SQLite imports modernc.org/sqlite itself.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Sealer wraps the data keys of the store. seal.MasterKey is one; a key service can be another.
type Sealer interface {
	Wrap(ctx context.Context, name string, key []byte) ([]byte, error)
	Unwrap(ctx context.Context, name string, wrapped []byte) ([]byte, error)
}

// Store implements signing.Desk, and with it signing.Records. Registrations gives registration.Records.
type Store struct {
	db     *sql.DB
	engine engine
	sealer Sealer
	now    func() time.Time // for Remember, and for audit entries of acts that carry no time

	// AsBefore writes signings as the release before does, under the key of the store. Set it before the first use, while
	// programs of that release still run or may come back. What is written either way can be read either way.
	AsBefore bool

	// writer lets one transaction of this process write at a time on SQLite, so that they queue here instead of
	// polling for the file lock. It is nil on PostgreSQL.
	writer chan struct{}

	full     atomic.Bool // the last write found no room
	refusals refusals

	keysMu sync.Mutex
	keys   *keys // nil until first used
}

var _ signing.Desk = (*Store)(nil)

// engine is what differs between the databases besides column types.
type engine string

const (
	sqliteEngine   engine = "sqlite"
	postgresEngine engine = "postgres"
)

// maxConns bounds the connections of one process.
const maxConns = 16

// Open opens the database of a DSN: sqlite:/path/file.db (created when absent) or postgres://user@host/name.
// It does not touch the schema; see Migrate.
func Open(ctx context.Context, dsn string, sealer Sealer) (*Store, error) {
	s := &Store{sealer: sealer, now: time.Now}
	var err error
	switch scheme, rest, _ := strings.Cut(dsn, ":"); scheme {
	case "sqlite":
		s.engine = sqliteEngine
		s.writer = make(chan struct{}, 1)
		s.db, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		s.engine = postgresEngine
		s.db, err = openPostgres(ctx, dsn)
	default:
		return nil, problem.New(problem.Invalid, "a store DSN starts with sqlite: or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s.db.SetMaxOpenConns(maxConns)
	s.db.SetMaxIdleConns(maxConns)
	return s, nil
}

func openPostgres(ctx context.Context, dsn string) (*sql.DB, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		// The driver's text quotes the DSN, and with it perhaps a password.
		return nil, problem.New(problem.Invalid, "the PostgreSQL DSN cannot be parsed")
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close releases the connections.
func (s *Store) Close() error { return s.db.Close() }

// Ping answers readiness: the database answers, the schema is there, the master key fits and writes find room.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.openKeys(ctx); err != nil {
		return err
	}
	var tables int
	if err := s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM data_keys`).Scan(&tables); err != nil {
		return fmt.Errorf("asking the store: %w", err)
	}
	return s.pingRoom(ctx)
}

// write runs fn in one write transaction. doing names the act in errors.
func (s *Store) write(ctx context.Context, doing string, fn func(tx *sql.Tx) error) error {
	if s.writer != nil {
		select {
		case s.writer <- struct{}{}:
			defer func() { <-s.writer }()
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", doing, ctx.Err())
		}
	}
	return s.roomy(s.inTx(ctx, doing, nil, fn))
}

// change is write for one signing: fn runs while its row is locked. problem.NotFound when there is none.
func (s *Store) change(ctx context.Context, doing, id string, fn func(tx *sql.Tx) error) error {
	return s.write(ctx, doing, func(tx *sql.Tx) error {
		if err := lockSigning(ctx, tx, id); err != nil {
			return err
		}
		return fn(tx)
	})
}

// alone makes transactions that count what one owner has follow each other until they end: on PostgreSQL two of them do
// not see what the other has not committed. SQLite writes one transaction at a time.
func (s *Store) alone(ctx context.Context, tx *sql.Tx, what, owner string) error {
	if s.engine != postgresEngine {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, what+"/"+owner)
	return err
}

// read runs fn on one snapshot of the database.
func (s *Store) read(ctx context.Context, doing string, fn func(tx *sql.Tx) error) error {
	return s.inTx(ctx, doing, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

func (s *Store) inTx(ctx context.Context, doing string, opts *sql.TxOptions, fn func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := fn(tx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// affected returns the number of rows that a statement wrote.
func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// each calls scan for every row and closes them.
func each(rows *sql.Rows, err error, scan func(rows *sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func noSuch(what string) error { return problem.New(problem.NotFound, "no such %s", what) }

// orNoSuch turns "no row" into problem.NotFound.
func orNoSuch(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return noSuch(what)
	}
	return err
}
