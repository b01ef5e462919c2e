package persons

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path"
	"time"

	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/store/registrations"
	"kyso/internal/store/signings"
	"kyso/internal/vault"
)

const (
	// clearStays is how long a segment in clear outlives the record that pointed to it: whoever read that record has ended
	// by then. An erasure does not wait for it.
	clearStays = time.Hour
	// unownedWaits is how old an upload without a signing or registration is when it is sealed as unowned: the process
	// that wrote it as a paper has recorded it by then.
	unownedWaits = 24 * time.Hour
)

var (
	endedSignings      = kernel.Ended(signing.Table)
	endedRegistrations = kernel.Ended(registration.Table)
)

// Clear is the part of the store that names what earlier releases wrote without the key of a person, and seals it.
type Clear struct{ *kernel.Base }

// SealSegments seals the segments of a document that lie in clear under its key, and returns all of them.
type SealSegments = func(ctx context.Context, doc signing.Upload) ([]signing.Segment, error)

// Signings lists signings that have ended and lie under the key of the store, oldest first.
func (c Clear) Signings(ctx context.Context, after page.Cursor, limit int) ([]page.Cursor, error) {
	o := new(kernel.Older).Add(`subject_id IS NULL`).Add(`erased_at IS NULL`).Add(`status IN ` + endedSignings)
	return c.places(ctx, `signings`, o, after, limit)
}

// Papers lists registrations that have ended and whose papers may lie in clear, oldest first.
func (c Clear) Papers(ctx context.Context, after page.Cursor, limit int) ([]page.Cursor, error) {
	return c.places(ctx, `registrations`, new(kernel.Older).Add(`NOT papers_sealed`).Add(`status IN `+endedRegistrations), after, limit)
}

// Uploads lists uploads that lie in clear and that no signing works on, oldest first.
func (c Clear) Uploads(ctx context.Context, after page.Cursor, limit int) ([]page.Cursor, error) {
	o := new(kernel.Older).Add(`key_id IS NULL`).Add(`erased_at IS NULL`).Add(`NOT EXISTS (
		SELECT 1 FROM documents d JOIN signings s ON s.id = d.signing_id
		WHERE (d.upload_id = uploads.id OR d.signed_id = uploads.id) AND (s.subject_id IS NULL OR s.status NOT IN ` + endedSignings + `))`)
	return c.places(ctx, `uploads`, o, after, limit)
}

func (c Clear) places(ctx context.Context, table string, o *kernel.Older, after page.Cursor, limit int) ([]page.Cursor, error) {
	tail, args := o.Tail(`created_at`, `id`, after, limit)
	var list []page.Cursor
	rows, err := c.DB.QueryContext(ctx, `SELECT created_at, id FROM `+table+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var one page.Cursor
		err := rows.Scan(kernel.Into(&one.At), &one.ID)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s in clear: %w", table, err)
	}
	return list, nil
}

// SealSigning puts a signing with its certificates, values and evidence under the key of its signer.
func (c Clear) SealSigning(ctx context.Context, id string) error {
	return c.WriteOf(ctx, "sealing a signing", kernel.Documents, func(tx *sql.Tx, k *kernel.Keys) error {
		var provider string
		var user []byte
		err := tx.QueryRowContext(ctx, `
			UPDATE signings SET status = status WHERE id = $1 AND subject_id IS NULL AND erased_at IS NULL AND status IN `+endedSignings+`
			RETURNING provider, user_id`, id).Scan(&provider, &user)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		var name string
		if err = k.OpenText(err, &name, "signings", "user_id", id, user); err != nil {
			return err
		}
		who, err := c.Subject(ctx, tx, k.Signer(provider, name))
		if err != nil {
			return err
		}
		moved := &erasing{Base: c.Base, tx: tx, old: &kernel.Subject{Keys: k}, renewed: who}
		if err := moved.signingAgain(ctx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE signings SET subject_id = $1 WHERE id = $2`, who.ID, id); err != nil {
			return err
		}
		uploads, err := moved.texts(ctx, `SELECT upload_id FROM documents WHERE signing_id = $1 ORDER BY position`, id)
		for _, upload := range uploads {
			if err == nil {
				err = (signings.Records{Base: c.Base}).Adopt(ctx, tx, k, upload, who)
			}
			if code := problem.CodeOf(err); code == problem.Erased || code == problem.NotFound {
				err = nil
			}
		}
		return err
	})
}

// SealPapers puts the papers of a registration under the key of its person.
func (c Clear) SealPapers(ctx context.Context, id string, seal SealSegments) error {
	var one registration.Registration
	err := c.ReadSealed(ctx, "reading the papers of a registration", func(tx *sql.Tx, _ *kernel.Keys) (err error) {
		one, _, err = registrations.ScanRegistration(tx.QueryRowContext(ctx, registrations.RegistrationQuery+` WHERE r.id = $1`, id))
		return err
	})
	if err != nil {
		return err
	}
	_, papers := registration.UploadsOf(one, nil)
	for _, paper := range papers {
		if err := c.sealUpload(ctx, paper, one.SubjectID, seal); err != nil {
			return err
		}
	}
	return c.Write(ctx, "noting sealed papers", func(tx *sql.Tx) error {
		for _, paper := range papers {
			var left int
			err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM uploads WHERE id = $1 AND key_id IS NULL AND erased_at IS NULL`, paper).Scan(&left)
			if err != nil || left > 0 { // its signing has not ended
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE registrations SET papers_sealed = TRUE WHERE id = $1`, id)
		return err
	})
}

// SealUpload puts an upload under the keys of those whose signings have it; one that has none, under the store's.
func (c Clear) SealUpload(ctx context.Context, id string, seal SealSegments) error {
	return c.sealUpload(ctx, id, kernel.Unowned, seal)
}

// sealUpload writes the sealed segments first and points the record to them then. What lay in clear goes later, see Blobs.
func (c Clear) sealUpload(ctx context.Context, id, subjectID string, seal SealSegments) error {
	var before, doc signing.Upload
	err := c.WriteOf(ctx, "giving a document a key", kernel.Documents, func(tx *sql.Tx, k *kernel.Keys) error {
		var err error
		before, err = (signings.Records{Base: c.Base}).UploadIn(ctx, tx, k, id)
		if code := problem.CodeOf(err); code == problem.Erased || code == problem.NotFound || err == nil && before.KeyID != "" {
			return nil
		}
		if err == nil {
			doc, err = c.claim(ctx, tx, k, before, subjectID)
		}
		return err
	})
	if err != nil || doc.KeyID == "" {
		return err
	}
	if doc.Segments, err = seal(ctx, doc); err != nil {
		return fmt.Errorf("sealing upload %s: %w", id, err)
	}
	return c.WriteOf(ctx, "pointing to a sealed document", kernel.Documents, func(tx *sql.Tx, k *kernel.Keys) error {
		return c.settle(ctx, tx, k, before, doc)
	})
}

// claim gives the family of an upload a key that its people have. An answer without a key: not now.
func (c Clear) claim(ctx context.Context, tx *sql.Tx, k *kernel.Keys, u signing.Upload, subjectID string) (signing.Upload, error) {
	root := path.Base(u.Segments[0].Key)
	owners, free, err := c.owners(ctx, tx, root, u, subjectID)
	if err != nil || !free {
		return signing.Upload{}, err
	}
	if subjectID != kernel.Unowned {
		owners = append(owners, subjectID)
	} else if len(owners) == 0 && c.Now().Sub(u.CreatedAt) < unownedWaits {
		return signing.Upload{}, nil
	}
	u.KeyID = root
	if u.Key, err = (signings.Records{Base: c.Base}).DocumentKey(ctx, tx, k, root); problem.CodeOf(err) == problem.Erased {
		u.Key, err = vault.NewKey(), nil
	}
	if err != nil {
		return u, err
	}
	if len(owners) == 0 {
		return u, signings.WrapDocumentKey(ctx, tx, k, root, kernel.Unowned, u.Key, u.CreatedAt)
	}
	lives := false
	for _, owner := range owners {
		person, err := c.SubjectKey(ctx, tx, owner)
		if problem.CodeOf(err) == problem.Erased {
			continue
		}
		if err == nil {
			err = signings.WrapDocumentKey(ctx, tx, person.Keys, root, owner, u.Key, u.CreatedAt)
		}
		if err != nil {
			return u, err
		}
		lives = true
	}
	if !lives {
		return u, kernel.Erased("person of document " + u.ID)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM document_keys WHERE id = $1 AND subject_id = $2`, root, kernel.Unowned); err != nil {
		return u, err
	}
	return c.known(ctx, tx, u)
}

// owners returns the people of an upload, and whether it may be sealed now: no signing works on it, an erasure is not
// about to remove its folder, and one without people is no paper that is still to be recorded.
func (c Clear) owners(ctx context.Context, tx *sql.Tx, root string, u signing.Upload, subjectID string) (people []string, free bool, err error) {
	const having = ` FROM documents d JOIN signings s ON s.id = d.signing_id WHERE (d.upload_id IN ($1, $2) OR d.signed_id = $2)`
	var busy int
	err = tx.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*)`+having+` AND (s.subject_id IS NULL OR s.status NOT IN `+endedSignings+`))
			+ (SELECT COUNT(*) FROM leftovers WHERE kind = 'blobs' AND name = $3)`, root, u.ID, signing.SealedFolder+"/"+root).Scan(&busy)
	if err != nil || busy > 0 {
		return nil, false, err
	}
	e := &erasing{tx: tx}
	people, err = e.texts(ctx, `SELECT DISTINCT s.subject_id`+having+` AND s.erased_at IS NULL`, root, u.ID)
	if err != nil || len(people) > 0 || subjectID != kernel.Unowned {
		return people, true, err
	}
	// A paper of a registration that has not ended is its person's: Papers names it in its time.
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM registrations WHERE NOT papers_sealed AND facts LIKE $1`, `%"`+u.ID+`"%`).Scan(&busy)
	return nil, busy == 0, err
}

// known takes the segments that a document of the same family has sealed already.
func (c Clear) known(ctx context.Context, tx *sql.Tx, u signing.Upload) (signing.Upload, error) {
	texts, err := (&erasing{tx: tx}).texts(ctx, `SELECT segments FROM uploads WHERE key_id = $1 AND erased_at IS NULL`, u.KeyID)
	u.Segments = append([]signing.Segment(nil), u.Segments...)
	for _, text := range texts {
		other := signing.Upload{KeyID: u.KeyID}
		if err == nil {
			err = signings.ReadSegments(text, &other)
		}
		for _, s := range other.Segments {
			for i, mine := range u.Segments {
				if s.Sealed() && s.SHA256 == mine.SHA256 && path.Base(s.Key) == path.Base(mine.Key) {
					u.Segments[i] = s
				}
			}
		}
	}
	return u, err
}

// settle points a record to its sealed segments, unless it was erased or sealed meanwhile.
func (c Clear) settle(ctx context.Context, tx *sql.Tx, k *kernel.Keys, before, doc signing.Upload) error {
	if _, err := tx.ExecContext(ctx, `UPDATE document_keys SET created_at = created_at WHERE id = $1`, doc.KeyID); err != nil {
		return err
	}
	key, err := (signings.Records{Base: c.Base}).DocumentKey(ctx, tx, k, doc.KeyID)
	if problem.CodeOf(err) == problem.Erased {
		return nil
	}
	if err != nil || !bytes.Equal(key, doc.Key) {
		return errors.Join(err, kernel.Conflict("the key of a document changed while it was sealed"))
	}
	box, err := signings.DocumentBox(k, doc)
	if err != nil {
		return err
	}
	was, err := signings.WriteSegments(before)
	if err != nil {
		return err
	}
	now, err := signings.WriteSegments(doc)
	if err != nil {
		return err
	}
	set, err := kernel.Affected(tx.ExecContext(ctx, `
		UPDATE uploads SET name = $1, hash_state = $2, segments = $3, key_id = $4 WHERE id = $5 AND key_id IS NULL AND erased_at IS NULL AND segments = $6`,
		box.Sealed("uploads", "name", doc.ID, []byte(doc.Name)), box.Sealed("uploads", "hash_state", doc.ID, doc.HashState), now, doc.KeyID, doc.ID, was))
	if err != nil || set == 0 {
		return err
	}
	for _, s := range before.Segments {
		if err := kernel.Leave(ctx, tx, kernel.LeftoverBlobs, s.Key, c.Now().Add(clearStays)); err != nil {
			return err
		}
	}
	return nil
}
