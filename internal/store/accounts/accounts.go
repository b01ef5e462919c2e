// Package accounts keeps who may do what in SQL: API keys, sessions and links, and the accounts of people with their codes, log-ins
// and passwords.
package accounts

import (
	"context"
	"database/sql"
	"errors"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Records keeps accounts with their codes, log-ins and passwords: the part of registration.Records that is about them.
type Records struct{ *kernel.Base }

const accountQuery = `SELECT id, subject_id, phone, email, password, created_at, failures FROM accounts`

// AccountWhere reads the account that the end of a query names; problem.NotFound when there is none.
func (r Records) AccountWhere(ctx context.Context, tx *sql.Tx, where string, arg any) (registration.Account, error) {
	var a registration.Account
	var phone, email, password []byte
	err := tx.QueryRowContext(ctx, accountQuery+where, arg).Scan(&a.ID, &a.SubjectID, &phone, &email, &password, kernel.Into(&a.CreatedAt), &a.Failures)
	if err != nil {
		return a, kernel.OrNoSuch(err, "account")
	}
	s, err := r.SubjectKey(ctx, tx, a.SubjectID)
	if err != nil {
		return a, err
	}
	err = s.OpenText(nil, &a.Phone, "accounts", "phone", a.ID, phone)
	err = s.OpenText(err, &a.Email, "accounts", "email", a.ID, email)
	return a, s.OpenText(err, &a.PasswordHash, "accounts", "password", a.ID, password)
}

// AccountByPhone implements registration.Records.
func (r Records) AccountByPhone(ctx context.Context, phone string) (registration.Account, error) {
	var a registration.Account
	err := r.ReadSealed(ctx, "finding an account", func(tx *sql.Tx, k *kernel.Keys) (err error) {
		a, err = r.AccountWhere(ctx, tx, ` WHERE phone_lookup = $1`, k.Lookup.Digest("phone", []byte(phone)))
		return err
	})
	return a, err
}

// Account implements registration.Records.
func (r Records) Account(ctx context.Context, id string) (registration.Account, error) {
	var a registration.Account
	err := r.ReadSealed(ctx, "reading an account", func(tx *sql.Tx, _ *kernel.Keys) (err error) {
		a, err = r.AccountWhere(ctx, tx, ` WHERE id = $1`, id)
		return err
	})
	return a, err
}

// SaveAccount implements registration.Records. An account stays with its subject. Wrong passwords are counted elsewhere.
func (r Records) SaveAccount(ctx context.Context, a registration.Account) error {
	if a.ID == "" || a.Phone == "" || a.CreatedAt.IsZero() {
		return problem.New(problem.Invalid, "an account has an id, a phone and a time of creation")
	}
	return r.WriteOf(ctx, "saving an account", kernel.Account(a.ID), func(tx *sql.Tx, k *kernel.Keys) error {
		lookup := k.Lookup.Digest("phone", []byte(a.Phone))
		var owner string
		err := tx.QueryRowContext(ctx, `SELECT id FROM accounts WHERE phone_lookup = $1`, lookup).Scan(&owner)
		if err == nil && owner != a.ID {
			return kernel.Conflict("the phone has another account")
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		s, err := r.SubjectKey(ctx, tx, a.SubjectID)
		if err != nil {
			return err
		}
		saved, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO accounts (id, subject_id, phone, phone_lookup, email, password, created_at, failures)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
			ON CONFLICT (id) DO UPDATE SET phone = $3, phone_lookup = $4, email = $5, password = $6
			WHERE accounts.subject_id = $2`,
			a.ID, a.SubjectID, s.Sealed("accounts", "phone", a.ID, []byte(a.Phone)), lookup, s.Sealed("accounts", "email", a.ID, []byte(a.Email)),
			s.Sealed("accounts", "password", a.ID, []byte(a.PasswordHash)), kernel.At(a.CreatedAt)))
		if err == nil && saved == 0 {
			return kernel.Conflict("the account belongs to another person")
		}
		return err
	})
}
