package store

import (
	"database/sql"
	"time"
)

// DB lets tests look behind the store.
func (s *Store) DB() *sql.DB { return s.db }

// SetNow replaces the clock of Remember.
func (s *Store) SetNow(now func() time.Time) { s.now = now }

// Migrations lets a test compare the two folders.
var Migrations = migrations

// Parked reaches the incidents of the same store.
func (r Registrations) Parked() Parked { return r.s.Parked() }
