package operations

import (
	"context"
	"database/sql"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// Inbox keeps the webhooks of providers until they are handled.
type Inbox struct{ *kernel.Base }

// Receive implements signing.Desk. When it returns nil the message is committed.
func (s Inbox) Receive(ctx context.Context, m signing.InboxMessage) (fresh bool, err error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return false, err
	}
	if m.ID == "" || m.ReceivedAt.IsZero() {
		return false, problem.New(problem.Invalid, "an inbox message has an id and a time")
	}
	err = s.Write(ctx, "receiving a webhook", func(tx *sql.Tx) error {
		inserted, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO inbox (id, provider, transaction_id, body, received_at, handled)
			VALUES ($1, $2, $3, $4, $5, FALSE) ON CONFLICT (id) DO NOTHING`,
			m.ID, m.Provider, m.Request, k.Sealed("inbox", "body", m.ID, m.Body), kernel.At(m.ReceivedAt)))
		fresh = inserted > 0
		return err
	})
	return fresh && err == nil, err
}

// MarkHandled implements signing.Desk.
func (s Inbox) MarkHandled(ctx context.Context, id string) error {
	return s.Write(ctx, "marking a webhook as handled", func(tx *sql.Tx) error {
		// Its body has said what it had to, and may hold a signature with the signer's name.
		marked, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE inbox SET handled = TRUE, body = $2 WHERE id = $1`, id, []byte{}))
		if err == nil && marked == 0 {
			return kernel.NoSuch("webhook")
		}
		return err
	})
}
