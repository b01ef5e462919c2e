// Package signings keeps signings in SQL: their documents, uploads, approvals, signature values, certificates, evidence and transitions,
// and the verifications of signed files.
package signings

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/webhook"
)

// Records keeps signings: their documents, approvals, values, certificates, evidence and transitions. It implements
// the part of signing.Desk that is about them.
type Records struct{ *kernel.Base }

// change is write for one signing: fn runs while its row is locked. problem.NotFound when there is none.
func (s Records) change(ctx context.Context, doing, id string, fn func(tx *sql.Tx) error) error {
	return s.Write(ctx, doing, func(tx *sql.Tx) error {
		if err := kernel.LockSigning(ctx, s.Base, tx, id); err != nil {
			return err
		}
		return fn(tx)
	})
}

// changeOf is change with what seals the people's data of the signing, see kernel.OfSigning.
func (s Records) changeOf(ctx context.Context, doing, id string, k *kernel.Keys, fn func(tx *sql.Tx, k *kernel.Keys) error) error {
	return s.change(ctx, doing, id, func(tx *sql.Tx) error {
		k, err := s.OfSigning(ctx, tx, k, id) // asked once the row is held: an erasure may have drawn a new key meanwhile
		if err != nil {
			return err
		}
		return fn(tx, k)
	})
}

// asked is what a signing was asked to be: two requests are the same when this is.
type asked struct {
	Provider, UserID, Serial, Level, Reason, Location, Certificate string
	Documents                                                      []askedDocument
}

type askedDocument struct {
	UploadID, Name, SHA256 string
	Size                   int64
	Placement              *signing.Placement
}

func whatIsAsked(in signing.Signing) asked {
	a := asked{Provider: in.Provider, UserID: in.UserID, Serial: in.Serial, Level: string(in.Level), Reason: in.Reason,
		Location: in.Location, Certificate: in.Certificate}
	for _, d := range in.Documents {
		a.Documents = append(a.Documents, askedDocument{d.UploadID, d.Name, d.SHA256, d.Size, d.Placement})
	}
	return a
}

// CreateSigning implements signing.Desk. Its documents refer to uploads that are stored already.
func (s Records) CreateSigning(ctx context.Context, in signing.Signing) error {
	return s.ask(ctx, in, func(*sql.Tx, *kernel.Keys) error { return nil })
}

// ask creates a signing and calls counted for one that was not there, in the transaction that stores it.
func (s Records) ask(ctx context.Context, in signing.Signing, counted func(tx *sql.Tx, k *kernel.Keys) error) error {
	if err := checkNew(in); err != nil {
		return err
	}
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	content, err := k.Digest("signing", whatIsAsked(in))
	if err != nil {
		return fmt.Errorf("creating a signing: %w", err)
	}
	return s.Write(ctx, "creating a signing", func(tx *sql.Tx) error {
		created, err := s.createSigning(ctx, tx, k, in, content)
		if err != nil || !created {
			return err
		}
		err = kernel.Announce(ctx, tx, webhook.Event{Kind: "signing", ID: in.ID, Status: string(signing.StatusCreated), Self: "/v1/signings/" + in.ID, At: in.CreatedAt})
		if err != nil {
			return err
		}
		return counted(tx, k)
	})
}

// createSigning reports whether the signing was not there.
func (s Records) createSigning(ctx context.Context, tx *sql.Tx, k *kernel.Keys, in signing.Signing, content string) (bool, error) {
	who := &kernel.Subject{Keys: k}
	if !s.AsBefore {
		var err error
		if who, err = s.Subject(ctx, tx, k.Signer(in.Provider, in.UserID)); err != nil {
			return false, err
		}
	}
	created, err := kernel.Affected(tx.ExecContext(ctx, `
		INSERT INTO signings (id, content, provider, user_id, user_lookup, serial, level, reason, location,
			certificate, status, created_at, updated_at, subject_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, NULLIF($13, '')) ON CONFLICT (id) DO NOTHING`,
		in.ID, content, in.Provider, who.Sealed("signings", "user_id", in.ID, []byte(in.UserID)), UserLookup(k, in.UserID),
		in.Serial, string(in.Level), who.Sealed("signings", "reason", in.ID, []byte(in.Reason)),
		who.Sealed("signings", "location", in.ID, []byte(in.Location)), in.Certificate,
		string(signing.StatusCreated), kernel.At(in.CreatedAt), who.ID))
	if err != nil {
		return false, err
	}
	if created == 0 {
		return false, sameContent(ctx, tx, in.ID, content)
	}
	for i, d := range in.Documents {
		err := insertDocument(ctx, tx, who.Keys, in.ID, i, d)
		if err == nil && who.ID != kernel.Unowned {
			err = s.Adopt(ctx, tx, k, d.UploadID, who)
		}
		if err != nil {
			return false, err
		}
	}
	return true, kernel.Note(ctx, tx, in.CreatedAt, "request", in.ID, "", fmt.Sprintf("%s %s, %d documents", in.Provider, in.Level, len(in.Documents)))
}

func checkNew(in signing.Signing) error {
	if in.ID == "" || in.Provider == "" || in.UserID == "" || in.CreatedAt.IsZero() {
		return problem.New(problem.Invalid, "a signing has an id, a provider, a user and a time of creation")
	}
	if len(in.Documents) == 0 {
		return problem.New(problem.Invalid, "a signing has at least one document")
	}
	for i, d := range in.Documents {
		if d.Index != i {
			return problem.New(problem.Invalid, "document %d of a signing has index %d", i, d.Index)
		}
	}
	return nil
}

func sameContent(ctx context.Context, tx *sql.Tx, id, content string) error {
	var stored string
	if err := tx.QueryRowContext(ctx, `SELECT content FROM signings WHERE id = $1`, id).Scan(&stored); err != nil {
		return err
	}
	if stored != content {
		return kernel.Conflict("a signing with this id exists with other content")
	}
	return nil
}

// UserLookup is the lookup digest of a user id.
func UserLookup(k *kernel.Keys, id string) string { return k.Lookup.Digest("user", []byte(id)) }

// signingQuery reads a signing with its newest approval and open incident, once for each of its documents. COALESCE stands where a join may find
// nothing, not on times: SQLite tells the type of a plain column only.
const signingQuery = `
	SELECT s.id, s.provider, s.user_id, s.serial, s.level, s.reason, s.location, s.certificate, s.status, s.created_at,
		s.updated_at, s.finished_at,
		COALESCE(a.our_id, ''), COALESCE(a.response_id, ''), COALESCE(a.tran_code, ''), COALESCE(a.short_code, ''), a.reference,
		a.accepted_at, a.expires_at, COALESCE(a.outcome, ''), COALESCE(a.watched, FALSE),
		COALESCE(i.id, ''), COALESCE(i.step, ''), COALESCE(i.reason, ''), COALESCE(i.message, ''), COALESCE(i.provider, ''), i.since,
		COALESCE(i.attempts, 0), COALESCE(s.subject_id, ''), s.erased_at, u.wrapped,` + documentColumns + `
	FROM signings s
	LEFT JOIN subjects u ON u.id = s.subject_id
	LEFT JOIN approvals a ON a.our_id = s.approval_id
	LEFT JOIN process_incidents i ON i.id = s.incident_id
	LEFT JOIN documents d ON d.signing_id = s.id
	WHERE s.id = $1 ORDER BY d.position`

// openedSigning is a signing with what opens the names of its documents; nil once the signer was erased.
type openedSigning struct {
	signing.Signing
	Keys *kernel.Keys
}

// scanSigning reads a row of signingQuery; what is of the document goes to doc.
func (s Records) scanSigning(ctx context.Context, row kernel.Scanner, k *kernel.Keys, doc ...any) (*openedSigning, error) {
	out := &openedSigning{Keys: k}
	var user, reason, location, wrapped, reference []byte
	var subjectID string
	var before [2]string
	a, n := &out.Approval, &out.Attention
	err := row.Scan(append([]any{&out.ID, &out.Provider, &user, &out.Serial, &out.Level, &reason, &location, &out.Certificate, &out.Status,
		kernel.Into(&out.CreatedAt), kernel.Into(&out.UpdatedAt), kernel.Into(&out.FinishedAt),
		&a.OurID, &before[0], &before[1], &a.ShortCode, &reference, kernel.Into(&a.AcceptedAt), kernel.Into(&a.ExpiresAt), &a.Outcome, &a.Watched,
		&n.IncidentID, &n.Step, &n.Reason, &n.Message, &n.Provider, kernel.Into(&n.Since), &n.Attempts, &subjectID, kernel.Into(&out.ErasedAt), &wrapped}, doc...)...)
	if err == nil && !out.ErasedAt.IsZero() {
		out.Keys = nil
		return out, nil
	}
	if err == nil && subjectID != kernel.Unowned {
		k, err = s.Unwrapped(ctx, subjectID, wrapped)
		out.Keys = k
	}
	err = k.OpenText(err, &out.UserID, "signings", "user_id", out.ID, user)
	err = k.OpenText(err, &out.Reason, "signings", "reason", out.ID, reason)
	err = k.OpenText(err, &out.Location, "signings", "location", out.ID, location)
	if a.Reference = referenceOfBefore(before[0], before[1]); reference != nil {
		err = k.OpenText(err, &a.Reference, "approvals", "reference", a.OurID, reference)
	}
	return out, err
}

// Signing implements signing.Records.
func (s Records) Signing(ctx context.Context, id string) (signing.Signing, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return signing.Signing{}, err
	}
	var out *openedSigning
	rows, err := s.DB.QueryContext(ctx, signingQuery, id)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var d documentRow
		one, err := s.scanSigning(ctx, rows, k, d.places()...)
		if err != nil {
			return err
		}
		if out == nil {
			out = one
		}
		return out.add(d)
	})
	if err == nil && out == nil {
		err = kernel.NoSuch("signing")
	}
	if err != nil {
		return signing.Signing{}, fmt.Errorf("reading a signing: %w", err)
	}
	return out.Signing, nil
}

// Signings implements signing.Desk.
func (s Records) Signings(ctx context.Context, f signing.Filter) ([]signing.Signing, error) {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	table, tail, args := narrow(k, f)
	return s.signings(ctx, "listing signings", table, tail, args)
}

// signings reads the signings s of a table that the end of a query names, as lists show them.
func (s Records) signings(ctx context.Context, doing, table, tail string, args []any) (list []signing.Signing, err error) {
	err = s.Read(ctx, doing, func(tx *sql.Tx) (err error) {
		list, err = s.List(ctx, tx, table, tail, args)
		return err
	})
	return list, err
}

// All are all signings as a table s, for List.
const All = `signings s`

// narrow turns a filter into a table of signings s and the end of a query over it.
func narrow(k *kernel.Keys, f signing.Filter) (table, tail string, args []any) {
	conditions := []string{}
	table, at, id := All, `s.created_at`, `s.id`
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	if f.Status != "" {
		add(`s.status = $%d`, string(f.Status))
	}
	if f.UserID != "" {
		add(`s.user_lookup = $%d`, UserLookup(k, f.UserID))
	}
	if f.Owner != "" {
		table, at, id = kernel.OwnedTable(table), kernel.OwnedAt, kernel.OwnedID
		add(`g.kind = 'signing' AND g.object = s.id AND g.object_at IS NOT NULL AND g.owner = $%d`, f.Owner)
	}
	if !f.Before.IsZero() {
		add(`s.created_at < $%d`, kernel.At(f.Before))
	}
	if !f.After.IsZero() {
		args = append(args, kernel.At(f.After.At), f.After.ID)
		conditions = append(conditions, fmt.Sprintf(`(%s, %s) < ($%d, $%d)`, at, id, len(args)-1, len(args)))
	}
	if f.AttentionOnly {
		conditions = append(conditions, `s.incident_id IS NOT NULL`)
	}
	if len(conditions) > 0 {
		tail = ` WHERE ` + strings.Join(conditions, ` AND `)
	}
	args = append(args, kernel.LimitOf(f.Limit))
	return table, tail + fmt.Sprintf(` ORDER BY %s DESC, %s DESC LIMIT $%d`, at, id, len(args)), args
}
