package operations

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/webhook"
)

// Loops is what the loops of internal/relay ask about messages and incidents. Every list is oldest first and goes on after a cursor;
// the index of each is a partial one that holds what the loop has to see and no more.
type Loops struct{ *kernel.Base }

// Waiting implements relay.Messages.
func (r Loops) Waiting(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.InboxMessage, error) {
	k, err := r.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	tail, args := new(kernel.Older).Add(`NOT handled`).Add(`received_at <= ?1`, kernel.At(before)).Tail(`received_at`, `id`, after, limit)
	var list []signing.InboxMessage
	rows, err := r.DB.QueryContext(ctx, `SELECT id, provider, transaction_id, body, received_at FROM inbox`+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var m signing.InboxMessage
		var body []byte
		if err := rows.Scan(&m.ID, &m.Provider, &m.Request, &body, kernel.Into(&m.ReceivedAt)); err != nil {
			return err
		}
		m.Body, err = k.Open("inbox", "body", m.ID, body)
		list = append(list, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing waiting webhooks: %w", err)
	}
	return list, nil
}

// Unstarted implements relay.Outgoing.
func (r Loops) Unstarted(ctx context.Context, after page.Cursor, limit int) ([]webhook.Message, error) {
	o := new(kernel.Older).Add(`started_at IS NULL`)
	if !after.IsZero() {
		endpoint, id, _ := strings.Cut(after.ID, "/")
		o.Add(`(created_at, endpoint_id, id) > (?1, ?2, ?3)`, kernel.At(after.At), endpoint, id)
	}
	tail, args := o.Tail(`created_at`, `endpoint_id, id`, page.Cursor{}, limit)
	return Webhooks(r).messages(ctx, tail, args...)
}

// MarkStarted implements relay.Outgoing.
func (r Loops) MarkStarted(ctx context.Context, m webhook.Message, when time.Time) error {
	return r.Exec(ctx, "noting a message that is on its way", `UPDATE webhook_messages SET started_at = $1 WHERE endpoint_id = $2 AND id = $3 AND round = $4`,
		kernel.At(when), m.EndpointID, m.ID, m.Round)
}

// Purge implements relay.Outgoing.
func (r Loops) Purge(ctx context.Context, before time.Time) error {
	for {
		var n int64
		err := r.Write(ctx, "forgetting old messages", func(tx *sql.Tx) (err error) {
			n, err = kernel.Affected(tx.ExecContext(ctx, `DELETE FROM webhook_messages WHERE (endpoint_id, id) IN (SELECT endpoint_id, id FROM webhook_messages
				WHERE created_at < $1 AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL) ORDER BY created_at LIMIT $2)`, kernel.At(before), forgetAtOnce))
			return err
		})
		if err != nil || n < forgetAtOnce {
			return err
		}
	}
}

// Carried implements relay.Books.
func (r Loops) Carried(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]webhook.Message, error) {
	o := new(kernel.Older).Add(`started_at IS NOT NULL AND delivered_at IS NULL AND failed_at IS NULL`).Add(`created_at <= ?1`, kernel.At(before))
	if !after.IsZero() {
		endpoint, id, _ := strings.Cut(after.ID, "/")
		o.Add(`(created_at, endpoint_id, id) > (?1, ?2, ?3)`, kernel.At(after.At), endpoint, id)
	}
	tail, args := o.Tail(`created_at`, `endpoint_id, id`, page.Cursor{}, limit)
	return Webhooks(r).messages(ctx, tail, args...)
}

// CarryAgain implements relay.Books: the message gets another round, which the deliveries begin.
func (r Loops) CarryAgain(ctx context.Context, m webhook.Message) error {
	return r.Exec(ctx, "having a message carried again", `UPDATE webhook_messages SET round = round + 1, started_at = NULL
		WHERE endpoint_id = $1 AND id = $2 AND round = $3 AND delivered_at IS NULL AND failed_at IS NULL`, m.EndpointID, m.ID, m.Round)
}

// OpenMismatch implements relay.Mismatches. While one of the same reason is open nothing is added; the id counts, so that
// two relays that find the same thing write one row. It counts across records that were lost and restored, whose incidents
// are strays.
func (r Loops) OpenMismatch(ctx context.Context, in process.Incident) (fresh bool, err error) {
	l, err := kernel.LedgerOf(in.Process)
	if err != nil {
		return false, err
	}
	var records, open, strays, all int
	err = r.DB.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM `+l.Records+` WHERE id = $1), COUNT(CASE WHEN closed_at IS NULL AND NOT stray THEN 1 END),
		COUNT(CASE WHEN closed_at IS NULL AND stray THEN 1 END), COUNT(*) FROM process_incidents WHERE process_id = $1 AND reason = $2`,
		in.ProcessID, in.Reason).Scan(&records, &open, &strays, &all)
	if err != nil {
		return false, fmt.Errorf("looking for incidents: %w", err)
	}
	in.IncidentID, in.Attempts = process.MismatchID(in.ProcessID, in.Reason, all+1), 1
	switch {
	case records > 0 && open > 0 || records == 0 && strays > 0:
		return false, nil
	case records > 0:
		return true, l.Open(ctx, r.Base, in)
	}
	return true, r.WriteSealed(ctx, "opening an incident", func(tx *sql.Tx, k *kernel.Keys) error { return kernel.InsertIncident(ctx, tx, k, in, true) })
}

// OpenMismatches implements relay.Mismatches.
func (r Loops) OpenMismatches(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]process.Incident, error) {
	o := new(kernel.Older).Add(`closed_at IS NULL AND reason IN (?1, ?2, ?3, ?4, ?5)`, mismatches()...).Add(`since <= ?1`, kernel.At(before))
	tail, args := o.Tail(`since`, `id`, after, limit)
	return Parked(r).parked(ctx, tail, args)
}

// GivenUp implements relay.Mismatches.
func (r Loops) GivenUp(ctx context.Context, kind process.Kind, id string) (bool, error) {
	var closed int
	err := r.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM process_incidents WHERE process_id = $1 AND reason = $2 AND kind = $3 AND action = $4 AND stray AND closed_at IS NOT NULL`,
		id, incident.RecordMissing, string(kind), incident.Close).Scan(&closed)
	if err != nil {
		return false, fmt.Errorf("looking for incidents: %w", err)
	}
	return closed > 0, nil
}

// CloseIncidents implements relay.Mismatches: every open incident of a process, those of one reason, or one.
func (r Loops) CloseIncidents(ctx context.Context, in process.Incident) (closed int, err error) {
	list, err := r.openOf(ctx, in)
	for _, one := range list {
		if err := one.close(ctx, r, in); err != nil && problem.CodeOf(err) != problem.NotFound {
			return closed, err
		}
		closed++
	}
	return closed, err
}

func (r Loops) openOf(ctx context.Context, in process.Incident) ([]openOne, error) {
	var list []openOne
	rows, err := r.DB.QueryContext(ctx, `SELECT id, kind, stray FROM process_incidents
		WHERE process_id = $1 AND ($2 = '' OR reason = $2) AND ($3 = '' OR id = $3) AND closed_at IS NULL`, in.ProcessID, in.Reason, in.IncidentID)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var one openOne
		err := rows.Scan(&one.ID, &one.kind, &one.stray)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing open incidents: %w", err)
	}
	return list, nil
}

// openOne is an open incident of a process.
type openOne struct {
	ID    string
	kind  process.Kind
	stray bool
}

func (o openOne) close(ctx context.Context, r Loops, in process.Incident) error {
	in.IncidentID, in.Process = o.ID, o.kind
	if !o.stray {
		l, err := kernel.LedgerOf(o.kind)
		if err != nil {
			return err
		}
		return l.Close(ctx, r.Base, in)
	}
	return r.WriteSealed(ctx, "closing an incident", func(tx *sql.Tx, k *kernel.Keys) error {
		_, err := kernel.CloseIncident(ctx, tx, k, in, kernel.StrayCells)
		return err
	})
}

func mismatches() []any {
	var list []any
	for _, reason := range incident.Mismatches() {
		list = append(list, reason)
	}
	return list
}
