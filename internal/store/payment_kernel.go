package store

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/store/kernel"
	"kyso/internal/store/registrations"
)

// What payments.go calls parts of the kernel, until it moves into the room of registrations.

func (s *Store) now() time.Time { return s.Base.Now() }

func (r Registrations) write(ctx context.Context, doing string, fn func(tx *sql.Tx, k *keys) error) error {
	return r.s.Base.WriteChained(ctx, doing, fn)
}

func (r Registrations) read(ctx context.Context, doing string, fn func(tx *sql.Tx, k *keys) error) error {
	return r.s.Base.ReadSealed(ctx, doing, fn)
}

type (
	keys    = kernel.Keys
	scanner = kernel.Scanner
)

var (
	affected   = kernel.Affected
	at         = kernel.At
	audit      = kernel.Audit
	conflict   = kernel.Conflict
	each       = kernel.Each
	into       = kernel.Into
	orNoSuch   = kernel.OrNoSuch
	registered = registrations.Registered
)
