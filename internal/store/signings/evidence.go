package signings

import (
	"context"
	"database/sql"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// evidenceRow is the row id under which evidence is sealed.
func evidenceRow(signingID, kind, digest string) string { return signingID + "/" + kind + "/" + digest }

// SaveEvidence implements signing.Records.
func (s Records) SaveEvidence(ctx context.Context, id string, e signing.Evidence) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	if e.Kind == "" || e.Digest != kernel.PlainDigest(e.Data) {
		return problem.New(problem.Invalid, "evidence has a kind and the digest of its data")
	}
	return s.change(ctx, "saving evidence", id, func(tx *sql.Tx) error {
		k, err := s.OfSigning(ctx, tx, k, id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO evidence (signing_id, kind, digest, position, data, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (signing_id, kind, digest) DO NOTHING`,
			id, e.Kind, e.Digest, e.Index, k.Sealed("evidence", "data", evidenceRow(id, e.Kind, e.Digest), e.Data),
			kernel.At(e.At))
		return err
	})
}

// Evidence implements signing.Records, oldest first.
func (s Records) Evidence(ctx context.Context, id string) ([]signing.Evidence, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []signing.Evidence
	err = s.Read(ctx, "listing evidence", func(tx *sql.Tx) error {
		k, err := s.OfSigning(ctx, tx, k, id)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `
			SELECT kind, digest, position, data, at FROM evidence
			WHERE signing_id = $1 ORDER BY at, kind, digest`, id)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			var e signing.Evidence
			var data []byte
			if err := rows.Scan(&e.Kind, &e.Digest, &e.Index, &data, kernel.Into(&e.At)); err != nil {
				return err
			}
			e.Data, err = k.Open("evidence", "data", evidenceRow(id, e.Kind, e.Digest), data)
			list = append(list, e)
			return err
		})
	})
	return list, err
}
