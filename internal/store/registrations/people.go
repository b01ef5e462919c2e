package registrations

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Person implements registration.Records.
func (r Records) Person(ctx context.Context, id string) (registration.Person, error) {
	var person registration.Person
	err := r.ReadSealed(ctx, "reading a person", func(tx *sql.Tx, _ *kernel.Keys) error {
		s, err := r.OfRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		return ReadPerson(ctx, tx, s, id, &person)
	})
	return person, err
}

// ReadPerson opens what VNeID said of a person.
func ReadPerson(ctx context.Context, tx *sql.Tx, s *kernel.Subject, id string, person *registration.Person) (err error) {
	*person, err = ScanPerson(tx.QueryRowContext(ctx, `SELECT id, person FROM registrations WHERE id = $1`, id), s)
	return kernel.OrNoSuch(err, "registration")
}

// ScanPerson reads the id of a registration and what VNeID said of its person.
func ScanPerson(row kernel.Scanner, s *kernel.Subject) (person registration.Person, err error) {
	var id string
	var value []byte
	if err := row.Scan(&id, &value); err != nil {
		return person, err
	}
	plain, err := s.Open("registrations", "person", id, value)
	if err != nil {
		return person, err
	}
	return person, json.Unmarshal(plain, &person)
}

// Correct implements registration.Records.
func (r Records) Correct(ctx context.Context, id string, round registration.Round, correctionID, actor string, fields map[string]string) error {
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
	return r.WriteOf(ctx, "correcting a person", kernel.Registration(id), func(tx *sql.Tx, _ *kernel.Keys) error {
		s, err := r.OfRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		if done, err := corrected(ctx, tx, id, correctionID); done || err != nil {
			return err
		}
		if err := newCorrection(ctx, tx, id, round, correctionID, r.Now()); err != nil {
			return err
		}
		changes, err := r.correctPerson(ctx, tx, s, id, fields)
		if err != nil {
			return err
		}
		text, err := json.Marshal(changes)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE corrections SET changes = $1 WHERE id = $2`, s.Sealed("corrections", "changes", correctionID, text), correctionID); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, r.Now(), "correction", id, actor, correctionID+" "+strings.Join(names, " "))
	})
}

// corrected reports whether a correction was made before.
func corrected(ctx context.Context, tx *sql.Tx, id, correctionID string) (bool, error) {
	var owner string
	err := tx.QueryRowContext(ctx, `SELECT registration_id FROM corrections WHERE id = $1`, correctionID).Scan(&owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err == nil && owner != id:
		err = kernel.Conflict("the correction belongs to another registration")
	}
	return true, err
}

// newCorrection records a correction, the only one of its round. One that its process did not take within takenForDead
// gives way. A repair belongs to an incident and not to a round: there may be several of them, while the incident is open.
func newCorrection(ctx context.Context, tx *sql.Tx, id string, round registration.Round, correctionID string, now time.Time) error {
	if round.Incident != "" {
		var open int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM process_incidents WHERE id = $1 AND process_id = $2 AND closed_at IS NULL`,
			round.Incident, id).Scan(&open)
		if err == nil && open == 0 {
			err = kernel.Conflict("the registration is not waiting for a repair")
		}
		if err != nil {
			return err
		}
	}
	if round.Seq != 0 {
		if err := inRound(ctx, tx, id, round); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE corrections SET round = NULL WHERE registration_id = $1 AND round = $2 AND made_at <= $3`,
			id, round.Seq, kernel.At(now.Add(-kernel.TakenForDead)))
		if err != nil {
			return err
		}
	}
	made, err := kernel.Affected(tx.ExecContext(ctx, `INSERT INTO corrections (id, registration_id, round, made_at) VALUES ($1, $2, NULLIF($3, 0), $4) ON CONFLICT DO NOTHING`,
		correctionID, id, round.Seq, kernel.At(now)))
	if err == nil && made == 0 {
		err = kernel.Conflict("a correction came a moment ago")
	}
	return err
}

// correctPerson writes the fields and returns what they were.
func (r Records) correctPerson(ctx context.Context, tx *sql.Tx, s *kernel.Subject, id string, fields map[string]string) ([]registration.Change, error) {
	var person registration.Person
	if err := ReadPerson(ctx, tx, s, id, &person); err != nil {
		return nil, err
	}
	personal := map[string]*string{"province": &person.Province, "commune": &person.Commune, "address": &person.Address,
		"id_issued_on": &person.IDIssuedOn, "id_issued_by": &person.IDIssuedBy, "id_expires_on": &person.IDExpiresOn}
	var changes []registration.Change
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if field, ok := personal[name]; ok && *field != fields[name] {
			changes = append(changes, registration.Change{Field: name, Old: *field, New: fields[name]})
			*field = fields[name]
		}
	}
	text, err := json.Marshal(person)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE registrations SET person = $1 WHERE id = $2`, s.Sealed("registrations", "person", id, text), id)
	email, ok := fields["email"]
	if err != nil || !ok {
		return changes, err
	}
	old, err := r.correctEmail(ctx, tx, s, id, email)
	if old != email {
		changes = append(changes, registration.Change{Field: "email", Old: old, New: email})
	}
	return changes, err
}

// correctEmail writes the address of the account and returns the one before.
func (r Records) correctEmail(ctx context.Context, tx *sql.Tx, s *kernel.Subject, id, email string) (old string, err error) {
	one, err := r.load(ctx, tx, id)
	if err != nil {
		return "", err
	}
	var before []byte
	err = tx.QueryRowContext(ctx, `SELECT email FROM accounts WHERE id = $1 AND subject_id = $2`, one.AccountID, s.ID).Scan(&before)
	if errors.Is(err, sql.ErrNoRows) {
		return "", kernel.Conflict("the registration has no account whose e-mail could be corrected")
	}
	if err = s.OpenText(err, &old, "accounts", "email", one.AccountID, before); err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `UPDATE accounts SET email = $1 WHERE id = $2 AND subject_id = $3`,
		s.Sealed("accounts", "email", one.AccountID, []byte(email)), one.AccountID, s.ID)
	return old, err
}

// Corrections implements registration.Records.
func (r Records) Corrections(ctx context.Context, id string) ([]registration.Correction, error) {
	var list []registration.Correction
	err := r.ReadSealed(ctx, "listing corrections", func(tx *sql.Tx, _ *kernel.Keys) error {
		s, err := r.OfRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT id, made_at, changes FROM corrections WHERE registration_id = $1 AND changes IS NOT NULL ORDER BY made_at, id`, id)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			var c registration.Correction
			var sealed []byte
			if err := rows.Scan(&c.ID, kernel.Into(&c.At), &sealed); err != nil {
				return err
			}
			plain, err := s.Open("corrections", "changes", c.ID, sealed)
			if err != nil {
				return err
			}
			list = append(list, c)
			return json.Unmarshal(plain, &list[len(list)-1].Changes)
		})
	})
	if problem.CodeOf(err) == problem.Erased {
		return nil, nil
	}
	return list, err
}
