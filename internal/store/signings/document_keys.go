package signings

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/vault"
)

// DocumentKey opens the key of a document with the key of any person who has it; problem.Erased when no person has.
func (s Records) DocumentKey(ctx context.Context, tx kernel.Querier, k *kernel.Keys, id string) ([]byte, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT d.subject_id, d.wrapped, s.wrapped FROM document_keys d LEFT JOIN subjects s ON s.id = d.subject_id
		WHERE d.id = $1 ORDER BY d.subject_id`, id)
	var wraps []wrap
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var w wrap
		err := rows.Scan(&w.subjectID, &w.wrapped, &w.person)
		wraps = append(wraps, w)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.unwrapDocument(ctx, k, id, wraps)
}

// wrap is the key of a document under that of a person, and the person's, as long as it is there.
type wrap struct {
	subjectID       sql.NullString
	wrapped, person []byte
}

// unwrapDocument opens the key of a document with the first that can.
func (s Records) unwrapDocument(ctx context.Context, k *kernel.Keys, id string, wraps []wrap) ([]byte, error) {
	for _, w := range wraps {
		of := k
		if w.subjectID.String != kernel.Unowned {
			if len(w.person) == 0 {
				continue
			}
			var err error
			if of, err = s.Unwrapped(ctx, w.subjectID.String, w.person); err != nil {
				return nil, err
			}
		}
		return of.Open("document_keys", "wrapped", id, w.wrapped)
	}
	return nil, kernel.Erased("document")
}

// WrapDocumentKey gives a person, or none, the key of a document.
func WrapDocumentKey(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id, subjectID string, key []byte, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO document_keys (id, subject_id, wrapped, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id, subject_id) DO NOTHING`,
		id, subjectID, k.Sealed("document_keys", "wrapped", id, key), kernel.At(now))
	return err
}

// saveDocumentKey keeps the key of a new document; those that a signing makes of it have it already.
func (s Records) saveDocumentKey(ctx context.Context, tx *sql.Tx, k *kernel.Keys, u signing.Upload) error {
	var known int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM document_keys WHERE id = $1 LIMIT 1`, u.KeyID).Scan(&known)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if u.ID != u.KeyID {
		return kernel.Erased("document")
	}
	owner := k
	if u.SubjectID != kernel.Unowned {
		person, err := s.SubjectKey(ctx, tx, u.SubjectID)
		if err != nil {
			return err
		}
		owner = person.Keys
	}
	return WrapDocumentKey(ctx, tx, owner, u.KeyID, u.SubjectID, u.Key, u.CreatedAt)
}

// Adopt puts the key of an upload under the key of the person who is to sign it. Whoever had it before keeps it.
func (s Records) Adopt(ctx context.Context, tx *sql.Tx, k *kernel.Keys, uploadID string, who *kernel.Subject) error {
	var id sql.NullString
	var created time.Time
	err := tx.QueryRowContext(ctx, `SELECT key_id, created_at FROM uploads WHERE id = $1 AND erased_at IS NULL`, uploadID).Scan(&id, kernel.Into(&created))
	if err != nil || !id.Valid {
		return kernel.OrNoSuch(err, "upload")
	}
	key, err := s.DocumentKey(ctx, tx, k, id.String)
	if err != nil {
		return err
	}
	if err := WrapDocumentKey(ctx, tx, who.Keys, id.String, who.ID, key, created); err != nil {
		return err
	}
	if err := FreeUpload(ctx, tx, uploadID); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM document_keys WHERE id = $1 AND subject_id = $2`, id.String, kernel.Unowned)
	return err
}

// DocumentBox seals what is known of an upload under the key of its document, or under the key of the store when the
// document has none.
func DocumentBox(k *kernel.Keys, u signing.Upload) (*kernel.Keys, error) {
	if u.KeyID == "" {
		return k, nil
	}
	box, err := vault.NewBox(u.Key)
	return &kernel.Keys{Box: box}, err
}
