// Package kernel is what every room of the store stands on: one open database with its migrations, the one way into a transaction,
// the keys that seal columns, the limits that count in the statement of the act, the chain of the audit log, and the ledger of
// transitions and incidents of every kind of process. It links the PostgreSQL driver; a program that needs SQLite imports
// modernc.org/sqlite itself.
package kernel

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"kyso/internal/problem"
)

// Sealer wraps the data keys of the store. seal.MasterKey is one; a key service can be another.
type Sealer interface {
	Wrap(ctx context.Context, name string, key []byte) ([]byte, error)
	Unwrap(ctx context.Context, name string, wrapped []byte) ([]byte, error)
}

// Base is one open database: its connections, what seals columns, and the one way into a transaction. Every room of the store
// works on it.
type Base struct {
	DB     *sql.DB
	Engine Engine
	Sealer Sealer
	Now    func() time.Time // for Remember, and for audit entries of acts that carry no time

	// AsBefore writes signings as the release before does, under the key of the store. Set it before the first use, while
	// programs of that release still run or may come back. What is written either way can be read either way.
	AsBefore bool

	// writer lets one transaction of this process write at a time on SQLite, so that they queue here instead of
	// polling for the file lock. It is nil on PostgreSQL.
	writer chan struct{}

	full     atomic.Bool // the last write found no room
	refusals refusals

	keysMu sync.Mutex
	keys   *Keys // nil until first used
}

// Engine is what differs between the databases besides column types.
type Engine string

// The engines.
const (
	sqliteEngine   Engine = "sqlite"
	PostgresEngine Engine = "postgres"
)

// maxConns bounds the connections of one process.
const maxConns = 16

// Open opens the database of a DSN: sqlite:/path/file.db (created when absent) or postgres://user@host/name.
// It does not touch the schema; see Migrate.
func Open(ctx context.Context, dsn string, sealer Sealer) (*Base, error) {
	s := &Base{Sealer: sealer, Now: time.Now}
	var err error
	switch scheme, rest, _ := strings.Cut(dsn, ":"); scheme {
	case "sqlite":
		s.Engine = sqliteEngine
		s.writer = make(chan struct{}, 1)
		s.DB, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		s.Engine = PostgresEngine
		s.DB, err = openPostgres(ctx, dsn)
	default:
		return nil, problem.New(problem.Invalid, "a store DSN starts with sqlite: or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	s.DB.SetMaxOpenConns(maxConns)
	s.DB.SetMaxIdleConns(maxConns)
	return s, nil
}

// observer is the key of a context under which Observed keeps what stands before a driver.
type observer struct{}

// Observed makes Open, when it gets this context, put wrap before the driver of the database.
func Observed(ctx context.Context, wrap func(d driver.Driver, name string) driver.Connector) context.Context {
	return context.WithValue(ctx, observer{}, wrap)
}

// openDriver is sql.Open, observed when the context says so.
func openDriver(ctx context.Context, driverName, name string) (*sql.DB, error) {
	db, err := sql.Open(driverName, name)
	if err != nil {
		return nil, err
	}
	wrap, observed := ctx.Value(observer{}).(func(driver.Driver, string) driver.Connector)
	switch {
	case driverName == "sqlite" && observed:
		return sql.OpenDB(wrap(preparing{db.Driver()}, name)), db.Close()
	case driverName == "sqlite":
		return sql.OpenDB(opened{preparing{db.Driver()}, name}), db.Close()
	case observed:
		return sql.OpenDB(wrap(db.Driver(), name)), db.Close()
	}
	return db, nil
}

func openPostgres(ctx context.Context, dsn string) (*sql.DB, error) {
	db, err := openDriver(ctx, "pgx", dsn)
	if err != nil {
		// The driver's text quotes the DSN, and with it perhaps a password.
		return nil, problem.New(problem.Invalid, "the PostgreSQL DSN cannot be parsed")
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Over is the same database over another connection; for tests that ask for plans.
func (s *Base) Over(db *sql.DB) *Base {
	return &Base{DB: db, Engine: s.Engine, Sealer: s.Sealer, Now: s.Now, writer: s.writer}
}

// Close releases the connections.
func (s *Base) Close() error { return s.DB.Close() }

// Ping answers readiness: the database answers, the schema is there, the master key fits and writes find room.
func (s *Base) Ping(ctx context.Context) error {
	if _, err := s.OpenKeys(ctx); err != nil {
		return err
	}
	var tables int
	if err := s.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM data_keys`).Scan(&tables); err != nil {
		return fmt.Errorf("asking the store: %w", err)
	}
	return s.pingRoom(ctx)
}

// Write runs fn in one write transaction. doing names the act in errors.
func (s *Base) Write(ctx context.Context, doing string, fn func(tx *sql.Tx) error) error {
	if s.writer != nil {
		select {
		case s.writer <- struct{}{}:
			defer func() { <-s.writer }()
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", doing, ctx.Err())
		}
	}
	return s.Roomy(s.inTx(ctx, doing, nil, fn))
}

// Alone makes transactions about one thing follow each other until they end: on PostgreSQL two of them do not see what the other
// has not committed. SQLite writes one transaction at a time.
func (s *Base) Alone(ctx context.Context, tx *sql.Tx, what, id string) error {
	if s.Engine != PostgresEngine {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, what+"/"+id)
	return err
}

// Read runs fn on one snapshot of the database.
func (s *Base) Read(ctx context.Context, doing string, fn func(tx *sql.Tx) error) error {
	return s.inTx(ctx, doing, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

func (s *Base) inTx(ctx context.Context, doing string, opts *sql.TxOptions, fn func(tx *sql.Tx) error) error {
	tx, err := s.DB.BeginTx(ctx, opts)
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

// Exec runs one statement in a transaction of its own.
func (s *Base) Exec(ctx context.Context, doing, statement string, args ...any) error {
	return s.Write(ctx, doing, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// Affected returns the number of rows that a statement wrote.
func Affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Each calls scan for every row and closes them.
func Each(rows *sql.Rows, err error, scan func(rows *sql.Rows) error) error {
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

// NoSuch is problem.NotFound.
func NoSuch(what string) error { return problem.New(problem.NotFound, "no such %s", what) }

// OrNoSuch turns "no row" into problem.NotFound.
func OrNoSuch(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return NoSuch(what)
	}
	return err
}

// WriteOf runs fn in one transaction that follows the others about the same thing.
func (s *Base) WriteOf(ctx context.Context, doing string, of Thing, fn func(tx *sql.Tx, k *Keys) error) error {
	return s.WriteSealed(ctx, doing, func(tx *sql.Tx, k *Keys) error {
		if err := s.Follow(ctx, tx, of); err != nil {
			return err
		}
		return fn(tx, k)
	})
}

// WriteSealed is Write with what seals cells.
func (s *Base) WriteSealed(ctx context.Context, doing string, fn func(tx *sql.Tx, k *Keys) error) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return s.Write(ctx, doing, func(tx *sql.Tx) error { return fn(tx, k) })
}

// ReadSealed is read with what opens sealed cells.
func (s *Base) ReadSealed(ctx context.Context, doing string, fn func(tx *sql.Tx, k *Keys) error) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return s.Read(ctx, doing, func(tx *sql.Tx) error { return fn(tx, k) })
}
