package operations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/page"
	"kyso/internal/process"
	"kyso/internal/store/kernel"
)

// Waits keeps what processes wait for at outside parties. It implements process.Waits, and what the watchers of internal/relay ask.
type Waits struct{ *kernel.Base }

var _ process.Waits = Waits{}

const (
	waitColumns = `kind, record_id, party, workflow, began_at, ends_at, next_at, pause, answered, fault, message`
	waitQuery   = `SELECT ` + waitColumns + ` FROM waits`
)

func scanWait(row kernel.Scanner) (process.Wait, error) {
	var w process.Wait
	var pause int
	err := row.Scan(&w.Kind, &w.Record, &w.Party, &w.Workflow, kernel.Into(&w.BeganAt), kernel.Into(&w.EndsAt), kernel.Into(&w.NextAt), &pause,
		&w.Answered, &w.Fault, &w.Message)
	w.Pause = time.Duration(pause) * time.Second
	return w, err
}

// Watch implements process.Waits.
func (s Waits) Watch(ctx context.Context, w process.Wait) error {
	return s.Write(ctx, "beginning a wait", func(tx *sql.Tx) error { return kernel.Watch(ctx, tx, w) })
}

// Wait implements process.Waits.
func (s Waits) Wait(ctx context.Context, kind process.WaitKind, record string) (process.Wait, error) {
	w, err := scanWait(s.DB.QueryRowContext(ctx, waitQuery+` WHERE kind = $1 AND record_id = $2`, string(kind), record))
	if err != nil {
		return w, fmt.Errorf("reading a wait: %w", kernel.OrNoSuch(err, "wait"))
	}
	return w, nil
}

// Hasten implements process.Waits.
func (s Waits) Hasten(ctx context.Context, kind process.WaitKind, record string, now time.Time) (taken bool, err error) {
	err = s.Write(ctx, "hastening a wait", func(tx *sql.Tx) error {
		n, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE waits SET next_at = CASE WHEN next_at < $3 OR nudges >= $5 THEN next_at ELSE $3 END,
				pause = CASE WHEN pause < $4 OR nudges >= $5 THEN pause ELSE $4 END, nudges = nudges + 1
			WHERE kind = $1 AND record_id = $2 AND next_at IS NOT NULL`,
			string(kind), record, kernel.At(now), seconds(process.PauseNudged), process.MaxNudges))
		taken = n > 0
		return err
	})
	return taken, err
}

// EndWait implements process.Waits.
func (s Waits) EndWait(ctx context.Context, kind process.WaitKind, record string) error {
	return s.Write(ctx, "ending a wait", func(tx *sql.Tx) error { return kernel.EndWaits(ctx, tx, record, kind) })
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// Hold implements relay.Waits.
func (s Waits) Hold(ctx context.Context, party, holder string, now, until time.Time) (held bool, rest time.Time, err error) {
	err = s.Write(ctx, "taking the watch of a party", func(tx *sql.Tx) error {
		n, err := kernel.Affected(tx.ExecContext(ctx, `INSERT INTO watchers (party, holder, held_until) VALUES ($1, $2, $3)
			ON CONFLICT (party) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
			WHERE watchers.holder = excluded.holder OR watchers.held_until <= $4`, party, holder, kernel.At(until), kernel.At(now)))
		if held = n > 0; err != nil || !held {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT rest_until FROM watchers WHERE party = $1`, party).Scan(kernel.Into(&rest))
	})
	return held, rest, err
}

// Rest implements relay.Waits.
func (s Waits) Rest(ctx context.Context, party string, until time.Time) error {
	return s.Exec(ctx, "leaving a party alone", `UPDATE watchers SET rest_until = $2 WHERE party = $1`, party, kernel.At(until))
}

// Due implements relay.Waits. Each pause is read by itself, so that the index gives the order and a list of thousands is not sorted.
func (s Waits) Due(ctx context.Context, party string, now time.Time, pauses []time.Duration, limit int) ([]process.Wait, error) {
	if limit <= 0 || len(pauses) == 0 {
		return nil, nil
	}
	parts, args := make([]string, len(pauses)), []any{party, kernel.At(now), limit}
	for i, pause := range pauses {
		args = append(args, seconds(pause))
		parts[i] = `SELECT ` + waitColumns + ` FROM (` + waitQuery + ` WHERE party = $1 AND pause = $` + strconv.Itoa(len(args)) + ` AND next_at <= $2 ORDER BY next_at LIMIT $3) AS w` + strconv.Itoa(i)
	}
	var list []process.Wait
	rows, err := s.DB.QueryContext(ctx, strings.Join(parts, ` UNION ALL `), args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		w, err := scanWait(rows)
		list = append(list, w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing what is to be looked at: %w", err)
	}
	return list, nil
}

// Take implements relay.Waits.
func (s Waits) Take(ctx context.Context, party string, due []process.Wait, now time.Time) ([]process.Wait, error) {
	type turn struct {
		kind  process.WaitKind
		pause time.Duration
		next  time.Time
	}
	together := map[turn][]process.Wait{}
	for _, w := range due {
		t := turn{w.Kind, w.Pause, w.NextAt}
		together[t] = append(together[t], w)
	}
	var taken []process.Wait
	err := s.Write(ctx, "taking what is to be looked at", func(tx *sql.Tx) error {
		taken = taken[:0]
		for t, list := range together {
			args := []any{kernel.At(t.next), seconds(t.pause), string(t.kind), party, kernel.At(now)}
			places := make([]string, len(list))
			for i, w := range list {
				args = append(args, w.Record)
				places[i] = `$` + strconv.Itoa(len(args))
			}
			rows, err := tx.QueryContext(ctx, `UPDATE waits SET next_at = $1, pause = $2 WHERE kind = $3 AND party = $4 AND next_at <= $5
				AND record_id IN (`+strings.Join(places, `, `)+`) RETURNING record_id`, args...)
			err = kernel.Each(rows, err, func(rows *sql.Rows) error {
				var id string
				if err := rows.Scan(&id); err != nil {
					return err
				}
				taken = append(taken, list[slices.IndexFunc(list, func(w process.Wait) bool { return w.Record == id })])
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return taken, err
}

// Settle implements relay.Waits.
func (s Waits) Settle(ctx context.Context, w process.Wait) error {
	return s.Exec(ctx, "noting what came of a wait", `UPDATE waits SET answered = $3, fault = $4, message = $5, next_at = $6, pause = $7 WHERE kind = $1 AND record_id = $2`,
		string(w.Kind), w.Record, w.Answered, w.Fault, w.Message, kernel.At(w.NextAt), seconds(w.Pause))
}

// Still implements relay.RestingWaits.
func (s Waits) Still(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]process.Wait, error) {
	o := new(kernel.Older).Add(`next_at IS NULL`).Add(`began_at <= ?1`, kernel.At(before))
	if !after.IsZero() {
		kind, id, _ := strings.Cut(after.ID, "/")
		o.Add(`(began_at, kind, record_id) > (?1, ?2, ?3)`, kernel.At(after.At), kind, id)
	}
	tail, args := o.Tail(`began_at`, `kind, record_id`, page.Cursor{}, limit)
	var list []process.Wait
	rows, err := s.DB.QueryContext(ctx, waitQuery+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		w, err := scanWait(rows)
		list = append(list, w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing waits that rest: %w", err)
	}
	return list, nil
}

// Waited implements telemetry's count: how many wait for each party, and since when the oldest look is due.
func (s Waits) Waited(ctx context.Context, now time.Time) ([]process.Waited, error) {
	var list []process.Waited
	rows, err := s.DB.QueryContext(ctx, `SELECT party, pause, COUNT(*) FROM waits WHERE next_at IS NOT NULL GROUP BY party, pause ORDER BY party, pause`)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var at process.Waited
		var pause int
		err := rows.Scan(&at.Party, &pause, &at.Count)
		at.Pause = time.Duration(pause) * time.Second
		list = append(list, at)
		return err
	})
	for i, at := range list {
		if err != nil {
			break
		}
		first := now // one that is gone by now is not overdue
		err = s.DB.QueryRowContext(ctx, `SELECT next_at FROM waits WHERE party = $1 AND pause = $2 AND next_at IS NOT NULL ORDER BY next_at LIMIT 1`, at.Party, seconds(at.Pause)).Scan(kernel.Into(&first))
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		list[i].Overdue = max(now.Sub(first), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("counting waits: %w", err)
	}
	return list, nil
}
