package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

const paymentQuery = `SELECT txn_ref, registration_id, attempt, amount_vnd, status, created_at, expires_at, transaction_no, response_code,
	bank_status, decided_at, refund_id, refunded_at FROM payments`

func scanPayment(row scanner) (registration.Payment, error) {
	var p registration.Payment
	err := row.Scan(&p.TxnRef, &p.RegistrationID, &p.Attempt, &p.AmountVND, &p.Status, into(&p.CreatedAt), into(&p.ExpiresAt), &p.TransactionNo,
		&p.ResponseCode, &p.BankStatus, into(&p.DecidedAt), &p.RefundID, into(&p.RefundedAt))
	return p, orNoSuch(err, "payment")
}

// CreatePayment implements registration.Records. The first record of an attempt stays.
func (r Registrations) CreatePayment(ctx context.Context, p registration.Payment) error {
	return r.write(ctx, "creating a payment", func(tx *sql.Tx, _ *keys) error {
		made, err := affected(tx.ExecContext(ctx, `
			INSERT INTO payments (txn_ref, registration_id, attempt, amount_vnd, status, created_at, expires_at, transaction_no, response_code, bank_status, refund_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', '') ON CONFLICT (txn_ref) DO NOTHING`,
			p.TxnRef, p.RegistrationID, p.Attempt, p.AmountVND, string(registration.PaymentPending), at(p.CreatedAt), at(p.ExpiresAt)))
		if err != nil || made == 0 {
			return err
		}
		return audit(ctx, tx, p.CreatedAt, "payment", p.RegistrationID, "", fmt.Sprintf("%s pending %d VND", p.TxnRef, p.AmountVND))
	})
}

// Payment implements registration.Records.
func (r Registrations) Payment(ctx context.Context, ref string) (registration.Payment, error) {
	var p registration.Payment
	err := r.read(ctx, "reading a payment", func(tx *sql.Tx, _ *keys) (err error) {
		p, err = scanPayment(tx.QueryRowContext(ctx, paymentQuery+` WHERE txn_ref = $1`, ref))
		return err
	})
	return p, err
}

// Payments implements registration.Records.
func (r Registrations) Payments(ctx context.Context, id string) ([]registration.Payment, error) {
	var list []registration.Payment
	err := r.read(ctx, "listing payments", func(tx *sql.Tx, _ *keys) error {
		rows, err := tx.QueryContext(ctx, paymentQuery+` WHERE registration_id = $1 ORDER BY attempt`, id)
		return each(rows, err, func(rows *sql.Rows) error {
			p, err := scanPayment(rows)
			list = append(list, p)
			return err
		})
	})
	return list, err
}

// ApplyNotice implements registration.Records. A failed attempt may still turn out to be paid: money is money.
func (r Registrations) ApplyNotice(ctx context.Context, n registration.PaymentNotice) (registration.Payment, bool, error) {
	var p registration.Payment
	fresh := false
	err := r.write(ctx, "recording a payment", func(tx *sql.Tx, _ *keys) (err error) {
		fresh = false
		if p, err = scanPayment(tx.QueryRowContext(ctx, paymentQuery+` WHERE txn_ref = $1`, n.TxnRef)); err != nil {
			return err
		}
		if p.AmountVND != n.AmountVND {
			return problem.New(problem.Invalid, "the amount is not the order's")
		}
		to := registration.StatusOf(n.ResponseCode, n.TransactionStatus)
		settled := p.Status == registration.PaymentCaptured || p.Status == registration.PaymentRefunded
		if settled || to == registration.PaymentPending || to == p.Status || p.Status == registration.PaymentFailed && to != registration.PaymentCaptured {
			return nil
		}
		fresh, p.Status, p.TransactionNo, p.ResponseCode, p.BankStatus = true, to, n.TransactionNo, n.ResponseCode, n.TransactionStatus
		p.DecidedAt = n.At.UTC().Truncate(time.Microsecond)
		_, err = tx.ExecContext(ctx, `UPDATE payments SET status = $1, transaction_no = $2, response_code = $3, bank_status = $4, decided_at = $5 WHERE txn_ref = $6`,
			string(to), n.TransactionNo, n.ResponseCode, n.TransactionStatus, at(n.At), n.TxnRef)
		if err != nil {
			return err
		}
		return audit(ctx, tx, n.At, "payment", p.RegistrationID, "vnpay", fmt.Sprintf("%s %s %s/%s", p.TxnRef, to, n.ResponseCode, n.TransactionStatus))
	})
	return p, fresh, err
}

// MarkRefund implements registration.Records. The first id of a refund stays.
func (r Registrations) MarkRefund(ctx context.Context, ref, refundID string, when time.Time) error {
	return r.write(ctx, "recording a refund", func(tx *sql.Tx, _ *keys) error {
		p, err := scanPayment(tx.QueryRowContext(ctx, paymentQuery+` WHERE txn_ref = $1`, ref))
		switch {
		case err != nil:
			return err
		case when.IsZero() && p.RefundID == "":
			_, err = tx.ExecContext(ctx, `UPDATE payments SET refund_id = $1 WHERE txn_ref = $2`, refundID, ref)
		case !when.IsZero() && p.RefundedAt.IsZero():
			_, err = tx.ExecContext(ctx, `UPDATE payments SET status = $1, refunded_at = $2 WHERE txn_ref = $3`, string(registration.PaymentRefunded), at(when), ref)
		default:
			return nil
		}
		if err != nil {
			return err
		}
		word := "asked"
		if !when.IsZero() {
			word = "done"
		} else {
			when = r.s.now()
		}
		return audit(ctx, tx, when, "refund", p.RegistrationID, "", ref+" "+word)
	})
}
