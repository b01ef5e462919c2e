package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kyso/activities"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// Money is what the store knows of captured payments.
type Money interface {
	// Unsettled returns captured payments, oldest first, of which it is not known yet that they pay for a certificate.
	Unsettled(ctx context.Context, after page.Cursor, limit int) ([]registration.Payment, error)
	// Undecided returns attempts to pay that the gateway has not decided, begun before a time, oldest first.
	Undecided(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Payment, error)
	// MarkSettled notes that a payment pays for a certificate in use, so that no loop asks about it again.
	MarkSettled(ctx context.Context, txnRef string, at time.Time) error
	Registration(ctx context.Context, id string) (registration.Registration, error)
}

// Refunder has money given back; *workflows.Client is the real one. Starting a refund again does nothing.
type Refunder interface {
	StartRefund(ctx context.Context, in workflows.RefundInput) error
	// RefundAgain begins a refund again whose process is gone.
	RefundAgain(ctx context.Context, in workflows.RefundInput) error
	State(ctx context.Context, workflowID string) (workflows.RunState, error)
	Engine
}

// Refunds has captured money go back that pays for nothing, and attempts watched that may still bring such money. An IPN that is
// recorded starts the refund itself; this is for a process that died between the two, for a Refund that was lost, and for money
// that came however late.
type Refunds struct {
	Records Money
	Engine  Refunder
	Now     func() time.Time // default time.Now
}

// unwatched is how old an attempt has to be before its Refund is looked for: its window is over, and whoever began it has asked.
const unwatched = activities.PaymentWindow + 15*time.Minute

// Once looks at every captured payment that is not settled, and at every attempt that should be decided and is not.
func (r *Refunds) Once(ctx context.Context) error {
	place := func(p registration.Payment) page.Cursor { return page.After(p.CreatedAt, p.TxnRef) }
	captured := drain(ctx, r.Engine, func(ctx context.Context, after page.Cursor) ([]registration.Payment, error) {
		return r.Records.Unsettled(ctx, after, pageSize)
	}, place, r.settle)
	before := orNow(r.Now).Add(-unwatched)
	open := drain(ctx, r.Engine, func(ctx context.Context, after page.Cursor) ([]registration.Payment, error) {
		return r.Records.Undecided(ctx, before, after, pageSize)
	}, place, r.watch)
	return errors.Join(captured, open)
}

// watch has an attempt watched that its registration does not need. A registration that is open looks after its own, one that is
// closing after all.
func (r *Refunds) watch(ctx context.Context, p registration.Payment) error {
	record, err := r.Records.Registration(ctx, p.RegistrationID)
	if problem.CodeOf(err) == problem.NotFound {
		return nil
	}
	if err == nil && record.Status != registration.StatusClosing && registration.GoesBack(record, p) {
		call, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		err = r.refund(call, workflows.RefundInput{TxnRef: p.TxnRef, RegistrationID: record.ID, Gateway: p.Gateway})
	}
	if err != nil {
		return fmt.Errorf("having payment %s watched: %w", p.TxnRef, err)
	}
	return nil
}

func (r *Refunds) settle(ctx context.Context, p registration.Payment) error {
	record, err := r.Records.Registration(ctx, p.RegistrationID)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		return nil
	case err != nil:
	case registration.Owed(record, p):
		call, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		err = r.refund(call, workflows.RefundInput{TxnRef: p.TxnRef, RegistrationID: record.ID, Gateway: p.Gateway})
	case record.Status.Final():
		err = r.Records.MarkSettled(ctx, p.TxnRef, orNow(r.Now))
	}
	if err != nil {
		return fmt.Errorf("settling payment %s: %w", p.TxnRef, err)
	}
	return nil
}

// refund starts the refund, again when the run before was lost or ended before the gateway had captured: the id of the refund
// is made of the payment, so the gateway gives back once.
func (r *Refunds) refund(ctx context.Context, in workflows.RefundInput) error {
	state, err := r.Engine.State(ctx, process.RefundWorkflowID(in.TxnRef))
	switch {
	case err != nil || state == workflows.RunRunning:
		return err
	case state == workflows.RunBroken || state == workflows.RunCompleted:
		return r.Engine.RefundAgain(ctx, in)
	}
	return r.Engine.StartRefund(ctx, in)
}
