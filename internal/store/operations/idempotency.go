package operations

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// forgetAtOnce bounds one deletion, so that no writer waits long for it.
const forgetAtOnce = 250

// Answers keeps the answers to Idempotency-Keys.
type Answers struct{ *kernel.Base }

// ForgetAnswers deletes the answers to Idempotency-Keys that came before a time, and returns how many. What an act itself
// needs to be done once stays: a signing and an update are named by the key.
func (s Answers) ForgetAnswers(ctx context.Context, before time.Time) (int, error) {
	all := 0
	for {
		var n int64
		err := s.Write(ctx, "forgetting kept answers", func(tx *sql.Tx) (err error) {
			n, err = kernel.Affected(tx.ExecContext(ctx, `DELETE FROM idempotency WHERE id IN (
				SELECT id FROM idempotency WHERE started_at < $1 ORDER BY started_at LIMIT $2)`, kernel.At(before), forgetAtOnce))
			return err
		})
		all += int(n)
		if err != nil || n < forgetAtOnce {
			return all, err
		}
	}
}

// ForgetSecrets clears what may not be used any more: secrets in kept answers, and those of endpoints before a rotation.
func (s Answers) ForgetSecrets(ctx context.Context, now time.Time) error {
	return s.Write(ctx, "clearing secrets", func(tx *sql.Tx) error {
		if err := clearAnswers(ctx, tx, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET old_secret = NULL WHERE old_until <= $1 AND old_secret IS NOT NULL`, kernel.At(now))
		return err
	})
}

func clearAnswers(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE idempotency SET body = NULL WHERE secret_until <= $1 AND body IS NOT NULL`, kernel.At(now))
	return err
}

// idempotencyID hides the key: it comes from outside and may hold anything, personal data included.
func idempotencyID(k *kernel.Keys, key string) string {
	return k.Lookup.Digest("idempotency-key", []byte(key))
}

// Remember implements signing.Desk.
func (s Answers) Remember(ctx context.Context, key, requestDigest string) (*signing.Answer, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	id, request := idempotencyID(k, key), k.Lookup.Digest("idempotent-request", []byte(requestDigest))
	now := s.Now()
	var stored *signing.Answer
	err = s.Write(ctx, "remembering an idempotency key", func(tx *sql.Tx) error {
		first, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO idempotency (id, request, started_at, status, content_type) VALUES ($1, $2, $3, 0, '')
			ON CONFLICT (id) DO NOTHING`, id, request, kernel.At(now)))
		if err != nil || first > 0 {
			return err
		}
		stored, err = recall(ctx, tx, k, id, request)
		if err != nil || stored != nil {
			return err
		}
		takenOver, err := kernel.Affected(tx.ExecContext(ctx, `
			UPDATE idempotency SET started_at = $1 WHERE id = $2 AND status = 0 AND started_at <= $3`,
			kernel.At(now), id, kernel.At(now.Add(-kernel.TakenForDead))))
		if err == nil && takenOver == 0 {
			return kernel.Conflict("the first request with this Idempotency-Key is still at work")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// recall returns the answer that is kept for a key, nil while there is none.
func recall(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id, request string) (*signing.Answer, error) {
	var known string
	var a signing.Answer
	var body []byte
	err := tx.QueryRowContext(ctx, `SELECT request, status, content_type, body, secret_until FROM idempotency WHERE id = $1`, id).
		Scan(&known, &a.Status, &a.ContentType, &body, kernel.Into(&a.SecretUntil))
	if err != nil {
		return nil, err
	}
	if known != request {
		return nil, problem.New(problem.IdempotencyMismatch, "the Idempotency-Key was used with another request")
	}
	if a.Status == 0 {
		return nil, nil
	}
	if body == nil { // a secret whose time is over, or data of a person that was erased
		a.Erased = a.SecretUntil.IsZero()
		return &a, nil
	}
	a.Body, err = k.Open("idempotency", "body", id, body)
	return &a, err
}

// Answered implements signing.Desk. The first answer stays.
func (s Answers) Answered(ctx context.Context, key string, a signing.Answer) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	if a.Status <= 0 {
		return problem.New(problem.Invalid, "an answer has a status")
	}
	id := idempotencyID(k, key)
	return s.Write(ctx, "keeping an answer", func(tx *sql.Tx) error {
		kept, err := kernel.Affected(tx.ExecContext(ctx, `
			UPDATE idempotency SET status = $1, content_type = $2, body = $3, secret_until = $4, about = $5 WHERE id = $6 AND status = 0`,
			a.Status, a.ContentType, k.Sealed("idempotency", "body", id, a.Body), kernel.At(a.SecretUntil), a.About, id))
		if err == nil && !a.SecretUntil.IsZero() {
			err = clearAnswers(ctx, tx, s.Now())
		}
		if err != nil || kept > 0 {
			return err
		}
		var status int
		err = tx.QueryRowContext(ctx, `SELECT status FROM idempotency WHERE id = $1`, id).Scan(&status)
		return kernel.OrNoSuch(err, "idempotency key")
	})
}
