package kernel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/webhook"
)

// Ledger keeps the transitions and incidents of one kind of process, in the two tables that all kinds share. It decides
// nothing about a process: a caller says whether a step is allowed and what it changes in the record.
type Ledger struct {
	kind    process.Kind
	Records string // table of the records
	// cells is the table that sealed cells of incidents are bound to: the one in which the release before looks for them.
	cells string
	// lock makes writers of the process follow each other.
	lock func(ctx context.Context, s *Base, tx *sql.Tx, id string) error
	// audit writes down what has happened, in the order of the kind's other entries.
	audit func(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, actor, detail string) error
}

// The ledgers, one for each kind of process. Rows of the two tables carry the kind, so nothing else knows how many there are.
var (
	SigningLedger      = Ledger{process.Signing, "signings", "incidents", LockSigning, noteUnnamed}
	RegistrationLedger = Ledger{process.Registration, "registrations", "registration_incidents", followRegistration, Note}
)

// ledgers are those of all kinds.
var ledgers = []Ledger{SigningLedger, RegistrationLedger}

// LedgerOf is the ledger of a kind of process.
func LedgerOf(kind process.Kind) (Ledger, error) {
	for _, l := range ledgers {
		if l.kind == kind {
			return l, nil
		}
	}
	return Ledger{}, problem.New(problem.Invalid, "there is no process of kind %q", kind)
}

// write runs fn in one transaction that holds the process.
func (l Ledger) write(ctx context.Context, s *Base, doing, id string, fn func(tx *sql.Tx, k *Keys) error) error {
	return s.WriteSealed(ctx, doing, func(tx *sql.Tx, k *Keys) error {
		if err := l.lock(ctx, s, tx, id); err != nil {
			return err
		}
		return fn(tx, k)
	})
}

// StrayCells is what cells is for incidents without a record.
const StrayCells = "stray_incidents"

// CellsOf is the table that the sealed cells of an incident are bound to.
func CellsOf(kind process.Kind, stray bool) string {
	for _, l := range ledgers {
		if l.kind == kind && !stray {
			return l.cells
		}
	}
	return StrayCells
}

// standing is where a process is: its status, and how many transitions led there.
func (l Ledger) standing(ctx context.Context, tx *sql.Tx, id string) (status string, seq int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT r.status, (SELECT COUNT(*) FROM process_transitions t WHERE t.kind = '`+string(l.kind)+`' AND t.process_id = r.id)
		FROM `+l.Records+` r WHERE r.id = $1`, id).Scan(&status, &seq)
	return status, seq, OrNoSuch(err, string(l.kind))
}

// Move records transitions in one transaction, and has record write what each changes in the process's record. The same transition again
// does nothing. One that the table does not know, or a gap in the sequence, is problem.Conflict: either means that two runs write to
// one process.
func Move[S ~string](ctx context.Context, s *Base, l Ledger, table process.Table[S], id string, list []process.Transition[S],
	record func(tx *sql.Tx, t process.Transition[S]) error,
) error {
	return l.write(ctx, s, "moving a "+string(l.kind), id, func(tx *sql.Tx, _ *Keys) error {
		for _, t := range list {
			if err := moveOne(ctx, tx, l, table, id, t, record); err != nil {
				return err
			}
		}
		return nil
	})
}

func moveOne[S ~string](ctx context.Context, tx *sql.Tx, l Ledger, table process.Table[S], id string, t process.Transition[S],
	record func(tx *sql.Tx, t process.Transition[S]) error,
) error {
	from, last, err := l.standing(ctx, tx, id)
	if err != nil {
		return err
	}
	if done, err := l.moved(ctx, tx, id, t.Seq, string(t.Status)); done || err != nil {
		return err
	}
	if t.Seq != last+1 {
		return Conflict("transition %d does not follow transition %d", t.Seq, last)
	}
	if err := table.Check(S(from), t.Status); err != nil {
		return err
	}
	if t.At.IsZero() {
		return problem.New(problem.Invalid, "a transition has a time")
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO process_transitions (kind, process_id, seq, status, at, detail, deadline, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, string(l.kind), id, t.Seq, string(t.Status), At(t.At), t.Detail, At(t.Deadline), t.Actor)
	if err == nil {
		err = record(tx, t)
	}
	if err == nil {
		err = Announce(ctx, tx, webhook.Event{Kind: string(l.kind), ID: id, Status: string(t.Status), Seq: t.Seq, Final: table.Final(t.Status), Detail: t.Detail,
			Self: l.self(id), At: t.At})
	}
	if err != nil {
		return err
	}
	return l.audit(ctx, tx, t.At, "transition", id, t.Actor, strings.TrimSpace(fmt.Sprintf("%d %s→%s %s", t.Seq, from, t.Status, t.Detail)))
}

// moved reports whether this transition is recorded already.
func (l Ledger) moved(ctx context.Context, tx *sql.Tx, id string, seq int, status string) (bool, error) {
	var stored string
	err := tx.QueryRowContext(ctx, `SELECT status FROM process_transitions WHERE kind = $1 AND process_id = $2 AND seq = $3`, string(l.kind), id, seq).Scan(&stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case stored != status:
		return false, Conflict("transition %d was to %s, not to %s", seq, stored, status)
	}
	return true, nil
}

// Steps returns the transitions of a process with a Seq above after, oldest first.
func Steps[S ~string](ctx context.Context, s *Base, l Ledger, id string, after int) ([]process.Transition[S], error) {
	var list []process.Transition[S]
	rows, err := s.DB.QueryContext(ctx, `SELECT seq, status, at, detail, deadline, actor FROM process_transitions
		WHERE kind = $1 AND process_id = $2 AND seq > $3 ORDER BY seq`, string(l.kind), id, after)
	err = Each(rows, err, func(rows *sql.Rows) error {
		var t process.Transition[S]
		err := rows.Scan(&t.Seq, &t.Status, Into(&t.At), &t.Detail, Into(&t.Deadline), &t.Actor)
		list = append(list, t)
		return err
	})
	if err == nil && len(list) == 0 && after <= 0 { // none, or no such process; who names a transition knows that there is one
		err = s.Read(ctx, "looking for a process", func(tx *sql.Tx) error {
			_, _, err := l.standing(ctx, tx, id)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("listing transitions: %w", err)
	}
	return list, nil
}

// LockSigning locks the row of a signing; problem.NotFound when there is none. SQLite has no FOR UPDATE, and its transaction holds the
// lock of the whole file already.
func LockSigning(ctx context.Context, s *Base, tx *sql.Tx, id string) error {
	query := `SELECT 1 FROM signings WHERE id = $1`
	if s.Engine == PostgresEngine {
		query += ` FOR NO KEY UPDATE`
	}
	return OrNoSuch(tx.QueryRowContext(ctx, query, id).Scan(new(int)), "signing")
}

func followRegistration(ctx context.Context, s *Base, tx *sql.Tx, id string) error {
	return s.Follow(ctx, tx, Registration(id))
}

// noteUnnamed is note without who acted: operators of signings are named in sealed cells only.
func noteUnnamed(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, _, detail string) error {
	return Note(ctx, tx, when, kind, object, "", detail)
}

func (l Ledger) self(id string) string { return "/v1/" + string(l.kind) + "s/" + id }

// Ended are the final statuses of a kind of process as a list in SQL, in the order of its table. The partial indexes name them, so a
// new one comes with a migration that makes those anew.
func Ended[S ~string](table process.Table[S]) string {
	var list []string
	for _, s := range table.Statuses() {
		if table.Final(s) {
			list = append(list, "'"+string(s)+"'")
		}
	}
	return "(" + strings.Join(list, ", ") + ")"
}
