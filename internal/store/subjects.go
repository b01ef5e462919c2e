package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/seal"
)

// subject is a person's own data key. What it seals is unreadable once the key is gone.
type subject struct {
	id string
	*keys
}

func newSubject(id string, key []byte) (*subject, error) {
	box, err := seal.NewBox(key)
	return &subject{id: id, keys: &keys{box: box}}, err
}

func subjectName(id string) string { return "subject/" + id }

// subject finds a person by citizen number, or makes one.
func (c *core) subject(ctx context.Context, tx *sql.Tx, k *keys, idNumber string) (*subject, error) {
	lookup := k.lookup.Digest("citizen", []byte(idNumber))
	var id string
	err := tx.QueryRowContext(ctx, `SELECT id FROM subjects WHERE lookup = $1`, lookup).Scan(&id)
	if err == nil {
		return c.subjectKey(ctx, tx, id)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	id, key := "subj-"+rand.Text(), seal.NewKey()
	wrapped, err := c.s.sealer.Wrap(ctx, subjectName(id), key)
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO subjects (id, lookup, wrapped) VALUES ($1, $2, $3)`, id, lookup, wrapped); err != nil {
		return nil, err
	}
	return newSubject(id, key)
}

// subjectKey opens the data key of a person; problem.NotFound once it was destroyed.
func (c *core) subjectKey(ctx context.Context, tx *sql.Tx, id string) (*subject, error) {
	var wrapped []byte
	if err := tx.QueryRowContext(ctx, `SELECT wrapped FROM subjects WHERE id = $1`, id).Scan(&wrapped); err != nil {
		return nil, orNoSuch(err, "subject")
	}
	if len(wrapped) == 0 {
		return nil, noSuch("person: the data was erased")
	}
	key, err := c.s.sealer.Unwrap(ctx, subjectName(id), wrapped)
	if err != nil {
		return nil, err
	}
	return newSubject(id, key)
}

// ofRegistration opens the data key of the person behind a registration.
func (c *core) ofRegistration(ctx context.Context, tx *sql.Tx, id string) (*subject, error) {
	var subjectID string
	if err := tx.QueryRowContext(ctx, `SELECT subject_id FROM registrations WHERE id = $1`, id).Scan(&subjectID); err != nil {
		return nil, orNoSuch(err, "registration")
	}
	return c.subjectKey(ctx, tx, subjectID)
}

// Person implements registration.Records.
func (r Registrations) Person(ctx context.Context, id string) (registration.Person, error) {
	var person registration.Person
	err := r.read(ctx, "reading a person", func(tx *sql.Tx, _ *keys) error {
		s, err := r.ofRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		return readPerson(ctx, tx, s, id, &person)
	})
	return person, err
}

func readPerson(ctx context.Context, tx *sql.Tx, s *subject, id string, person *registration.Person) error {
	var value []byte
	if err := tx.QueryRowContext(ctx, `SELECT person FROM registrations WHERE id = $1`, id).Scan(&value); err != nil {
		return orNoSuch(err, "registration")
	}
	plain, err := s.open("registrations", "person", id, value)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, person)
}

// Correct implements registration.Records.
func (r Registrations) Correct(ctx context.Context, id, correctionID, actor string, fields map[string]string) error {
	names := make([]string, 0, len(fields))
	for name := range fields {
		if !slices.Contains(registration.CorrectableFields, name) {
			return problem.New(problem.Invalid, "a field that cannot be corrected here")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return r.write(ctx, "correcting a person", func(tx *sql.Tx, _ *keys) error {
		made, err := affected(tx.ExecContext(ctx, `INSERT INTO corrections (id, registration_id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, correctionID, id))
		if err != nil || made == 0 {
			return err
		}
		s, err := r.ofRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := r.correctPerson(ctx, tx, s, id, fields); err != nil {
			return err
		}
		return audit(ctx, tx, r.s.now(), "correction", id, actor, strings.Join(names, " "))
	})
}

func (r Registrations) correctPerson(ctx context.Context, tx *sql.Tx, s *subject, id string, fields map[string]string) error {
	var person registration.Person
	if err := readPerson(ctx, tx, s, id, &person); err != nil {
		return err
	}
	personal := map[string]*string{"province": &person.Province, "commune": &person.Commune, "address": &person.Address,
		"id_issued_on": &person.IDIssuedOn, "id_issued_by": &person.IDIssuedBy, "id_expires_on": &person.IDExpiresOn}
	for name, value := range fields {
		if field, ok := personal[name]; ok {
			*field = value
		}
	}
	text, err := json.Marshal(person)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE registrations SET person = $1 WHERE id = $2`, s.sealed("registrations", "person", id, text), id)
	email, ok := fields["email"]
	if err != nil || !ok {
		return err
	}
	one, err := r.load(ctx, tx, id)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE accounts SET email = $1 WHERE id = $2`, s.sealed("accounts", "email", one.AccountID, []byte(email)), one.AccountID)
	return err
}

// EraseSubject implements registration.Records: the data key goes, and with it everything that it seals.
func (r Registrations) EraseSubject(ctx context.Context, subjectID, actor string, when time.Time) error {
	return r.write(ctx, "erasing a subject", func(tx *sql.Tx, _ *keys) error {
		erased, err := affected(tx.ExecContext(ctx, `UPDATE subjects SET wrapped = NULL, lookup = NULL, erased_at = $1 WHERE id = $2 AND erased_at IS NULL`, at(when), subjectID))
		if err != nil || erased == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET phone_lookup = NULL WHERE subject_id = $1`, subjectID); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE codes SET phone_lookup = '' WHERE registration_id IN (SELECT id FROM registrations WHERE subject_id = $1)`, subjectID)
		if err != nil {
			return err
		}
		return audit(ctx, tx, when, "erasure", subjectID, actor, "")
	})
}

const accountQuery = `SELECT id, subject_id, phone, email, password, created_at, failures, locked_until FROM accounts`

func (r Registrations) account(ctx context.Context, tx *sql.Tx, where string, arg any) (registration.Account, error) {
	var a registration.Account
	var phone, email, password []byte
	err := tx.QueryRowContext(ctx, accountQuery+where, arg).Scan(&a.ID, &a.SubjectID, &phone, &email, &password, into(&a.CreatedAt), &a.Failures, into(&a.LockedUntil))
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

// SaveAccount implements registration.Records.
func (r Registrations) SaveAccount(ctx context.Context, a registration.Account) error {
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
		_, err = tx.ExecContext(ctx, `
			INSERT INTO accounts (id, subject_id, phone, phone_lookup, email, password, created_at, failures, locked_until)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (id) DO UPDATE SET phone = $3, phone_lookup = $4, email = $5, password = $6, failures = $8, locked_until = $9`,
			a.ID, a.SubjectID, s.sealed("accounts", "phone", a.ID, []byte(a.Phone)), lookup, s.sealed("accounts", "email", a.ID, []byte(a.Email)),
			s.sealed("accounts", "password", a.ID, []byte(a.PasswordHash)), at(a.CreatedAt), a.Failures, at(a.LockedUntil))
		return err
	})
}
