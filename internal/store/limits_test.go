package store_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/limit"
	"kyso/internal/pgtest"
	"kyso/internal/problem"
	"kyso/internal/store"
)

// race runs an act n times at once and returns how many passed; the others have to be refused.
func race(t *testing.T, n int, act func(i int) error) int {
	t.Helper()
	var passed atomic.Int32
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			switch err := act(i); problem.CodeOf(err) {
			case "":
				passed.Add(1)
			case problem.RateLimited:
				if problem.RetryAfterOf(err) <= 0 {
					t.Errorf("refused without a time: %v", err)
				}
			default:
				t.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
	return int(passed.Load())
}

func TestARacedLimitLetsExactlySoManyPass(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		c, ctx := s.Limits(), t.Context()
		hourly := limit.Limit{Name: "rings", Key: "079095012345", Most: 5, Per: time.Hour, Slides: true}
		daily := limit.Limit{Name: "rings a day", Key: "079095012345", Most: 7, Per: 24 * time.Hour, Slides: true}
		now := time.UnixMilli(0).AddDate(56, 0, 0)
		if n := race(t, 60, func(int) error { return c.Take(ctx, now, hourly, daily) }); n != 5 {
			t.Errorf("%d of 60 passed a limit of 5", n)
		}
		// What one limit refused, the other did not count.
		other := hourly
		other.Key = "another"
		if n := race(t, 20, func(int) error { return c.Take(ctx, now, daily, other) }); n != 2 {
			t.Errorf("%d passed, 2 of 7 were left", n)
		}
		if n := race(t, 20, func(int) error { return c.Take(ctx, now, other) }); n != 3 {
			t.Errorf("%d passed, 3 of 5 were left", n)
		}
		// An hour on, half an hour counts for half.
		if n := race(t, 20, func(int) error { return c.Take(ctx, now.Add(time.Hour), hourly) }); n != 0 {
			t.Errorf("%d passed when the whole hour before still counts", n)
		}
		if n := race(t, 20, func(int) error { return c.Take(ctx, now.Add(90*time.Minute), hourly) }); n != 2 {
			t.Errorf("%d passed when half of the hour before counts", n)
		}
		// A clock that is behind counts in the newest window.
		if n := race(t, 20, func(int) error { return c.Take(ctx, now, hourly) }); n != 0 {
			t.Errorf("%d passed by a clock that is behind", n)
		}
	})
}

func TestPlacesAreTakenByTheHandful(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		c, ctx, now := s.Limits(), t.Context(), day0
		l := limit.Limit{Name: "read", Key: "203.0.113.7", Most: 100, Per: time.Minute}
		if n := race(t, 30, func(int) error { _, err := c.TakeMany(ctx, now, l, 24); return err }); n != 4 {
			t.Errorf("%d handfuls of 24 out of 100", n)
		}
		if n := race(t, 30, func(int) error { _, err := c.TakeMany(ctx, now, l, 1); return err }); n != 4 {
			t.Errorf("%d single places out of 4", n)
		}
		if left, err := c.TakeMany(ctx, now.Add(time.Minute), l, 24); left != 76 || err != nil {
			t.Errorf("%d left in a new window, %v", left, err)
		}
	})
}

// Addresses of strangers fill the table for as long as they count and no longer.
func TestCountsAreForgotten(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		c, ctx := s.Limits(), t.Context()
		for i := range 50 {
			must(t, c.Take(ctx, day0, limit.Limit{Name: "enter", Key: fmt.Sprint("203.0.113.", i), Most: 1, Per: time.Minute}))
		}
		kept := limit.Limit{Name: "codes", Key: "+84901234567", Most: 1, Per: 24 * time.Hour, Slides: true}
		must(t, c.Take(ctx, day0, kept))
		must(t, c.Forget(ctx, day0.Add(2*time.Minute)))
		var rows int
		must(t, s.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM limits`).Scan(&rows))
		if rows != 1 {
			t.Errorf("%d rows are left, want 1", rows)
		}
		wantCode(t, c.Take(ctx, day0.Add(2*time.Minute), kept), problem.RateLimited)
	})
}

// BenchmarkTakeOnePlace is what a counted request pays on top: one upsert, committed.
func BenchmarkTakeOnePlace(b *testing.B) {
	for engine, dsn := range map[string]string{"sqlite": "sqlite:" + filepath.Join(b.TempDir(), "kyso.db"), "postgres": pgtest.New(b)} {
		b.Run(engine, func(b *testing.B) {
			s := open(b, dsn, masterKey(b))
			must(b, s.Migrate(b.Context()))
			c := s.Limits()
			for i := 0; b.Loop(); i++ {
				l := limit.Limit{Name: "write", Key: fmt.Sprint(i % 1000), Most: 1 << 30, Per: time.Minute}
				if _, err := c.TakeMany(b.Context(), day0, l, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestKeptAnswersAreForgotten(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		now := day0
		s.SetNow(func() time.Time { return now })
		remember := func(key string, at time.Time) {
			now = at
			_, err := s.Remember(ctx, key, "digest")
			must(t, err)
		}
		for i := range 1500 { // more than one deletion takes
			remember(fmt.Sprint("old-", i), day0.Add(time.Duration(i)*time.Second))
		}
		remember("new", day0.Add(25*time.Hour))
		if n, err := s.ForgetAnswers(ctx, day0.Add(24*time.Hour)); n != 1500 || err != nil {
			t.Errorf("%d forgotten, %v; want 1500", n, err)
		}
		var rows int
		must(t, s.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM idempotency`).Scan(&rows))
		if rows != 1 {
			t.Errorf("%d rows are left, want 1", rows)
		}
	})
}
