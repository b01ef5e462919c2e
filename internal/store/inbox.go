package store

import (
	"context"
	"database/sql"
	"fmt"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Receive implements signing.Desk. When it returns nil the message is committed.
func (s *Store) Receive(ctx context.Context, m signing.InboxMessage) (fresh bool, err error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return false, err
	}
	if m.ID == "" || m.ReceivedAt.IsZero() {
		return false, problem.New(problem.Invalid, "an inbox message has an id and a time")
	}
	err = s.write(ctx, "receiving a webhook", func(tx *sql.Tx) error {
		inserted, err := affected(tx.ExecContext(ctx, `
			INSERT INTO inbox (id, provider, transaction_id, body, received_at, handled)
			VALUES ($1, $2, $3, $4, $5, FALSE) ON CONFLICT (id) DO NOTHING`,
			m.ID, m.Provider, m.TransactionID, k.sealed("inbox", "body", m.ID, m.Body), at(m.ReceivedAt)))
		fresh = inserted > 0
		return err
	})
	return fresh && err == nil, err
}

// Unhandled implements signing.Desk.
func (s *Store) Unhandled(ctx context.Context, limit int) ([]signing.InboxMessage, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxLimit {
		limit = maxLimit
	}
	var list []signing.InboxMessage
	rows, err := s.db.QueryContext(ctx, `
		SELECT id, provider, transaction_id, body, received_at FROM inbox
		WHERE NOT handled ORDER BY received_at, id LIMIT $1`, limit)
	err = each(rows, err, func(rows *sql.Rows) error {
		var m signing.InboxMessage
		var body []byte
		if err := rows.Scan(&m.ID, &m.Provider, &m.TransactionID, &body, into(&m.ReceivedAt)); err != nil {
			return err
		}
		m.Body, err = k.open("inbox", "body", m.ID, body)
		list = append(list, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing unhandled webhooks: %w", err)
	}
	return list, nil
}

// MarkHandled implements signing.Desk.
func (s *Store) MarkHandled(ctx context.Context, id string) error {
	return s.write(ctx, "marking a webhook as handled", func(tx *sql.Tx) error {
		marked, err := affected(tx.ExecContext(ctx, `UPDATE inbox SET handled = TRUE WHERE id = $1`, id))
		if err == nil && marked == 0 {
			return noSuch("webhook")
		}
		return err
	})
}
