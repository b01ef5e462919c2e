package signings

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/vault"
)

// sealedSegments is how segments are written when one of them is sealed. Programs of the release before expect a list
// here: they fail loudly, and leave the work to one that can open them, instead of taking sealed bytes for a PDF.
type sealedSegments struct {
	Segments []signing.Segment `json:"segments"`
}

// WriteSegments is how the segments of a document are kept.
func WriteSegments(u signing.Upload) (string, error) {
	if u.KeyID == "" {
		text, err := json.Marshal(u.Segments)
		return string(text), err
	}
	text, err := json.Marshal(sealedSegments{u.Segments})
	return string(text), err
}

// ReadSegments reads what writeSegments wrote.
func ReadSegments(text string, u *signing.Upload) error {
	if u.KeyID == "" {
		return json.Unmarshal([]byte(text), &u.Segments)
	}
	var sealed sealedSegments
	err := json.Unmarshal([]byte(text), &sealed)
	u.Segments = sealed.Segments
	return err
}

// SaveUpload implements signing.Records. The same id with other bytes is problem.Conflict.
func (s Records) SaveUpload(ctx context.Context, u signing.Upload) error {
	return s.saveUpload(ctx, u, func(*sql.Tx, *kernel.Keys) error { return nil })
}

// saveUpload calls counted for an upload that was not there, in the transaction that stores it.
func (s Records) saveUpload(ctx context.Context, u signing.Upload, counted func(tx *sql.Tx, k *kernel.Keys) error) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	if u.ID == "" || u.SHA256 == "" || len(u.Segments) == 0 || u.CreatedAt.IsZero() || (u.KeyID == "") != (len(u.Key) == 0) {
		return problem.New(problem.Invalid, "an upload has an id, a digest, segments and a time of creation, and a key with a name or none")
	}
	segments, err := WriteSegments(u)
	if err != nil {
		return fmt.Errorf("saving an upload: %w", err)
	}
	box, err := DocumentBox(k, u)
	if err != nil {
		return fmt.Errorf("saving an upload: %w", err)
	}
	state := u.HashState
	if u.KeyID != "" {
		state = box.Sealed("uploads", "hash_state", u.ID, state) // it holds the last bytes of the document
	}
	return s.Write(ctx, "saving an upload", func(tx *sql.Tx) error {
		if u.KeyID != "" {
			if err := s.saveDocumentKey(ctx, tx, k, u); err != nil {
				return err
			}
		}
		inserted, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO uploads (id, name, size, sha256, hash_state, segments, created_at, key_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, NULLIF($8, '')) ON CONFLICT (id) DO NOTHING`,
			u.ID, box.Sealed("uploads", "name", u.ID, []byte(u.Name)), u.Size, u.SHA256, state, segments, kernel.At(u.CreatedAt), u.KeyID))
		if err == nil && inserted > 0 {
			return counted(tx, k)
		}
		if err != nil {
			return err
		}
		return sameUpload(ctx, tx, u, segments)
	})
}

func sameUpload(ctx context.Context, tx *sql.Tx, u signing.Upload, segments string) error {
	var sha256, stored string
	err := tx.QueryRowContext(ctx, `SELECT sha256, segments FROM uploads WHERE id = $1`, u.ID).Scan(&sha256, &stored)
	if err == nil && (sha256 != u.SHA256 || stored != segments) {
		err = kernel.Conflict("an upload with this id exists with other bytes")
	}
	return err
}

// Upload implements signing.Records.
func (s Records) Upload(ctx context.Context, id string) (signing.Upload, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return signing.Upload{}, err
	}
	u, err := s.UploadIn(ctx, s.DB, k, id)
	if err != nil {
		return signing.Upload{}, fmt.Errorf("reading an upload: %w", err)
	}
	return u, nil
}

// UploadIn reads a document with its key, within a transaction.
func (s Records) UploadIn(ctx context.Context, from kernel.Querier, k *kernel.Keys, id string) (signing.Upload, error) {
	var u signing.Upload
	var name, state []byte
	var segments string
	var gone time.Time
	var wraps []wrap
	rows, err := from.QueryContext(ctx, `
		SELECT u.id, u.name, u.size, u.sha256, u.hash_state, u.segments, u.created_at, COALESCE(u.key_id, ''), u.erased_at, d.subject_id, d.wrapped, p.wrapped
		FROM uploads u LEFT JOIN document_keys d ON d.id = u.key_id LEFT JOIN subjects p ON p.id = d.subject_id WHERE u.id = $1 ORDER BY d.subject_id`, id)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var w wrap
		err := rows.Scan(&u.ID, &name, &u.Size, &u.SHA256, &state, &segments, kernel.Into(&u.CreatedAt), &u.KeyID, kernel.Into(&gone), &w.subjectID, &w.wrapped, &w.person)
		if w.subjectID.Valid {
			wraps = append(wraps, w)
		}
		return err
	})
	switch {
	case err != nil:
	case u.ID == "":
		err = kernel.NoSuch("upload")
	case !gone.IsZero():
		err = kernel.Erased("document")
	default:
		err = ReadSegments(segments, &u)
	}
	if err == nil && u.KeyID != "" {
		u.Key, err = s.unwrapDocument(ctx, k, u.KeyID, wraps)
	}
	if err != nil {
		return u, err
	}
	box, err := DocumentBox(k, u)
	err = box.OpenText(err, &u.Name, "uploads", "name", id, name)
	if u.HashState = state; err == nil && u.KeyID != "" {
		u.HashState, err = box.Open("uploads", "hash_state", id, state)
	}
	if u.KeyID != "" && errors.Is(err, vault.ErrSealed) {
		err = problem.Wrap(problem.DigestMismatch, err, "the record of an upload names another document's key")
	}
	return u, err
}
