package relay

import (
	"context"
	"fmt"
	"time"

	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// unknownFor is how long a webhook of an unknown request is looked at again. A request is recorded before it is
// sent, so none of ours stays unknown for long.
const unknownFor = time.Hour

// Messages is the inbox of webhooks. problem.NotFound for an unknown request.
type Messages interface {
	// Waiting returns messages that were received before a time and not handed over, oldest first.
	Waiting(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.InboxMessage, error)
	FindApproval(ctx context.Context, provider, name string) (signingID string, err error)
	// Hasten is that of process.Waits.
	Hasten(ctx context.Context, kind process.WaitKind, record string, now time.Time) (bool, error)
	MarkHandled(ctx context.Context, id string) error
}

// Nudger tells a signing that its provider has news; *workflows.Client is the real one.
type Nudger interface {
	Nudge(ctx context.Context, signingID string) error
	Engine
}

// Inbox hands over webhooks.
type Inbox struct {
	Messages Messages
	Engine   Nudger
	Now      func() time.Time // default time.Now
}

// Once hands over what was left.
func (i *Inbox) Once(ctx context.Context) error {
	before := orNow(i.Now).Add(-patience)
	err := drain(ctx, i.Engine, func(ctx context.Context, after page.Cursor) ([]signing.InboxMessage, error) {
		return i.Messages.Waiting(ctx, before, after, pageSize)
	}, func(m signing.InboxMessage) page.Cursor { return page.After(m.ReceivedAt, m.ID) }, i.Handle)
	if err != nil {
		return fmt.Errorf("handing webhooks over: %w", err)
	}
	return nil
}

// hasten has the request of a signing looked at now, by its watcher. One that no watcher looks at is parked, or was begun by an earlier
// release: its process looks itself.
func (i *Inbox) hasten(ctx context.Context, id string) error {
	taken, err := i.Messages.Hasten(ctx, process.WaitApproval, id, orNow(i.Now))
	if err != nil || taken {
		return err
	}
	return i.Engine.Nudge(ctx, id)
}

// Handle has the request that a webhook speaks of looked at now, and closes the row.
func (i *Inbox) Handle(ctx context.Context, m signing.InboxMessage) error {
	if m.Request != "" {
		id, err := i.Messages.FindApproval(ctx, m.Provider, m.Request)
		switch {
		case problem.CodeOf(err) == problem.NotFound && orNow(i.Now).Sub(m.ReceivedAt) < unknownFor:
			return nil // perhaps it overtook the answer that names this id
		case problem.CodeOf(err) == problem.NotFound:
		case err != nil:
			return fmt.Errorf("finding the signing of a webhook: %w", err)
		default:
			if err := i.hasten(ctx, id); err != nil {
				return fmt.Errorf("handing a webhook to signing %s: %w", id, err)
			}
		}
	}
	if err := i.Messages.MarkHandled(ctx, m.ID); err != nil {
		return fmt.Errorf("closing a webhook: %w", err)
	}
	return nil
}
