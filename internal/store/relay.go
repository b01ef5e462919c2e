package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"kyso/internal/page"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/webhook"
)

// Relay is the part of the store that the loops of internal/relay ask. Every list is oldest first and goes on after a
// cursor; the index of each is a partial one that holds what the loop has to see and no more.
func (s *Store) Relay() Relay { return Relay{s} }

// Relay implements the ports of internal/relay.
type Relay struct{ *Store }

// The conditions of the partial indexes, word by word as the migrations have them. A status is compared by NOT <> because SQLite, which
// gathers no statistics here, would take = for the index of all statuses and read everything in that one.
const (
	openSignings      = `status NOT IN ('signed', 'declined', 'expired', 'cancelled', 'refused')`
	openRegistrations = `status NOT IN ('active', 'refused', 'ineligible', 'withdrawn', 'expired', 'cancelled')`
	unstartedSignings = `NOT s.status <> 'created' AND s.started_at IS NULL AND s.incident_id IS NULL`
	unstarted         = `NOT r.status <> 'requested' AND r.started_at IS NULL`
	arrived           = `NOT r.status <> 'requested' AND r.handoff_used_at IS NOT NULL`
	theirEnd          = `NOT r.status NOT IN ('active', 'refused', 'ineligible', 'withdrawn', 'expired', 'cancelled')`
	archived          = `NOT s.status <> 'signed' AND s.level = 'B-LTA'`
	behindItsRecord   = `told < seq AND status NOT IN ('requested', 'active', 'refused', 'ineligible', 'withdrawn', 'expired', 'cancelled')`
)

// older is the condition, order and limit of a list of a loop, over a column of times and one of ids.
type older struct {
	conditions []string
	args       []any
}

func (o *older) add(condition string, args ...any) *older {
	for i, arg := range args {
		o.args = append(o.args, arg)
		condition = strings.ReplaceAll(condition, fmt.Sprintf("?%d", i+1), fmt.Sprintf("$%d", len(o.args)))
	}
	o.conditions = append(o.conditions, condition)
	return o
}

// tail ends the query: rows after the cursor by time and id, oldest first.
func (o *older) tail(at0, id string, after page.Cursor, limit int) (string, []any) {
	if !after.IsZero() {
		o.add(`(`+at0+`, `+id+`) > (?1, ?2)`, at(after.At), after.ID)
	}
	if limit <= 0 || limit > maxLimit {
		limit = maxLimit
	}
	o.args = append(o.args, limit)
	return fmt.Sprintf(` WHERE %s ORDER BY %s, %s LIMIT $%d`, strings.Join(o.conditions, ` AND `), at0, id, len(o.args)), o.args
}

// Waiting implements relay.Messages.
func (r Relay) Waiting(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.InboxMessage, error) {
	k, err := r.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	tail, args := new(older).add(`NOT handled`).add(`received_at <= ?1`, at(before)).tail(`received_at`, `id`, after, limit)
	var list []signing.InboxMessage
	rows, err := r.db.QueryContext(ctx, `SELECT id, provider, transaction_id, body, received_at FROM inbox`+tail, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var m signing.InboxMessage
		var body []byte
		if err := rows.Scan(&m.ID, &m.Provider, &m.Request, &body, into(&m.ReceivedAt)); err != nil {
			return err
		}
		m.Body, err = k.open("inbox", "body", m.ID, body)
		list = append(list, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing waiting webhooks: %w", err)
	}
	return list, nil
}

// UnstartedSignings implements relay.NewRecords. A parked one is being worked on by its process.
func (r Relay) UnstartedSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error) {
	o := new(older).add(unstartedSignings).add(`s.created_at <= ?1`, at(before))
	tail, args := o.tail(`s.created_at`, `s.id`, after, limit)
	return r.signings(ctx, "listing signings to start", tail, args)
}

// MarkSigningStarted implements relay.NewRecords.
func (r Relay) MarkSigningStarted(ctx context.Context, id string, when time.Time) error {
	return r.mark(ctx, "noting that a signing is started", `UPDATE signings SET started_at = $1 WHERE id = $2 AND started_at IS NULL`, at(when), id)
}

func (r Relay) mark(ctx context.Context, doing, statement string, args ...any) error {
	return r.write(ctx, doing, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// UnstartedRegistrations implements relay.NewRecords.
func (r Relay) UnstartedRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	o := new(older).add(unstarted).add(`r.created_at <= ?1`, at(before))
	tail, args := o.tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations to start", tail, args)
}

// MarkRegistrationStarted implements relay.NewRecords.
func (r Relay) MarkRegistrationStarted(ctx context.Context, id string, when time.Time) error {
	return r.mark(ctx, "noting that a registration is started", `UPDATE registrations SET started_at = $1 WHERE id = $2 AND started_at IS NULL`, at(when), id)
}

// Arrived implements relay.Told.
func (r Relay) Arrived(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	o := new(older).add(arrived).add(`r.handoff_used_at <= ?1`, at(before))
	tail, args := o.tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations whose citizen came", tail, args)
}

// Behind implements relay.Told.
func (r Relay) Behind(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	tail, args := new(older).add(behindItsRecord).add(`r.updated_at <= ?1`, at(before)).tail(`r.updated_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations that may be ahead of their process", tail, args)
}

// MarkTold implements relay.Told.
func (r Relay) MarkTold(ctx context.Context, id string, seq int) error {
	return r.mark(ctx, "noting what a process knows", `UPDATE registrations SET told = $1 WHERE id = $2 AND told < $1`, seq, id)
}

func (r Relay) registrations(ctx context.Context, doing, tail string, args []any) ([]registration.Registration, error) {
	var list []registration.Registration
	rows, err := r.db.QueryContext(ctx, registrationQuery+tail, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		one, _, err := scanRegistration(rows)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return list, nil
}

// Unsettled implements relay.Money.
func (r Relay) Unsettled(ctx context.Context, after page.Cursor, limit int) ([]registration.Payment, error) {
	tail, args := new(older).add(`status = 'captured' AND settled_at IS NULL`).tail(`created_at`, `txn_ref`, after, limit)
	return r.payments(ctx, "listing payments that are not settled", tail, args)
}

// Undecided implements relay.Money.
func (r Relay) Undecided(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Payment, error) {
	tail, args := new(older).add(`status IN ('pending', 'review')`).add(`created_at <= ?1`, at(before)).tail(`created_at`, `txn_ref`, after, limit)
	return r.payments(ctx, "listing payments that are not decided", tail, args)
}

func (r Relay) payments(ctx context.Context, doing, tail string, args []any) ([]registration.Payment, error) {
	var list []registration.Payment
	rows, err := r.db.QueryContext(ctx, paymentQuery+tail, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		p, err := scanPayment(rows)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return list, nil
}

// MarkSettled implements relay.Money.
func (r Relay) MarkSettled(ctx context.Context, txnRef string, when time.Time) error {
	return r.mark(ctx, "noting that a payment is settled", `UPDATE payments SET settled_at = $1 WHERE txn_ref = $2 AND settled_at IS NULL`, at(when), txnRef)
}

// Registration implements relay.Money.
func (r Relay) Registration(ctx context.Context, id string) (registration.Registration, error) {
	return r.Registrations().Registration(ctx, id)
}

// Unstarted implements relay.Outgoing.
func (r Relay) Unstarted(ctx context.Context, after page.Cursor, limit int) ([]webhook.Message, error) {
	o := new(older).add(`started_at IS NULL`)
	if !after.IsZero() {
		endpoint, id, _ := strings.Cut(after.ID, "/")
		o.add(`(created_at, endpoint_id, id) > (?1, ?2, ?3)`, at(after.At), endpoint, id)
	}
	tail, args := o.tail(`created_at`, `endpoint_id, id`, page.Cursor{}, limit)
	return r.Webhooks().messages(ctx, tail, args...)
}

// MarkStarted implements relay.Outgoing.
func (r Relay) MarkStarted(ctx context.Context, m webhook.Message, when time.Time) error {
	return r.mark(ctx, "noting a message that is on its way", `UPDATE webhook_messages SET started_at = $1 WHERE endpoint_id = $2 AND id = $3 AND round = $4`,
		at(when), m.EndpointID, m.ID, m.Round)
}

// Purge implements relay.Outgoing.
func (r Relay) Purge(ctx context.Context, before time.Time) error {
	return r.mark(ctx, "forgetting old messages",
		`DELETE FROM webhook_messages WHERE created_at < $1 AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL)`, at(before))
}

// UnsentCodes implements relay.TextRecords.
func (r Relay) UnsentCodes(ctx context.Context, now, before time.Time, after page.Cursor, limit int) ([]registration.Challenge, error) {
	o := new(older).add(`created_at > ?1 AND created_at <= ?2 AND expires_at > ?3`, at(now.Add(-longestCode)), at(before), at(now)).
		add(`account_id <> '' AND sent_at IS NULL AND proven_at IS NULL AND digits IS NOT NULL`)
	tail, args := o.tail(`created_at`, `id`, after, limit)
	var list []registration.Challenge
	rows, err := r.db.QueryContext(ctx, `SELECT id, created_at FROM login_challenges`+tail, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var c registration.Challenge
		err := rows.Scan(&c.ID, into(&c.CreatedAt))
		list = append(list, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing codes to send: %w", err)
	}
	return list, nil
}

// longestCode is longer than any code of a log-in can be used.
const longestCode = time.Hour

// OpenResets implements relay.TextRecords.
func (r Relay) OpenResets(ctx context.Context, now, before time.Time, after page.Cursor, limit int) ([]registration.Reset, error) {
	tail, args := new(older).add(`effective_at > ?1 AND requested_at <= ?2`, at(now), at(before)).tail(`effective_at`, `account_id`, after, limit)
	var list []registration.Reset
	rows, err := r.db.QueryContext(ctx, `SELECT account_id, requested_at, effective_at FROM password_resets`+tail, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var one registration.Reset
		err := rows.Scan(&one.AccountID, into(&one.RequestedAt), into(&one.EffectiveAt))
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing resets: %w", err)
	}
	return list, nil
}
