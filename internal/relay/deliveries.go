package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kyso/internal/page"
	"kyso/internal/webhook"
)

// purgeEvery is how often old messages are forgotten.
const purgeEvery = time.Hour

// Outgoing is what is to be told to programs.
type Outgoing interface {
	// Unstarted returns messages that no process carries, oldest first. The id of the cursor is endpoint and message.
	Unstarted(ctx context.Context, after page.Cursor, limit int) ([]webhook.Message, error)
	MarkStarted(ctx context.Context, m webhook.Message, at time.Time) error
	// Purge forgets messages that were made before a time and are not waiting.
	Purge(ctx context.Context, before time.Time) error
}

// Carrier carries a message; *workflows.Client is the real one. Starting the same round again does nothing.
type Carrier interface {
	StartDelivery(ctx context.Context, m webhook.Message) error
	Engine
}

// Deliveries has every message that was written down carried by a process of its own.
type Deliveries struct {
	Messages Outgoing
	Engine   Carrier
	Now      func() time.Time // default time.Now

	purged time.Time
}

// Once starts what waits. It also forgets what is too old to be replayed.
func (d *Deliveries) Once(ctx context.Context) error {
	now := orNow(d.Now)
	err := drain(ctx, d.Engine, func(ctx context.Context, after page.Cursor) ([]webhook.Message, error) {
		return d.Messages.Unstarted(ctx, after, pageSize)
	}, func(m webhook.Message) page.Cursor { return page.After(m.CreatedAt, m.Place()) }, func(ctx context.Context, m webhook.Message) error {
		call, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		err := d.Engine.StartDelivery(call, m)
		if err == nil {
			err = d.Messages.MarkStarted(ctx, m, now)
		}
		if err != nil {
			return fmt.Errorf("starting the delivery of %s: %w", m.ID, err)
		}
		return nil
	})
	if now.Sub(d.purged) > purgeEvery {
		d.purged = now
		err = errors.Join(err, d.Messages.Purge(ctx, now.Add(-webhook.Life)))
	}
	return err
}
