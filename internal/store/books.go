package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/webhook"
)

// OpenSignings implements relay.Books.
func (r Relay) OpenSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error) {
	tail, args := new(older).add(`s.`+openSignings).add(`s.created_at <= ?1`, at(before)).tail(`s.created_at`, `s.id`, after, limit)
	return r.signings(ctx, "listing signings that have not ended", tail, args)
}

// OpenRegistrations implements relay.Books.
func (r Relay) OpenRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	tail, args := new(older).add(`r.`+openRegistrations).add(`r.created_at <= ?1`, at(before)).tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations that have not ended", tail, args)
}

// ArchivedSignings implements relay.Books.
func (r Relay) ArchivedSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error) {
	o := new(older).add(archived).add(`s.created_at <= ?1`, at(before))
	tail, args := o.tail(`s.created_at`, `s.id`, after, limit)
	return r.signings(ctx, "listing archived signings", tail, args)
}

// Carried implements relay.Books.
func (r Relay) Carried(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]webhook.Message, error) {
	o := new(older).add(`started_at IS NOT NULL AND delivered_at IS NULL AND failed_at IS NULL`).add(`created_at <= ?1`, at(before))
	if !after.IsZero() {
		endpoint, id, _ := strings.Cut(after.ID, "/")
		o.add(`(created_at, endpoint_id, id) > (?1, ?2, ?3)`, at(after.At), endpoint, id)
	}
	tail, args := o.tail(`created_at`, `endpoint_id, id`, page.Cursor{}, limit)
	return r.Webhooks().messages(ctx, tail, args...)
}

// CarryAgain implements relay.Books: the message gets another round, which the deliveries begin.
func (r Relay) CarryAgain(ctx context.Context, m webhook.Message) error {
	return r.mark(ctx, "having a message carried again", `UPDATE webhook_messages SET round = round + 1, started_at = NULL
		WHERE endpoint_id = $1 AND id = $2 AND round = $3 AND delivered_at IS NULL AND failed_at IS NULL`, m.EndpointID, m.ID, m.Round)
}

// LastSeq implements relay.Records: how many transitions a signing has, and the detail of a registration's last one.
func (r Relay) LastSeq(ctx context.Context, signingID string) (int, error) {
	var n int
	err := r.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM process_transitions WHERE kind = 'signing' AND process_id = $1`, signingID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting transitions: %w", err)
	}
	return n, nil
}

// Payments implements relay.Paid.
func (r Relay) Payments(ctx context.Context, registrationID string) ([]registration.Payment, error) {
	return r.Registrations().Payments(ctx, registrationID)
}

// RegistrationMoves implements relay.Records: the transitions of a registration.
func (r Relay) RegistrationMoves(ctx context.Context, id string) ([]registration.Transition, error) {
	return r.Registrations().Transitions(ctx, id, 0)
}

// CreatePayment implements relay.Paid.
func (r Relay) CreatePayment(ctx context.Context, p registration.Payment) error {
	return r.Registrations().CreatePayment(ctx, p)
}

// ApplyNotice implements relay.Paid.
func (r Relay) ApplyNotice(ctx context.Context, n registration.PaymentNotice) (registration.Payment, bool, error) {
	return r.Registrations().ApplyNotice(ctx, n)
}

// MarkRefund implements relay.Paid.
func (r Relay) MarkRefund(ctx context.Context, txnRef, refundID string, when time.Time) error {
	return r.Registrations().MarkRefund(ctx, txnRef, refundID, when)
}

// OpenMismatch implements relay.Mismatches. While one of the same reason is open nothing is added; the id counts, so that
// two relays that find the same thing write one row. It counts across records that were lost and restored, whose incidents
// are strays.
func (r Relay) OpenMismatch(ctx context.Context, in process.Incident) (fresh bool, err error) {
	l, err := ledgerOf(in.Process)
	if err != nil {
		return false, err
	}
	var records, open, strays, all int
	err = r.db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM `+l.records+` WHERE id = $1), COUNT(CASE WHEN closed_at IS NULL AND NOT stray THEN 1 END),
		COUNT(CASE WHEN closed_at IS NULL AND stray THEN 1 END), COUNT(*) FROM process_incidents WHERE process_id = $1 AND reason = $2`,
		in.ProcessID, in.Reason).Scan(&records, &open, &strays, &all)
	if err != nil {
		return false, fmt.Errorf("looking for incidents: %w", err)
	}
	in.IncidentID, in.Attempts = fmt.Sprintf("%s-%s-%d", in.ProcessID, in.Reason, all+1), 1
	switch {
	case records > 0 && open > 0 || records == 0 && strays > 0:
		return false, nil
	case records > 0:
		return true, l.open(ctx, r.Store, in)
	}
	return true, r.straying(ctx, "opening an incident", func(tx *sql.Tx, k *keys) error { return insertIncident(ctx, tx, k, in, true) })
}

// straying writes about a process without a record.
func (r Relay) straying(ctx context.Context, doing string, fn func(tx *sql.Tx, k *keys) error) error {
	k, err := r.openKeys(ctx)
	if err != nil {
		return err
	}
	return r.write(ctx, doing, func(tx *sql.Tx) error { return fn(tx, k) })
}

// OpenMismatches implements relay.Mismatches.
func (r Relay) OpenMismatches(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]process.Incident, error) {
	o := new(older).add(`closed_at IS NULL AND reason IN (?1, ?2, ?3, ?4, ?5)`, mismatches()...).add(`since <= ?1`, at(before))
	tail, args := o.tail(`since`, `id`, after, limit)
	return r.Parked().parked(ctx, tail, args)
}

// GivenUp implements relay.Mismatches.
func (r Relay) GivenUp(ctx context.Context, kind process.Kind, id string) (bool, error) {
	var closed int
	err := r.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM process_incidents WHERE process_id = $1 AND reason = $2 AND kind = $3 AND action = $4 AND stray AND closed_at IS NOT NULL`,
		id, incident.RecordMissing, string(kind), incident.Close).Scan(&closed)
	if err != nil {
		return false, fmt.Errorf("looking for incidents: %w", err)
	}
	return closed > 0, nil
}

// CloseIncidents implements relay.Mismatches: every open incident of a process, those of one reason, or one.
func (r Relay) CloseIncidents(ctx context.Context, in process.Incident) (closed int, err error) {
	list, err := r.openOf(ctx, in)
	for _, one := range list {
		if err := one.close(ctx, r, in); err != nil && problem.CodeOf(err) != problem.NotFound {
			return closed, err
		}
		closed++
	}
	return closed, err
}

// openOne is an open incident of a process.
type openOne struct {
	id    string
	kind  process.Kind
	stray bool
}

func (r Relay) openOf(ctx context.Context, in process.Incident) ([]openOne, error) {
	var list []openOne
	rows, err := r.db.QueryContext(ctx, `SELECT id, kind, stray FROM process_incidents
		WHERE process_id = $1 AND ($2 = '' OR reason = $2) AND ($3 = '' OR id = $3) AND closed_at IS NULL`, in.ProcessID, in.Reason, in.IncidentID)
	err = each(rows, err, func(rows *sql.Rows) error {
		var one openOne
		err := rows.Scan(&one.id, &one.kind, &one.stray)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing open incidents: %w", err)
	}
	return list, nil
}

func (o openOne) close(ctx context.Context, r Relay, in process.Incident) error {
	in.IncidentID, in.Process = o.id, o.kind
	if !o.stray {
		l, err := ledgerOf(o.kind)
		if err != nil {
			return err
		}
		return l.close(ctx, r.Store, in)
	}
	return r.straying(ctx, "closing an incident", func(tx *sql.Tx, k *keys) error {
		_, err := closeIncident(ctx, tx, k, in, strayCells)
		return err
	})
}

// ForgetTold implements relay.Toldness.
func (r Relay) ForgetTold(ctx context.Context, id string) error {
	return r.mark(ctx, "forgetting what a process knows", `UPDATE registrations SET told = -1 WHERE id = $1`, id)
}

func mismatches() []any {
	var list []any
	for _, reason := range incident.Mismatches() {
		list = append(list, reason)
	}
	return list
}

// EndedRegistrations implements relay.Ended.
func (r Relay) EndedRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error) {
	tail, args := new(older).add(theirEnd).add(`r.created_at <= ?1`, at(before)).tail(`r.created_at`, `r.id`, after, limit)
	return r.registrations(ctx, "listing registrations that have ended", tail, args)
}

// DueRegistrations implements relay.Ended.
func (r Relay) DueRegistrations(ctx context.Context, since time.Time, limit int) ([]registration.Registration, error) {
	tail, args := new(older).add(theirEnd).add(`r.compared_at <= ?1`, at(since)).tail(`r.compared_at`, `r.id`, page.Cursor{}, limit)
	return r.registrations(ctx, "listing registrations to compare", tail, args)
}

// MarkCompared implements relay.Ended.
func (r Relay) MarkCompared(ctx context.Context, id string, when time.Time) error {
	return r.mark(ctx, "noting that a registration was compared", `UPDATE registrations SET compared_at = $1 WHERE id = $2`, at(when), id)
}

// MarkRevoked implements relay.Ended.
func (r Relay) MarkRevoked(ctx context.Context, id, serial string, when time.Time) error {
	err := r.Registrations().Change(ctx, id, func(s *registration.Registration) error {
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
	return r.mark(ctx, "having money looked at again", `UPDATE payments SET settled_at = NULL WHERE registration_id = $1`, id)
}

// Accepted implements relay.Ended.
func (r Relay) Accepted(ctx context.Context, id, reason string) (bool, error) {
	var accepted int
	err := r.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM process_incidents WHERE process_id = $1 AND reason = $2 AND action = $3 AND NOT stray AND closed_at IS NOT NULL`,
		id, reason, incident.Accept).Scan(&accepted)
	if err != nil {
		return false, fmt.Errorf("looking for incidents: %w", err)
	}
	return accepted > 0, nil
}
