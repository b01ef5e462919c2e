package accounts

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"time"

	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// challengeLife is how long a challenge is kept: as long as the longest window of limits counts it.
const challengeLife = 48 * time.Hour

// OpenChallenge implements registration.Logins. Phones with and without an account run the same statements.
func (r Records) OpenChallenge(ctx context.Context, c registration.Challenge, phone, digits string, windows []registration.Window, limits ...limit.Limit) error {
	if c.ID == "" || c.Purpose == "" || c.Owner == "" || digits == "" || c.CreatedAt.IsZero() || c.ExpiresAt.IsZero() {
		return problem.New(problem.Invalid, "a challenge has an id, a purpose, an owner, digits and times")
	}
	return r.WriteSealed(ctx, "opening a challenge", func(tx *sql.Tx, k *kernel.Keys) error {
		lookup := k.Lookup.Digest("phone", []byte(phone))
		if err := r.Follow(ctx, tx, kernel.Phone(lookup)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM login_challenges WHERE id IN (
			SELECT id FROM login_challenges WHERE created_at < $1 ORDER BY created_at LIMIT 20)`, kernel.At(c.CreatedAt.Add(-challengeLife))); err != nil {
			return err
		}
		if err := holdWindows(ctx, tx, lookup, c.CreatedAt, windows); err != nil {
			return err
		}
		if err := k.Take(ctx, tx, c.CreatedAt, limits); err != nil {
			return err
		}
		var accountID string
		err := tx.QueryRowContext(ctx, `SELECT id FROM accounts WHERE phone_lookup = $1`, lookup).Scan(&accountID)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO login_challenges (id, purpose, owner, account_id, phone_lookup, digest, digits, created_at, expires_at, attempts)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`, c.ID, string(c.Purpose), c.Owner, accountID, lookup, codeDigest(k, c.ID, digits),
			k.Sealed("login_challenges", "digits", c.ID, []byte(digits)), kernel.At(c.CreatedAt), kernel.At(c.ExpiresAt))
		return err
	})
}

// holdWindows refuses a challenge when a window is full, and says when the oldest in it no longer counts.
func holdWindows(ctx context.Context, tx *sql.Tx, phoneLookup string, now time.Time, windows []registration.Window) error {
	for _, w := range windows {
		var oldest time.Time
		err := tx.QueryRowContext(ctx, `SELECT created_at FROM login_challenges WHERE phone_lookup = $1 AND created_at > $2
			ORDER BY created_at DESC LIMIT 1 OFFSET $3`, phoneLookup, kernel.At(now.Add(-w.Within)), w.Most-1).Scan(kernel.Into(&oldest))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		full := problem.New(problem.RateLimited, "too many codes for this phone")
		full.RetryAfter = oldest.Add(w.Within).Sub(now)
		return full
	}
	return nil
}

type storedChallenge struct {
	registration.Challenge
	digest string
	digits []byte // sealed
}

func readChallenge(ctx context.Context, tx *sql.Tx, id string) (storedChallenge, error) {
	var c storedChallenge
	err := tx.QueryRowContext(ctx, `SELECT id, purpose, owner, account_id, digest, digits, created_at, expires_at, sent_at, proven_at, closed_at, attempts
		FROM login_challenges WHERE id = $1`, id).Scan(&c.ID, &c.Purpose, &c.Owner, &c.AccountID, &c.digest, &c.digits, kernel.Into(&c.CreatedAt),
		kernel.Into(&c.ExpiresAt), kernel.Into(&c.SentAt), kernel.Into(&c.ProvenAt), kernel.Into(&c.ClosedAt), &c.Attempts)
	return c, kernel.OrNoSuch(err, "challenge")
}

// ProveChallenge implements registration.Logins. Tries of one challenge follow each other, so of many at once one is accepted and
// every wrong one is counted.
func (r Records) ProveChallenge(ctx context.Context, purpose registration.Purpose, id, owner, digits string, now, since time.Time) (registration.Challenge, error) {
	var out registration.Challenge
	var verdict error // an answer that is committed
	err := r.WriteOf(ctx, "proving a phone", kernel.Challenge(id), func(tx *sql.Tx, k *kernel.Keys) error {
		c, err := readChallenge(ctx, tx, id)
		if err == nil && (c.Owner != owner || c.Purpose != purpose) {
			err = kernel.NoSuch("challenge")
		}
		if err != nil {
			return err
		}
		out = c.Challenge
		if digits == "" {
			if c.ProvenAt.Before(since) || !c.ClosedAt.IsZero() {
				return errStale
			}
			return nil
		}
		switch {
		case c.Attempts >= maxTries:
			return errLocked
		case !c.ProvenAt.IsZero(), !now.Before(c.ExpiresAt):
			return errStale
		}
		same := subtle.ConstantTimeCompare([]byte(codeDigest(k, c.ID, digits)), []byte(c.digest)) == 1
		if same && c.AccountID != "" {
			out.ProvenAt = now.UTC().Truncate(time.Microsecond)
			_, err := tx.ExecContext(ctx, `UPDATE login_challenges SET proven_at = $1, digits = NULL WHERE id = $2 AND purpose = $3`, kernel.At(now), id, string(purpose))
			return err
		}
		if verdict = error(errWrong); c.Attempts+1 >= maxTries {
			verdict = errLocked
		}
		_, err = tx.ExecContext(ctx, `UPDATE login_challenges SET attempts = attempts + 1 WHERE id = $1`, id)
		return err
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return registration.Challenge{}, err
	}
	return out, nil
}

// CloseChallenge implements registration.Logins.
func (r Records) CloseChallenge(ctx context.Context, id string, when time.Time) error {
	return r.WriteOf(ctx, "closing a challenge", kernel.Challenge(id), func(tx *sql.Tx, _ *kernel.Keys) error {
		c, err := readChallenge(ctx, tx, id)
		if err != nil {
			return err
		}
		closed, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE login_challenges SET closed_at = $1 WHERE id = $2 AND closed_at IS NULL AND proven_at IS NOT NULL`,
			kernel.At(when), id))
		if err != nil {
			return err
		}
		if closed == 0 {
			return errStale
		}
		return kernel.Note(ctx, tx, when, string(c.Purpose), c.AccountID, accountActor(c.AccountID), c.ID)
	})
}

// accountActor is a citizen as the audit log names who acts: the owner of the sessions of an account.
func accountActor(id string) string { return "account:" + id }

// ChallengeToSend implements registration.Logins.
func (r Records) ChallengeToSend(ctx context.Context, id string, now time.Time) (out registration.Challenge, phone, digits string, err error) {
	err = r.ReadSealed(ctx, "reading a code to send", func(tx *sql.Tx, k *kernel.Keys) error {
		c, err := readChallenge(ctx, tx, id)
		if err != nil {
			return err
		}
		out = c.Challenge
		if c.AccountID == "" || !c.SentAt.IsZero() || !c.ProvenAt.IsZero() || !now.Before(c.ExpiresAt) || len(c.digits) == 0 {
			return kernel.Conflict("there is no code to send")
		}
		a, err := r.AccountWhere(ctx, tx, ` WHERE id = $1`, c.AccountID)
		if err != nil {
			return err
		}
		phone = a.Phone
		return k.OpenText(nil, &digits, "login_challenges", "digits", id, c.digits)
	})
	return out, phone, digits, err
}

// MarkChallengeSent implements registration.Logins.
func (r Records) MarkChallengeSent(ctx context.Context, id string, when time.Time) error {
	return r.WriteOf(ctx, "marking a code as sent", kernel.Challenge(id), func(tx *sql.Tx, _ *kernel.Keys) error {
		marked, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE login_challenges SET digits = NULL, sent_at = COALESCE(sent_at, $1) WHERE id = $2`, kernel.At(when), id))
		if err == nil && marked == 0 {
			return kernel.NoSuch("challenge")
		}
		return err
	})
}
