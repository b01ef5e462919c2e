package relay

import (
	"context"
	"time"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// payments writes into the store what the gateway knows of the attempts of a registration and the store does not: attempts that
// the process began after the store's backup, and, when no process asks any more, what became of the others.
// Gateways have no list; an attempt is asked for by its reference and the second in which it was made, which the
// process remembers.
func (r *Reconciler) payments(ctx context.Context, s registration.Registration, status workflows.RegistrationStatus, state workflows.RunState, report *incident.Report) error {
	if r.Gateways == nil || len(status.Attempts) == 0 && s.PriceVND == 0 {
		return nil
	}
	known, err := r.Paid.Payments(ctx, s.ID)
	if err != nil {
		return err
	}
	byRef := map[string]registration.Payment{}
	for _, p := range known {
		byRef[p.TxnRef] = p
	}
	for _, opened := range status.Attempts {
		if _, there := byRef[opened.TxnRef]; there {
			continue
		}
		p := registration.Payment{TxnRef: opened.TxnRef, RegistrationID: s.ID, Attempt: process.AttemptOf(opened.TxnRef), AmountVND: s.PriceVND,
			Gateway: opened.Gateway, CreatedAt: opened.ExpiresAt.Add(-activities.PaymentWindow), ExpiresAt: opened.ExpiresAt}
		if err := r.adopt(ctx, p, report); err != nil {
			return err
		}
	}
	for _, p := range known {
		if !r.doubtful(p, state) {
			continue
		}
		if err := r.ask(ctx, p, report); err != nil {
			return err
		}
	}
	return nil
}

// unheard is how long after its window an attempt may be open whose process asks for it.
const unheard = time.Hour

// doubtful reports whether the gateway has to be asked again what became of an attempt. A process that runs asks for its attempts
// itself. Without one, an attempt may have been paid although it seemed to have failed, and money that is here may have
// gone back.
func (r *Reconciler) doubtful(p registration.Payment, state workflows.RunState) bool {
	switch {
	case p.Status == registration.PaymentRefunded:
		return false
	case state == workflows.RunRunning:
		return !p.Status.Decided() && orNow(r.Now).After(p.ExpiresAt.Add(unheard))
	}
	return p.Status == registration.PaymentCaptured || orNow(r.Now).After(p.ExpiresAt)
}

// adopt asks the gateway for an attempt that the store does not know and writes it down when the gateway knows its amount.
func (r *Reconciler) adopt(ctx context.Context, p registration.Payment, report *incident.Report) error {
	notice, err := r.Gateways.Query(ctx, process.ReconcileQueryID(p.TxnRef, orNow(r.Now)), p)
	if err != nil {
		return err
	}
	if notice.AmountVND > 0 {
		p.AmountVND = notice.AmountVND
	}
	if p.AmountVND <= 0 {
		return nil // the payer never came, and the order is not known: there is nothing to write down
	}
	if err := r.Paid.CreatePayment(ctx, p); err != nil && problem.CodeOf(err) != problem.Conflict {
		return err
	}
	report.Payments++
	_, _, err = r.Paid.ApplyNotice(ctx, notice)
	return err
}

// giveBack gives back what was paid for a registration that has no record. The store has no place for its attempts, so the gateway
// alone says what was paid: all of them are asked about before any is given back. problem.Conflict while the gateway has not decided.
func (r *Reconciler) giveBack(ctx context.Context, id string, attempts []activities.PaymentOpened) error {
	if len(attempts) > 0 && r.Gateways == nil {
		return problem.New(problem.Conflict, "the process began %d attempts to pay, and no gateway is configured", len(attempts))
	}
	var paid []registration.Payment
	for _, opened := range attempts {
		p := registration.Payment{TxnRef: opened.TxnRef, RegistrationID: id, Attempt: process.AttemptOf(opened.TxnRef),
			Gateway: opened.Gateway, CreatedAt: opened.ExpiresAt.Add(-activities.PaymentWindow), ExpiresAt: opened.ExpiresAt}
		notice, err := r.Gateways.Query(ctx, process.ReconcileQueryID(p.TxnRef, orNow(r.Now)), p)
		if err != nil {
			return err
		}
		p.AmountVND, p.Reference = notice.AmountVND, notice.Reference
		switch p.Status = notice.Status; {
		case p.Status == registration.PaymentCaptured:
			paid = append(paid, p)
		case notice.GaveBack(p):
		case !p.Status.Decided() || !orNow(r.Now).After(p.ExpiresAt):
			return problem.New(problem.Conflict, "the gateway has not decided attempt %s (%s): close again later", p.TxnRef, p.Status)
		}
	}
	for _, p := range paid {
		if err := r.Gateways.Refund(ctx, process.RefundID(p.TxnRef), p, "kyso"); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) ask(ctx context.Context, p registration.Payment, report *incident.Report) error {
	notice, err := r.Gateways.Query(ctx, process.ReconcileQueryID(p.TxnRef, orNow(r.Now)), p)
	if err != nil {
		return err
	}
	if p.Status == registration.PaymentCaptured {
		if notice.GaveBack(p) {
			report.Payments++
			err = r.Paid.MarkRefund(ctx, p.TxnRef, process.RefundID(p.TxnRef), orNow(r.Now))
		}
		return err
	}
	_, fresh, err := r.Paid.ApplyNotice(ctx, notice)
	if fresh {
		report.Payments++
	}
	return err
}
