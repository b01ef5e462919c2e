package operations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"kyso/internal/limit"
	"kyso/internal/store/kernel"
)

// Limits counts what happens, in the database, for all processes together. A row is one limit for one key: two
// counters, whatever happens how often. Keys are addresses, phones and people, so only a keyed digest is kept.
type Limits struct{ *kernel.Base }

var _ limit.Counter = Limits{}

// Refusals returns how often each limit refused something since the process started.
func (l Limits) Refusals() map[string]int64 {
	return l.RefusedBy()
}

// Take implements limit.Counter.
func (l Limits) Take(ctx context.Context, now time.Time, limits ...limit.Limit) error {
	k, err := l.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return l.Write(ctx, "counting", func(tx *sql.Tx) error { return k.Take(ctx, tx, now, limits) })
}

// TakeMany implements limit.Counter.
func (l Limits) TakeMany(ctx context.Context, now time.Time, one limit.Limit, n int) (left int, err error) {
	k, err := l.OpenKeys(ctx)
	if err != nil {
		return 0, err
	}
	used := 0
	if l.Engine == kernel.PostgresEngine { // one statement is a transaction of its own
		used, err = k.TakeOne(ctx, l.DB, one, now, n)
		if kernel.NoRoom(err) {
			err = l.Roomy(err)
		}
	} else {
		err = l.Write(ctx, "counting", func(tx *sql.Tx) (err error) {
			used, err = k.TakeOne(ctx, tx, one, now, n)
			return err
		})
	}
	return one.Most - used, err
}

// Used implements limit.Counter.
func (l Limits) Used(ctx context.Context, now time.Time, one limit.Limit) (int, error) {
	k, err := l.OpenKeys(ctx)
	if err != nil {
		return 0, err
	}
	used := 0
	err = l.DB.QueryRowContext(ctx, `SELECT used + earlier FROM limits WHERE id = $1 AND ends_at > $2`, k.LimitID(one), kernel.At(now)).Scan(&used)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return used, err
}

// Forget implements limit.Counter.
func (l Limits) Forget(ctx context.Context, now time.Time) error {
	for _, table := range []string{"limits", "password_tries"} {
		err := l.Write(ctx, "forgetting what was counted", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE ends_at <= $1`, kernel.At(now))
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}
