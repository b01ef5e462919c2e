package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/vault"
)

// Verifications is the part of the store that keeps verifications. It implements signing.Verifications.
//
// A verification names the signers of a file, of whom there may be many, and none of whom need be known here. So each lies under a
// key of its own, and digests of their citizen numbers find it when one of them is erased.
type Verifications struct{ *Store }

// Verifications returns the verifications that were kept.
func (s *Store) Verifications() Verifications { return Verifications{s} }

var _ signing.Verifications = Verifications{}

// Keep implements signing.Verifications.
func (v Verifications) Keep(ctx context.Context, one signing.Verification, by signing.Uploader) (signing.Verification, error) {
	k, err := v.openKeys(ctx)
	if err != nil {
		return one, err
	}
	if one.ID == "" || one.Owner == "" || one.SHA256 == "" || one.CreatedAt.IsZero() || len(one.Report) == 0 {
		return one, problem.New(problem.Invalid, "a verification has an id, an owner, a digest, a time and a report")
	}
	one.CreatedAt = one.CreatedAt.UTC().Truncate(time.Microsecond)
	err = v.write(ctx, "keeping a verification", func(tx *sql.Tx) error {
		stored, err := verificationOf(ctx, tx, k, one.ID)
		switch {
		case problem.CodeOf(err) == problem.NotFound:
			return v.insert(ctx, tx, k, one, by)
		case err != nil:
			return err
		case stored.Owner != one.Owner || stored.SHA256 != one.SHA256:
			return problem.New(problem.IdempotencyMismatch, "the key was used before for another file")
		}
		one = stored
		return nil
	})
	return one, err
}

func (v Verifications) insert(ctx context.Context, tx *sql.Tx, k *keys, one signing.Verification, by signing.Uploader) error {
	trust, err := json.Marshal(one.Trust)
	if err != nil {
		return err
	}
	material, err := json.Marshal(one.Material)
	if err != nil {
		return err
	}
	key := vault.NewKey()
	box, err := vault.NewBox(key)
	if err != nil {
		return err
	}
	own := &keys{box: box}
	sealed := func(column string, plain []byte) []byte { return own.sealed("verifications", column, one.ID, plain) }
	if _, err := tx.ExecContext(ctx, `INSERT INTO verification_keys (id, wrapped) VALUES ($1, $2)`, one.ID, k.sealed("verification_keys", "wrapped", one.ID, key)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO verifications (id, owner, size, sha256, created_at, trust, name, report, material)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, one.ID, one.Owner, one.Size, one.SHA256, at(one.CreatedAt), string(trust),
		sealed("name", []byte(one.Name)), sealed("report", one.Report), sealed("material", material)); err != nil {
		return err
	}
	for _, number := range one.People {
		if _, err := tx.ExecContext(ctx, `INSERT INTO verification_people (lookup, verification_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, k.citizen(number), one.ID); err != nil {
			return err
		}
	}
	quotas := slices.Clone(by.Quotas)
	slices.SortFunc(quotas, func(a, b signing.Quota) int { return strings.Compare(a.Key, b.Key) }) // see KeepUpload
	counted := signing.Upload{ID: one.ID, Size: int64(len(one.Report) + len(material)), CreatedAt: one.CreatedAt}
	for _, q := range quotas {
		if err := v.count(ctx, tx, k, counted, q); err != nil {
			return err
		}
	}
	if err := grant(ctx, tx, one.Owner, one.CreatedAt, access.Object{Kind: access.Verification, ID: one.ID}); err != nil {
		return err
	}
	return note(ctx, tx, one.CreatedAt, "verification", one.ID, one.Owner, "kept")
}

const verificationColumns = `SELECT v.id, v.owner, v.size, v.sha256, v.created_at, v.trust, v.name, w.wrapped`

const verificationTables = ` FROM verifications v JOIN verification_keys w ON w.id = v.id`

// scanVerification reads a row of verificationColumns, behind which more may follow. It returns what opens the sealed columns.
func scanVerification(rows scanner, k *keys, more ...any) (signing.Verification, *keys, error) {
	var one signing.Verification
	var trust string
	var name, wrapped []byte
	err := rows.Scan(append([]any{&one.ID, &one.Owner, &one.Size, &one.SHA256, into(&one.CreatedAt), &trust, &name, &wrapped}, more...)...)
	if err == nil {
		err = json.Unmarshal([]byte(trust), &one.Trust)
	}
	if err != nil {
		return one, nil, err
	}
	key, err := k.open("verification_keys", "wrapped", one.ID, wrapped)
	if err != nil {
		return one, nil, err
	}
	box, err := vault.NewBox(key)
	own := &keys{box: box}
	err = own.openText(err, &one.Name, "verifications", "name", one.ID, name)
	return one, own, err
}

func verificationOf(ctx context.Context, from querier, k *keys, id string) (signing.Verification, error) {
	var report []byte
	one, own, err := scanVerification(from.QueryRowContext(ctx, verificationColumns+`, v.report`+verificationTables+` WHERE v.id = $1`, id), k, &report)
	if err != nil {
		return one, orNoSuch(err, "verification")
	}
	one.Report, err = own.open("verifications", "report", id, report)
	return one, err
}

// Verification implements signing.Verifications.
func (v Verifications) Verification(ctx context.Context, id string) (signing.Verification, error) {
	k, err := v.openKeys(ctx)
	if err != nil {
		return signing.Verification{}, err
	}
	return verificationOf(ctx, v.db, k, id)
}

// Material implements signing.Verifications.
func (v Verifications) Material(ctx context.Context, id string) (signing.Material, error) {
	var out signing.Material
	k, err := v.openKeys(ctx)
	if err != nil {
		return out, err
	}
	var sealed []byte
	_, own, err := scanVerification(v.db.QueryRowContext(ctx, verificationColumns+`, v.material`+verificationTables+` WHERE v.id = $1`, id), k, &sealed)
	if err != nil {
		return out, orNoSuch(err, "verification")
	}
	plain, err := own.open("verifications", "material", id, sealed)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(plain, &out)
}

// List implements signing.Verifications.
func (v Verifications) List(ctx context.Context, owner string, after page.Cursor, limit int) ([]signing.Verification, error) {
	var list []signing.Verification
	k, err := v.openKeys(ctx)
	if err != nil {
		return nil, err
	}
	tail, args := from(` WHERE v.owner = $1`, []any{owner}, "v", registration.Cursor(after), limit)
	err = v.read(ctx, "listing verifications", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, verificationColumns+verificationTables+tail, args...)
		return each(rows, err, func(rows *sql.Rows) error {
			one, _, err := scanVerification(rows, k)
			list = append(list, one)
			return err
		})
	})
	return list, err
}

// Delete implements signing.Verifications.
func (v Verifications) Delete(ctx context.Context, id string, when time.Time) error {
	return v.write(ctx, "deleting a verification", func(tx *sql.Tx) error {
		there, err := dropVerification(ctx, tx, id)
		if err != nil || !there {
			return err
		}
		if err := leave(ctx, tx, leftoverPages, "", when.Add(v.scrubPause())); err != nil {
			return err
		}
		return note(ctx, tx, when, "verification", id, "", "deleted")
	})
}

// dropVerification deletes a verification and what was answered about it. That it belonged to its owner stays known, so that a
// second deletion is none. It reports whether it was there.
func dropVerification(ctx context.Context, tx *sql.Tx, id string) (bool, error) {
	n, err := affected(tx.ExecContext(ctx, `DELETE FROM verifications WHERE id = $1`, id))
	for _, statement := range []string{`DELETE FROM verification_keys WHERE id = $1`, `DELETE FROM verification_people WHERE verification_id = $1`,
		`UPDATE idempotency SET body = NULL WHERE about = $1`} {
		if err == nil {
			_, err = tx.ExecContext(ctx, statement, id)
		}
	}
	if err == nil {
		err = freeUpload(ctx, tx, id)
	}
	return n > 0, err
}

// verifications deletes every verification of a signature of the person.
func (e *erasing) verifications(ctx context.Context) error {
	ids, err := e.texts(ctx, `SELECT p.verification_id FROM verification_people p JOIN subjects s ON s.lookup = p.lookup WHERE s.id = $1 ORDER BY p.verification_id`, e.subjectID)
	for _, id := range ids {
		if err == nil {
			_, err = dropVerification(ctx, e.tx, id)
		}
	}
	return err
}

// PurgeVerifications deletes verifications that are older than a time, oldest first, and returns how many.
func (l Leftovers) PurgeVerifications(ctx context.Context, before time.Time, limit int) (int, error) {
	ids, err := l.names(ctx, "listing old verifications", `SELECT id FROM verifications WHERE created_at < $1 ORDER BY created_at, id LIMIT $2`, at(before), limit)
	var errs []error
	for _, id := range ids {
		errs = append(errs, l.s.Verifications().Delete(ctx, id, l.s.now()))
	}
	return len(ids), errors.Join(append(errs, err)...)
}
