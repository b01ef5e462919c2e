package app

import (
	"context"
	"errors"
	"time"

	"kyso/internal/blob"
	"kyso/internal/registration"
	"kyso/internal/relay"
	"kyso/internal/signing"
)

// loops assembles what carries on what was interrupted.
func (a *App) loops() []relay.Loop {
	records, engine, limits := a.Store.Relay(), a.Workflows(), a.Config.Registration.Limits
	unstarted := &relay.Unstarted{Records: records, Engine: engine, Limits: limits}
	behind := &relay.Behind{Records: records, Decisions: a.Store.Decisions(), Engine: engine}
	refunds := &relay.Refunds{Records: records, Engine: engine}
	texts := &relay.Texts{Records: records, Decisions: a.Store.Decisions(), Engine: engine}
	resting := &relay.Resting{Waits: a.Store.Waits(), Engine: engine}
	deliveries := &relay.Deliveries{Messages: records, Engine: engine}
	loops := []relay.Loop{
		{Name: "inbox", Every: 20 * time.Second, Once: a.inbox().Once},
		{Name: "unstarted signings", Every: 20 * time.Second, Once: unstarted.Signings},
		{Name: "unstarted registrations", Every: 20 * time.Second, Once: unstarted.Registrations},
		{Name: "behind", Every: 20 * time.Second, Once: behind.Once},
		{Name: "refunds", Every: 10 * time.Minute, Once: refunds.Once},
		{Name: "resting waits", Every: 10 * time.Minute, Once: resting.Once},
		{Name: "texts", Every: 20 * time.Second, Once: texts.Once},
		{Name: "reconcile", Every: 20 * time.Second, Once: a.books().Once},
		{Name: "deliveries", Every: time.Second, Once: deliveries.Once},
		{Name: "leftovers", Every: time.Minute, Once: a.leftovers().Once},
		{Name: "orphans", Every: time.Hour, Once: a.leftovers().Orphans},
		{Name: "forget", Every: time.Minute, Once: a.forget},
	}
	if a.Config.SealDocuments {
		loops = append(loops, relay.Loop{Name: "sealing", Every: time.Minute, Once: a.sealing().Once})
	}
	return loops
}

// sealing puts what earlier releases wrote under the keys of people.
func (a *App) sealing() *relay.Sealing {
	return &relay.Sealing{Records: a.Store.Clear(), Seal: func(ctx context.Context, doc signing.Upload) ([]signing.Segment, error) {
		return blob.SealDocument(ctx, a.Blobs, doc)
	}}
}

func (a *App) inbox() *relay.Inbox {
	return &relay.Inbox{Messages: a.Store.Relay(), Engine: a.Workflows()}
}

// forget deletes what is kept for a while only: counts of limits, answers to Idempotency-Keys, secrets in such answers, and
// webhook secrets that sign no longer.
func (a *App) forget(ctx context.Context) error {
	now := time.Now()
	_, err := a.Store.ForgetAnswers(ctx, now.Add(-signing.AnswerLife))
	return errors.Join(a.Store.Limits().Forget(ctx, now), a.Store.ForgetSecrets(ctx, now), err)
}

// books compares the store with Temporal and the payment gateways, and does what operators decide about what does not agree.
func (a *App) books() *relay.Mender {
	records, engine := a.Store.Relay(), a.Workflows()
	return &relay.Mender{
		Reconciler: &relay.Reconciler{Books: records, Records: records, Paid: records, Found: records, Told: records, Ended: records, Waits: a.Store.Waits(), Engine: engine, Gateways: a.Config.Registration.PaymentGateways(), CAs: a.keys()},
		Incidents:  a.Store.Parked(), Processes: engine, Decisions: a.Store.Decisions(), Limits: a.Config.Registration.Limits,
	}
}

// keys are the CAs as the comparison of the books asks them.
func (a *App) keys() map[string]registration.Keys {
	all := map[string]registration.Keys{}
	for _, i := range a.Config.Registration.Issuers {
		all[i.Code] = i.CA
	}
	return all
}

// leftovers removes what erasures leave behind, and what a law kept when its time has come.
func (a *App) leftovers() *relay.Leftovers {
	return &relay.Leftovers{Records: a.Store.Leftovers(), Blobs: a.Blobs, Unused: a.Config.KeepUploads, Verifications: a.Config.KeepVerifications, Clear: a.Config.SealDocuments,
		Erase: func(ctx context.Context, subjectID string) error {
			_, err := a.Store.Registrations().EraseSubject(ctx, subjectID, "", time.Now(), a.Config.KeepYears)
			return err
		}}
}

// erase erases the person behind a registration or a signing. What is then left to be removed is removed at once when it can
// be: no key opens it any more, and the loop takes what fails.
func (a *App) erase(ctx context.Context, id, actor string) (registration.Erasure, error) {
	if a.Config.SealDocuments { // what earlier releases wrote of the person must be found
		if err := a.sealing().Signings(ctx); err != nil {
			a.Log.WarnContext(ctx, "signings of earlier releases are sealed later", "error", err.Error())
		}
	}
	records := a.Store.Registrations()
	subjectID, err := records.SubjectOf(ctx, id)
	if err != nil {
		return registration.Erasure{}, err
	}
	done, err := records.EraseSubject(ctx, subjectID, actor, time.Now(), a.Config.KeepYears)
	if err != nil {
		return done, err
	}
	if err := a.leftovers().Remove(ctx); err != nil {
		a.Log.WarnContext(ctx, "what an erasure left is removed later", "error", err.Error())
	}
	return done, nil
}
