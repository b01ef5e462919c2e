package signings

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/vault"
)

// Verifications is the part of the store that keeps verifications. It implements signing.Verifications.
//
// A verification names the signers of a file, of whom there may be many, and none of whom need be known here. So each lies under a
// key of its own, and digests of their citizen numbers find it when one of them is erased.
type Verifications struct{ *kernel.Base }

var _ signing.Verifications = Verifications{}

// Keep implements signing.Verifications.
func (v Verifications) Keep(ctx context.Context, one signing.Verification, by signing.Uploader) (signing.Verification, error) {
	k, err := v.OpenKeys(ctx)
	if err != nil {
		return one, err
	}
	if one.ID == "" || one.Owner == "" || one.SHA256 == "" || one.CreatedAt.IsZero() || len(one.Report) == 0 {
		return one, problem.New(problem.Invalid, "a verification has an id, an owner, a digest, a time and a report")
	}
	one.CreatedAt = one.CreatedAt.UTC().Truncate(time.Microsecond)
	err = v.Write(ctx, "keeping a verification", func(tx *sql.Tx) error {
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

func (v Verifications) insert(ctx context.Context, tx *sql.Tx, k *kernel.Keys, one signing.Verification, by signing.Uploader) error {
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
	own := &kernel.Keys{Box: box}
	sealed := func(column string, plain []byte) []byte { return own.Sealed("verifications", column, one.ID, plain) }
	if _, err := tx.ExecContext(ctx, `INSERT INTO verification_keys (id, wrapped) VALUES ($1, $2)`, one.ID, k.Sealed("verification_keys", "wrapped", one.ID, key)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO verifications (id, owner, size, sha256, created_at, trust, name, report, material)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, one.ID, one.Owner, one.Size, one.SHA256, kernel.At(one.CreatedAt), string(trust),
		sealed("name", []byte(one.Name)), sealed("report", one.Report), sealed("material", material)); err != nil {
		return err
	}
	for _, number := range one.People {
		if _, err := tx.ExecContext(ctx, `INSERT INTO verification_people (lookup, verification_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, k.Citizen(number), one.ID); err != nil {
			return err
		}
	}
	quotas := slices.Clone(by.Quotas)
	slices.SortFunc(quotas, func(a, b signing.Quota) int { return strings.Compare(a.Key, b.Key) }) // see KeepUpload
	counted := signing.Upload{ID: one.ID, Size: int64(len(one.Report) + len(material)), CreatedAt: one.CreatedAt}
	for _, q := range quotas {
		if err := Records(v).count(ctx, tx, k, counted, q); err != nil {
			return err
		}
	}
	if err := kernel.Grant(ctx, tx, one.Owner, one.CreatedAt, access.Object{Kind: access.Verification, ID: one.ID}); err != nil {
		return err
	}
	return kernel.Note(ctx, tx, one.CreatedAt, "verification", one.ID, one.Owner, "kept")
}

const verificationColumns = `SELECT v.id, v.owner, v.size, v.sha256, v.created_at, v.trust, v.name, w.wrapped`

const verificationTables = ` FROM verifications v JOIN verification_keys w ON w.id = v.id`

// scanVerification reads a row of verificationColumns, behind which more may follow. It returns what opens the sealed columns.
func scanVerification(rows kernel.Scanner, k *kernel.Keys, more ...any) (signing.Verification, *kernel.Keys, error) {
	var one signing.Verification
	var trust string
	var name, wrapped []byte
	err := rows.Scan(append([]any{&one.ID, &one.Owner, &one.Size, &one.SHA256, kernel.Into(&one.CreatedAt), &trust, &name, &wrapped}, more...)...)
	if err == nil {
		err = json.Unmarshal([]byte(trust), &one.Trust)
	}
	if err != nil {
		return one, nil, err
	}
	key, err := k.Open("verification_keys", "wrapped", one.ID, wrapped)
	if err != nil {
		return one, nil, err
	}
	box, err := vault.NewBox(key)
	own := &kernel.Keys{Box: box}
	err = own.OpenText(err, &one.Name, "verifications", "name", one.ID, name)
	return one, own, err
}

func verificationOf(ctx context.Context, from kernel.Querier, k *kernel.Keys, id string) (signing.Verification, error) {
	var report []byte
	one, own, err := scanVerification(from.QueryRowContext(ctx, verificationColumns+`, v.report`+verificationTables+` WHERE v.id = $1`, id), k, &report)
	if err != nil {
		return one, kernel.OrNoSuch(err, "verification")
	}
	one.Report, err = own.Open("verifications", "report", id, report)
	return one, err
}

// Verification implements signing.Verifications.
func (v Verifications) Verification(ctx context.Context, id string) (signing.Verification, error) {
	k, err := v.OpenKeys(ctx)
	if err != nil {
		return signing.Verification{}, err
	}
	return verificationOf(ctx, v.DB, k, id)
}

// Material implements signing.Verifications.
func (v Verifications) Material(ctx context.Context, id string) (signing.Material, error) {
	var out signing.Material
	k, err := v.OpenKeys(ctx)
	if err != nil {
		return out, err
	}
	var sealed []byte
	_, own, err := scanVerification(v.DB.QueryRowContext(ctx, verificationColumns+`, v.material`+verificationTables+` WHERE v.id = $1`, id), k, &sealed)
	if err != nil {
		return out, kernel.OrNoSuch(err, "verification")
	}
	plain, err := own.Open("verifications", "material", id, sealed)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(plain, &out)
}

// List implements signing.Verifications.
func (v Verifications) List(ctx context.Context, owner string, after page.Cursor, limit int) ([]signing.Verification, error) {
	var list []signing.Verification
	k, err := v.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	tail, args := kernel.PageFrom(` WHERE v.owner = $1`, []any{owner}, "v", after, limit)
	err = v.Read(ctx, "listing verifications", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, verificationColumns+verificationTables+tail, args...)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			one, _, err := scanVerification(rows, k)
			list = append(list, one)
			return err
		})
	})
	return list, err
}

// Delete implements signing.Verifications.
func (v Verifications) Delete(ctx context.Context, id string, when time.Time) error {
	return v.Write(ctx, "deleting a verification", func(tx *sql.Tx) error {
		there, err := DropVerification(ctx, tx, id)
		if err != nil || !there {
			return err
		}
		if err := kernel.Leave(ctx, tx, kernel.LeftoverPages, "", when.Add(v.ScrubPause())); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, when, "verification", id, "", "deleted")
	})
}

// DropVerification deletes a verification and what was answered about it. That it belonged to its owner stays known, so that a
// second deletion is none. It reports whether it was there.
func DropVerification(ctx context.Context, tx *sql.Tx, id string) (bool, error) {
	n, err := kernel.Affected(tx.ExecContext(ctx, `DELETE FROM verifications WHERE id = $1`, id))
	for _, statement := range []string{`DELETE FROM verification_keys WHERE id = $1`, `DELETE FROM verification_people WHERE verification_id = $1`,
		`UPDATE idempotency SET body = NULL WHERE about = $1`} {
		if err == nil {
			_, err = tx.ExecContext(ctx, statement, id)
		}
	}
	if err == nil {
		err = FreeUpload(ctx, tx, id)
	}
	return n > 0, err
}
