package kernel

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"kyso/internal/process"
	"kyso/internal/webhook"
)

// announceAttention writes down that a process is parked, or goes on again. What failed is not said: it is for operators.
func announceAttention(ctx context.Context, tx *sql.Tx, l Ledger, id, incidentID string, open bool, when time.Time) error {
	e := webhook.Event{Kind: string(l.kind), ID: id, Name: webhook.Attention, Open: &open, Self: l.self(id), At: when}
	var err error
	if e.Status, e.Seq, err = l.standing(ctx, tx, id); err != nil {
		return err
	}
	e.Mark = process.AttentionMark(incidentID, open)
	return Announce(ctx, tx, e)
}

// Announce writes down, with what happened, whom it is told to.
func Announce(ctx context.Context, tx *sql.Tx, e webhook.Event) error {
	var wanted []webhook.Endpoint
	rows, err := tx.QueryContext(ctx, `SELECT w.id, w.events FROM grants g JOIN webhook_endpoints w ON w.owner = g.owner
		WHERE g.kind = $1 AND g.object = $2 AND w.deleted_at IS NULL`, e.Kind, e.ID)
	err = Each(rows, err, func(rows *sql.Rows) error {
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
		if m.EndpointID = endpoint.ID; endpoint.Subscribes(m.Type) {
			if err := InsertMessage(ctx, tx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// InsertMessage writes a message to an endpoint down, once.
func InsertMessage(ctx context.Context, tx *sql.Tx, m webhook.Message) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO webhook_messages (endpoint_id, id, type, body, created_at, round, attempts, last_answer)
		VALUES ($1, $2, $3, $4, $5, 0, 0, '') ON CONFLICT (endpoint_id, id) DO NOTHING`, m.EndpointID, m.ID, m.Type, string(m.Body), At(m.CreatedAt))
	return err
}
