package accounts

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// ofAccount opens the data key of the person of an account.
func (r Records) ofAccount(ctx context.Context, tx *sql.Tx, accountID string) (*kernel.Subject, error) {
	var subjectID string
	if err := tx.QueryRowContext(ctx, `SELECT subject_id FROM accounts WHERE id = $1`, accountID).Scan(&subjectID); err != nil {
		return nil, kernel.OrNoSuch(err, "account")
	}
	return r.SubjectKey(ctx, tx, subjectID)
}

// SaveReset implements registration.Passwords.
func (r Records) SaveReset(ctx context.Context, in registration.Reset) error {
	if in.PasswordHash == "" || in.RequestedAt.IsZero() || !in.EffectiveAt.After(in.RequestedAt) {
		return problem.New(problem.Invalid, "a reset has a password and a cooling time")
	}
	return r.WriteOf(ctx, "keeping a password reset", kernel.Account(in.AccountID), func(tx *sql.Tx, _ *kernel.Keys) error {
		s, err := r.ofAccount(ctx, tx, in.AccountID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO password_resets (account_id, password, requested_at, effective_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_id) DO UPDATE SET password = $2, requested_at = $3, effective_at = $4`,
			in.AccountID, s.Sealed("password_resets", "password", in.AccountID, []byte(in.PasswordHash)), kernel.At(in.RequestedAt), kernel.At(in.EffectiveAt))
		if err != nil {
			return err
		}
		return kernel.Note(ctx, tx, in.RequestedAt, "password", in.AccountID, accountActor(in.AccountID), "reset asked for")
	})
}

// Reset implements registration.Passwords.
func (r Records) Reset(ctx context.Context, accountID string) (registration.Reset, error) {
	out := registration.Reset{AccountID: accountID}
	err := r.ReadSealed(ctx, "reading a password reset", func(tx *sql.Tx, _ *kernel.Keys) error {
		var password []byte
		err := tx.QueryRowContext(ctx, `SELECT password, requested_at, effective_at FROM password_resets WHERE account_id = $1`, accountID).
			Scan(&password, kernel.Into(&out.RequestedAt), kernel.Into(&out.EffectiveAt))
		if err != nil {
			return kernel.OrNoSuch(err, "reset")
		}
		s, err := r.ofAccount(ctx, tx, accountID)
		if err != nil {
			return err
		}
		return s.OpenText(nil, &out.PasswordHash, "password_resets", "password", accountID, password)
	})
	return out, err
}

// DropReset implements registration.Passwords.
func (r Records) DropReset(ctx context.Context, accountID, why string, when time.Time) error {
	return r.WriteOf(ctx, "dropping a password reset", kernel.Account(accountID), func(tx *sql.Tx, _ *kernel.Keys) error {
		dropped, err := kernel.Affected(tx.ExecContext(ctx, `DELETE FROM password_resets WHERE account_id = $1`, accountID))
		if err != nil || dropped == 0 {
			return err
		}
		return kernel.Note(ctx, tx, when, "password", accountID, accountActor(accountID), why)
	})
}

// SetPassword implements registration.Passwords.
func (r Records) SetPassword(ctx context.Context, accountID, hash, why, keep string, when time.Time) error {
	return r.WriteOf(ctx, "changing a password", kernel.Account(accountID), func(tx *sql.Tx, _ *kernel.Keys) error {
		s, err := r.ofAccount(ctx, tx, accountID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE accounts SET password = $1, failures = 0, locked_until = NULL WHERE id = $2`,
			s.Sealed("accounts", "password", accountID, []byte(hash)), accountID)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM password_resets WHERE account_id = $1`, accountID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE account_id = $1 AND account_id <> '' AND id <> $2`, accountID, keep); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, when, "password", accountID, accountActor(accountID), why)
	})
}

const (
	// longestDelay ends the doubling of the wait before a password may be tried.
	longestDelay = time.Hour
	// triesFor is how long a network's wrong passwords count after the last one.
	triesFor = 24 * time.Hour
)

func triesID(k *kernel.Keys, accountID, network string) string {
	return k.Lookup.Digest("password-tries", []byte(accountID+"\x00"+network))
}

// TryPassword implements registration.Passwords. Tries of one account follow each other, so each sees the one before it.
func (r Records) TryPassword(ctx context.Context, accountID, network string, now time.Time, free int, delay time.Duration) error {
	return r.WriteOf(ctx, "counting a password", kernel.Account(accountID), func(tx *sql.Tx, k *kernel.Keys) error {
		var failures int
		var freeAt int64
		id := triesID(k, accountID, network)
		err := tx.QueryRowContext(ctx, `SELECT failures, free_at FROM password_tries WHERE id = $1 AND ends_at > $2`, id, kernel.At(now)).Scan(&failures, &freeAt)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if wait := time.UnixMilli(freeAt).Sub(now); wait > 0 {
			return &problem.Error{Code: problem.RateLimited, RetryAfter: wait, Message: "wrong passwords from this network have to wait"}
		}
		counted, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE accounts SET failures = failures + 1 WHERE id = $1 AND failures < $2`,
			accountID, registration.MaxWrongPasswords))
		if err != nil {
			return err
		}
		if counted == 0 {
			return &problem.Error{Code: problem.RateLimited, RetryAfter: triesFor, Message: "too many wrong passwords in a row; reset the password"}
		}
		failures++
		_, err = tx.ExecContext(ctx, `INSERT INTO password_tries (id, failures, free_at, ends_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET failures = $2, free_at = $3, ends_at = $4`,
			id, failures, now.Add(waitAfter(failures, free, delay)).UnixMilli(), kernel.At(now.Add(triesFor)))
		return err
	})
}

// waitAfter is how long the next try waits after so many wrong ones.
func waitAfter(failures, free int, delay time.Duration) time.Duration {
	if failures < free {
		return 0
	}
	for range failures - free {
		if delay *= 2; delay >= longestDelay {
			return longestDelay
		}
	}
	return min(delay, longestDelay)
}

// RightPassword implements registration.Passwords.
func (r Records) RightPassword(ctx context.Context, accountID, network string) error {
	return r.WriteOf(ctx, "forgetting wrong passwords", kernel.Account(accountID), func(tx *sql.Tx, k *kernel.Keys) error {
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET failures = 0 WHERE id = $1`, accountID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM password_tries WHERE id = $1`, triesID(k, accountID, network))
		return err
	})
}
