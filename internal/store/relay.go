package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kyso/internal/page"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Unsettled implements relay.Money.
func (r Relay) Unsettled(ctx context.Context, after page.Cursor, limit int) ([]registration.Payment, error) {
	tail, args := new(older).Add(`status = 'captured' AND settled_at IS NULL`).Tail(`created_at`, `txn_ref`, after, limit)
	return r.payments(ctx, "listing payments that are not settled", tail, args)
}

// Undecided implements relay.Money.
func (r Relay) Undecided(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Payment, error) {
	tail, args := new(older).Add(`status IN ('pending', 'review')`).Add(`created_at <= ?1`, kernel.At(before)).Tail(`created_at`, `txn_ref`, after, limit)
	return r.payments(ctx, "listing payments that are not decided", tail, args)
}

func (r Relay) payments(ctx context.Context, doing, tail string, args []any) ([]registration.Payment, error) {
	k, err := r.Store.Base.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []registration.Payment
	rows, err := r.Store.Base.DB.QueryContext(ctx, paymentQuery+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		p, err := scanPayment(rows, k)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return list, nil
}

// MarkSettled implements relay.Money.
func (r Relay) MarkSettled(ctx context.Context, txnRef string, when time.Time) error {
	return r.Store.Base.Exec(ctx, "noting that a payment is settled", `UPDATE payments SET settled_at = $1 WHERE txn_ref = $2 AND settled_at IS NULL`, kernel.At(when), txnRef)
}
