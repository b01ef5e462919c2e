package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/vault"
)

// nobody is whose document an upload is until a signing names its signer: its key is under the store's own.
const nobody = ""

func erased(what string) error { return problem.New(problem.Erased, "the %s was erased", what) }

// documentKey opens the key of a document with the key of any person who has it; problem.Erased when nobody has.
func (c *core) documentKey(ctx context.Context, tx querier, k *keys, id string) ([]byte, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT d.subject_id, d.wrapped, s.wrapped FROM document_keys d LEFT JOIN subjects s ON s.id = d.subject_id
		WHERE d.id = $1 ORDER BY d.subject_id`, id)
	type wrap struct {
		subjectID       string
		wrapped, person []byte
	}
	var wraps []wrap
	err = each(rows, err, func(rows *sql.Rows) error {
		var w wrap
		err := rows.Scan(&w.subjectID, &w.wrapped, &w.person)
		wraps = append(wraps, w)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, w := range wraps {
		of := k
		if w.subjectID != nobody {
			if len(w.person) == 0 {
				continue
			}
			if of, err = c.unwrapped(ctx, w.subjectID, w.person); err != nil {
				return nil, err
			}
		}
		return of.open("document_keys", "wrapped", id, w.wrapped)
	}
	return nil, erased("document")
}

// wrapDocumentKey gives a person, or nobody, the key of a document.
func wrapDocumentKey(ctx context.Context, tx *sql.Tx, k *keys, id, subjectID string, key []byte, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO document_keys (id, subject_id, wrapped, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id, subject_id) DO NOTHING`,
		id, subjectID, k.sealed("document_keys", "wrapped", id, key), at(now))
	return err
}

// saveDocumentKey keeps the key of a new document; those that a signing makes of it have it already.
func (s *Store) saveDocumentKey(ctx context.Context, tx *sql.Tx, k *keys, u signing.Upload) error {
	var known int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM document_keys WHERE id = $1 LIMIT 1`, u.KeyID).Scan(&known)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if u.ID != u.KeyID {
		return erased("document")
	}
	owner := k
	if u.SubjectID != nobody {
		person, err := (&core{s}).subjectKey(ctx, tx, u.SubjectID)
		if err != nil {
			return err
		}
		owner = person.keys
	}
	return wrapDocumentKey(ctx, tx, owner, u.KeyID, u.SubjectID, u.Key, u.CreatedAt)
}

// adopt puts the key of an upload under the key of the person who is to sign it. Whoever had it before keeps it.
func (c *core) adopt(ctx context.Context, tx *sql.Tx, k *keys, uploadID string, who *subject) error {
	var id sql.NullString
	var created time.Time
	err := tx.QueryRowContext(ctx, `SELECT key_id, created_at FROM uploads WHERE id = $1 AND erased_at IS NULL`, uploadID).Scan(&id, into(&created))
	if err != nil || !id.Valid {
		return orNoSuch(err, "upload")
	}
	key, err := c.documentKey(ctx, tx, k, id.String)
	if err != nil {
		return err
	}
	if err := wrapDocumentKey(ctx, tx, who.keys, id.String, who.id, key, created); err != nil {
		return err
	}
	if err := freeUpload(ctx, tx, uploadID); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM document_keys WHERE id = $1 AND subject_id = $2`, id.String, nobody)
	return err
}

// documentBox seals what is known of an upload under the key of its document, or under the key of the store when the
// document has none.
func documentBox(k *keys, u signing.Upload) (*keys, error) {
	if u.KeyID == "" {
		return k, nil
	}
	box, err := vault.NewBox(u.Key)
	return &keys{box: box}, err
}
