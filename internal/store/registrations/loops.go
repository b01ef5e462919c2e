package registrations

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Loops is what the loops of internal/relay ask about registrations and their payments. Every list is oldest first and goes on after a cursor;
// the index of each is a partial one that holds what the loop has to see and no more.
type Loops struct{ *kernel.Base }

// The conditions of the partial indexes, word by word as the migrations have them. A status is compared by NOT <> because SQLite, which
// gathers no statistics here, would take = for the index of all statuses and read everything in that one.
var (
	openRegistrations = `status NOT IN ` + kernel.Ended(registration.Table)
	theirEnd          = `NOT r.` + openRegistrations
	behindItsRecord   = `told < seq AND status NOT IN ('requested', ` + strings.TrimPrefix(kernel.Ended(registration.Table), `(`)
)

const (
	unstarted = `NOT r.status <> 'requested' AND r.started_at IS NULL`
	arrived   = `NOT r.status <> 'requested' AND r.handoff_used_at IS NOT NULL`
)

// UnstartedRegistrations implements relay.NewRecords.
func (r Loops) UnstartedRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	o := new(kernel.Older).Add(unstarted).Add(`r.created_at <= ?1`, kernel.At(before))
	tail, args := o.Tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations to start", tail, args)
}

// MarkRegistrationStarted implements relay.NewRecords.
func (r Loops) MarkRegistrationStarted(ctx context.Context, id string, when time.Time) error {
	return r.Exec(ctx, "noting that a registration is started", `UPDATE registrations SET started_at = $1 WHERE id = $2 AND started_at IS NULL`, kernel.At(when), id)
}

// Arrived implements relay.Told.
func (r Loops) Arrived(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	o := new(kernel.Older).Add(arrived).Add(`r.handoff_used_at <= ?1`, kernel.At(before))
	tail, args := o.Tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations whose citizen came", tail, args)
}

// Behind implements relay.Told.
func (r Loops) Behind(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	tail, args := new(kernel.Older).Add(behindItsRecord).Add(`r.updated_at <= ?1`, kernel.At(before)).Tail(`r.updated_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations that may be ahead of their process", tail, args)
}

// MarkTold implements relay.Told.
func (r Loops) MarkTold(ctx context.Context, id string, seq int) error {
	return r.Exec(ctx, "noting what a process knows", `UPDATE registrations SET told = $1 WHERE id = $2 AND told < $1`, seq, id)
}

func (r Loops) registrations(ctx context.Context, doing, tail string, args []any) ([]registration.Registration, error) {
	var list []registration.Registration
	rows, err := r.DB.QueryContext(ctx, RegistrationQuery+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		one, _, err := ScanRegistration(rows)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return list, nil
}

// OpenRegistrations implements relay.Books.
func (r Loops) OpenRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	tail, args := new(kernel.Older).Add(`r.`+openRegistrations).Add(`r.created_at <= ?1`, kernel.At(before)).Tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations that have not ended", tail, args)
}

// RegistrationMoves implements relay.Records: the transitions of a registration.
func (r Loops) RegistrationMoves(ctx context.Context, id string) ([]registration.Transition, error) {
	return Records(r).Transitions(ctx, id, 0)
}

// ForgetTold implements relay.Toldness.
func (r Loops) ForgetTold(ctx context.Context, id string) error {
	return r.Exec(ctx, "forgetting what a process knows", `UPDATE registrations SET told = -1 WHERE id = $1`, id)
}

// EndedRegistrations implements relay.Ended.
func (r Loops) EndedRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	tail, args := new(kernel.Older).Add(theirEnd).Add(`r.created_at <= ?1`, kernel.At(before)).Tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations that have ended", tail, args)
}

// DueRegistrations implements relay.Ended.
func (r Loops) DueRegistrations(ctx context.Context, since time.Time, limit int) ([]registration.Registration, error) {
	tail, args := new(kernel.Older).Add(theirEnd).Add(`r.compared_at <= ?1`, kernel.At(since)).Tail(`r.compared_at`, `r.id`, page.Cursor{}, limit)
	return r.registrations(ctx, "listing registrations to compare", tail, args)
}

// MarkCompared implements relay.Ended.
func (r Loops) MarkCompared(ctx context.Context, id string, when time.Time) error {
	return r.Exec(ctx, "noting that a registration was compared", `UPDATE registrations SET compared_at = $1 WHERE id = $2`, kernel.At(when), id)
}

// MarkRevoked implements relay.Ended.
func (r Loops) MarkRevoked(ctx context.Context, id, serial string, when time.Time) error {
	err := Records(r).Change(ctx, id, func(s *registration.Registration) error {
		if s.Issued == nil {
			s.Issued = &registration.Issued{}
		}
		if s.RevokedAt.IsZero() {
			s.Issued.Serial, s.RevokedAt = serial, when.UTC().Truncate(time.Microsecond)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.Exec(ctx, "having money looked at again", `UPDATE payments SET settled_at = NULL WHERE registration_id = $1`, id)
}

// Accepted implements relay.Ended.
func (r Loops) Accepted(ctx context.Context, id, reason string) (bool, error) {
	var accepted int
	err := r.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM process_incidents WHERE process_id = $1 AND reason = $2 AND action = $3 AND NOT stray AND closed_at IS NOT NULL`,
		id, reason, incident.Accept).Scan(&accepted)
	if err != nil {
		return false, fmt.Errorf("looking for incidents: %w", err)
	}
	return accepted > 0, nil
}

// Unsettled implements relay.Money.
func (r Loops) Unsettled(ctx context.Context, after page.Cursor, limit int) ([]registration.Payment, error) {
	tail, args := new(kernel.Older).Add(`status = 'captured' AND settled_at IS NULL`).Tail(`created_at`, `txn_ref`, after, limit)
	return r.payments(ctx, "listing payments that are not settled", tail, args)
}

// Undecided implements relay.Money.
func (r Loops) Undecided(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Payment, error) {
	tail, args := new(kernel.Older).Add(`status IN ('pending', 'review')`).Add(`created_at <= ?1`, kernel.At(before)).Tail(`created_at`, `txn_ref`, after, limit)
	return r.payments(ctx, "listing payments that are not decided", tail, args)
}

func (r Loops) payments(ctx context.Context, doing, tail string, args []any) ([]registration.Payment, error) {
	k, err := r.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []registration.Payment
	rows, err := r.DB.QueryContext(ctx, paymentQuery+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		p, err := scanPayment(rows, k)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return list, nil
}

// MarkSettled implements relay.Money.
func (r Loops) MarkSettled(ctx context.Context, txnRef string, when time.Time) error {
	return r.Exec(ctx, "noting that a payment is settled", `UPDATE payments SET settled_at = $1 WHERE txn_ref = $2 AND settled_at IS NULL`, kernel.At(when), txnRef)
}
