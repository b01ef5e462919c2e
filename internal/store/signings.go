package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/webhook"
)

// The bounds of a list.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// limitOf returns how many rows a list may give.
func limitOf(asked int) int {
	if asked <= 0 {
		return defaultLimit
	}
	return min(asked, maxLimit)
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
func (s *Store) CreateSigning(ctx context.Context, in signing.Signing) error {
	return s.ask(ctx, in, func(*sql.Tx, *keys) error { return nil })
}

// ask creates a signing and calls counted for one that was not there, in the transaction that stores it.
func (s *Store) ask(ctx context.Context, in signing.Signing, counted func(tx *sql.Tx, k *keys) error) error {
	if err := checkNew(in); err != nil {
		return err
	}
	k, err := s.openKeys(ctx)
	if err != nil {
		return err
	}
	content, err := k.digest("signing", whatIsAsked(in))
	if err != nil {
		return fmt.Errorf("creating a signing: %w", err)
	}
	return s.write(ctx, "creating a signing", func(tx *sql.Tx) error {
		created, err := s.createSigning(ctx, tx, k, in, content)
		if err != nil || !created {
			return err
		}
		err = announce(ctx, tx, webhook.Event{Kind: "signing", ID: in.ID, Status: string(signing.StatusCreated), Self: "/v1/signings/" + in.ID, At: in.CreatedAt})
		if err != nil {
			return err
		}
		return counted(tx, k)
	})
}

// createSigning reports whether the signing was not there.
func (s *Store) createSigning(ctx context.Context, tx *sql.Tx, k *keys, in signing.Signing, content string) (bool, error) {
	c, who := &core{s}, &subject{keys: k}
	if !s.AsBefore {
		var err error
		if who, err = c.subject(ctx, tx, k.signer(in.Provider, in.UserID)); err != nil {
			return false, err
		}
	}
	created, err := affected(tx.ExecContext(ctx, `
		INSERT INTO signings (id, content, provider, user_id, user_lookup, serial, level, reason, location,
			certificate, status, created_at, updated_at, subject_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, NULLIF($13, '')) ON CONFLICT (id) DO NOTHING`,
		in.ID, content, in.Provider, who.sealed("signings", "user_id", in.ID, []byte(in.UserID)), k.user(in.UserID),
		in.Serial, string(in.Level), who.sealed("signings", "reason", in.ID, []byte(in.Reason)),
		who.sealed("signings", "location", in.ID, []byte(in.Location)), in.Certificate,
		string(signing.StatusCreated), at(in.CreatedAt), who.id))
	if err != nil {
		return false, err
	}
	if created == 0 {
		return false, sameContent(ctx, tx, in.ID, content)
	}
	for i, d := range in.Documents {
		err := insertDocument(ctx, tx, who.keys, in.ID, i, d)
		if err == nil && who.id != nobody {
			err = c.adopt(ctx, tx, k, d.UploadID, who)
		}
		if err != nil {
			return false, err
		}
	}
	return true, note(ctx, tx, in.CreatedAt, "request", in.ID, "", fmt.Sprintf("%s %s, %d documents", in.Provider, in.Level, len(in.Documents)))
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
		return conflict("a signing with this id exists with other content")
	}
	return nil
}

// user is the lookup digest of a user id.
func (k *keys) user(id string) string { return k.lookup.Digest("user", []byte(id)) }

// signingQuery reads signings with their newest approval and open incident. COALESCE stands where a join may find
// nothing, not on times: SQLite tells the type of a plain column only.
const signingQuery = `
	SELECT s.id, s.provider, s.user_id, s.serial, s.level, s.reason, s.location, s.certificate, s.status, s.created_at,
		s.updated_at, s.finished_at,
		COALESCE(a.our_id, ''), COALESCE(a.response_id, ''), COALESCE(a.tran_code, ''), COALESCE(a.short_code, ''), a.reference,
		a.accepted_at, a.expires_at, COALESCE(a.outcome, ''),
		COALESCE(i.id, ''), COALESCE(i.step, ''), COALESCE(i.reason, ''), COALESCE(i.message, ''), COALESCE(i.provider, ''), i.since,
		COALESCE(i.attempts, 0), COALESCE(s.subject_id, ''), s.erased_at, u.wrapped
	FROM signings s
	LEFT JOIN subjects u ON u.id = s.subject_id
	LEFT JOIN approvals a ON a.our_id = s.approval_id
	LEFT JOIN process_incidents i ON i.id = s.incident_id`

type scanner interface{ Scan(dest ...any) error }

// openedSigning is a signing with what opens the names of its documents; nil once the signer was erased.
type openedSigning struct {
	signing.Signing
	keys *keys
}

func (s *Store) scanSigning(ctx context.Context, row scanner, k *keys) (*openedSigning, error) {
	out := &openedSigning{keys: k}
	var user, reason, location, wrapped, reference []byte
	var subjectID string
	var before [2]string
	a, n := &out.Approval, &out.Attention
	err := row.Scan(&out.ID, &out.Provider, &user, &out.Serial, &out.Level, &reason, &location, &out.Certificate, &out.Status,
		into(&out.CreatedAt), into(&out.UpdatedAt), into(&out.FinishedAt),
		&a.OurID, &before[0], &before[1], &a.ShortCode, &reference, into(&a.AcceptedAt), into(&a.ExpiresAt), &a.Outcome,
		&n.IncidentID, &n.Step, &n.Reason, &n.Message, &n.Provider, into(&n.Since), &n.Attempts, &subjectID, into(&out.ErasedAt), &wrapped)
	if err == nil && !out.ErasedAt.IsZero() {
		out.keys = nil
		return out, nil
	}
	if err == nil && subjectID != nobody {
		k, err = (&core{s}).unwrapped(ctx, subjectID, wrapped)
		out.keys = k
	}
	err = k.openText(err, &out.UserID, "signings", "user_id", out.ID, user)
	err = k.openText(err, &out.Reason, "signings", "reason", out.ID, reason)
	err = k.openText(err, &out.Location, "signings", "location", out.ID, location)
	if a.Reference = referenceOfBefore(before[0], before[1]); reference != nil {
		err = k.openText(err, &a.Reference, "approvals", "reference", a.OurID, reference)
	}
	return out, err
}

// Signing implements signing.Records.
func (s *Store) Signing(ctx context.Context, id string) (signing.Signing, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return signing.Signing{}, err
	}
	var out signing.Signing
	err = s.read(ctx, "reading a signing", func(tx *sql.Tx) error {
		one, err := s.scanSigning(ctx, tx.QueryRowContext(ctx, signingQuery+` WHERE s.id = $1`, id), k)
		if err != nil {
			return orNoSuch(err, "signing")
		}
		err = readDocuments(ctx, tx, []*openedSigning{one}, `= $1`, id)
		out = one.Signing
		return err
	})
	return out, err
}

// Signings implements signing.Desk.
func (s *Store) Signings(ctx context.Context, f signing.Filter) ([]signing.Signing, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	tail, args := k.narrow(f)
	return s.signings(ctx, "listing signings", tail, args)
}

// signings reads the signings s that the end of a query names, with their documents.
func (s *Store) signings(ctx context.Context, doing, tail string, args []any) ([]signing.Signing, error) {
	k, err := s.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []signing.Signing
	err = s.read(ctx, doing, func(tx *sql.Tx) (err error) {
		list, err = s.readSignings(ctx, tx, k, tail, args)
		return err
	})
	return list, err
}

func (s *Store) readSignings(ctx context.Context, tx *sql.Tx, k *keys, tail string, args []any) ([]signing.Signing, error) {
	var list []*openedSigning
	rows, err := tx.QueryContext(ctx, signingQuery+tail, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		one, err := s.scanSigning(ctx, rows, k)
		list = append(list, one)
		return err
	})
	if err == nil {
		err = readDocuments(ctx, tx, list, `IN (SELECT s.id FROM signings s`+tail+`)`, args...)
	}
	out := make([]signing.Signing, len(list))
	for i, one := range list {
		out[i] = one.Signing
	}
	return out, err
}

// narrow turns a filter into the end of a query over signings s.
func (k *keys) narrow(f signing.Filter) (tail string, args []any) {
	conditions := []string{}
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	if f.Status != "" {
		add(`s.status = $%d`, string(f.Status))
	}
	if f.UserID != "" {
		add(`s.user_lookup = $%d`, k.user(f.UserID))
	}
	if f.Owner != "" {
		add(`s.id IN (SELECT object FROM grants WHERE kind = 'signing' AND owner = $%d)`, f.Owner)
	}
	if !f.Before.IsZero() {
		add(`s.created_at < $%d`, at(f.Before))
	}
	if !f.After.IsZero() {
		args = append(args, at(f.After.At), f.After.ID)
		conditions = append(conditions, fmt.Sprintf(`(s.created_at, s.id) < ($%d, $%d)`, len(args)-1, len(args)))
	}
	if f.AttentionOnly {
		conditions = append(conditions, `s.incident_id IS NOT NULL`)
	}
	if len(conditions) > 0 {
		tail = ` WHERE ` + strings.Join(conditions, ` AND `)
	}
	args = append(args, limitOf(f.Limit))
	return tail + fmt.Sprintf(` ORDER BY s.created_at DESC, s.id DESC LIMIT $%d`, len(args)), args
}
