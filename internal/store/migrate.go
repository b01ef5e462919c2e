package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/sqlite/*.sql migrations/postgres/*.sql
var migrations embed.FS

// Migrate brings the schema up to date. Several processes may call it at once.
func (s *Store) Migrate(ctx context.Context) error {
	provider, err := s.provider()
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	// On PostgreSQL an advisory lock makes the others wait. On SQLite each migration is one transaction: the
	// process that comes second finds its tables made, fails, and looks again for what is left to do. It can be
	// second once for each migration and once for the table of versions.
	tries := 1
	if s.engine == sqliteEngine {
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
func (s *Store) Pending(ctx context.Context) (int, error) {
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
func (s *Store) ClockSkew(ctx context.Context) (time.Duration, error) {
	if s.engine == sqliteEngine {
		return 0, nil
	}
	var theirs time.Time
	if err := s.db.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(into(&theirs)); err != nil {
		return 0, fmt.Errorf("asking for the time: %w", err)
	}
	return time.Until(theirs), nil
}

func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+string(s.engine))
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	dialect := goose.DialectSQLite3
	if s.engine == postgresEngine {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // ask every second, give up after 300
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, s.db, files, options...)
}
