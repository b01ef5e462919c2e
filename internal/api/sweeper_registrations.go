package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

const (
	// refundsEvery is how often the sweep looks for money that nobody is owed for: an IPN that is recorded starts the
	// refund itself, so this is for a process that died between the two.
	refundsEvery = 10 * time.Minute
	// refundsFor is how long after its end a registration is looked at: VNPay repeats an IPN for hours, not days.
	refundsFor = 3 * 24 * time.Hour
)

// sweepRequested starts registrations that were stored and not started, and tells those whose citizen came meanwhile.
// A registration waits here for days, so each is started once by each sweeper; starting one that runs does nothing.
func (w *Sweeper) sweepRequested(ctx context.Context) error {
	list, err := w.Registration.Records.Registrations(ctx, registration.Filter{Status: registration.StatusRequested, Limit: sweepLimit})
	if err != nil {
		return fmt.Errorf("listing new registrations: %w", err)
	}
	started, away := map[string]bool{}, false
	var failures []error
	for _, record := range list {
		started[record.ID] = w.started[record.ID]
		if away || w.age(record.CreatedAt) < sweepPatience {
			continue
		}
		err := w.start(ctx, record)
		if err != nil {
			failures = append(failures, fmt.Errorf("starting registration %s: %w", record.ID, err))
		}
		started[record.ID] = err == nil
		away = problem.CodeOf(err).Kind() == problem.KindUpstream // for all of them
	}
	w.started = started
	return errors.Join(failures...)
}

func (w *Sweeper) start(ctx context.Context, record registration.Registration) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if !w.started[record.ID] {
		if err := w.Registration.Workflows.StartRegistration(ctx, w.Registration.startInput(record)); err != nil {
			return err
		}
	}
	if record.HandedOffAt.IsZero() || w.age(record.HandedOffAt) < sweepPatience {
		return nil
	}
	_, err := w.Registration.Workflows.HandOff(ctx, record.ID, handOffUpdate(record.ID))
	if problem.CodeOf(err) == problem.Conflict { // it knows, or has ended
		return nil
	}
	return err
}

// sweepRefunds has captured money go back that no registration needs.
func (w *Sweeper) sweepRefunds(ctx context.Context) error {
	if !w.refunds.IsZero() && w.age(w.refunds) < refundsEvery {
		return nil
	}
	list, err := w.Registration.Records.Registrations(ctx, registration.Filter{Limit: sweepLimit})
	if err != nil {
		return fmt.Errorf("listing registrations: %w", err)
	}
	var failures []error
	for _, record := range list {
		if !record.Status.Final() || record.PriceVND == 0 || w.age(record.UpdatedAt) > refundsFor {
			continue
		}
		if err := w.refund(ctx, record); err != nil {
			failures = append(failures, fmt.Errorf("refunding registration %s: %w", record.ID, err))
		}
	}
	if len(failures) == 0 {
		w.refunds = w.now()
	}
	return errors.Join(failures...)
}

func (w *Sweeper) refund(ctx context.Context, record registration.Registration) error {
	payments, err := w.Registration.Records.Payments(ctx, record.ID)
	if err != nil {
		return err
	}
	var failures []error
	for _, p := range payments {
		if owed(record, p) {
			failures = append(failures, w.Registration.Workflows.StartRefund(ctx, workflows.RefundInput{TxnRef: p.TxnRef, RegistrationID: record.ID}))
		}
	}
	return errors.Join(failures...)
}
