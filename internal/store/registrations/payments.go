package registrations

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

const paymentQuery = `SELECT txn_ref, registration_id, attempt, amount_vnd, gateway, status, created_at, expires_at, reference, transaction_no,
	decided_at, refund_id, refunded_at FROM payments`

// scanPayment reads a payment. A program of an earlier release keeps the reference in the clear, as transaction_no; its columns
// response_code and bank_status are read no more.
func scanPayment(row kernel.Scanner, k *kernel.Keys) (registration.Payment, error) {
	var p registration.Payment
	var sealed []byte
	var plain string
	err := row.Scan(&p.TxnRef, &p.RegistrationID, &p.Attempt, &p.AmountVND, &p.Gateway, &p.Status, kernel.Into(&p.CreatedAt), kernel.Into(&p.ExpiresAt), &sealed, &plain,
		kernel.Into(&p.DecidedAt), &p.RefundID, kernel.Into(&p.RefundedAt))
	switch {
	case err != nil:
		return p, kernel.OrNoSuch(err, "payment")
	case len(sealed) == 0 && p.Gateway == registration.FirstGateway:
		p.Reference = registration.Reference(plain)
	case len(sealed) > 0:
		var reference []byte
		reference, err = k.Open("payments", "reference", p.TxnRef, sealed)
		p.Reference = registration.Reference(reference)
	}
	return p, err
}

// sealedReference seals what a gateway needs to hear again; nothing stays nothing.
func sealedReference(k *kernel.Keys, ref string, value registration.Reference) []byte {
	if value == "" {
		return nil
	}
	return k.Sealed("payments", "reference", ref, []byte(value))
}

// payment reads one payment.
func payment(ctx context.Context, tx *sql.Tx, k *kernel.Keys, ref string) (registration.Payment, error) {
	return scanPayment(tx.QueryRowContext(ctx, paymentQuery+` WHERE txn_ref = $1`, ref), k)
}

// CreatePayment implements registration.Records. The first record of an attempt stays, with its times.
func (r Records) CreatePayment(ctx context.Context, p registration.Payment, waits ...process.Wait) error {
	if p.TxnRef == "" || p.AmountVND <= 0 || p.CreatedAt.IsZero() || p.ExpiresAt.IsZero() || p.Status != "" && p.Status != registration.PaymentPending {
		return problem.New(problem.Invalid, "a new payment has a reference, an amount and times, and is pending")
	}
	p.Gateway = cmp.Or(p.Gateway, registration.FirstGateway)
	return r.WriteOf(ctx, "creating a payment", kernel.Registration(p.RegistrationID), func(tx *sql.Tx, k *kernel.Keys) error {
		if err := registered(ctx, tx, p.RegistrationID); err != nil {
			return err
		}
		made, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO payments (txn_ref, registration_id, attempt, amount_vnd, gateway, status, created_at, expires_at, transaction_no, response_code, bank_status, refund_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', '', '', '') ON CONFLICT DO NOTHING`,
			p.TxnRef, p.RegistrationID, p.Attempt, p.AmountVND, p.Gateway, string(registration.PaymentPending), kernel.At(p.CreatedAt), kernel.At(p.ExpiresAt)))
		if err != nil {
			return err
		}
		if made == 0 {
			return samePayment(ctx, tx, k, p)
		}
		if err := waitToPay(ctx, tx, p.RegistrationID, waits); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, p.CreatedAt, "payment", p.RegistrationID, "", fmt.Sprintf("%s pending %d VND", p.TxnRef, p.AmountVND))
	})
}

// waitToPay begins waits of a registration whose order is open. It may be recorded a moment later that it awaits its payment.
func waitToPay(ctx context.Context, tx *sql.Tx, id string, waits []process.Wait) error {
	if len(waits) == 0 {
		return nil
	}
	var status registration.Status
	if err := tx.QueryRowContext(ctx, `SELECT status FROM registrations WHERE id = $1`, id).Scan(&status); err != nil {
		return err
	}
	if status != registration.StatusAccountReady && status != registration.StatusAwaitingPayment {
		return nil
	}
	for _, w := range waits {
		if err := kernel.Watch(ctx, tx, w); err != nil {
			return err
		}
	}
	return nil
}

func samePayment(ctx context.Context, tx *sql.Tx, k *kernel.Keys, p registration.Payment) error {
	stored, err := payment(ctx, tx, k, p.TxnRef)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		return kernel.Conflict("attempt %d has another reference", p.Attempt)
	case err != nil:
		return err
	case stored.RegistrationID != p.RegistrationID || stored.Attempt != p.Attempt || stored.AmountVND != p.AmountVND:
		return kernel.Conflict("a payment with this reference exists with other content")
	}
	return nil
}

// Payment implements registration.Records.
func (r Records) Payment(ctx context.Context, ref string) (registration.Payment, error) {
	var p registration.Payment
	err := r.ReadSealed(ctx, "reading a payment", func(tx *sql.Tx, k *kernel.Keys) (err error) {
		p, err = payment(ctx, tx, k, ref)
		return err
	})
	return p, err
}

// Payments implements registration.Records.
func (r Records) Payments(ctx context.Context, id string) ([]registration.Payment, error) {
	var list []registration.Payment
	err := r.ReadSealed(ctx, "listing payments", func(tx *sql.Tx, k *kernel.Keys) error {
		if err := registered(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, paymentQuery+` WHERE registration_id = $1 ORDER BY attempt`, id)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			p, err := scanPayment(rows, k)
			list = append(list, p)
			return err
		})
	})
	return list, err
}

// KeepReference implements registration.Records.
func (r Records) KeepReference(ctx context.Context, ref string, reference registration.Reference) error {
	return r.WriteOf(ctx, "keeping the reference of a payment", kernel.Payment(ref), func(tx *sql.Tx, k *kernel.Keys) error {
		if _, err := payment(ctx, tx, k, ref); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE payments SET reference = $1 WHERE txn_ref = $2 AND status = 'pending'`, sealedReference(k, ref, reference), ref)
		return err
	})
}

// ApplyNotice implements registration.Records. A failed attempt may still turn out to be paid: money is money. A transaction that
// pays another attempt already is not money of this one: it goes to review. So does a payment without a name of its
// transaction.
func (r Records) ApplyNotice(ctx context.Context, n registration.PaymentNotice) (p registration.Payment, fresh bool, err error) {
	err = r.WriteOf(ctx, "recording a payment", kernel.Payment(n.TxnRef), func(tx *sql.Tx, k *kernel.Keys) (err error) {
		if p, err = payment(ctx, tx, k, n.TxnRef); err != nil {
			return err
		}
		if p.Gateway != cmp.Or(n.Gateway, registration.FirstGateway) {
			return problem.New(problem.NotFound, "the payment was begun at another gateway")
		}
		if p.AmountVND != n.AmountVND {
			return problem.New(problem.Invalid, "the amount is not the order's")
		}
		to, err := becomes(ctx, tx, p, n)
		if err != nil || to == p.Status {
			return err
		}
		fresh, p.Status = true, to
		p.Reference = cmp.Or(n.Reference, p.Reference)
		if to.Decided() {
			p.DecidedAt = n.At.UTC().Truncate(time.Microsecond)
		}
		// Programs of earlier releases look for the transaction, and ask for refunds with it.
		_, err = tx.ExecContext(ctx, `UPDATE payments SET status = $1, reference = $2, transaction_no = COALESCE(NULLIF($3, ''), transaction_no), decided_at = $4 WHERE txn_ref = $5`,
			string(p.Status), sealedReference(k, p.TxnRef, p.Reference), transactionKey(p.Gateway, n.Transaction), kernel.At(p.DecidedAt), p.TxnRef)
		if err != nil {
			return err
		}
		if err := compareAgain(ctx, tx, p.RegistrationID); err != nil {
			return err
		}
		if err := kernel.Answered(ctx, tx, process.WaitPayment, p.TxnRef, r.Now()); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, n.At, "payment", p.RegistrationID, p.Gateway, fmt.Sprintf("%s %s %s", p.TxnRef, to, n.Said))
	})
	if err != nil {
		return registration.Payment{}, false, err
	}
	return p, fresh, nil
}

// becomes is what a payment is after a notice; what it was when the notice changes nothing.
func becomes(ctx context.Context, tx *sql.Tx, p registration.Payment, n registration.PaymentNotice) (registration.PaymentStatus, error) {
	to := n.Status
	if !mayBecome(p.Status, to) {
		return p.Status, nil
	}
	if to != registration.PaymentCaptured {
		return to, nil
	}
	ours, err := claimTransaction(ctx, tx, transactionKey(p.Gateway, n.Transaction), p.TxnRef)
	if err == nil && !ours {
		to = registration.PaymentReview
	}
	return to, err
}

// compareAgain has a registration whose money has moved compared soon.
func compareAgain(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `UPDATE registrations SET compared_at = $1 WHERE id = $2`, kernel.At(time.Unix(0, 0)), id)
	return err
}

// transactionKey keeps the transactions of gateways apart. Those of the first one are called as the gateway calls them.
func transactionKey(gateway, transaction string) string {
	if gateway == registration.FirstGateway || transaction == "" {
		return transaction
	}
	return process.TransactionKey(gateway, transaction)
}

// claimTransaction gives a transaction to an attempt, unless another has it. Without a name it is open whose the money is.
func claimTransaction(ctx context.Context, tx *sql.Tx, number, ref string) (ours bool, err error) {
	if number == "" {
		return false, nil
	}
	var others int
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM payments WHERE transaction_no = $1 AND txn_ref <> $2 AND status IN ('captured', 'refunded')`,
		number, ref).Scan(&others)
	if err != nil || others > 0 {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO payment_transactions (transaction_no, txn_ref) VALUES ($1, $2) ON CONFLICT DO NOTHING`, number, ref)
	if err != nil {
		return false, err
	}
	var owner string
	err = tx.QueryRowContext(ctx, `SELECT txn_ref FROM payment_transactions WHERE transaction_no = $1`, number).Scan(&owner)
	return owner == ref, err
}

// mayBecome reports whether a notice changes anything.
func mayBecome(from, to registration.PaymentStatus) bool {
	switch from {
	case registration.PaymentPending:
		return to != registration.PaymentPending
	case registration.PaymentReview:
		return to == registration.PaymentCaptured || to == registration.PaymentFailed
	case registration.PaymentFailed:
		return to == registration.PaymentCaptured
	}
	return false
}

// MarkRefund implements registration.Records. The first id of a refund stays. Only money that is here goes back.
func (r Records) MarkRefund(ctx context.Context, ref, refundID string, when time.Time) error {
	if refundID == "" {
		return problem.New(problem.Invalid, "a refund has an id")
	}
	return r.WriteOf(ctx, "recording a refund", kernel.Payment(ref), func(tx *sql.Tx, k *kernel.Keys) error {
		p, err := payment(ctx, tx, k, ref)
		switch {
		case err != nil:
			return err
		case p.Status == registration.PaymentRefunded, when.IsZero() && p.RefundID != "":
			return nil
		case p.Status != registration.PaymentCaptured:
			return kernel.Conflict("a payment that is %s cannot be refunded", p.Status)
		}
		word := "requested"
		if p.RefundID == "" {
			p.RefundID = refundID
		}
		if !when.IsZero() {
			p.Status, word = registration.PaymentRefunded, "refunded"
		}
		_, err = tx.ExecContext(ctx, `UPDATE payments SET status = $1, refund_id = $2, refunded_at = $3 WHERE txn_ref = $4`,
			string(p.Status), p.RefundID, kernel.At(when), ref)
		if err != nil {
			return err
		}
		if err := compareAgain(ctx, tx, p.RegistrationID); err != nil {
			return err
		}
		if when.IsZero() {
			when = r.Now()
		}
		return kernel.Note(ctx, tx, when, "refund", p.RegistrationID, "", ref+" "+p.RefundID+" "+word)
	})
}
