package store

import (
	"context"
	"database/sql"
	"errors"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

const accountQuery = `SELECT id, subject_id, phone, email, password, created_at, failures FROM accounts`

func (r Registrations) account(ctx context.Context, tx *sql.Tx, where string, arg any) (registration.Account, error) {
	var a registration.Account
	var phone, email, password []byte
	err := tx.QueryRowContext(ctx, accountQuery+where, arg).Scan(&a.ID, &a.SubjectID, &phone, &email, &password, into(&a.CreatedAt), &a.Failures)
	if err != nil {
		return a, orNoSuch(err, "account")
	}
	s, err := r.subjectKey(ctx, tx, a.SubjectID)
	if err != nil {
		return a, err
	}
	err = s.openText(nil, &a.Phone, "accounts", "phone", a.ID, phone)
	err = s.openText(err, &a.Email, "accounts", "email", a.ID, email)
	return a, s.openText(err, &a.PasswordHash, "accounts", "password", a.ID, password)
}

// AccountByPhone implements registration.Records.
func (r Registrations) AccountByPhone(ctx context.Context, phone string) (registration.Account, error) {
	var a registration.Account
	err := r.read(ctx, "finding an account", func(tx *sql.Tx, k *keys) (err error) {
		a, err = r.account(ctx, tx, ` WHERE phone_lookup = $1`, k.lookup.Digest("phone", []byte(phone)))
		return err
	})
	return a, err
}

// Account implements registration.Records.
func (r Registrations) Account(ctx context.Context, id string) (registration.Account, error) {
	var a registration.Account
	err := r.read(ctx, "reading an account", func(tx *sql.Tx, _ *keys) (err error) {
		a, err = r.account(ctx, tx, ` WHERE id = $1`, id)
		return err
	})
	return a, err
}

// SaveAccount implements registration.Records. An account stays with its subject. Wrong passwords are counted elsewhere.
func (r Registrations) SaveAccount(ctx context.Context, a registration.Account) error {
	if a.ID == "" || a.Phone == "" || a.CreatedAt.IsZero() {
		return problem.New(problem.Invalid, "an account has an id, a phone and a time of creation")
	}
	return r.write(ctx, "saving an account", func(tx *sql.Tx, k *keys) error {
		lookup := k.lookup.Digest("phone", []byte(a.Phone))
		var owner string
		err := tx.QueryRowContext(ctx, `SELECT id FROM accounts WHERE phone_lookup = $1`, lookup).Scan(&owner)
		if err == nil && owner != a.ID {
			return conflict("the phone has another account")
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		s, err := r.subjectKey(ctx, tx, a.SubjectID)
		if err != nil {
			return err
		}
		saved, err := affected(tx.ExecContext(ctx, `
			INSERT INTO accounts (id, subject_id, phone, phone_lookup, email, password, created_at, failures)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
			ON CONFLICT (id) DO UPDATE SET phone = $3, phone_lookup = $4, email = $5, password = $6
			WHERE accounts.subject_id = $2`,
			a.ID, a.SubjectID, s.sealed("accounts", "phone", a.ID, []byte(a.Phone)), lookup, s.sealed("accounts", "email", a.ID, []byte(a.Email)),
			s.sealed("accounts", "password", a.ID, []byte(a.PasswordHash)), at(a.CreatedAt)))
		if err == nil && saved == 0 {
			return conflict("the account belongs to somebody else")
		}
		return err
	})
}
