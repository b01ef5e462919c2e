package app

import (
	"context"
	"errors"
	"time"

	"kyso/internal/relay"
)

// loops assembles what carries on what was interrupted.
func (a *App) loops() []relay.Loop {
	records, engine, limits := a.Store.Relay(), a.Workflows(), a.Config.Registration.Limits
	unstarted := &relay.Unstarted{Records: records, Engine: engine, Limits: limits}
	behind := &relay.Behind{Records: records, Decisions: a.Store.Decisions(), Engine: engine}
	refunds := &relay.Refunds{Records: records, Engine: engine}
	deliveries := &relay.Deliveries{Messages: records, Engine: engine}
	return []relay.Loop{
		{Name: "inbox", Every: 20 * time.Second, Once: a.inbox().Once},
		{Name: "unstarted", Every: 20 * time.Second, Once: unstarted.Once},
		{Name: "behind", Every: 20 * time.Second, Once: behind.Once},
		{Name: "refunds", Every: 10 * time.Minute, Once: refunds.Once},
		{Name: "reconcile", Every: 20 * time.Second, Once: a.books().Once},
		{Name: "deliveries", Every: time.Second, Once: deliveries.Once},
		{Name: "forget", Every: time.Minute, Once: a.forget},
	}
}

func (a *App) inbox() *relay.Inbox {
	return &relay.Inbox{Messages: a.Store.Relay(), Engine: a.Workflows()}
}

// answersFor is how long the answer to an Idempotency-Key is kept.
const answersFor = 24 * time.Hour

// forget deletes what is kept for a while only: counts of limits, and answers to Idempotency-Keys.
func (a *App) forget(ctx context.Context) error {
	now := time.Now()
	_, err := a.Store.ForgetAnswers(ctx, now.Add(-answersFor))
	return errors.Join(a.Store.Limits().Forget(ctx, now), err)
}

// books compares the store with Temporal and VNPay, and does what operators decide about what does not agree.
func (a *App) books() *relay.Mender {
	records, engine := a.Store.Relay(), a.Workflows()
	return &relay.Mender{
		Reconciler: &relay.Reconciler{Books: records, Records: records, Found: records, Engine: engine, VNPay: a.vnpay()},
		Incidents:  a.Store.Parked(), Told: records, Processes: engine, Limits: a.Config.Registration.Limits,
	}
}
