package store

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/registration"
)

// DB lets tests look behind the store.
func (s *Store) DB() *sql.DB { return s.db }

// SetNow replaces the clock of Remember.
func (s *Store) SetNow(now func() time.Time) { s.now = now }

// Migrations lets a test compare the two folders.
var Migrations = migrations

// Parked reaches the incidents of the same store.
func (r Registrations) Parked() Parked { return r.s.Parked() }

// CountCodes counts the codes of a purpose that were made for a phone after a time; of all purposes when it is empty.
func (r Registrations) CountCodes(ctx context.Context, phone string, purpose registration.Purpose, since time.Time) (n int, err error) {
	err = r.read(ctx, "counting codes", func(tx *sql.Tx, k *keys) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM codes WHERE phone_lookup = $1 AND created_at > $2 AND (purpose = $3 OR $3 = '')`,
			k.lookup.Digest("phone", []byte(phone)), at(since), string(purpose)).Scan(&n)
	})
	return n, err
}

// Store is the same store.
func (r Registrations) Store() *Store { return r.s }

// DB reaches the database of the same store.
func (r Registrations) DB() *sql.DB { return r.s.db }

// Through returns the same store over another connection to its database.
func (s *Store) Through(db *sql.DB) *Store {
	return &Store{db: db, engine: s.engine, sealer: s.sealer, now: s.now, writer: s.writer}
}

// MigrateTo brings the schema to a version, as an earlier release did. What is newer is taken down, and leaves its records.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	if _, err = provider.UpTo(ctx, version); err == nil {
		_, err = provider.DownTo(ctx, version)
	}
	return err
}

// Sealed seals a value as the release before does.
func (s *Store) Sealed(ctx context.Context, table, column, row, plain string) ([]byte, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	return k.sealed(table, column, row, []byte(plain)), nil
}

// OpenSealed opens a value as the release before does.
func (s *Store) OpenSealed(ctx context.Context, table, column, row string, value []byte) (string, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return "", err
	}
	plain, err := k.open(table, column, row, value)
	return string(plain), err
}
