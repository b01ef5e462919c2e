package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

const (
	sweepEvery = 20 * time.Second
	// sweepPatience is how old a row must be before the sweep takes it: the request that wrote it is done by then.
	sweepPatience = 10 * time.Second
	// unknownFor is how long a webhook of an unknown transaction is looked at again. A request is recorded before
	// it is sent, so none of ours stays unknown for long.
	unknownFor = time.Hour
	sweepLimit = 500
)

// Sweeper closes the gap between a committed row and the process that should hear of it: it hands over webhooks that
// nobody picked up, starts signings and registrations that were stored but not started, tells processes
// again what they did not hear, and has money go back that no registration needs. All of it happens when a process dies between two steps or Temporal is away. Several sweepers
// may run at once; what they do is idempotent.
type Sweeper struct {
	Desk      signing.Desk
	Workflows Workflows
	Logger    *slog.Logger     // default slog.Default
	Now       func() time.Time // default time.Now
	Every     time.Duration    // default 20 s
	// Registration sweeps registrations too; nil does not.
	Registration *RegistrationOptions

	started map[string]bool // registrations that were started, of those that still wait for their citizen
	known   map[string]int  // the last transition that a process is known to know, by registration
	refunds time.Time       // when money to give back was last looked for
}

func (s *server) sweeper() *Sweeper {
	return &Sweeper{Desk: s.Desk, Workflows: s.Workflows, Logger: s.Logger, Now: s.Now}
}

// Run sweeps until ctx ends. A failed sweep is logged and tried again.
func (w *Sweeper) Run(ctx context.Context) {
	every := w.Every
	if every <= 0 {
		every = sweepEvery
	}
	logger := w.Logger
	if logger == nil {
		logger = slog.Default()
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := w.Sweep(ctx); err != nil && ctx.Err() == nil {
			logger.ErrorContext(ctx, "sweep", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Sweep looks once. One row that fails does not keep the others waiting.
func (w *Sweeper) Sweep(ctx context.Context) error {
	err := errors.Join(w.sweepInbox(ctx), w.sweepCreated(ctx))
	if w.Registration != nil {
		err = errors.Join(err, w.sweepRequested(ctx), w.sweepBehind(ctx), w.sweepRefunds(ctx))
	}
	return err
}

func (w *Sweeper) sweepInbox(ctx context.Context) error {
	rows, err := w.Desk.Unhandled(ctx, sweepLimit)
	if err != nil {
		return fmt.Errorf("reading the inbox: %w", err)
	}
	var failures []error
	for _, row := range rows {
		if w.age(row.ReceivedAt) >= sweepPatience {
			failures = append(failures, w.handle(ctx, row))
		}
	}
	return errors.Join(failures...)
}

// handle tells the process of a webhook to look now, and closes the row.
func (w *Sweeper) handle(ctx context.Context, row signing.InboxMessage) error {
	if row.TransactionID != "" {
		id, err := w.Desk.FindApproval(ctx, row.Provider, row.TransactionID)
		switch {
		case problem.CodeOf(err) == problem.NotFound && w.age(row.ReceivedAt) < unknownFor:
			return nil // perhaps it overtook the answer that names this id
		case problem.CodeOf(err) == problem.NotFound:
		case err != nil:
			return fmt.Errorf("finding the signing of a webhook: %w", err)
		default:
			if err := w.Workflows.Nudge(ctx, id); err != nil {
				return fmt.Errorf("nudging signing %s: %w", id, err)
			}
		}
	}
	if err := w.Desk.MarkHandled(ctx, row.ID); err != nil {
		return fmt.Errorf("closing a webhook: %w", err)
	}
	return nil
}

// sweepCreated starts signings that were accepted and not started. Starting one that runs does nothing.
func (w *Sweeper) sweepCreated(ctx context.Context) error {
	list, err := w.Desk.Signings(ctx, signing.Filter{Status: signing.StatusCreated, Limit: sweepLimit})
	if err != nil {
		return fmt.Errorf("listing new signings: %w", err)
	}
	var failures []error
	for _, record := range list {
		if record.Attention.Open() || w.age(record.CreatedAt) < sweepPatience {
			continue
		}
		if err := w.Workflows.StartSigning(ctx, startInput(record)); err != nil {
			failures = append(failures, fmt.Errorf("starting signing %s: %w", record.ID, err))
		}
	}
	return errors.Join(failures...)
}

func (w *Sweeper) age(t time.Time) time.Duration { return w.now().Sub(t) }

func (w *Sweeper) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}
