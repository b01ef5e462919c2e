package kernel

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/access"
	auditlog "kyso/internal/audit"
)

// Note writes an entry down with the act that it tells of. It is chained a moment later, so that writers do not queue at
// the head of the log. Who acts is the caller of the API when the act itself does not know.
func Note(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, actor, detail string) error {
	if actor == "" {
		actor = access.Actor(ctx)
	}
	return InsertNotes(ctx, tx, []auditlog.Entry{{At: when, Kind: kind, Object: object, Actor: actor, Detail: detail}})
}

// InsertNotes writes entries down that wait for the chain.
func InsertNotes(ctx context.Context, tx *sql.Tx, entries []auditlog.Entry) error {
	args := make([]any, 0, 6*len(entries))
	for _, e := range entries {
		id, err := uuid.NewV7() // later ones are greater, within a process
		if err != nil {
			return err
		}
		args = append(args, id.String(), At(e.At), e.Kind, e.Object, e.Actor, e.Detail)
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

// Link appends entries to the chain, with three statements however many they are.
func Link(ctx context.Context, tx *sql.Tx, entries []auditlog.Entry) error {
	var head auditlog.Head
	if err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&head.Seq, &head.Hash); err != nil {
		return err
	}
	args := make([]any, 0, 8*len(entries))
	for _, e := range entries {
		e.At, e.Seq, e.Prev = e.At.UTC().Truncate(time.Microsecond), head.Seq+1, head.Hash
		e.Hash = e.Digest()
		head = auditlog.Head{Seq: e.Seq, Hash: e.Hash}
		args = append(args, e.Seq, At(e.At), e.Kind, e.Object, e.Actor, e.Detail, e.Prev, e.Hash)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (seq, at, kind, object, actor, detail, prev, hash) VALUES `+tuples(len(entries), 8), args...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1`, head.Seq, head.Hash)
	return err
}

// LockAudit takes the head of the audit log, so that one program chains at a time. It leaves the number alone: a statement that sets it
// to what it is says that a program of the release before writes (migration 45).
func LockAudit(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE audit_head SET hash = hash WHERE id = 1`)
	return err
}
