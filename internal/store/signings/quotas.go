package signings

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// fullFor is what whoever used up a quota is told to wait. Uploads that no signing takes go after a day by default.
const fullFor = time.Hour

// KeepUpload implements signing.Desk. The upload, whose it is, and what it counts for are one transaction.
func (s Records) KeepUpload(ctx context.Context, u signing.Upload, by signing.Uploader) error {
	return s.saveUpload(ctx, u, func(tx *sql.Tx, k *kernel.Keys) error {
		quotas := slices.Clone(by.Quotas) // always in one order, so that no two wait for each other
		slices.SortFunc(quotas, func(a, b signing.Quota) int { return strings.Compare(a.Key, b.Key) })
		for _, q := range quotas {
			if err := s.count(ctx, tx, k, u, q); err != nil {
				return err
			}
		}
		return kernel.Grant(ctx, tx, by.Owner, u.CreatedAt, access.Object{Kind: access.Document, ID: u.ID})
	})
}

// count counts an upload for a quota, in one statement.
func (s Records) count(ctx context.Context, tx *sql.Tx, k *kernel.Keys, u signing.Upload, q signing.Quota) error {
	holder := k.Lookup.Digest("upload-quota", []byte(q.Key))
	if err := s.Alone(ctx, tx, "uploads", holder); err != nil {
		return err
	}
	counted, err := kernel.Affected(tx.ExecContext(ctx, `INSERT INTO upload_quotas (upload_id, holder, bytes, created_at) SELECT $1, $2, $3, $4
		WHERE (SELECT COUNT(*) FROM upload_quotas WHERE holder = $2) < $5
			AND (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM upload_quotas WHERE holder = $2) <= $6`,
		u.ID, holder, u.Size, kernel.At(u.CreatedAt), q.Documents, q.Bytes-u.Size))
	switch {
	case err != nil:
		return err
	case counted > 0:
	case u.Size > q.Bytes:
		return problem.New(problem.TooLarge, "there is room for %d bytes", q.Bytes)
	default:
		return &problem.Error{Code: problem.RateLimited, RetryAfter: fullFor, Message: "there is no room for another document; sign those that are here, or wait until they are deleted"}
	}
	if q.PerDay == 0 {
		return nil
	}
	const kilobyte = 1 << 10
	daily := limit.Limit{Name: "uploaded", Key: q.Key, Most: int(q.PerDay / kilobyte), Per: 24 * time.Hour, Slides: true}
	_, err = k.TakeOne(ctx, tx, daily, u.CreatedAt, int(u.Size/kilobyte)+1)
	return err
}

// FreeUpload gives back what an upload counts for.
func FreeUpload(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM upload_quotas WHERE upload_id = $1`, id)
	return err
}
