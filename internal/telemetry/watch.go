package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"kyso/internal/incident"
	"kyso/internal/limit"
	"kyso/internal/pdfchild"
	"kyso/internal/process"
)

// Watch tells of parked processes, refusals, waits and PDF processes from now on, until stop.
func Watch(groups Groups, refusals func() map[string]int64, waited Waited) (stop func() error, err error) {
	var all []metric.Registration
	stop = func() error {
		var errs []error
		for _, one := range all {
			errs = append(errs, one.Unregister())
		}
		return errors.Join(errs...)
	}
	for _, begin := range []func() (metric.Registration, error){
		func() (metric.Registration, error) { return watchIncidents(groups) },
		func() (metric.Registration, error) { return watchLimits(refusals) },
		func() (metric.Registration, error) { return watchWaits(waited) },
		watchPDF,
	} {
		one, err := begin()
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		all = append(all, one)
	}
	return stop, nil
}

// Waited counts what is waited for at outside parties.
type Waited func(ctx context.Context, now time.Time) ([]process.Waited, error)

// watchWaits tells how many processes wait for each party, and how long the most overdue look is. Every API and worker has the same figures.
func watchWaits(waited Waited) (metric.Registration, error) {
	meter := otel.Meter("kyso")
	waits, err := meter.Int64ObservableGauge("kyso_waits", metric.WithDescription("What processes wait for by party and pause between two looks"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	overdue, err := meter.Float64ObservableGauge("kyso_wait_overdue_seconds", metric.WithDescription("How long the oldest look is overdue by party and pause between two looks"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	return meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		list, err := waited(ctx, time.Now())
		for _, at := range list {
			of := metric.WithAttributes(attribute.String("party", at.Party), attribute.String("pause", at.Pause.String()))
			o.ObserveInt64(waits, int64(at.Count), of)
			o.ObserveFloat64(overdue, at.Overdue.Seconds(), of)
		}
		return err
	}, waits, overdue)
}

// Groups counts parked processes by cause.
type Groups func(ctx context.Context, f incident.Filter) ([]incident.Group, error)

// watchIncidents tells how many processes are parked for each cause, and since when the oldest is. Every API and worker
// tells the same, from the store: take the maximum over them.
func watchIncidents(groupsOf Groups) (metric.Registration, error) {
	meter := otel.Meter("kyso")
	parked, err := meter.Int64ObservableGauge("kyso_incidents", metric.WithDescription("Parked processes by cause"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	oldest, err := meter.Float64ObservableGauge("kyso_incident_oldest_seconds", metric.WithDescription("Age of the oldest parked process by cause"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	return meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		groups, err := groupsOf(ctx, incident.Filter{})
		if err != nil {
			return err
		}
		for _, g := range groups {
			cause := metric.WithAttributes(attribute.String("process", string(g.Process)), attribute.String("step", g.Step),
				attribute.String("reason", g.Reason), attribute.String("provider", g.Provider))
			o.ObserveInt64(parked, int64(g.Count), cause)
			o.ObserveFloat64(oldest, time.Since(g.Oldest).Seconds(), cause)
		}
		return nil
	}, parked, oldest)
}

// watchLimits tells how often each limit refused something. Budgets are counted from the start, so that an alert sees the first
// refusal.
func watchLimits(refusals func() map[string]int64) (metric.Registration, error) {
	meter := otel.Meter("kyso")
	refused, err := meter.Int64ObservableCounter("kyso_limit_refusals", metric.WithDescription("Refusals by limit; that of a budget means that all of it is spent"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		counts := refusals()
		for _, name := range limit.BudgetLimits() {
			o.ObserveInt64(refused, counts[name], metric.WithAttributes(attribute.String("limit", name)))
			delete(counts, name)
		}
		for name, n := range counts {
			o.ObserveInt64(refused, n, metric.WithAttributes(attribute.String("limit", name)))
		}
		return nil
	}, refused)
}

// watchPDF tells what the PDF processes of this program did, and why they were started and ended.
func watchPDF() (metric.Registration, error) {
	meter := otel.Meter("kyso")
	started, err := meter.Int64ObservableCounter("kyso_pdf_processes_started", metric.WithDescription("PDF processes started ahead of need, or while an operation waited"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	ended, err := meter.Int64ObservableCounter("kyso_pdf_processes_ended", metric.WithDescription("PDF processes ended, by reason"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	operations, err := meter.Int64ObservableCounter("kyso_pdf_operations", metric.WithDescription("Operations that a PDF process survived"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	cpu, err := meter.Float64ObservableCounter("kyso_pdf_cpu_seconds", metric.WithDescription("CPU time of these operations"))
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		counts := pdfchild.Counted()
		for when, n := range counts.Started {
			o.ObserveInt64(started, n, metric.WithAttributes(attribute.String("when", when)))
		}
		for why, n := range counts.Ended {
			o.ObserveInt64(ended, n, metric.WithAttributes(attribute.String("why", why)))
		}
		o.ObserveInt64(operations, counts.Operations)
		o.ObserveFloat64(cpu, counts.CPU)
		return nil
	}, started, ended, operations, cpu)
}
