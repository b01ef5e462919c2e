package app

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"kyso/internal/limit"
)

// The budgets of what costs money or attention.
const (
	budgetTexts  = "texts"
	budgetPushes = "pushes"
)

// watchLimits tells how often each limit refused something. Budgets are told of from the start, so that an alert sees the first
// refusal.
func (a *App) watchLimits() error {
	meter := otel.Meter("kyso")
	refused, err := meter.Int64ObservableCounter("kyso_limit_refusals", metric.WithDescription("Refusals by limit; that of a budget means that all of it is spent"))
	if err != nil {
		return fmt.Errorf("making metrics: %w", err)
	}
	registered, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		counts := a.Store.Limits().Refusals()
		for _, of := range []struct{ name, reserve string }{{budgetTexts, "owner"}, {budgetTexts, "strangers"}, {budgetPushes, "known"}, {budgetPushes, "strange"}} {
			for _, l := range (limit.Budget{Name: of.name, PerHour: 2, PerDay: 2}).Of(of.reserve) {
				o.ObserveInt64(refused, counts[l.Name], metric.WithAttributes(attribute.String("limit", l.Name)))
				delete(counts, l.Name)
			}
		}
		for name, n := range counts {
			o.ObserveInt64(refused, n, metric.WithAttributes(attribute.String("limit", name)))
		}
		return nil
	}, refused)
	if err != nil {
		return fmt.Errorf("making metrics: %w", err)
	}
	before := a.unwatch
	a.unwatch = func() error {
		if before != nil {
			return errors.Join(before(), registered.Unregister())
		}
		return registered.Unregister()
	}
	return nil
}
