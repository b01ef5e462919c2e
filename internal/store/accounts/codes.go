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

// maxTries is how many wrong tries lock a code.
const maxTries = 5

func codeDigest(k *kernel.Keys, id, digits string) string {
	return k.Lookup.Digest("code", []byte(id+"\x00"+digits))
}

// SaveCode implements registration.Records. A code that is stored already is left as it is, so a late retry does not put
// it in front of a newer one.
func (r Records) SaveCode(ctx context.Context, c registration.Code, digits string) error {
	return r.saveCode(ctx, c, digits, func(*sql.Tx, *kernel.Keys) error { return nil })
}

// AskCode implements registration.Records. Writers of one registration follow each other, so each sees the code before it.
func (r Records) AskCode(ctx context.Context, c registration.Code, digits string, gap time.Duration, limits ...limit.Limit) error {
	return r.saveCode(ctx, c, digits, func(tx *sql.Tx, k *kernel.Keys) error {
		var last time.Time
		err := tx.QueryRowContext(ctx, `SELECT created_at FROM codes`+newestCode, c.RegistrationID, string(c.Purpose)).Scan(kernel.Into(&last))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if wait := last.Add(gap).Sub(c.CreatedAt); err == nil && wait > 0 {
			return &problem.Error{Code: problem.RateLimited, RetryAfter: wait, Message: "a code was sent a moment ago"}
		}
		return k.Take(ctx, tx, c.CreatedAt, limits)
	})
}

// saveCode calls counted for a code that was not there, in the transaction that stores it.
func (r Records) saveCode(ctx context.Context, c registration.Code, digits string, counted func(tx *sql.Tx, k *kernel.Keys) error) error {
	if c.ID == "" || c.Purpose == "" || digits == "" || c.CreatedAt.IsZero() || c.ExpiresAt.IsZero() {
		return problem.New(problem.Invalid, "a code has an id, a purpose, digits and times")
	}
	return r.WriteOf(ctx, "saving a code", kernel.Registration(c.RegistrationID), func(tx *sql.Tx, k *kernel.Keys) error {
		s, err := r.OfRegistration(ctx, tx, c.RegistrationID)
		if err != nil {
			return err
		}
		digest := codeDigest(k, c.ID, digits)
		if done, err := sameCode(ctx, tx, c, digest); done || err != nil {
			return err
		}
		if err := counted(tx, k); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE codes SET superseded = TRUE, digits = NULL`+newestCode,
			c.RegistrationID, string(c.Purpose))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO codes (id, registration_id, purpose, phone, phone_lookup, binding, digest, digits, created_at, expires_at, attempts, superseded)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, FALSE)`,
			c.ID, c.RegistrationID, string(c.Purpose), s.Sealed("codes", "phone", c.ID, []byte(c.Phone)), k.Lookup.Digest("phone", []byte(c.Phone)),
			c.Binding, digest, s.Sealed("codes", "digits", c.ID, []byte(digits)), kernel.At(c.CreatedAt), kernel.At(c.ExpiresAt))
		return err
	})
}

// sameCode reports whether the code is stored.
func sameCode(ctx context.Context, tx *sql.Tx, c registration.Code, digest string) (bool, error) {
	var owner, stored string
	var purpose registration.Purpose
	err := tx.QueryRowContext(ctx, `SELECT registration_id, purpose, digest FROM codes WHERE id = $1`, c.ID).Scan(&owner, &purpose, &stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err == nil && (owner != c.RegistrationID || purpose != c.Purpose || stored != digest):
		return true, kernel.Conflict("a code with this id exists with other content")
	}
	return true, err
}

const codeQuery = `SELECT id, registration_id, purpose, phone, binding, created_at, expires_at, sent_at, used_at, attempts, superseded, digest, digits FROM codes`

type storedCode struct {
	registration.Code
	digest string
	digits []byte // sealed
}

func (r Records) code(ctx context.Context, tx *sql.Tx, tail string, args ...any) (storedCode, *kernel.Subject, error) {
	var c storedCode
	var phone []byte
	err := tx.QueryRowContext(ctx, codeQuery+tail, args...).Scan(&c.ID, &c.RegistrationID, &c.Purpose, &phone, &c.Binding, kernel.Into(&c.CreatedAt),
		kernel.Into(&c.ExpiresAt), kernel.Into(&c.SentAt), kernel.Into(&c.UsedAt), &c.Attempts, &c.Superseded, &c.digest, &c.digits)
	if err != nil {
		return c, nil, kernel.OrNoSuch(err, "code")
	}
	s, err := r.OfRegistration(ctx, tx, c.RegistrationID)
	if err != nil {
		return c, nil, err
	}
	return c, s, s.OpenText(nil, &c.Phone, "codes", "phone", c.ID, phone)
}

// Code implements registration.Records.
func (r Records) Code(ctx context.Context, id string) (registration.Code, error) {
	var c storedCode
	err := r.ReadSealed(ctx, "reading a code", func(tx *sql.Tx, _ *kernel.Keys) (err error) {
		c, _, err = r.code(ctx, tx, ` WHERE id = $1`, id)
		return err
	})
	return c.Code, err
}

// newestCode finds the one code that no later one superseded.
const newestCode = ` WHERE registration_id = $1 AND purpose = $2 AND NOT superseded`

// LastCode implements registration.Records.
func (r Records) LastCode(ctx context.Context, id string, purpose registration.Purpose) (registration.Code, error) {
	var c storedCode
	err := r.ReadSealed(ctx, "reading a code", func(tx *sql.Tx, _ *kernel.Keys) (err error) {
		c, _, err = r.code(ctx, tx, newestCode, id, string(purpose))
		return err
	})
	return c.Code, err
}

// CodeToSend implements registration.Records.
func (r Records) CodeToSend(ctx context.Context, id string) (phone, digits string, err error) {
	err = r.ReadSealed(ctx, "reading a code to send", func(tx *sql.Tx, _ *kernel.Keys) error {
		c, s, err := r.code(ctx, tx, ` WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if !c.SentAt.IsZero() || !c.UsedAt.IsZero() || c.Superseded || len(c.digits) == 0 {
			return kernel.Conflict("the code was sent, used or replaced")
		}
		phone = c.Phone
		return s.OpenText(nil, &digits, "codes", "digits", id, c.digits)
	})
	return phone, digits, err
}

// MarkCodeSent implements registration.Records.
func (r Records) MarkCodeSent(ctx context.Context, id string, when time.Time) error {
	return r.Write(ctx, "marking a code as sent", func(tx *sql.Tx) error {
		marked, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE codes SET digits = NULL, sent_at = COALESCE(sent_at, $1) WHERE id = $2`, kernel.At(when), id))
		if err == nil && marked == 0 {
			return kernel.NoSuch("code")
		}
		return err
	})
}

// UseCode implements registration.Records. Writers of one registration follow each other, and each statement names what
// it needs, so of many tries at once one is accepted and every wrong one is counted.
func (r Records) UseCode(ctx context.Context, id string, purpose registration.Purpose, binding, digits string, now time.Time) (registration.Code, error) {
	var used registration.Code
	var verdict error // an answer that is committed
	err := r.WriteOf(ctx, "using a code", kernel.Registration(id), func(tx *sql.Tx, k *kernel.Keys) error {
		c, _, err := r.code(ctx, tx, newestCode, id, string(purpose))
		if problem.CodeOf(err) == problem.NotFound {
			return errStale
		}
		if err != nil {
			return err
		}
		if err := usable(c, binding, now); err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(codeDigest(k, c.ID, digits)), []byte(c.digest)) == 1 {
			used, err = acceptCode(ctx, tx, c, now)
			return err
		}
		verdict, err = countWrong(ctx, tx, c)
		return err
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return registration.Code{}, err
	}
	return used, nil
}

var (
	errWrong  = problem.New(problem.OTPWrong, "not the code that was sent")
	errStale  = problem.New(problem.OTPExpired, "the code is no longer valid for this step")
	errLocked = problem.New(problem.OTPLocked, "too many wrong tries for this code")
)

func usable(c storedCode, binding string, now time.Time) error {
	switch {
	case c.Attempts >= maxTries:
		return errLocked
	case !c.UsedAt.IsZero(), !now.Before(c.ExpiresAt), c.Binding != binding:
		return errStale
	}
	return nil
}

const stillOpen = ` AND used_at IS NULL AND NOT superseded AND attempts < 5` // maxTries

func acceptCode(ctx context.Context, tx *sql.Tx, c storedCode, now time.Time) (registration.Code, error) {
	accepted, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE codes SET used_at = $1, digits = NULL WHERE id = $2`+stillOpen, kernel.At(now), c.ID))
	if err != nil {
		return c.Code, err
	}
	if accepted == 0 {
		return c.Code, errStale
	}
	c.UsedAt = now.UTC().Truncate(time.Microsecond)
	return c.Code, kernel.Note(ctx, tx, now, "code-accepted", c.RegistrationID, "", string(c.Purpose)+" "+c.ID)
}

// countWrong counts a wrong try and returns what to answer.
func countWrong(ctx context.Context, tx *sql.Tx, c storedCode) (verdict, err error) {
	counted, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE codes SET attempts = attempts + 1 WHERE id = $1`+stillOpen, c.ID))
	if err != nil {
		return nil, err
	}
	if counted == 0 || c.Attempts+1 >= maxTries {
		return errLocked, nil
	}
	return errWrong, nil
}
