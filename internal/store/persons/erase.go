// Package persons finds what belongs to one person in every room of the store, and erases it in one transaction. What an erasure leaves
// to be removed, and what earlier releases wrote without the key of a person, is named here too.
package persons

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
	"kyso/internal/store/registrations"
	"kyso/internal/vault"
)

// Records finds and erases what belongs to one person, in every room.
type Records struct{ *kernel.Base }

// SubjectOf returns the person behind a registration or a signing.
func (p Records) SubjectOf(ctx context.Context, id string) (string, error) {
	var subjectID string
	err := p.ReadSealed(ctx, "finding a person", func(tx *sql.Tx, _ *kernel.Keys) error {
		err := tx.QueryRowContext(ctx, `
			SELECT subject_id FROM registrations WHERE id = $1 UNION ALL SELECT COALESCE(subject_id, '') FROM signings WHERE id = $1`, id).Scan(&subjectID)
		if err == nil && subjectID == kernel.Unowned {
			err = kernel.Conflict("the signing lies under the key of the store: within minutes of its end it is put under that of its signer, while KYSO_SEAL_DOCUMENTS is true")
		}
		return kernel.OrNoSuch(err, "registration or signing")
	})
	return subjectID, err
}

// EraseSubject destroys the data key of a person, and with it everything that it sealed: records, papers, uploads and
// signings. What registration.Retention keeps is sealed again under a new key; years is for registration.Keep. Again at a
// later time, it erases what has ended meanwhile. Blobs and pages of the database go after it: see Leftovers.
// problem.Conflict while a process of the person runs.
func (p Records) EraseSubject(ctx context.Context, subjectID, actor string, when time.Time, years int) (registration.Erasure, error) {
	var out registration.Erasure
	err := p.WriteOf(ctx, "erasing a subject", kernel.Documents, func(tx *sql.Tx, _ *kernel.Keys) error {
		e := &erasing{Base: p.Base, tx: tx, subjectID: subjectID, now: when.UTC().Truncate(time.Microsecond), keepDocs: map[string]bool{}, keepUploads: map[string]bool{},
			keepSignings: map[string]bool{}}
		err := e.run(ctx, actor, years)
		out = registration.Erasure{At: e.at, Erased: e.gone(), Kept: e.kept}
		return err
	})
	return out, err
}

// erasing is one erasure, within its transaction.
type erasing struct {
	*kernel.Base
	tx        *sql.Tx
	subjectID string
	now, at   time.Time // at is when the person was erased first

	old, renewed  *kernel.Subject // renewed is nil when nothing is kept
	registrations []registration.Registration
	kept          []registration.Kept

	keepDocs, keepUploads, keepSignings map[string]bool // by key id, upload, signing
}

func (e *erasing) run(ctx context.Context, actor string, years int) error {
	old, err := e.LockSubject(ctx, e.tx, `id = $1`, e.subjectID)
	whole := problem.CodeOf(err) == problem.Erased // nothing is left to erase
	if err != nil && !whole {
		return err
	}
	e.old = old
	if err := e.tx.QueryRowContext(ctx, `SELECT erased_at FROM subjects WHERE id = $1`, e.subjectID).Scan(kernel.Into(&e.at)); err != nil {
		return err
	}
	if err := e.plan(ctx, years); err != nil {
		return err
	}
	if whole {
		e.kept = slices.DeleteFunc(e.kept, func(k registration.Kept) bool { return !k.ForGood })
		return nil
	}
	first := e.at.IsZero()
	if first {
		e.at = e.now
	}
	if err := e.act(ctx); err != nil {
		return err
	}
	if !first {
		return nil
	}
	return kernel.Note(ctx, e.tx, e.now, "erasure", e.subjectID, actor, e.summary())
}

// plan reads what there is and what stays. A person is not erased while a process of theirs runs.
func (e *erasing) plan(ctx context.Context, years int) error {
	if err := e.alone(ctx); err != nil {
		return err
	}
	rows, err := e.tx.QueryContext(ctx, registrations.RegistrationQuery+` WHERE r.subject_id = $1 ORDER BY r.created_at, r.id`, e.subjectID)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		one, _, err := registrations.ScanRegistration(rows)
		if err == nil && !one.Status.Final() {
			err = kernel.Conflict("registration %s is %s; a person is erased when every process has ended", one.ID, one.Status)
		}
		e.registrations = append(e.registrations, one)
		return err
	})
	if err != nil {
		return err
	}
	var running string
	err = e.tx.QueryRowContext(ctx, `SELECT COALESCE(MIN(id), '') FROM signings WHERE subject_id = $1
		AND status NOT IN `+endedSignings, e.subjectID).Scan(&running)
	if err == nil && running != "" {
		err = kernel.Conflict("signing %s has not ended; a person is erased when every process has ended", running)
	}
	if err != nil {
		return err
	}
	for _, one := range e.registrations {
		kept := registration.Keep(one, e.now, years)
		e.kept = append(e.kept, kept...)
		keep, _ := registration.UploadsOf(one, kept)
		for _, id := range keep {
			if err := e.keep(ctx, id); err != nil {
				return err
			}
		}
		if has(kept, registration.KindAcceptance) {
			e.keepSignings[one.Acceptance.SigningID] = true
		}
	}
	return nil
}

// alone waits for those who write to a registration or an account of the person, and keeps others from it until the erasure is done: what
// they seal under the old key could not be opened. New registrations wait at the person's row.
func (e *erasing) alone(ctx context.Context) error {
	for _, of := range []struct {
		query string
		thing func(id string) kernel.Thing
	}{
		{`SELECT id FROM accounts WHERE subject_id = $1 ORDER BY id`, kernel.Account},
		{`SELECT id FROM registrations WHERE subject_id = $1 ORDER BY id`, kernel.Registration},
	} {
		ids, err := e.texts(ctx, of.query, e.subjectID)
		for _, id := range ids {
			if err == nil {
				err = e.Follow(ctx, e.tx, of.thing(id))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keep marks an upload and the document that it belongs to.
func (e *erasing) keep(ctx context.Context, uploadID string) error {
	var keyID string
	if err := e.tx.QueryRowContext(ctx, `SELECT COALESCE(key_id, '') FROM uploads WHERE id = $1`, uploadID).Scan(&keyID); err != nil {
		return kernel.OrNoSuch(err, "upload")
	}
	e.keepUploads[uploadID], e.keepDocs[keyID] = true, true
	return nil
}

func has(kept []registration.Kept, kind registration.Kind) bool {
	return slices.ContainsFunc(kept, func(k registration.Kept) bool { return k.Kind == kind })
}

// until is when the last of what is kept goes; zero when nothing is.
func (e *erasing) until() time.Time {
	var end time.Time
	for _, k := range e.kept {
		if k.Until.After(end) {
			end = k.Until
		}
	}
	return end
}

// next is when something of what is kept goes; zero when nothing is.
func (e *erasing) next() time.Time {
	var next time.Time
	for _, k := range e.kept {
		if !k.Until.IsZero() && (next.IsZero() || k.Until.Before(next)) {
			next = k.Until
		}
	}
	return next
}

func (e *erasing) summary() string {
	if until := e.until(); !until.IsZero() {
		return "kept by law until " + until.UTC().Format(time.DateOnly)
	}
	return ""
}

// gone returns the kinds of which nothing stays.
func (e *erasing) gone() []registration.Kind {
	var out []registration.Kind
	for _, kind := range registration.Kinds() {
		if kind != registration.KindWithoutPerson && !has(e.kept, kind) {
			out = append(out, kind)
		}
	}
	return out
}

func (e *erasing) act(ctx context.Context) error {
	var wrapped []byte
	if !e.next().IsZero() {
		key := vault.NewKey()
		var err error
		if wrapped, err = e.Sealer.Wrap(ctx, kernel.SubjectName(e.subjectID), key); err != nil {
			return err
		}
		if e.renewed, err = kernel.NewSubject(e.subjectID, key); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{e.answers, e.documents, e.persons, e.contacts, e.words, e.signings, e.papers, e.verifications} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	_, err := e.tx.ExecContext(ctx, `UPDATE subjects SET lookup = NULL, wrapped = $1, erased_at = $2, keep_until = $3 WHERE id = $4`,
		wrapped, kernel.At(e.at), kernel.At(e.next()), e.subjectID)
	if err != nil {
		return err
	}
	return kernel.Leave(ctx, e.tx, kernel.LeftoverPages, "", e.now.Add(e.ScrubPause()))
}

// answers empties the answers that are kept for repeated requests about what is the person's: they name files and people, under the
// key of the store. Whoever repeats such a request is told that it was erased.
func (e *erasing) answers(ctx context.Context) error {
	const forget = `UPDATE idempotency SET body = NULL WHERE body IS NOT NULL AND about ` // one way to a row each, so that its index is used
	err := e.all(ctx, nil, forget+`IS NULL`)
	if err != nil {
		return err
	}
	return e.all(ctx, []any{e.subjectID}, forget+`IN `+registrationsOf, forget+`IN `+signingsOf,
		forget+`IN (SELECT upload_id FROM documents WHERE signing_id IN `+signingsOf+`)`,
		forget+`IN (SELECT id FROM uploads WHERE key_id IN (SELECT id FROM document_keys WHERE subject_id = $1))`)
}

// documents takes the keys of documents away from the person. A document without any key left goes.
func (e *erasing) documents(ctx context.Context) error {
	type held struct {
		ID      string
		wrapped []byte
	}
	var list []held
	rows, err := e.tx.QueryContext(ctx, `SELECT id, wrapped FROM document_keys WHERE subject_id = $1 ORDER BY id`, e.subjectID)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var h held
		err := rows.Scan(&h.ID, &h.wrapped)
		list = append(list, h)
		return err
	})
	for _, h := range list {
		if err != nil {
			break
		}
		if e.renewed != nil && e.keepDocs[h.ID] {
			err = e.again(ctx, `UPDATE document_keys SET wrapped = $1 WHERE id = $2 AND subject_id = $3`, "document_keys", "wrapped", h.ID, h.wrapped, h.ID, e.subjectID)
			continue
		}
		err = dropDocumentKey(ctx, e.tx, h.ID, e.subjectID, e.now)
	}
	return err
}

// again seals a value under the new key and writes it with a statement whose first argument it is.
func (e *erasing) again(ctx context.Context, statement, table, column, row string, value []byte, args ...any) error {
	plain, err := e.old.Open(table, column, row, value)
	if problem.CodeOf(err) == problem.Erased {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = e.tx.ExecContext(ctx, statement, append([]any{e.renewed.Sealed(table, column, row, plain)}, args...)...)
	return err
}

// persons seals kept records of people and certificates again, and empties the others.
func (e *erasing) persons(ctx context.Context) error {
	for _, one := range e.registrations {
		var person, certificate []byte
		if err := e.tx.QueryRowContext(ctx, `SELECT person, certificate FROM registrations WHERE id = $1`, one.ID).Scan(&person, &certificate); err != nil {
			return err
		}
		if !e.keptOf(one.ID, registration.KindPerson) {
			_, err := e.tx.ExecContext(ctx, `UPDATE registrations SET person = $1, certificate = NULL WHERE id = $2`, []byte{}, one.ID)
			if err != nil {
				return err
			}
			continue
		}
		err := e.again(ctx, `UPDATE registrations SET person = $1 WHERE id = $2`, "registrations", "person", one.ID, person, one.ID)
		if err == nil && len(certificate) > 0 {
			err = e.again(ctx, `UPDATE registrations SET certificate = $1 WHERE id = $2`, "registrations", "certificate", one.ID, certificate, one.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *erasing) keptOf(id string, kind registration.Kind) bool {
	return slices.ContainsFunc(e.kept, func(k registration.Kept) bool { return k.RegistrationID == id && k.Kind == kind })
}

const (
	registrationsOf = `(SELECT id FROM registrations WHERE subject_id = $1)`
	signingsOf      = `(SELECT id FROM signings WHERE subject_id = $1)`
	incidentsOf     = `process_id IN (SELECT id FROM registrations WHERE subject_id = $1 UNION ALL SELECT id FROM signings WHERE subject_id = $1)`
	accountsOf      = `(SELECT id FROM accounts WHERE subject_id = $1)`
)

// contacts empties accounts, codes and log-ins.
func (e *erasing) contacts(ctx context.Context) error {
	return e.all(ctx, []any{e.subjectID, []byte{}},
		`UPDATE accounts SET phone = $2, email = $2, password = $2, phone_lookup = NULL WHERE subject_id = $1`,
		`UPDATE codes SET phone = $2, phone_lookup = '', digest = '', digits = NULL, superseded = TRUE WHERE registration_id IN `+registrationsOf,
	)
}

// words empties what officers, operators and the person wrote, and what was asked to be corrected.
func (e *erasing) words(ctx context.Context) error {
	err := e.all(ctx, []any{e.subjectID, []byte{}},
		`UPDATE reviews SET public_note = $2, internal_note = $2 WHERE registration_id IN `+registrationsOf,
		`UPDATE corrections SET changes = $2 WHERE registration_id IN `+registrationsOf,
		`UPDATE process_incidents SET note = $2 WHERE `+incidentsOf,
		`UPDATE incident_entries SET words = $2 WHERE incident_id IN (SELECT id FROM process_incidents WHERE `+incidentsOf+`)`,
		`UPDATE decisions SET content = $2 WHERE process = 'registration' AND object IN `+registrationsOf,
		`UPDATE decisions SET content = $2 WHERE process = 'signing' AND object IN `+signingsOf,
	)
	if err != nil {
		return err
	}
	return e.all(ctx, []any{e.subjectID},
		`DELETE FROM identity_fixes WHERE registration_id IN `+registrationsOf,
		`DELETE FROM password_resets WHERE account_id IN `+accountsOf,
		`DELETE FROM login_challenges WHERE account_id IN `+accountsOf,
		`DELETE FROM sessions WHERE account_id <> '' AND account_id IN `+accountsOf,
	)
}

func (e *erasing) all(ctx context.Context, args []any, statements ...string) error {
	for _, statement := range statements {
		if _, err := e.tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
	}
	return nil
}

// papers removes the papers that are not kept and lie in clear: earlier releases wrote them so.
func (e *erasing) papers(ctx context.Context) error {
	for _, one := range e.registrations {
		_, others := registration.UploadsOf(one, e.kept)
		for _, id := range others {
			if err := e.clear(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}
