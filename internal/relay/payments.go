package relay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

// payments writes into the store what VNPay knows of the attempts of a registration and the store does not: attempts that
// the process began after the store's backup, and, when no process asks any more, what became of the others.
// VNPay 2.1.0 has no list; an attempt is asked for by its reference and the second in which it was made, which the
// process remembers.
func (r *Reconciler) payments(ctx context.Context, s registration.Registration, status workflows.RegistrationStatus, state workflows.RunState, report *incident.Report) error {
	if r.VNPay == nil || len(status.Attempts) == 0 && (state == workflows.RunRunning || s.PriceVND == 0) {
		return nil
	}
	known, err := r.Records.Payments(ctx, s.ID)
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
		p := registration.Payment{TxnRef: opened.TxnRef, RegistrationID: s.ID, Attempt: attemptOf(opened.TxnRef), AmountVND: s.PriceVND,
			CreatedAt: opened.ExpiresAt.Add(-activities.PaymentWindow), ExpiresAt: opened.ExpiresAt}
		if err := r.adopt(ctx, p, report); err != nil {
			return err
		}
	}
	if state == workflows.RunRunning {
		return nil
	}
	for _, p := range known {
		if p.Status.Decided() && p.Status != registration.PaymentFailed || orNow(r.Now).Before(p.ExpiresAt) {
			continue
		}
		if err := r.ask(ctx, p, report); err != nil {
			return err
		}
	}
	return nil
}

// adopt asks VNPay for an attempt that the store does not know and writes it down when VNPay knows its amount.
func (r *Reconciler) adopt(ctx context.Context, p registration.Payment, report *incident.Report) error {
	notice, err := r.VNPay.Query(ctx, questionID(p.TxnRef, orNow(r.Now)), p)
	if err != nil {
		return err
	}
	if notice.AmountVND > 0 {
		p.AmountVND = notice.AmountVND
	}
	if p.AmountVND <= 0 {
		return nil // nobody came to pay, and the order is not known: there is nothing to write down
	}
	if err := r.Records.CreatePayment(ctx, p); err != nil && problem.CodeOf(err) != problem.Conflict {
		return err
	}
	report.Payments++
	_, _, err = r.Records.ApplyNotice(ctx, notice)
	return err
}

func (r *Reconciler) ask(ctx context.Context, p registration.Payment, report *incident.Report) error {
	notice, err := r.VNPay.Query(ctx, questionID(p.TxnRef, orNow(r.Now)), p)
	if err != nil {
		return err
	}
	_, fresh, err := r.Records.ApplyNotice(ctx, notice)
	if fresh {
		report.Payments++
	}
	return err
}

// questionID names one question: VNPay wants an id that is unique in its day.
func questionID(ref string, now time.Time) string {
	sum := sha256.Sum256([]byte("reconcile " + ref + now.UTC().Format(time.RFC3339Nano)))
	return "RC" + hex.EncodeToString(sum[:14])
}

// attemptOf reads the number of an attempt from its reference, which ends with it.
func attemptOf(ref string) int {
	n, err := strconv.Atoi(ref[max(0, len(ref)-2):])
	if err != nil {
		return 0
	}
	return n
}
