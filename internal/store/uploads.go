package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// SaveUpload implements signing.Records. The same id with other bytes is problem.Conflict.
func (s *Store) SaveUpload(ctx context.Context, u signing.Upload) error {
	k, err := s.openKeys(ctx)
	if err != nil {
		return err
	}
	if u.ID == "" || u.SHA256 == "" || len(u.Segments) == 0 || u.CreatedAt.IsZero() {
		return problem.New(problem.Invalid, "an upload has an id, a digest, segments and a time of creation")
	}
	segments, err := json.Marshal(u.Segments)
	if err != nil {
		return fmt.Errorf("saving an upload: %w", err)
	}
	return s.write(ctx, "saving an upload", func(tx *sql.Tx) error {
		inserted, err := affected(tx.ExecContext(ctx, `
			INSERT INTO uploads (id, name, size, sha256, hash_state, segments, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
			u.ID, k.sealed("uploads", "name", u.ID, []byte(u.Name)), u.Size, u.SHA256, u.HashState, string(segments),
			at(u.CreatedAt)))
		if err != nil || inserted > 0 {
			return err
		}
		var sha256, stored string
		err = tx.QueryRowContext(ctx, `SELECT sha256, segments FROM uploads WHERE id = $1`, u.ID).
			Scan(&sha256, &stored)
		if err != nil {
			return err
		}
		if sha256 != u.SHA256 || stored != string(segments) {
			return conflict("an upload with this id exists with other bytes")
		}
		return nil
	})
}

// Upload implements signing.Records.
func (s *Store) Upload(ctx context.Context, id string) (signing.Upload, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return signing.Upload{}, err
	}
	var u signing.Upload
	var name []byte
	var segments string
	err = s.db.QueryRowContext(ctx, `
		SELECT id, name, size, sha256, hash_state, segments, created_at FROM uploads WHERE id = $1`, id).
		Scan(&u.ID, &name, &u.Size, &u.SHA256, &u.HashState, &segments, into(&u.CreatedAt))
	err = k.openText(orNoSuch(err, "upload"), &u.Name, "uploads", "name", id, name)
	if err == nil {
		err = json.Unmarshal([]byte(segments), &u.Segments)
	}
	if err != nil {
		return signing.Upload{}, fmt.Errorf("reading an upload: %w", err)
	}
	return u, nil
}
