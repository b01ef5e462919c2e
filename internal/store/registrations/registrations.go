// Package registrations keeps registrations in SQL: their people, transitions, hand-offs, payments, reviews, corrections and claims.
package registrations

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Records keeps registrations: their people, transitions, payments, reviews and corrections. It implements the part of
// registration.Records that is about them.
type Records struct{ *kernel.Base }

// CreateRegistration implements registration.Records.
func (r Records) CreateRegistration(ctx context.Context, id string, in registration.Request) (registration.Registration, error) {
	if err := checkRequest(id, in); err != nil {
		return registration.Registration{}, err
	}
	err := r.WriteOf(ctx, "creating a registration", kernel.Request(in.RequestID), func(tx *sql.Tx, k *kernel.Keys) error {
		var digest string
		err := tx.QueryRowContext(ctx, `SELECT id, request_digest FROM registrations WHERE request_id = $1`, in.RequestID).Scan(&id, &digest)
		switch {
		case err == nil && digest == in.Digest:
			return nil
		case err == nil:
			return kernel.Conflict("a request with this id exists with other content")
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		return r.insert(ctx, tx, k, id, in)
	})
	if err != nil {
		return registration.Registration{}, err
	}
	return r.Registration(ctx, id)
}

func checkRequest(id string, in registration.Request) error {
	if id == "" || in.RequestID == "" || in.Digest == "" || in.Person.IDNumber == "" || in.HandoffToken == "" || in.ExpiresAt.IsZero() || in.ReceivedAt.IsZero() {
		return problem.New(problem.Invalid, "a request has ids, a digest, a citizen number, a hand-off token and times")
	}
	purposes := map[string]bool{}
	for _, c := range in.Consents {
		if purposes[c.Purpose] {
			return problem.New(problem.Invalid, "a purpose has one consent")
		}
		purposes[c.Purpose] = true
	}
	return nil
}

func (r Records) insert(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string, in registration.Request) error {
	subject, err := r.Subject(ctx, tx, k.Citizen(in.Person.IDNumber))
	if err != nil {
		return err
	}
	person, err := json.Marshal(in.Person)
	if err != nil {
		return err
	}
	received := kernel.At(in.ReceivedAt)
	made, err := kernel.Affected(tx.ExecContext(ctx, `
		INSERT INTO registrations (id, request_id, request_digest, subject_id, issuer, status, seq, reason, facts, person, handoff,
			handoff_expires, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, 0, '', '{}', $7, $8, $9, $10, $10) ON CONFLICT DO NOTHING`,
		id, in.RequestID, in.Digest, subject.ID, in.Issuer, string(registration.StatusRequested),
		subject.Sealed("registrations", "person", id, person), k.Lookup.Digest("hand-off", []byte(in.HandoffToken)), kernel.At(in.ExpiresAt), received))
	if err != nil {
		return err
	}
	if made == 0 {
		return kernel.Conflict("the id or the hand-off token belongs to another request")
	}
	for _, c := range in.Consents {
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO consents (registration_id, purpose, consent) VALUES ($1, $2, $3)`, id, c.Purpose, string(text)); err != nil {
			return err
		}
		if err := kernel.Note(ctx, tx, in.ReceivedAt, "consent", id, "", c.Purpose+" "+c.TextVersion+" "+c.TextSHA256); err != nil {
			return err
		}
	}
	return kernel.Note(ctx, tx, in.ReceivedAt, "request", id, "", "digest "+in.Digest)
}

// RegistrationQuery reads registrations r with their open incident, for ScanRegistration.
const RegistrationQuery = registrationColumns + registrationsWithIncident

const registrationsWithIncident = ` FROM ` + allRegistrations + registrationJoins

// allRegistrations are all registrations as a table r.
const allRegistrations = `registrations r`

const registrationColumns = `
	SELECT r.id, r.request_id, r.subject_id, r.issuer, r.status, r.seq, r.reason, r.created_at, r.updated_at, r.deadline, r.facts, r.certificate,
		COALESCE(i.id, ''), COALESCE(i.step, ''), COALESCE(i.reason, ''), COALESCE(i.message, ''), COALESCE(i.provider, ''), i.since, COALESCE(i.attempts, 0)`

const registrationJoins = ` LEFT JOIN process_incidents i ON i.id = r.incident_id`

// ScanRegistration reads a row of RegistrationQuery, behind which more may follow; the certificate comes sealed.
func ScanRegistration(row kernel.Scanner, more ...any) (out registration.Registration, certificate []byte, err error) {
	var facts string
	n := &out.Attention
	err = row.Scan(append([]any{&out.ID, &out.RequestID, &out.SubjectID, &out.Issuer, &out.Status, &out.Seq, &out.Reason, kernel.Into(&out.CreatedAt),
		kernel.Into(&out.UpdatedAt), kernel.Into(&out.Deadline), &facts, &certificate,
		&n.IncidentID, &n.Step, &n.Reason, &n.Message, &n.Provider, kernel.Into(&n.Since), &n.Attempts}, more...)...)
	if err != nil {
		return out, nil, kernel.OrNoSuch(err, "registration")
	}
	return out, certificate, json.Unmarshal([]byte(facts), &out.Facts)
}

// load reads one registration with its certificate. A certificate of an erased subject is left out.
func (r Records) load(ctx context.Context, from kernel.Querier, id string) (registration.Registration, error) {
	var wrapped []byte
	row := from.QueryRowContext(ctx, registrationColumns+`, (SELECT u.wrapped FROM subjects u WHERE u.id = r.subject_id)`+registrationsWithIncident+` WHERE r.id = $1`, id)
	out, certificate, err := ScanRegistration(row, &wrapped)
	if err != nil || len(certificate) == 0 || out.Issued == nil {
		return out, err
	}
	person, err := r.Unwrapped(ctx, out.SubjectID, wrapped)
	if err == nil {
		out.Issued.Certificate, err = person.Open("registrations", "certificate", id, certificate)
	}
	if problem.CodeOf(err) == problem.Erased {
		err = nil
	}
	return out, err
}

// Registration implements registration.Records.
func (r Records) Registration(ctx context.Context, id string) (registration.Registration, error) {
	out, err := r.load(ctx, r.DB, id)
	if err != nil {
		return out, fmt.Errorf("reading a registration: %w", err)
	}
	return out, nil
}

// Registrations implements registration.Records, without certificates.
func (r Records) Registrations(ctx context.Context, f registration.Filter) ([]registration.Registration, error) {
	var list []registration.Registration
	err := r.ReadSealed(ctx, "listing registrations", func(tx *sql.Tx, k *kernel.Keys) error {
		table, tail, args := narrowRegistrations(k, f)
		rows, err := tx.QueryContext(ctx, registrationColumns+` FROM `+table+registrationJoins+tail, args...)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			one, _, err := ScanRegistration(rows)
			list = append(list, one)
			return err
		})
	})
	return list, err
}

// narrowRegistrations turns a filter into a table of registrations r and the end of a query over it.
func narrowRegistrations(k *kernel.Keys, f registration.Filter) (table, tail string, args []any) {
	var conditions []string
	table, at, id := allRegistrations, `r.created_at`, `r.id`
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	switch {
	case f.Status == registration.StatusInReview && f.DueFirst:
		conditions = append(conditions, `r.status = 'in-review'`) // word by word, for the partial index
	case f.Status != "":
		add(`r.status = $%d`, string(f.Status))
	}
	if f.IDNumber != "" {
		add(`r.subject_id = (SELECT id FROM subjects WHERE lookup = $%d)`, k.Citizen(f.IDNumber))
	}
	if f.Owner != "" {
		table, at, id = kernel.OwnedTable(table), kernel.OwnedAt, kernel.OwnedID
		add(`g.kind = 'registration' AND g.object = r.id AND g.object_at IS NOT NULL AND g.owner = $%d`, f.Owner)
	}
	if !f.Before.IsZero() {
		add(`r.created_at < $%d`, kernel.At(f.Before))
	}
	if !f.ChangedBefore.IsZero() {
		add(`r.updated_at <= $%d`, kernel.At(f.ChangedBefore))
	}
	if !f.After.IsZero() {
		args = append(args, kernel.At(f.After.At), f.After.ID)
		condition := `(` + at + `, ` + id + `) < ($%d, $%d)`
		if f.DueFirst {
			condition = `(r.updated_at, r.id) > ($%d, $%d)`
		}
		conditions = append(conditions, fmt.Sprintf(condition, len(args)-1, len(args)))
	}
	if f.ClaimedBy != "" {
		args = append(args, f.ClaimedBy)
		add(fmt.Sprintf(`r.id IN (SELECT registration_id FROM claims WHERE officer = $%d AND expires_at > $%%d)`, len(args)), kernel.At(f.ClaimsAt))
	}
	if f.Unclaimed {
		add(`NOT EXISTS (SELECT 1 FROM claims c WHERE c.registration_id = r.id AND c.expires_at > $%d)`, kernel.At(f.ClaimsAt))
	}
	if f.Running {
		conditions = append(conditions, `r.`+openRegistrations)
	}
	if f.AttentionOnly {
		conditions = append(conditions, `r.incident_id IS NOT NULL`)
	}
	if len(conditions) > 0 {
		tail = ` WHERE ` + strings.Join(conditions, ` AND `)
	}
	args = append(args, kernel.LimitOf(f.Limit))
	order := ` ORDER BY ` + at + ` DESC, ` + id + ` DESC`
	if f.DueFirst {
		order = ` ORDER BY r.updated_at, r.id`
	}
	return table, tail + fmt.Sprintf(order+` LIMIT $%d`, len(args)), args
}

// registered returns problem.NotFound when there is no such registration.
func registered(ctx context.Context, tx *sql.Tx, id string) error {
	var one int
	return kernel.OrNoSuch(tx.QueryRowContext(ctx, `SELECT 1 FROM registrations WHERE id = $1`, id).Scan(&one), "registration")
}

// Consents implements registration.Records.
func (r Records) Consents(ctx context.Context, id string) ([]registration.Consent, error) {
	var list []registration.Consent
	err := r.ReadSealed(ctx, "reading consents", func(tx *sql.Tx, _ *kernel.Keys) error {
		if err := registered(ctx, tx, id); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT consent FROM consents WHERE registration_id = $1 ORDER BY purpose DESC`, id)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			var text string
			var c registration.Consent
			if err := rows.Scan(&text); err != nil {
				return err
			}
			err := json.Unmarshal([]byte(text), &c)
			list = append(list, c)
			return err
		})
	})
	return list, err
}
