package activities

import (
	"context"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// PaymentWindow is how long the gateway's page stays open for one attempt.
const PaymentWindow = 15 * time.Minute

// OpenPaymentInput is an attempt to begin.
type OpenPaymentInput struct {
	RegistrationID string `json:"registration_id"`
	Attempt        int    `json:"attempt"` // counts from 1
	// Watched has the store begin the wait for the gateway's word with the attempt.
	Watched bool `json:"watched,omitempty"`
}

// PaymentOpened is an attempt that the gateway may be asked for.
type PaymentOpened struct {
	TxnRef    string    `json:"txn_ref"`
	ExpiresAt time.Time `json:"expires_at"`
	Gateway   string    `json:"gateway,omitempty"` // empty means registration.FirstGateway
	// Decided says that the gateway's word on it is recorded: the run that asks was set back.
	Decided bool `json:"decided,omitempty"`
}

// OpenPayment records an attempt to pay before the browser is sent to the gateway. Key: registration and attempt, which make the
// TxnRef.
func (a *Registration) OpenPayment(ctx context.Context, in OpenPaymentInput) (PaymentOpened, error) {
	r, err := a.Records.Registration(ctx, in.RegistrationID)
	if err == nil {
		err = decided[struct{}](ctx, a.Decisions, aboutRegistration(r.ID), "pay", nil)
	}
	if err != nil {
		return PaymentOpened{}, fail(err)
	}
	opened, err := a.openPayment(ctx, in)
	return opened, fail(err)
}

func (a *Registration) openPayment(ctx context.Context, in OpenPaymentInput) (PaymentOpened, error) {
	r, err := a.Records.Registration(ctx, in.RegistrationID)
	if err != nil {
		return PaymentOpened{}, err
	}
	ref := process.TxnRef(in.RegistrationID, in.Attempt)
	now := a.Now().UTC().Truncate(time.Second)
	p := registration.Payment{
		TxnRef: ref, RegistrationID: r.ID, Attempt: in.Attempt, AmountVND: r.PriceVND, Gateway: a.Gateway, Status: registration.PaymentPending,
		CreatedAt: now, ExpiresAt: now.Add(PaymentWindow),
	}
	var waits []process.Wait
	if in.Watched {
		waits = append(waits, registration.PaymentWait(p))
	}
	err = a.Records.CreatePayment(ctx, p, waits...)
	if err != nil && problem.CodeOf(err) != problem.Conflict { // the first write of this attempt stands
		return PaymentOpened{}, err
	}
	p, err = a.Records.Payment(ctx, ref)
	return PaymentOpened{TxnRef: ref, ExpiresAt: p.ExpiresAt, Gateway: p.Gateway, Decided: p.Status != "" && p.Status != registration.PaymentPending}, err
}

// PaymentView is how the attempts of a registration stand.
type PaymentView struct {
	PaidRef string   `json:"paid_ref,omitempty"` // the attempt that pays
	Unclear string   `json:"unclear,omitempty"`  // an attempt that the gateway is still checking
	Others  []string `json:"others,omitempty"`   // attempts besides PaidRef whose money may have to go back
	Stuck   []string `json:"stuck,omitempty"`    // attempts that the gateway could not be asked about, which asking again does not overcome
}

// LookAtPayments says which attempt pays, and notes it. Effect: records. Key: the registration.
func (a *Registration) LookAtPayments(ctx context.Context, id string) (PaymentView, error) {
	view, err := a.lookAtPayments(ctx, id)
	return view, fail(err)
}

// ReadPayments is LookAtPayments, and ends the waits for what is decided. Every attempt that is open has one afterwards. Effect: records.
// Key: the registration.
func (a *Registration) ReadPayments(ctx context.Context, id string) (PaymentView, error) {
	view, err := a.readPayments(ctx, id)
	return view, fail(err)
}

func (a *Registration) readPayments(ctx context.Context, id string) (PaymentView, error) {
	view, err := a.lookAtPayments(ctx, id)
	if err != nil {
		return view, err
	}
	list, err := a.Records.Payments(ctx, id)
	if err != nil {
		return view, err
	}
	for _, p := range list {
		if view.PaidRef != "" || p.Status != registration.PaymentPending {
			if err := a.Waits.EndWait(ctx, process.WaitPayment, p.TxnRef); err != nil {
				return view, err
			}
			continue
		}
		stuck, err := a.waitFurther(ctx, p)
		if err != nil {
			return view, err
		}
		if stuck {
			view.Stuck = append(view.Stuck, p.TxnRef)
		}
	}
	return view, nil
}

// waitFurther has an open attempt watched. It reports whether the look at it failed for good, and ends that wait.
func (a *Registration) waitFurther(ctx context.Context, p registration.Payment) (stuck bool, err error) {
	w := registration.PaymentWait(p)
	stored, err := a.Waits.Wait(ctx, w.Kind, w.Record)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		if soon := a.Now().Add(process.PausePayment); soon.After(w.NextAt) {
			w.NextAt = soon
		}
		return false, a.Waits.Watch(ctx, w)
	case err != nil || stored.Fault == "":
		return false, err
	}
	return true, a.Waits.EndWait(ctx, w.Kind, w.Record)
}

func (a *Registration) lookAtPayments(ctx context.Context, id string) (PaymentView, error) {
	list, err := a.Records.Payments(ctx, id)
	if err != nil {
		return PaymentView{}, err
	}
	r, err := a.Records.Registration(ctx, id)
	if err != nil {
		return PaymentView{}, err
	}
	view := PaymentView{PaidRef: r.PaidRef}
	for _, p := range list {
		switch {
		case p.Status == registration.PaymentCaptured && p.RefundID == "" && view.PaidRef == "":
			view.PaidRef = p.TxnRef
		case p.Status == registration.PaymentReview:
			view.Unclear = p.TxnRef
		}
	}
	for _, p := range list {
		if p.TxnRef != view.PaidRef && p.Status != registration.PaymentRefunded && p.Status != registration.PaymentFailed {
			view.Others = append(view.Others, p.TxnRef)
		}
	}
	if view.PaidRef == r.PaidRef {
		return view, nil
	}
	return view, a.Records.Change(ctx, id, func(r *registration.Registration) error {
		r.PaidRef = view.PaidRef
		return nil
	})
}

// PaymentDecided is the gateway's final word on an attempt.
type PaymentDecided struct {
	Status registration.PaymentStatus `json:"status"`
}

// QueryPayment waits until an attempt is decided: by an IPN, or after its window by asking the gateway. While it is open the
// activity fails with ErrorPending and says when to look again. Effect: records. Errors: PaymentUnclear when the gateway
// says neither paid nor failed, TransactionClaimed when its transaction pays another attempt.
func (a *Registration) QueryPayment(ctx context.Context, ref string) (PaymentDecided, error) {
	decided, err := a.queryPayment(ctx, ref)
	return decided, fail(err)
}

func (a *Registration) queryPayment(ctx context.Context, ref string) (PaymentDecided, error) {
	p, err := a.Records.Payment(ctx, ref)
	if err != nil {
		return PaymentDecided{}, err
	}
	if p.Status.Decided() {
		return PaymentDecided{p.Status}, nil
	}
	ask := p.ExpiresAt.Add(registration.PaymentGrace)
	if wait := ask.Sub(a.Now()); wait > 0 && p.Status == registration.PaymentPending {
		if wait < time.Minute {
			return PaymentDecided{}, pending(wait)
		}
		return PaymentDecided{}, pending(a.Pace.Next(p.Gateway, time.Minute))
	}
	notice, err := a.Gateways.Query(ctx, process.QueryID(ref, a.Now()), p)
	if err != nil {
		return PaymentDecided{}, err
	}
	if p, _, err = a.Records.ApplyNotice(ctx, notice); err != nil {
		return PaymentDecided{}, err
	}
	switch {
	case p.Status.Decided():
		return PaymentDecided{p.Status}, nil
	case p.Status == registration.PaymentReview:
		return PaymentDecided{}, unclear(p, notice)
	}
	return PaymentDecided{}, pending(a.Pace.Next(p.Gateway, time.Minute))
}

// unclear says why p, after a notice, is neither paid nor failed.
func unclear(p registration.Payment, notice registration.PaymentNotice) error {
	if notice.Claimed(p) {
		return problem.New(problem.TransactionClaimed, "the gateway says paid with a transaction that pays another attempt")
	}
	return problem.New(problem.PaymentUnclear, "the gateway says %s", notice.Said)
}

// AskPayment asks the gateway now how an attempt stands, whatever its window, and returns its status: pending when it may still be paid.
// Effect: records. Error: PaymentUnclear and TransactionClaimed as QueryPayment has them.
func (a *Registration) AskPayment(ctx context.Context, ref string) (PaymentDecided, error) {
	decided, err := a.askPayment(ctx, ref)
	return decided, fail(err)
}

func (a *Registration) askPayment(ctx context.Context, ref string) (PaymentDecided, error) {
	p, err := a.Records.Payment(ctx, ref)
	if err != nil || p.Status.Decided() {
		return PaymentDecided{p.Status}, err
	}
	notice, err := a.Gateways.Query(ctx, process.QueryID(ref, a.Now()), p)
	if err != nil {
		return PaymentDecided{}, err
	}
	if p, _, err = a.Records.ApplyNotice(ctx, notice); err == nil && p.Status == registration.PaymentReview {
		err = unclear(p, notice)
	}
	return PaymentDecided{p.Status}, err
}

// RefundPayment gives the money of a captured attempt back. Effect: one refund. Key: the attempt; the id of the refund is
// recorded before it is asked for. An attempt that took no money needs none. Errors: Conflict for money that pays for
// something, as the store has it.
func (a *Registration) RefundPayment(ctx context.Context, ref string) error {
	return fail(a.refundPayment(ctx, ref))
}

func (a *Registration) refundPayment(ctx context.Context, ref string) error {
	p, err := a.Records.Payment(ctx, ref)
	if err != nil || p.Status != registration.PaymentCaptured {
		return err
	}
	r, err := a.Records.Registration(ctx, p.RegistrationID)
	if err != nil {
		return err
	}
	if !registration.GoesBack(r, p) {
		return problem.New(problem.Conflict, "the registration is %s: this payment is not to be given back", r.Status)
	}
	id := process.RefundID(ref)
	if err := a.Records.MarkRefund(ctx, ref, id, time.Time{}); err != nil {
		return err
	}
	if p, err = a.Records.Payment(ctx, ref); err != nil {
		return err
	}
	if err := a.Gateways.Refund(ctx, p.RefundID, p, "kyso"); err != nil {
		return err
	}
	return a.Records.MarkRefund(ctx, ref, p.RefundID, a.Now())
}
