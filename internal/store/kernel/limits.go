package kernel

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"kyso/internal/limit"
)

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

// LimitID is the row of a limit: a keyed digest of its name and key.
func (k *Keys) LimitID(l limit.Limit) string {
	return k.Lookup.Digest("limit", []byte(l.Name+"\x00"+l.Key))
}

// TakeOne takes n places and returns how many are used.
func (k *Keys) TakeOne(ctx context.Context, tx queryer, l limit.Limit, now time.Time, n int) (int, error) {
	w, used := l.At(now), 0
	if n <= l.Most {
		err := tx.QueryRowContext(ctx, takePlaces, k.LimitID(l), w.Span, n, At(w.Ends), w.Rest, int64(l.Most-n)*1000).Scan(&used)
		if !errors.Is(err, sql.ErrNoRows) {
			return used, err
		}
	}
	return 0, k.refused(ctx, tx, l, now)
}

func (k *Keys) refused(ctx context.Context, tx queryer, l limit.Limit, now time.Time) error {
	var span, used, earlier int64
	err := tx.QueryRowContext(ctx, `SELECT span, used, earlier FROM limits WHERE id = $1`, k.LimitID(l)).Scan(&span, &used, &earlier)
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

// Take takes a place of every limit in the transaction of the act that it bounds. The order of the rows is always
// the same, so that no two wait for each other.
func (k *Keys) Take(ctx context.Context, tx queryer, now time.Time, limits []limit.Limit) error {
	sorted := slices.Clone(limits)
	slices.SortFunc(sorted, func(a, b limit.Limit) int { return strings.Compare(k.LimitID(a), k.LimitID(b)) })
	for _, l := range sorted {
		if _, err := k.TakeOne(ctx, tx, l, now, 1); err != nil {
			return err
		}
	}
	return nil
}

// RefusedBy returns how often each limit refused something since the process started.
func (s *Base) RefusedBy() map[string]int64 {
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	return maps.Clone(s.refusals.byName)
}
