package store

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

// ledger keeps the transitions and incidents of one kind of process, in the two tables that all kinds share. It decides
// nothing about a process: a caller says whether a step is allowed and what it changes in the record.
type ledger struct {
	kind    process.Kind
	records string // table of the records
	// cells is the table that sealed cells of incidents are bound to: the one in which the release before looks for them.
	cells string
	// lock makes writers of the process queue: at its record, or at the head of the audit log, which its entries go into at once.
	lock func(ctx context.Context, tx *sql.Tx, id string) error
	// audit writes down what has happened, in the order of the kind's other entries.
	audit func(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, actor, detail string) error
}

var (
	signingLedger      = ledger{process.Signing, "signings", "incidents", lockSigning, noteUnnamed}
	registrationLedger = ledger{process.Registration, "registrations", "registration_incidents", lockAudit, audit}
)

// ledgers are those of all kinds.
var ledgers = []ledger{signingLedger, registrationLedger}

// ledgerOf is the ledger of a kind of process.
func ledgerOf(kind process.Kind) (ledger, error) {
	for _, l := range ledgers {
		if l.kind == kind {
			return l, nil
		}
	}
	return ledger{}, problem.New(problem.Invalid, "there is no process of kind %q", kind)
}

// write runs fn in one transaction that holds the process.
func (l ledger) write(ctx context.Context, s *Store, doing, id string, fn func(tx *sql.Tx, k *keys) error) error {
	k, err := s.openKeys(ctx)
	if err != nil {
		return err
	}
	return s.write(ctx, doing, func(tx *sql.Tx) error {
		if err := l.lock(ctx, tx, id); err != nil {
			return err
		}
		return fn(tx, k)
	})
}

// strayCells is what cells is for incidents without a record.
const strayCells = "stray_incidents"

// cellsOf is the table that the sealed cells of an incident are bound to.
func cellsOf(kind process.Kind, stray bool) string {
	for _, l := range ledgers {
		if l.kind == kind && !stray {
			return l.cells
		}
	}
	return strayCells
}

// step is a transition of any kind of process.
type step struct {
	seq      int
	status   string
	at       time.Time
	detail   string
	deadline time.Time
	actor    string
	final    bool
}

// standing is where a process is: its status, and how many transitions led there.
func (l ledger) standing(ctx context.Context, tx *sql.Tx, id string) (status string, seq int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT r.status, (SELECT COUNT(*) FROM process_transitions t WHERE t.kind = '`+string(l.kind)+`' AND t.process_id = r.id)
		FROM `+l.records+` r WHERE r.id = $1`, id).Scan(&status, &seq)
	return status, seq, orNoSuch(err, string(l.kind))
}

// move records a step and has record write what it changes in the process's record. The same step again does nothing. A step that
// check refuses, or a gap in the sequence, is problem.Conflict: either means that two runs write to one process.
func (l ledger) move(ctx context.Context, s *Store, id string, t step, check func(from string) error, record func(tx *sql.Tx) error) error {
	return l.write(ctx, s, "moving a "+string(l.kind), id, func(tx *sql.Tx, _ *keys) error { return l.moveTo(ctx, tx, id, t, check, record) })
}

func (l ledger) moveTo(ctx context.Context, tx *sql.Tx, id string, t step, check func(from string) error, record func(tx *sql.Tx) error) error {
	from, last, err := l.standing(ctx, tx, id)
	if err != nil {
		return err
	}
	if done, err := l.moved(ctx, tx, id, t); done || err != nil {
		return err
	}
	if t.seq != last+1 {
		return conflict("transition %d does not follow transition %d", t.seq, last)
	}
	if err := check(from); err != nil {
		return err
	}
	if t.at.IsZero() {
		return problem.New(problem.Invalid, "a transition has a time")
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO process_transitions (kind, process_id, seq, status, at, detail, deadline, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, string(l.kind), id, t.seq, t.status, at(t.at), t.detail, at(t.deadline), t.actor)
	if err == nil {
		err = record(tx)
	}
	if err != nil {
		return err
	}
	err = announce(ctx, tx, webhook.Event{Kind: string(l.kind), ID: id, Status: t.status, Seq: t.seq, Final: t.final, Detail: t.detail, Self: l.self(id), At: t.at})
	if err != nil {
		return err
	}
	return l.audit(ctx, tx, t.at, "transition", id, t.actor, strings.TrimSpace(fmt.Sprintf("%d %s→%s %s", t.seq, from, t.status, t.detail)))
}

// moved reports whether this step is recorded already.
func (l ledger) moved(ctx context.Context, tx *sql.Tx, id string, t step) (bool, error) {
	var stored string
	err := tx.QueryRowContext(ctx, `SELECT status FROM process_transitions WHERE kind = $1 AND process_id = $2 AND seq = $3`, string(l.kind), id, t.seq).Scan(&stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case stored != t.status:
		return false, conflict("transition %d was to %s, not to %s", t.seq, stored, t.status)
	}
	return true, nil
}

// steps are those with a seq above after, oldest first.
func (l ledger) steps(ctx context.Context, s *Store, id string, after int, add func(t step)) error {
	return s.read(ctx, "listing transitions", func(tx *sql.Tx) error {
		if _, _, err := l.standing(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT seq, status, at, detail, deadline, actor FROM process_transitions
			WHERE kind = $1 AND process_id = $2 AND seq > $3 ORDER BY seq`, string(l.kind), id, after)
		return each(rows, err, func(rows *sql.Rows) error {
			var t step
			err := rows.Scan(&t.seq, &t.status, into(&t.at), &t.detail, into(&t.deadline), &t.actor)
			add(t)
			return err
		})
	})
}

// lockSigning locks the row of a signing; problem.NotFound when there is none.
func lockSigning(ctx context.Context, tx *sql.Tx, id string) error {
	// An update that changes nothing locks the row on PostgreSQL; SQLite has no SELECT … FOR UPDATE, and its
	// transaction holds the lock of the whole file already.
	locked, err := affected(tx.ExecContext(ctx, `UPDATE signings SET status = status WHERE id = $1`, id))
	if err == nil && locked == 0 {
		err = noSuch("signing")
	}
	return err
}

// lockAudit takes the head of the audit log, so writers queue in one order.
func lockAudit(ctx context.Context, tx *sql.Tx, _ string) error {
	_, err := tx.ExecContext(ctx, `UPDATE audit_head SET seq = seq WHERE id = 1`)
	return err
}

// noteUnnamed is note without who acted: operators of signings are named in sealed cells only.
func noteUnnamed(ctx context.Context, tx *sql.Tx, when time.Time, kind, object, _, detail string) error {
	return note(ctx, tx, when, kind, object, "", detail)
}

func (l ledger) self(id string) string { return "/v1/" + string(l.kind) + "s/" + id }
