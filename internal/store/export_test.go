package store

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/registration"
	"kyso/internal/store/kernel"
	"kyso/internal/store/operations"
)

// DB lets tests look behind the store.
func (s *Store) DB() *sql.DB { return s.Base.DB }

// SetNow replaces the clock of Remember.
func (s *Store) SetNow(now func() time.Time) { s.Now = now }

// Migrations lets a test compare the two folders.
var Migrations = kernel.Migrations

// Parked reaches the incidents of the same store.
func (r Registrations) Parked() operations.Parked { return operations.Parked{Base: r.Records.Base} }

// CountCodes counts the codes of a purpose that were made for a phone after a time; of all purposes when it is empty.
func (r Registrations) CountCodes(ctx context.Context, phone string, purpose registration.Purpose, since time.Time) (n int, err error) {
	err = r.Records.ReadSealed(ctx, "counting codes", func(tx *sql.Tx, k *kernel.Keys) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM codes WHERE phone_lookup = $1 AND created_at > $2 AND (purpose = $3 OR $3 = '')`,
			k.Lookup.Digest("phone", []byte(phone)), kernel.At(since), string(purpose)).Scan(&n)
	})
	return n, err
}

// Store is the same store.
func (r Registrations) Store() *Store { return over(r.Records.Base) }

// DB reaches the database of the same store.
func (r Registrations) DB() *sql.DB { return r.Records.DB }

// Through returns the same store over another connection to its database.
func (s *Store) Through(db *sql.DB) *Store {
	return over(s.Over(db))
}

// Sealed seals a value as the release before does.
func (s *Store) Sealed(ctx context.Context, table, column, row, plain string) ([]byte, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	return k.Sealed(table, column, row, []byte(plain)), nil
}

// OpenSealed opens a value as the release before does.
func (s *Store) OpenSealed(ctx context.Context, table, column, row string, value []byte) (string, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return "", err
	}
	plain, err := k.Open(table, column, row, value)
	return string(plain), err
}
