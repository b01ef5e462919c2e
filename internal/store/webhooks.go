package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/signing"
	"kyso/internal/webhook"
)

// Webhooks is the part of the store that remembers who is told of what.
func (s *Store) Webhooks() Webhooks { return Webhooks{s} }

// Webhooks implements webhook.Records.
type Webhooks struct{ *Store }

var _ webhook.Records = Webhooks{}

// announceAttention writes down that a process is parked, or goes on again. What failed is not said: it is for operators.
func announceAttention(ctx context.Context, tx *sql.Tx, l ledger, id, incidentID string, open bool, when time.Time) error {
	e := webhook.Event{Kind: string(l.kind), ID: id, Name: webhook.Attention, Open: &open, Self: l.self(id), At: when}
	var err error
	if e.Status, e.Seq, err = l.standing(ctx, tx, id); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(incidentID))
	e.Mark = fmt.Sprintf("%x-%t", sum[:6], open)
	return announce(ctx, tx, e)
}

// announce writes down, with what happened, whom it is told to.
func announce(ctx context.Context, tx *sql.Tx, e webhook.Event) error {
	var wanted []webhook.Endpoint
	rows, err := tx.QueryContext(ctx, `SELECT w.id, w.events FROM grants g JOIN webhook_endpoints w ON w.owner = g.owner
		WHERE g.kind = $1 AND g.object = $2 AND w.deleted_at IS NULL`, e.Kind, e.ID)
	err = each(rows, err, func(rows *sql.Rows) error {
		var endpoint webhook.Endpoint
		var events string
		err := rows.Scan(&endpoint.ID, &events)
		endpoint.Events = strings.Fields(events)
		wanted = append(wanted, endpoint)
		return err
	})
	if err != nil || len(wanted) == 0 {
		return err
	}
	m, err := webhook.NewMessage(e.MessageID(), e)
	if err != nil {
		return err
	}
	for _, endpoint := range wanted {
		if m.EndpointID = endpoint.ID; endpoint.Wants(m.Type) {
			if err := insertMessage(ctx, tx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func insertMessage(ctx context.Context, tx *sql.Tx, m webhook.Message) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO webhook_messages (endpoint_id, id, type, body, created_at, round, attempts, last_answer)
		VALUES ($1, $2, $3, $4, $5, 0, 0, '') ON CONFLICT (endpoint_id, id) DO NOTHING`, m.EndpointID, m.ID, m.Type, string(m.Body), at(m.CreatedAt))
	return err
}

// CreateEndpoint implements webhook.Records. The endpoint and whose it is are one transaction, and of many at once each sees
// what the ones before it made.
func (w Webhooks) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	k, err := w.openKeys(ctx)
	if err != nil {
		return e, err
	}
	err = w.write(ctx, "storing a webhook endpoint", func(tx *sql.Tx) error {
		if err := w.alone(ctx, tx, "endpoints", e.Owner); err != nil {
			return err
		}
		if before, err := madeBefore(ctx, tx, k, e); err != nil || before != nil {
			if before != nil {
				e = *before
			}
			return err
		}
		made, err := affected(tx.ExecContext(ctx, `INSERT INTO webhook_endpoints (id, owner, url, events, secret, created_at) SELECT $1, $2, $3, $4, $5, $6
			WHERE (SELECT COUNT(*) FROM webhook_endpoints WHERE owner = $2 AND deleted_at IS NULL) < $7`,
			e.ID, e.Owner, k.sealed("webhook_endpoints", "url", e.ID, []byte(e.URL)), strings.Join(e.Events, " "),
			k.sealed("webhook_endpoints", "secret", e.ID, []byte(e.Secret)), at(e.CreatedAt), webhook.MaxEndpoints))
		if err == nil && made == 0 {
			err = conflict("there are %d endpoints already; delete one first", webhook.MaxEndpoints)
		}
		if err == nil {
			err = grant(ctx, tx, e.Owner, e.CreatedAt, access.Object{Kind: access.Endpoint, ID: e.ID})
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, e.CreatedAt, "endpoint", e.ID, "", "made: "+strings.Join(e.Events, " "))
	})
	return e, err
}

// madeBefore is the endpoint that a request made whose answer was lost; nil when there is none of this id.
func madeBefore(ctx context.Context, tx *sql.Tx, k *keys, e webhook.Endpoint) (*webhook.Endpoint, error) {
	stored, err := scanEndpoint(tx.QueryRowContext(ctx, endpointColumns+` WHERE id = $1`, e.ID), k)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case stored.Owner != e.Owner:
		return nil, conflict("there is an endpoint of this id")
	case !stored.DeletedAt.IsZero():
		return nil, conflict("the endpoint of this request was made and deleted")
	case e.CreatedAt.Sub(stored.CreatedAt) >= signing.AnswerLife:
		return nil, conflict("the endpoint of this request was made long ago")
	}
	return &stored, nil
}

const endpointColumns = `SELECT id, owner, url, events, secret, old_secret, old_until, created_at, deleted_at FROM webhook_endpoints`

func scanEndpoint(row scanner, k *keys) (webhook.Endpoint, error) {
	var e webhook.Endpoint
	var events string
	var address, secret, old []byte
	err := row.Scan(&e.ID, &e.Owner, &address, &events, &secret, &old, into(&e.OldUntil), into(&e.CreatedAt), into(&e.DeletedAt))
	if err != nil {
		return e, err
	}
	e.Events = strings.Fields(events)
	for column, value := range map[string]struct {
		from []byte
		to   *string
	}{"url": {address, &e.URL}, "secret": {secret, &e.Secret}, "old_secret": {old, &e.Old}} {
		if len(value.from) == 0 { // there is none, or it went with the endpoint
			continue
		}
		plain, err := k.open("webhook_endpoints", column, e.ID, value.from)
		if err != nil {
			return e, err
		}
		*value.to = string(plain)
	}
	return e, nil
}

// Endpoint implements webhook.Records. A deleted one is not there.
func (w Webhooks) Endpoint(ctx context.Context, id string) (webhook.Endpoint, error) {
	k, err := w.openKeys(ctx)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	e, err := scanEndpoint(w.db.QueryRowContext(ctx, endpointColumns+` WHERE id = $1 AND deleted_at IS NULL`, id), k)
	if err != nil {
		return e, fmt.Errorf("reading a webhook endpoint: %w", orNoSuch(err, "webhook endpoint"))
	}
	return e, nil
}

// Endpoints implements webhook.Records.
func (w Webhooks) Endpoints(ctx context.Context, owner string) ([]webhook.Endpoint, error) {
	k, err := w.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []webhook.Endpoint
	rows, err := w.db.QueryContext(ctx, endpointColumns+` WHERE deleted_at IS NULL AND ($1 = '' OR owner = $1) ORDER BY created_at DESC, id`, owner)
	err = each(rows, err, func(rows *sql.Rows) error {
		e, err := scanEndpoint(rows, k)
		e.Secret, e.Old = "", ""
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing webhook endpoints: %w", err)
	}
	return list, nil
}

// DeleteEndpoint implements webhook.Records. Its address and secrets go at once; what was told stays known.
func (w Webhooks) DeleteEndpoint(ctx context.Context, id string, when time.Time) error {
	return w.write(ctx, "deleting a webhook endpoint", func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, `UPDATE webhook_endpoints SET deleted_at = $1, url = $2, secret = $2, old_secret = NULL
			WHERE id = $3 AND deleted_at IS NULL`, at(when), []byte{}, id))
		if err != nil {
			return err
		}
		if n == 0 { // it was deleted before, or never there
			var known string
			return orNoSuch(tx.QueryRowContext(ctx, `SELECT id FROM webhook_endpoints WHERE id = $1`, id).Scan(&known), "webhook endpoint")
		}
		return note(ctx, tx, when, "endpoint", id, "", "deleted")
	})
}

// RotateSecret implements webhook.Records.
func (w Webhooks) RotateSecret(ctx context.Context, id string, r webhook.Rotation) (webhook.Endpoint, error) {
	var e webhook.Endpoint
	k, err := w.openKeys(ctx)
	if err != nil {
		return e, err
	}
	err = w.write(ctx, "rotating a webhook secret", func(tx *sql.Tx) error {
		var last string
		// An update that changes nothing locks the row: of two rotations at once, the second sees the first.
		err := tx.QueryRowContext(ctx, `UPDATE webhook_endpoints SET owner = owner WHERE id = $1 AND deleted_at IS NULL RETURNING rotation`, id).Scan(&last)
		if err == nil {
			e, err = scanEndpoint(tx.QueryRowContext(ctx, endpointColumns+` WHERE id = $1`, id), k)
		}
		if err != nil || r.Key != "" && r.Key == last && r.At.Before(e.OldUntil) {
			return orNoSuch(err, "webhook endpoint")
		}
		e.Old, e.Secret, e.OldUntil = e.Secret, r.Secret, r.At.Add(webhook.OldSecretLife)
		_, err = tx.ExecContext(ctx, `UPDATE webhook_endpoints SET secret = $1, old_secret = $2, old_until = $3, rotation = $4 WHERE id = $5`,
			k.sealed("webhook_endpoints", "secret", id, []byte(e.Secret)), k.sealed("webhook_endpoints", "old_secret", id, []byte(e.Old)), at(e.OldUntil), r.Key, id)
		if err != nil {
			return err
		}
		return note(ctx, tx, w.now(), "endpoint", id, "", "secret rotated")
	})
	return e, err
}

// SaveMessage implements webhook.Records.
func (w Webhooks) SaveMessage(ctx context.Context, m webhook.Message) error {
	return w.write(ctx, "storing a message", func(tx *sql.Tx) error { return insertMessage(ctx, tx, m) })
}

const messageColumns = `SELECT endpoint_id, id, type, body, created_at, round, started_at, attempts, last_answer, delivered_at, failed_at FROM webhook_messages`

func scanMessage(row scanner) (webhook.Message, error) {
	var m webhook.Message
	var body string
	err := row.Scan(&m.EndpointID, &m.ID, &m.Type, &body, into(&m.CreatedAt), &m.Round, into(&m.StartedAt), &m.Attempts, &m.LastAnswer,
		into(&m.DeliveredAt), into(&m.FailedAt))
	m.Body = []byte(body)
	return m, err
}

// Message implements webhook.Records.
func (w Webhooks) Message(ctx context.Context, endpointID, id string) (webhook.Message, error) {
	m, err := scanMessage(w.db.QueryRowContext(ctx, messageColumns+` WHERE endpoint_id = $1 AND id = $2`, endpointID, id))
	if err != nil {
		return m, fmt.Errorf("reading a message: %w", orNoSuch(err, "message"))
	}
	return m, nil
}

// Messages implements webhook.Records.
func (w Webhooks) Messages(ctx context.Context, endpointID string, r webhook.Range) ([]webhook.Message, error) {
	tail, args := rangeOf(endpointID, r)
	args = append(args, limitOf(r.Limit))
	return w.messages(ctx, fmt.Sprintf(tail+` ORDER BY created_at DESC, id DESC LIMIT $%d`, len(args)), args...)
}

func (w Webhooks) messages(ctx context.Context, tail string, args ...any) ([]webhook.Message, error) {
	var list []webhook.Message
	rows, err := w.db.QueryContext(ctx, messageColumns+tail, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		m, err := scanMessage(rows)
		list = append(list, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing messages: %w", err)
	}
	return list, nil
}

// rangeOf turns a range into a condition. Patterns of types are those of SQL's LIKE once the star is replaced: a valid
// pattern has no other signs.
func rangeOf(endpointID string, r webhook.Range) (string, []any) {
	conditions, args := []string{`endpoint_id = $1`}, []any{endpointID}
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	for condition, t := range map[string]time.Time{`created_at >= $%d`: r.From, `created_at < $%d`: r.To} {
		if !t.IsZero() {
			add(condition, at(t))
		}
	}
	if !r.Before.IsZero() {
		add(`created_at < $%d`, at(r.Before))
	}
	if !r.After.IsZero() {
		args = append(args, at(r.After.At), r.After.ID)
		conditions = append(conditions, fmt.Sprintf(`(created_at, id) < ($%d, $%d)`, len(args)-1, len(args)))
	}
	if r.Type != "" {
		add(`type LIKE $%d`, strings.ReplaceAll(r.Type, "*", "%"))
	}
	if r.Failed {
		conditions = append(conditions, `failed_at IS NOT NULL`)
	}
	return ` WHERE ` + strings.Join(conditions, ` AND `), args
}

// Replay implements webhook.Records. What is on its way already is left alone.
func (w Webhooks) Replay(ctx context.Context, endpointID string, r webhook.Range) (int, error) {
	tail, args := rangeOf(endpointID, r)
	replayed := 0
	err := w.write(ctx, "replaying messages", func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, `UPDATE webhook_messages SET round = round + 1, started_at = NULL, delivered_at = NULL, failed_at = NULL`+
			tail+` AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL)`, args...))
		replayed = int(n)
		if err != nil {
			return err
		}
		return note(ctx, tx, w.now(), "endpoint", endpointID, "", fmt.Sprintf("%d messages sent again", n))
	})
	return replayed, err
}

// MarkAttempt implements webhook.Records.
func (w Webhooks) MarkAttempt(ctx context.Context, endpointID, id string, a webhook.Attempt) error {
	delivered := at(time.Time{})
	if a.Delivered {
		delivered = at(a.At)
	}
	return w.write(ctx, "noting a try", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE webhook_messages SET attempts = attempts + 1, last_answer = $1, delivered_at = $2 WHERE endpoint_id = $3 AND id = $4`,
			a.Answer, delivered, endpointID, id)
		return err
	})
}

// MarkFailed implements webhook.Records.
func (w Webhooks) MarkFailed(ctx context.Context, endpointID, id string, when time.Time) error {
	return w.write(ctx, "giving a message up", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE webhook_messages SET failed_at = $1 WHERE endpoint_id = $2 AND id = $3 AND delivered_at IS NULL`, at(when), endpointID, id)
		return err
	})
}
