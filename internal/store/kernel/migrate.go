package kernel

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations has one folder for each engine.
//
//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var Migrations embed.FS

// Migrate brings the schema up to date. Several processes may call it at once.
func (s *Base) Migrate(ctx context.Context) error {
	provider, err := s.provider()
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	// On PostgreSQL an advisory lock makes the others wait. On SQLite each migration is one transaction: the
	// process that comes second finds its tables made, fails, and looks again for what is left to do. It can be
	// second once for each migration and once for the table of versions.
	tries := 1
	if s.Engine == sqliteEngine {
		tries += 1 + len(provider.ListSources())
	}
	for range tries {
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
	}
	return fmt.Errorf("migrating the store: %w", err)
}

// Pending returns how many migrations the schema lacks.
func (s *Base) Pending(ctx context.Context) (int, error) {
	provider, err := s.provider()
	if err != nil {
		return 0, fmt.Errorf("reading the migrations: %w", err)
	}
	statuses, err := provider.Status(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the schema: %w", err)
	}
	pending := 0
	for _, status := range statuses {
		if status.State == goose.StatePending {
			pending++
		}
	}
	return pending, nil
}

// ClockSkew returns how far the database's clock is ahead of ours. SQLite has ours.
func (s *Base) ClockSkew(ctx context.Context) (time.Duration, error) {
	if s.Engine == sqliteEngine {
		return 0, nil
	}
	var theirs time.Time
	if err := s.DB.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(Into(&theirs)); err != nil {
		return 0, fmt.Errorf("asking for the time: %w", err)
	}
	return time.Until(theirs), nil
}

// MigrateTo brings the schema to a version, as an earlier release had it; for tests. What is newer is taken down, and leaves its records.
func (s *Base) MigrateTo(ctx context.Context, version int64) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	if _, err = provider.UpTo(ctx, version); err == nil {
		_, err = provider.DownTo(ctx, version)
	}
	return err
}

func (s *Base) provider() (*goose.Provider, error) {
	files, err := fs.Sub(Migrations, "migrations/"+string(s.Engine))
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	dialect := goose.DialectSQLite3
	if s.Engine == PostgresEngine {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // ask every second, give up after 300
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, s.DB, files, options...)
}
