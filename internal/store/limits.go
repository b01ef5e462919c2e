package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"kyso/internal/limit"
)

// Limits counts what happens, in the database, for all processes together. A row is one limit for one key: two
// counters, whatever happens how often. Keys are addresses, phones and people, so only a keyed digest is kept.
type Limits struct{ *Store }

// Limits implements limit.Counter.
func (s *Store) Limits() Limits { return Limits{s} }

var _ limit.Counter = Limits{}

// takePlaces counts and decides in one statement: no row comes back when the places are used up. A process whose clock
// is behind counts in the newest window.
const takePlaces = `
	INSERT INTO limits (id, span, used, earlier, ends_at) VALUES ($1, $2, $3, 0, $4)
	ON CONFLICT (id) DO UPDATE SET
		earlier = CASE WHEN limits.span >= $2 THEN limits.earlier WHEN limits.span = $2 - 1 THEN limits.used ELSE 0 END,
		used = CASE WHEN limits.span >= $2 THEN limits.used ELSE 0 END + $3,
		span = CASE WHEN limits.span > $2 THEN limits.span ELSE $2 END,
		ends_at = $4
	WHERE CASE WHEN limits.span >= $2 THEN limits.used * 1000 + limits.earlier * $5
		WHEN limits.span = $2 - 1 THEN limits.used * $5 ELSE 0 END <= $6
	RETURNING used`

// queryer is a transaction or the database itself.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (k *keys) limitID(l limit.Limit) string {
	return k.lookup.Digest("limit", []byte(l.Name+"\x00"+l.Key))
}

// takeOne takes n places and returns how many are used.
func (k *keys) takeOne(ctx context.Context, tx queryer, l limit.Limit, now time.Time, n int) (int, error) {
	w, used := l.At(now), 0
	if n <= l.Most {
		err := tx.QueryRowContext(ctx, takePlaces, k.limitID(l), w.Span, n, at(w.Ends), w.Rest, int64(l.Most-n)*1000).Scan(&used)
		if !errors.Is(err, sql.ErrNoRows) {
			return used, err
		}
	}
	return 0, k.refused(ctx, tx, l, now)
}

func (k *keys) refused(ctx context.Context, tx queryer, l limit.Limit, now time.Time) error {
	var span, used, earlier int64
	err := tx.QueryRowContext(ctx, `SELECT span, used, earlier FROM limits WHERE id = $1`, k.limitID(l)).Scan(&span, &used, &earlier)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if span < l.At(now).Span {
		used, earlier = 0, used
	}
	k.refusals.add(l.Name)
	return l.Refused(now, used, earlier)
}

// refusals counts, in this process, what each limit refused.
type refusals struct {
	mu     sync.Mutex
	byName map[string]int64
}

func (r *refusals) add(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string]int64{}
	}
	r.byName[name]++
}

// Refusals returns how often each limit refused something since the process started.
func (l Limits) Refusals() map[string]int64 {
	l.refusals.mu.Lock()
	defer l.refusals.mu.Unlock()
	return maps.Clone(l.refusals.byName)
}

// take takes a place of every limit in the transaction of the act that it bounds. The order of the rows is the same for
// everybody, so that no two wait for each other.
func (k *keys) take(ctx context.Context, tx queryer, now time.Time, limits []limit.Limit) error {
	sorted := slices.Clone(limits)
	slices.SortFunc(sorted, func(a, b limit.Limit) int { return strings.Compare(k.limitID(a), k.limitID(b)) })
	for _, l := range sorted {
		if _, err := k.takeOne(ctx, tx, l, now, 1); err != nil {
			return err
		}
	}
	return nil
}

// Take implements limit.Counter.
func (l Limits) Take(ctx context.Context, now time.Time, limits ...limit.Limit) error {
	k, err := l.openKeys(ctx)
	if err != nil {
		return err
	}
	return l.write(ctx, "counting", func(tx *sql.Tx) error { return k.take(ctx, tx, now, limits) })
}

// TakeMany implements limit.Counter.
func (l Limits) TakeMany(ctx context.Context, now time.Time, one limit.Limit, n int) (left int, err error) {
	k, err := l.openKeys(ctx)
	if err != nil {
		return 0, err
	}
	used := 0
	if l.engine == postgresEngine { // one statement is a transaction of its own
		used, err = k.takeOne(ctx, l.db, one, now, n)
		if noRoom(err) {
			err = l.roomy(err)
		}
	} else {
		err = l.write(ctx, "counting", func(tx *sql.Tx) (err error) {
			used, err = k.takeOne(ctx, tx, one, now, n)
			return err
		})
	}
	return one.Most - used, err
}

// Used implements limit.Counter.
func (l Limits) Used(ctx context.Context, now time.Time, one limit.Limit) (int, error) {
	k, err := l.openKeys(ctx)
	if err != nil {
		return 0, err
	}
	used := 0
	err = l.db.QueryRowContext(ctx, `SELECT used + earlier FROM limits WHERE id = $1 AND ends_at > $2`, k.limitID(one), at(now)).Scan(&used)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return used, err
}

// Forget implements limit.Counter.
func (l Limits) Forget(ctx context.Context, now time.Time) error {
	for _, table := range []string{"limits", "password_tries"} {
		err := l.write(ctx, "forgetting what was counted", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE ends_at <= $1`, at(now))
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}
