package operations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/webhook"
)

// Webhooks is the part of the store that remembers endpoints and the messages to them. It implements webhook.Records.
type Webhooks struct{ *kernel.Base }

var _ webhook.Records = Webhooks{}

// CreateEndpoint implements webhook.Records. The endpoint and whose it is are one transaction, and of many at once each sees
// what the ones before it made.
func (w Webhooks) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	k, err := w.OpenKeys(ctx)
	if err != nil {
		return e, err
	}
	err = w.Write(ctx, "storing a webhook endpoint", func(tx *sql.Tx) error {
		if err := w.Alone(ctx, tx, "endpoints", e.Owner); err != nil {
			return err
		}
		if before, err := madeBefore(ctx, tx, k, e); err != nil || before != nil {
			if before != nil {
				e = *before
			}
			return err
		}
		made, err := kernel.Affected(tx.ExecContext(ctx, `INSERT INTO webhook_endpoints (id, owner, url, events, secret, created_at) SELECT $1, $2, $3, $4, $5, $6
			WHERE (SELECT COUNT(*) FROM webhook_endpoints WHERE owner = $2 AND deleted_at IS NULL) < $7`,
			e.ID, e.Owner, k.Sealed("webhook_endpoints", "url", e.ID, []byte(e.URL)), strings.Join(e.Events, " "),
			k.Sealed("webhook_endpoints", "secret", e.ID, []byte(e.Secret)), kernel.At(e.CreatedAt), webhook.MaxEndpoints))
		if err == nil && made == 0 {
			err = kernel.Conflict("there are %d endpoints already; delete one first", webhook.MaxEndpoints)
		}
		if err == nil {
			err = kernel.Grant(ctx, tx, e.Owner, e.CreatedAt, access.Object{Kind: access.Endpoint, ID: e.ID})
		}
		if err != nil {
			return err
		}
		return kernel.Note(ctx, tx, e.CreatedAt, "endpoint", e.ID, "", "made: "+strings.Join(e.Events, " "))
	})
	return e, err
}

// madeBefore is the endpoint that a request made whose answer was lost; nil when there is none of this id.
func madeBefore(ctx context.Context, tx *sql.Tx, k *kernel.Keys, e webhook.Endpoint) (*webhook.Endpoint, error) {
	stored, err := scanEndpoint(tx.QueryRowContext(ctx, endpointColumns+` WHERE id = $1`, e.ID), k)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case stored.Owner != e.Owner:
		return nil, kernel.Conflict("there is an endpoint of this id")
	case !stored.DeletedAt.IsZero():
		return nil, kernel.Conflict("the endpoint of this request was made and deleted")
	case e.CreatedAt.Sub(stored.CreatedAt) >= signing.AnswerLife:
		return nil, kernel.Conflict("the endpoint of this request was made long ago")
	}
	return &stored, nil
}

const endpointColumns = `SELECT id, owner, url, events, secret, old_secret, old_until, created_at, deleted_at FROM webhook_endpoints`

func scanEndpoint(row kernel.Scanner, k *kernel.Keys) (webhook.Endpoint, error) {
	var e webhook.Endpoint
	var events string
	var address, secret, old []byte
	err := row.Scan(&e.ID, &e.Owner, &address, &events, &secret, &old, kernel.Into(&e.OldUntil), kernel.Into(&e.CreatedAt), kernel.Into(&e.DeletedAt))
	if err != nil {
		return e, err
	}
	e.Events = strings.Fields(events)
	for column, value := range map[string]struct {
		PageFrom []byte
		to       *string
	}{"url": {address, &e.URL}, "secret": {secret, &e.Secret}, "old_secret": {old, &e.Old}} {
		if len(value.PageFrom) == 0 { // there is none, or it went with the endpoint
			continue
		}
		plain, err := k.Open("webhook_endpoints", column, e.ID, value.PageFrom)
		if err != nil {
			return e, err
		}
		*value.to = string(plain)
	}
	return e, nil
}

// Endpoint implements webhook.Records. A deleted one is not there.
func (w Webhooks) Endpoint(ctx context.Context, id string) (webhook.Endpoint, error) {
	k, err := w.OpenKeys(ctx)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	e, err := scanEndpoint(w.DB.QueryRowContext(ctx, endpointColumns+` WHERE id = $1 AND deleted_at IS NULL`, id), k)
	if err != nil {
		return e, fmt.Errorf("reading a webhook endpoint: %w", kernel.OrNoSuch(err, "webhook endpoint"))
	}
	return e, nil
}

// Endpoints implements webhook.Records.
func (w Webhooks) Endpoints(ctx context.Context, owner string) ([]webhook.Endpoint, error) {
	k, err := w.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []webhook.Endpoint
	rows, err := w.DB.QueryContext(ctx, endpointColumns+` WHERE deleted_at IS NULL AND ($1 = '' OR owner = $1) ORDER BY created_at DESC, id`, owner)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
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
	return w.Write(ctx, "deleting a webhook endpoint", func(tx *sql.Tx) error {
		n, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE webhook_endpoints SET deleted_at = $1, url = $2, secret = $2, old_secret = NULL
			WHERE id = $3 AND deleted_at IS NULL`, kernel.At(when), []byte{}, id))
		if err != nil {
			return err
		}
		if n == 0 { // it was deleted before, or never there
			var known string
			return kernel.OrNoSuch(tx.QueryRowContext(ctx, `SELECT id FROM webhook_endpoints WHERE id = $1`, id).Scan(&known), "webhook endpoint")
		}
		return kernel.Note(ctx, tx, when, "endpoint", id, "", "deleted")
	})
}

// RotateSecret implements webhook.Records.
func (w Webhooks) RotateSecret(ctx context.Context, id string, r webhook.Rotation) (webhook.Endpoint, error) {
	var e webhook.Endpoint
	k, err := w.OpenKeys(ctx)
	if err != nil {
		return e, err
	}
	err = w.Write(ctx, "rotating a webhook secret", func(tx *sql.Tx) error {
		var last string
		// An update that changes nothing locks the row: of two rotations at once, the second sees the first.
		err := tx.QueryRowContext(ctx, `UPDATE webhook_endpoints SET owner = owner WHERE id = $1 AND deleted_at IS NULL RETURNING rotation`, id).Scan(&last)
		if err == nil {
			e, err = scanEndpoint(tx.QueryRowContext(ctx, endpointColumns+` WHERE id = $1`, id), k)
		}
		if err != nil || r.Key != "" && r.Key == last && r.At.Before(e.OldUntil) {
			return kernel.OrNoSuch(err, "webhook endpoint")
		}
		e.Old, e.Secret, e.OldUntil = e.Secret, r.Secret, r.At.Add(webhook.OldSecretLife)
		_, err = tx.ExecContext(ctx, `UPDATE webhook_endpoints SET secret = $1, old_secret = $2, old_until = $3, rotation = $4 WHERE id = $5`,
			k.Sealed("webhook_endpoints", "secret", id, []byte(e.Secret)), k.Sealed("webhook_endpoints", "old_secret", id, []byte(e.Old)), kernel.At(e.OldUntil), r.Key, id)
		if err != nil {
			return err
		}
		return kernel.Note(ctx, tx, w.Now(), "endpoint", id, "", "secret rotated")
	})
	return e, err
}

// SaveMessage implements webhook.Records.
func (w Webhooks) SaveMessage(ctx context.Context, m webhook.Message) error {
	return w.Write(ctx, "storing a message", func(tx *sql.Tx) error { return kernel.InsertMessage(ctx, tx, m) })
}

const messageColumns = `SELECT endpoint_id, id, type, body, created_at, round, started_at, attempts, last_answer, delivered_at, failed_at FROM webhook_messages`

func scanMessage(row kernel.Scanner) (webhook.Message, error) {
	var m webhook.Message
	var body string
	err := row.Scan(&m.EndpointID, &m.ID, &m.Type, &body, kernel.Into(&m.CreatedAt), &m.Round, kernel.Into(&m.StartedAt), &m.Attempts, &m.LastAnswer,
		kernel.Into(&m.DeliveredAt), kernel.Into(&m.FailedAt))
	m.Body = []byte(body)
	return m, err
}

// Message implements webhook.Records.
func (w Webhooks) Message(ctx context.Context, endpointID, id string) (webhook.Message, error) {
	m, err := scanMessage(w.DB.QueryRowContext(ctx, messageColumns+` WHERE endpoint_id = $1 AND id = $2`, endpointID, id))
	if err != nil {
		return m, fmt.Errorf("reading a message: %w", kernel.OrNoSuch(err, "message"))
	}
	return m, nil
}

// Messages implements webhook.Records.
func (w Webhooks) Messages(ctx context.Context, endpointID string, r webhook.Range) ([]webhook.Message, error) {
	tail, args := rangeOf(endpointID, r)
	args = append(args, kernel.LimitOf(r.Limit))
	return w.messages(ctx, fmt.Sprintf(tail+` ORDER BY created_at DESC, id DESC LIMIT $%d`, len(args)), args...)
}

func (w Webhooks) messages(ctx context.Context, tail string, args ...any) ([]webhook.Message, error) {
	var list []webhook.Message
	rows, err := w.DB.QueryContext(ctx, messageColumns+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
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
			add(condition, kernel.At(t))
		}
	}
	if !r.Before.IsZero() {
		add(`created_at < $%d`, kernel.At(r.Before))
	}
	if !r.After.IsZero() {
		args = append(args, kernel.At(r.After.At), r.After.ID)
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
	err := w.Write(ctx, "replaying messages", func(tx *sql.Tx) error {
		n, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE webhook_messages SET round = round + 1, started_at = NULL, delivered_at = NULL, failed_at = NULL`+
			tail+` AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL)`, args...))
		replayed = int(n)
		if err != nil {
			return err
		}
		return kernel.Note(ctx, tx, w.Now(), "endpoint", endpointID, "", fmt.Sprintf("%d messages sent again", n))
	})
	return replayed, err
}

// MarkAttempt implements webhook.Records.
func (w Webhooks) MarkAttempt(ctx context.Context, endpointID, id string, a webhook.Attempt) error {
	delivered := kernel.At(time.Time{})
	if a.Delivered {
		delivered = kernel.At(a.At)
	}
	return w.Write(ctx, "noting a try", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE webhook_messages SET attempts = attempts + 1, last_answer = $1, delivered_at = $2 WHERE endpoint_id = $3 AND id = $4`,
			a.Answer, delivered, endpointID, id)
		return err
	})
}

// MarkFailed implements webhook.Records.
func (w Webhooks) MarkFailed(ctx context.Context, endpointID, id string, when time.Time) error {
	return w.Write(ctx, "giving a message up", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE webhook_messages SET failed_at = $1 WHERE endpoint_id = $2 AND id = $3 AND delivered_at IS NULL`, kernel.At(when), endpointID, id)
		return err
	})
}
