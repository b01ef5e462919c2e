package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"

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

// EraseSubject implements registration.Records: the data key goes, and with it everything that it seals.
func (r Registrations) EraseSubject(ctx context.Context, subjectID, actor string, when time.Time) error {
	return r.write(ctx, "erasing a subject", func(tx *sql.Tx, _ *keys) error {
		var erasedAt time.Time
		err := tx.QueryRowContext(ctx, `SELECT erased_at FROM subjects WHERE id = $1`, subjectID).Scan(into(&erasedAt))
		if err != nil || !erasedAt.IsZero() {
			return orNoSuch(err, "subject")
		}
		for _, statement := range []string{
			`UPDATE subjects SET wrapped = NULL, lookup = NULL WHERE id = $1`,
			`DELETE FROM login_challenges WHERE account_id IN (SELECT id FROM accounts WHERE subject_id = $1)`,
			`DELETE FROM password_resets WHERE account_id IN (SELECT id FROM accounts WHERE subject_id = $1)`,
			`DELETE FROM sessions WHERE account_id <> '' AND account_id IN (SELECT id FROM accounts WHERE subject_id = $1)`,
			`UPDATE accounts SET phone_lookup = NULL WHERE subject_id = $1`,
			`UPDATE codes SET phone_lookup = '', digest = '', digits = NULL, superseded = TRUE
				WHERE registration_id IN (SELECT id FROM registrations WHERE subject_id = $1)`,
		} {
			if _, err := tx.ExecContext(ctx, statement, subjectID); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE subjects SET erased_at = $1 WHERE id = $2`, at(when), subjectID); err != nil {
			return err
		}
		return audit(ctx, tx, when, "erasure", subjectID, actor, "")
	})
}
