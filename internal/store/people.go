package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

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
	if correctionID == "" || len(names) == 0 {
		return problem.New(problem.Invalid, "a correction has an id and a field")
	}
	slices.Sort(names)
	return r.write(ctx, "correcting a person", func(tx *sql.Tx, _ *keys) error {
		s, err := r.ofRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		if done, err := corrected(ctx, tx, id, correctionID); done || err != nil {
			return err
		}
		if err := r.correctPerson(ctx, tx, s, id, fields); err != nil {
			return err
		}
		return audit(ctx, tx, r.s.now(), "correction", id, actor, correctionID+" "+strings.Join(names, " "))
	})
}

// corrected records a correction, and reports whether it was there already.
func corrected(ctx context.Context, tx *sql.Tx, id, correctionID string) (bool, error) {
	made, err := affected(tx.ExecContext(ctx, `INSERT INTO corrections (id, registration_id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, correctionID, id))
	if err != nil || made > 0 {
		return false, err
	}
	var owner string
	err = tx.QueryRowContext(ctx, `SELECT registration_id FROM corrections WHERE id = $1`, correctionID).Scan(&owner)
	if err == nil && owner != id {
		err = conflict("the correction belongs to another registration")
	}
	return true, err
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
	changed, err := affected(tx.ExecContext(ctx, `UPDATE accounts SET email = $1 WHERE id = $2 AND subject_id = $3`,
		s.sealed("accounts", "email", one.AccountID, []byte(email)), one.AccountID, s.id))
	if err == nil && changed == 0 {
		return conflict("the registration has no account whose e-mail could be corrected")
	}
	return err
}
