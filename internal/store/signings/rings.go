package signings

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// AskSigning implements signing.Desk. The signing is in the table before it is counted, so a request that is repeated
// finds it and counts nothing; a refusal takes it out again.
func (s Records) AskSigning(ctx context.Context, in signing.Signing, by signing.Asker) error {
	return s.ask(ctx, in, func(tx *sql.Tx, k *kernel.Keys) error { return countRing(ctx, tx, k, in, by, in.CreatedAt) })
}

// AskAgain implements signing.Desk.
func (s Records) AskAgain(ctx context.Context, in signing.Signing, by signing.Asker, now time.Time) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, "counting a request", in.ID, func(tx *sql.Tx) error {
		of, err := reserve(ctx, tx, k, in, by)
		if err != nil {
			return err
		}
		if err := k.Take(ctx, tx, now, of.Rings(signing.Signer(in.UserID), by)); err != nil {
			return err
		}
		return cool(ctx, tx, k, in, of, now)
	})
}

// countRing counts a new signing for its signer. What the limits count locks the signer's rows, so that of many
// transactions at once each sees what the ones before it left pending.
func countRing(ctx context.Context, tx *sql.Tx, k *kernel.Keys, in signing.Signing, by signing.Asker, now time.Time) error {
	of, err := reserve(ctx, tx, k, in, by)
	if err != nil {
		return err
	}
	if err := k.Take(ctx, tx, now, of.Rings(signing.Signer(in.UserID), by)); err != nil {
		return err
	}
	if err := cool(ctx, tx, k, in, of, now); err != nil {
		return err
	}
	var pending int
	err = tx.QueryRowContext(ctx, `
		SELECT COUNT(*) FROM signings WHERE signer_lookup = $1 AND asked_by <> '' AND asked_by = $2 AND created_at > $3 AND finished_at IS NULL`,
		askedOf(k, in.UserID), string(of), kernel.At(now.Add(-signing.PendingFor))).Scan(&pending)
	if err != nil {
		return err
	}
	if pending >= of.MaxPending() {
		return &problem.Error{Code: problem.RateLimited, RetryAfter: 10 * time.Minute, Message: "too many requests for this signer; answer or cancel those that wait"}
	}
	_, err = tx.ExecContext(ctx, `UPDATE signings SET signer_lookup = $1, asked_by = $2 WHERE id = $3`, askedOf(k, in.UserID), string(of), in.ID)
	return err
}

// cool refuses a request for a phone whose owner has declined some of the same reserve lately.
func cool(ctx context.Context, tx *sql.Tx, k *kernel.Keys, in signing.Signing, of signing.Reserve, now time.Time) error {
	var declined int
	var last time.Time
	rows, err := tx.QueryContext(ctx, `
		SELECT finished_at FROM signings WHERE signer_lookup = $1 AND asked_by <> '' AND asked_by = $2 AND created_at > $3
			AND status = $4 AND finished_at > $5`,
		askedOf(k, in.UserID), string(of), kernel.At(now.Add(-signing.DeniedFor-signing.PendingFor)), string(signing.StatusDeclined), kernel.At(now.Add(-signing.DeniedFor)))
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var when time.Time
		err := rows.Scan(kernel.Into(&when))
		if declined++; when.After(last) {
			last = when
		}
		return err
	})
	if err != nil {
		return err
	}
	if wait := last.Add(signing.Cooling(declined)).Sub(now); declined > 0 && wait > 0 {
		return &problem.Error{Code: problem.RateLimited, RetryAfter: wait, Message: "the signer declined on the phone; ask again later"}
	}
	return nil
}

// reserve finds out whether a browser has a signing that the signer approved.
func reserve(ctx context.Context, tx *sql.Tx, k *kernel.Keys, in signing.Signing, by signing.Asker) (signing.Reserve, error) {
	var approved int
	err := tx.QueryRowContext(ctx, `
		SELECT COUNT(*) FROM (SELECT 1 FROM grants g JOIN signings s ON s.id = g.object
			WHERE g.kind = 'signing' AND g.owner = $1 AND s.signer_lookup = $2 AND s.asked_by <> '' AND s.status = $3 LIMIT 1) AS known`,
		by.Owner, askedOf(k, in.UserID), string(signing.StatusSigned)).Scan(&approved)
	if err != nil || approved == 0 {
		return signing.Strange, err
	}
	return signing.Known, nil
}

// askedOf is the lookup digest of whom a signing asks, whatever the spelling and the provider.
func askedOf(k *kernel.Keys, userID string) string {
	return k.Lookup.Digest("signer", []byte(signing.Signer(userID)))
}
