package signings

import (
	"context"
	"fmt"
	"time"

	"kyso/internal/page"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// Loops is what the loops of internal/relay ask about signings. Every list is oldest first and goes on after a cursor;
// the index of each is a partial one that holds what the loop has to see and no more.
type Loops struct{ *kernel.Base }

// The conditions of the partial indexes, word by word as the migrations have them. A status is compared by NOT <> because SQLite, which
// gathers no statistics here, would take = for the index of all statuses and read everything in that one.
var openSignings = `status NOT IN ` + kernel.Ended(signing.Table)

const (
	unstartedSignings = `NOT s.status <> 'created' AND s.started_at IS NULL AND s.incident_id IS NULL`
	archived          = `NOT s.status <> 'signed' AND s.level = 'B-LTA'`
)

// UnstartedSignings implements relay.NewRecords. A parked one is being worked on by its process.
func (r Loops) UnstartedSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error) {
	o := new(kernel.Older).Add(unstartedSignings).Add(`s.created_at <= ?1`, kernel.At(before))
	tail, args := o.Tail(`s.created_at`, `s.id`, after, limit)
	return Records(r).signings(ctx, "listing signings to start", All, tail, args)
}

// MarkSigningStarted implements relay.NewRecords.
func (r Loops) MarkSigningStarted(ctx context.Context, id string, when time.Time) error {
	return r.Exec(ctx, "noting that a signing is started", `UPDATE signings SET started_at = $1 WHERE id = $2 AND started_at IS NULL`, kernel.At(when), id)
}

// OpenSignings implements relay.Books.
func (r Loops) OpenSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error) {
	tail, args := new(kernel.Older).Add(`s.`+openSignings).Add(`s.created_at <= ?1`, kernel.At(before)).Tail(`s.created_at`, `s.id`, after, limit)
	return Records(r).signings(ctx, "listing signings that have not ended", All, tail, args)
}

// ArchivedSignings implements relay.Books.
func (r Loops) ArchivedSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error) {
	o := new(kernel.Older).Add(archived).Add(`s.created_at <= ?1`, kernel.At(before))
	tail, args := o.Tail(`s.created_at`, `s.id`, after, limit)
	return Records(r).signings(ctx, "listing archived signings", All, tail, args)
}

// LastSeq implements relay.Records: how many transitions a signing has, and the detail of a registration's last one.
func (r Loops) LastSeq(ctx context.Context, signingID string) (int, error) {
	var n int
	err := r.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM process_transitions WHERE kind = 'signing' AND process_id = $1`, signingID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting transitions: %w", err)
	}
	return n, nil
}
