// Package relay carries on what was interrupted: webhooks that were committed and not handed over, records that were
// stored and not started, processes that did not hear what was recorded, money that is owed, messages that no process
// carries. Every loop asks its question in SQL, reads the oldest first and goes on until nothing is left, so that a
// row is never hidden behind younger ones. What a loop does is idempotent: several relays may run at once.
//
// It may import workflows, the domain packages, internal/page and internal/problem. The store and Temporal come in
// through the ports next to each loop.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"kyso/internal/page"
	"kyso/internal/problem"
)

const (
	// patience is how old a row must be before a loop takes it: the request that wrote it has ended by then.
	patience = 10 * time.Second
	// pageSize is how many rows one query returns.
	pageSize = 500
	// callLimit bounds one call to Temporal.
	callLimit = 10 * time.Second
)

// Loop is something that is done again and again.
type Loop struct {
	Name  string
	Every time.Duration
	// Once does it once. One row that fails must not keep the others waiting.
	Once func(ctx context.Context) error
}

// Run runs a loop until ctx ends. A failed round is logged; the next one tries again.
func (l Loop) Run(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(l.Every)
	defer ticker.Stop()
	for {
		if err := l.Once(ctx); err != nil && ctx.Err() == nil {
			logger.ErrorContext(ctx, "relay", "loop", l.Name, "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Engine is what every loop asks of Temporal besides its own acts.
type Engine interface {
	// Ping returns an error while Temporal is away.
	Ping(ctx context.Context) error
}

// drain reads a list page by page until it ends and does something with each row. A row that fails does not keep the
// others waiting, unless Temporal is away, which ends the round.
func drain[T any](ctx context.Context, engine Engine, list func(ctx context.Context, after page.Cursor) ([]T, error),
	place func(T) page.Cursor, do func(context.Context, T) error) error {
	var failures []error
	for after := (page.Cursor{}); ; {
		rows, err := list(ctx, after)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		for _, row := range rows {
			after = place(row)
			err := do(ctx, row)
			if err == nil {
				continue
			}
			failures = append(failures, err)
			if len(failures) > maxFailures {
				failures = failures[:maxFailures] // of thousands, a few tell why
			}
			if ctx.Err() != nil || away(ctx, engine, err) {
				return errors.Join(failures...)
			}
		}
		if len(rows) < pageSize {
			return errors.Join(failures...)
		}
	}
}

// maxFailures is how many failures of a round are reported.
const maxFailures = 20

// away reports whether a failure means that Temporal is away for every row: the one row may be to blame.
func away(ctx context.Context, engine Engine, err error) bool {
	return problem.CodeOf(err).Kind() == problem.KindUpstream && engine.Ping(ctx) != nil
}

func orNow(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}
