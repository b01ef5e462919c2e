package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/access"
	auditlog "kyso/internal/audit"
	"kyso/internal/registration"
)

// chainAtOnce is how many entries one transaction takes into the chain: it holds the head of the log meanwhile.
const chainAtOnce = 200

// audit appends one entry to the chain. The caller's transaction holds the head. Who acts is the caller of the API when
// the act itself does not know.
func audit(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, actor, detail string) error {
	if actor == "" {
		actor = access.Actor(ctx)
	}
	return link(ctx, tx, []auditlog.Entry{{At: when, Kind: kind, Object: object, Actor: actor, Detail: detail}})
}

// note writes an entry down with the act that it tells of. It is chained a moment later, so that writers do not queue at
// the head of the log.
func note(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, actor, detail string) error {
	if actor == "" {
		actor = access.Actor(ctx)
	}
	return insertNotes(ctx, tx, []auditlog.Entry{{At: when, Kind: kind, Object: object, Actor: actor, Detail: detail}})
}

func insertNotes(ctx context.Context, tx *sql.Tx, entries []auditlog.Entry) error {
	args := make([]any, 0, 6*len(entries))
	for _, e := range entries {
		id, err := uuid.NewV7() // later ones are greater, within a process
		if err != nil {
			return err
		}
		args = append(args, id.String(), at(e.At), e.Kind, e.Object, e.Actor, e.Detail)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit_waiting (id, at, kind, object, actor, detail) VALUES `+tuples(len(entries), 6), args...)
	return err
}

// tuples are the places of n rows: ($1, $2), ($3, $4).
func tuples(n, columns int) string {
	var out strings.Builder
	for row := range n {
		if row > 0 {
			out.WriteString(", ")
		}
		for column := range columns {
			separator := ", "
			if column == 0 {
				separator = "("
			}
			fmt.Fprintf(&out, "%s$%d", separator, row*columns+column+1)
		}
		out.WriteString(")")
	}
	return out.String()
}

// link appends entries to the chain, with three statements however many they are.
func link(ctx context.Context, tx *sql.Tx, entries []auditlog.Entry) error {
	var head auditlog.Head
	if err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&head.Seq, &head.Hash); err != nil {
		return err
	}
	args := make([]any, 0, 8*len(entries))
	for _, e := range entries {
		e.At, e.Seq, e.Prev = e.At.UTC().Truncate(time.Microsecond), head.Seq+1, head.Hash
		e.Hash = e.Digest()
		head = auditlog.Head{Seq: e.Seq, Hash: e.Hash}
		args = append(args, e.Seq, at(e.At), e.Kind, e.Object, e.Actor, e.Detail, e.Prev, e.Hash)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (seq, at, kind, object, actor, detail, prev, hash) VALUES `+tuples(len(entries), 8), args...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1`, head.Seq, head.Hash)
	return err
}

// AuditLog is the part of the store that keeps the audit log.
func (s *Store) AuditLog() AuditLog { return AuditLog{s} }

// AuditLog implements audit.Log.
type AuditLog struct{ s *Store }

var _ auditlog.Log = AuditLog{}

// Note implements audit.Log.
func (l AuditLog) Note(ctx context.Context, entries ...auditlog.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return l.s.write(ctx, "noting in the audit log", func(tx *sql.Tx) error { return insertNotes(ctx, tx, entries) })
}

// Chain implements audit.Log.
func (l AuditLog) Chain(ctx context.Context) (int, error) {
	var some int
	if err := l.s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT id FROM audit_waiting LIMIT 1) w`).Scan(&some); err != nil || some == 0 {
		return 0, err // most looks find nothing, and take no lock
	}
	taken := 0
	err := l.s.write(ctx, "chaining the audit log", func(tx *sql.Tx) error {
		if err := lockAudit(ctx, tx, ""); err != nil {
			return err
		}
		entries, err := takeWaiting(ctx, tx)
		if err != nil || len(entries) == 0 {
			return err
		}
		taken = len(entries)
		return link(ctx, tx, entries)
	})
	return taken, err
}

// takeWaiting takes the oldest notes out of the waiting ones.
func takeWaiting(ctx context.Context, tx *sql.Tx) ([]auditlog.Entry, error) {
	type waiting struct {
		id    string
		entry auditlog.Entry
	}
	var list []waiting
	rows, err := tx.QueryContext(ctx, `DELETE FROM audit_waiting WHERE id IN (SELECT id FROM audit_waiting ORDER BY id LIMIT $1)
		RETURNING id, at, kind, object, actor, detail`, chainAtOnce)
	err = each(rows, err, func(rows *sql.Rows) error {
		var w waiting
		err := rows.Scan(&w.id, into(&w.entry.At), &w.entry.Kind, &w.entry.Object, &w.entry.Actor, &w.entry.Detail)
		list = append(list, w)
		return err
	})
	slices.SortFunc(list, func(a, b waiting) int { return strings.Compare(a.id, b.id) })
	entries := make([]auditlog.Entry, len(list))
	for i, w := range list {
		entries[i] = w.entry
	}
	return entries, err
}

// Entries implements audit.Log.
func (l AuditLog) Entries(ctx context.Context, after int64, limit int) ([]auditlog.Entry, error) {
	if limit <= 0 {
		limit = maxLimit
	}
	var list []auditlog.Entry
	rows, err := l.s.db.QueryContext(ctx, `SELECT seq, at, kind, object, actor, detail, prev, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
	err = each(rows, err, func(rows *sql.Rows) error {
		var e auditlog.Entry
		err := rows.Scan(&e.Seq, into(&e.At), &e.Kind, &e.Object, &e.Actor, &e.Detail, &e.Prev, &e.Hash)
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
	if err := l.s.db.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&head.Seq, &head.Hash); err != nil {
		return head, fmt.Errorf("reading the head of the audit log: %w", err)
	}
	return head, nil
}

// SaveCheckpoint implements audit.Log.
func (l AuditLog) SaveCheckpoint(ctx context.Context, c auditlog.Checkpoint) error {
	return l.s.write(ctx, "storing a checkpoint", func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, `INSERT INTO audit_checkpoints (number, seq, hash, at, previous, key_id, signature)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO NOTHING`, c.Number, c.Seq, c.Hash, at(c.At), c.Previous, c.Key, c.Signature))
		if err == nil && n == 0 {
			return conflict("checkpoint %d is there already", c.Number)
		}
		return err
	})
}

const checkpointColumns = `SELECT number, seq, hash, at, previous, key_id, signature FROM audit_checkpoints`

func scanCheckpoint(row scanner) (auditlog.Checkpoint, error) {
	var c auditlog.Checkpoint
	err := row.Scan(&c.Number, &c.Seq, &c.Hash, into(&c.At), &c.Previous, &c.Key, &c.Signature)
	return c, err
}

// Checkpoints implements audit.Log.
func (l AuditLog) Checkpoints(ctx context.Context, after int64, limit int) ([]auditlog.Checkpoint, error) {
	var list []auditlog.Checkpoint
	rows, err := l.s.db.QueryContext(ctx, checkpointColumns+` WHERE number > $1 ORDER BY number LIMIT $2`, after, limit)
	err = each(rows, err, func(rows *sql.Rows) error {
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
	c, err := scanCheckpoint(l.s.db.QueryRowContext(ctx, checkpointColumns+` ORDER BY number DESC LIMIT 1`))
	if errors.Is(err, sql.ErrNoRows) {
		return auditlog.Checkpoint{}, nil
	}
	if err != nil {
		return c, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	return c, nil
}

// Audit returns entries of the chain with a seq above after, oldest first.
func (r Registrations) Audit(ctx context.Context, after int64, limit int) ([]registration.AuditEntry, error) {
	return r.s.AuditLog().Entries(ctx, after, limit)
}
