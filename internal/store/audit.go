package store

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/registration"
)

// audit appends one entry to the chain. The caller's transaction holds the head.
func audit(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, actor, detail string) error {
	e := registration.AuditEntry{At: when.UTC().Truncate(time.Microsecond), Kind: kind, Object: object, Actor: actor, Detail: detail}
	if err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&e.Seq, &e.Prev); err != nil {
		return err
	}
	e.Seq++
	e.Hash = e.Digest()
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (seq, at, kind, object, actor, detail, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.Seq, at(e.At), e.Kind, e.Object, e.Actor, e.Detail, e.Prev, e.Hash)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1`, e.Seq, e.Hash)
	return err
}

// Audit implements registration.Records.
func (r Registrations) Audit(ctx context.Context, after int64, limit int) ([]registration.AuditEntry, error) {
	if limit <= 0 {
		limit = maxLimit
	}
	var list []registration.AuditEntry
	err := r.read(ctx, "reading the audit log", func(tx *sql.Tx, _ *keys) error {
		rows, err := tx.QueryContext(ctx, `SELECT seq, at, kind, object, actor, detail, prev, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
		return each(rows, err, func(rows *sql.Rows) error {
			var e registration.AuditEntry
			err := rows.Scan(&e.Seq, into(&e.At), &e.Kind, &e.Object, &e.Actor, &e.Detail, &e.Prev, &e.Hash)
			list = append(list, e)
			return err
		})
	})
	return list, err
}

// AuditHead returns seq and hash of the newest entry. Kept elsewhere, it shows later whether the end of the log was cut
// off, which the chain alone cannot tell.
func (r Registrations) AuditHead(ctx context.Context) (seq int64, hash string, err error) {
	err = r.read(ctx, "reading the head of the audit log", func(tx *sql.Tx, _ *keys) error {
		return tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&seq, &hash)
	})
	return seq, hash, err
}
