package accounts

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kyso/internal/page"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Loops is what the loops of internal/relay ask about codes and passwords. Every list is oldest first and goes on after a cursor;
// the index of each is a partial one that holds what the loop has to see and no more.
type Loops struct{ *kernel.Base }

// longestCode is longer than any code of a log-in can be used.
const longestCode = time.Hour

// UnsentCodes implements relay.TextRecords.
func (r Loops) UnsentCodes(ctx context.Context, now, before time.Time, after page.Cursor, limit int) ([]registration.Challenge, error) {
	o := new(kernel.Older).Add(`created_at > ?1 AND created_at <= ?2 AND expires_at > ?3`, kernel.At(now.Add(-longestCode)), kernel.At(before), kernel.At(now)).
		Add(`account_id <> '' AND sent_at IS NULL AND proven_at IS NULL AND digits IS NOT NULL`)
	tail, args := o.Tail(`created_at`, `id`, after, limit)
	var list []registration.Challenge
	rows, err := r.DB.QueryContext(ctx, `SELECT id, created_at FROM login_challenges`+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var c registration.Challenge
		err := rows.Scan(&c.ID, kernel.Into(&c.CreatedAt))
		list = append(list, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing codes to send: %w", err)
	}
	return list, nil
}

// OpenResets implements relay.TextRecords.
func (r Loops) OpenResets(ctx context.Context, now, before time.Time, after page.Cursor, limit int) ([]registration.Reset, error) {
	tail, args := new(kernel.Older).Add(`effective_at > ?1 AND requested_at <= ?2`, kernel.At(now), kernel.At(before)).Tail(`effective_at`, `account_id`, after, limit)
	var list []registration.Reset
	rows, err := r.DB.QueryContext(ctx, `SELECT account_id, requested_at, effective_at FROM password_resets`+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var one registration.Reset
		err := rows.Scan(&one.AccountID, kernel.Into(&one.RequestedAt), kernel.Into(&one.EffectiveAt))
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing resets: %w", err)
	}
	return list, nil
}
