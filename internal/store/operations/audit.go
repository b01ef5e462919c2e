// Package operations keeps in SQL what runs next to the processes: the audit log, the desk of incidents, decisions, webhooks in and out,
// answers to Idempotency-Keys, limits and the changes of trusted certificates.
package operations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	auditlog "kyso/internal/audit"
	"kyso/internal/store/kernel"
)

// chainAtOnce is how many entries one transaction takes into the chain: it holds the head of the log meanwhile.
const chainAtOnce = 200

// AuditLog is the part of the store that keeps the audit log. It implements audit.Log.
type AuditLog struct{ *kernel.Base }

var _ auditlog.Log = AuditLog{}

// Note implements audit.Log.
func (l AuditLog) Note(ctx context.Context, entries ...auditlog.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return l.Write(ctx, "noting in the audit log", func(tx *sql.Tx) error { return kernel.InsertNotes(ctx, tx, entries) })
}

// Chain implements audit.Log.
func (l AuditLog) Chain(ctx context.Context) (int, error) {
	var some int
	if err := l.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT id FROM audit_waiting LIMIT 1) w`).Scan(&some); err != nil || some == 0 {
		return 0, err // most looks find nothing, and take no lock
	}
	taken := 0
	err := l.Write(ctx, "chaining the audit log", func(tx *sql.Tx) error {
		if err := kernel.LockAudit(ctx, tx); err != nil {
			return err
		}
		entries, err := takeWaiting(ctx, tx)
		if err != nil || len(entries) == 0 {
			return err
		}
		taken = len(entries)
		return kernel.Link(ctx, tx, entries)
	})
	return taken, err
}

// takeWaiting takes the oldest notes out of the waiting ones.
func takeWaiting(ctx context.Context, tx *sql.Tx) ([]auditlog.Entry, error) {
	type waiting struct {
		ID    string
		entry auditlog.Entry
	}
	var list []waiting
	rows, err := tx.QueryContext(ctx, `DELETE FROM audit_waiting WHERE id IN (SELECT id FROM audit_waiting ORDER BY id LIMIT $1)
		RETURNING id, at, kind, object, actor, detail`, chainAtOnce)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var w waiting
		err := rows.Scan(&w.ID, kernel.Into(&w.entry.At), &w.entry.Kind, &w.entry.Object, &w.entry.Actor, &w.entry.Detail)
		list = append(list, w)
		return err
	})
	slices.SortFunc(list, func(a, b waiting) int { return strings.Compare(a.ID, b.ID) })
	entries := make([]auditlog.Entry, len(list))
	for i, w := range list {
		entries[i] = w.entry
	}
	return entries, err
}

// Entries implements audit.Log.
func (l AuditLog) Entries(ctx context.Context, after int64, limit int) ([]auditlog.Entry, error) {
	if limit <= 0 {
		limit = kernel.MaxLimit
	}
	var list []auditlog.Entry
	rows, err := l.DB.QueryContext(ctx, `SELECT seq, at, kind, object, actor, detail, prev, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var e auditlog.Entry
		err := rows.Scan(&e.Seq, kernel.Into(&e.At), &e.Kind, &e.Object, &e.Actor, &e.Detail, &e.Prev, &e.Hash)
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return list, nil
}

// Head implements audit.Log.
func (l AuditLog) Head(ctx context.Context) (auditlog.Head, error) {
	var head auditlog.Head
	if err := l.DB.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&head.Seq, &head.Hash); err != nil {
		return head, fmt.Errorf("reading the head of the audit log: %w", err)
	}
	return head, nil
}

// SaveCheckpoint implements audit.Log.
func (l AuditLog) SaveCheckpoint(ctx context.Context, c auditlog.Checkpoint) error {
	return l.Write(ctx, "storing a checkpoint", func(tx *sql.Tx) error {
		n, err := kernel.Affected(tx.ExecContext(ctx, `INSERT INTO audit_checkpoints (number, seq, hash, at, previous, key_id, signature)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO NOTHING`, c.Number, c.Seq, c.Hash, kernel.At(c.At), c.Previous, c.Key, c.Signature))
		if err == nil && n == 0 {
			return kernel.Conflict("checkpoint %d is there already", c.Number)
		}
		return err
	})
}

const checkpointColumns = `SELECT number, seq, hash, at, previous, key_id, signature FROM audit_checkpoints`

func scanCheckpoint(row kernel.Scanner) (auditlog.Checkpoint, error) {
	var c auditlog.Checkpoint
	err := row.Scan(&c.Number, &c.Seq, &c.Hash, kernel.Into(&c.At), &c.Previous, &c.Key, &c.Signature)
	return c, err
}

// Checkpoints implements audit.Log.
func (l AuditLog) Checkpoints(ctx context.Context, after int64, limit int) ([]auditlog.Checkpoint, error) {
	var list []auditlog.Checkpoint
	rows, err := l.DB.QueryContext(ctx, checkpointColumns+` WHERE number > $1 ORDER BY number LIMIT $2`, after, limit)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		c, err := scanCheckpoint(rows)
		list = append(list, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading checkpoints: %w", err)
	}
	return list, nil
}

// LastCheckpoint implements audit.Log.
func (l AuditLog) LastCheckpoint(ctx context.Context) (auditlog.Checkpoint, error) {
	c, err := scanCheckpoint(l.DB.QueryRowContext(ctx, checkpointColumns+` ORDER BY number DESC LIMIT 1`))
	if errors.Is(err, sql.ErrNoRows) {
		return auditlog.Checkpoint{}, nil
	}
	if err != nil {
		return c, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	return c, nil
}
