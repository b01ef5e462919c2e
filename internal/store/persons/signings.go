package persons

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path"
	"time"

	"kyso/internal/signing"
	"kyso/internal/store/kernel"
	"kyso/internal/store/signings"
)

// signings seals kept signings again, and empties the others.
func (e *erasing) signings(ctx context.Context) error {
	ids, err := e.texts(ctx, `SELECT id FROM signings WHERE subject_id = $1 AND erased_at IS NULL ORDER BY id`, e.subjectID)
	for _, id := range ids {
		if err != nil {
			break
		}
		if e.renewed != nil && e.keepSignings[id] {
			err = e.signingAgain(ctx, id)
		} else {
			err = e.signing(ctx, id)
		}
	}
	return err
}

func (e *erasing) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	var list []string
	rows, err := e.tx.QueryContext(ctx, query, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var one string
		err := rows.Scan(&one)
		list = append(list, one)
		return err
	})
	return list, err
}

// signing empties one signing. Ids, states and digests stay.
func (e *erasing) signing(ctx context.Context, id string) error {
	uploads, err := e.texts(ctx, `
		SELECT upload_id FROM documents WHERE signing_id = $1 UNION SELECT signed_id FROM documents WHERE signing_id = $1 AND signed_id IS NOT NULL
		UNION SELECT id FROM uploads WHERE id > $2 AND id < $3`, id, id+"-", id+".") // stages are named after the signing
	if err != nil {
		return err
	}
	err = e.all(ctx, []any{id, []byte{}, kernel.At(e.now)},
		`UPDATE signings SET user_id = $2, reason = $2, location = $2, user_lookup = '', signer_lookup = '', content = '', erased_at = $3 WHERE id = $1`)
	if err == nil {
		err = e.all(ctx, []any{id, []byte{}}, `UPDATE documents SET name = $2, prepared = '' WHERE signing_id = $1`)
	}
	if err == nil {
		err = e.all(ctx, []any{id}, `UPDATE approvals SET reference = NULL WHERE signing_id = $1`, `DELETE FROM certificates WHERE signing_id = $1`, `DELETE FROM signature_values WHERE signing_id = $1`,
			`DELETE FROM evidence WHERE signing_id = $1`)
	}
	for _, upload := range uploads {
		if err == nil {
			err = e.clear(ctx, upload)
		}
	}
	return err
}

// clear removes an upload that lies in clear, unless it is kept or a signing that is not erased has it.
func (e *erasing) clear(ctx context.Context, uploadID string) error {
	if e.keepUploads[uploadID] {
		return nil
	}
	var text string
	err := e.tx.QueryRowContext(ctx, `
		SELECT u.segments FROM uploads u WHERE u.id = $1 AND u.key_id IS NULL AND u.erased_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM documents d JOIN signings s ON s.id = d.signing_id
			WHERE (d.upload_id = u.id OR d.signed_id = u.id) AND s.erased_at IS NULL)`, uploadID).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	var segments []signing.Segment
	if err == nil {
		err = json.Unmarshal([]byte(text), &segments)
	}
	for _, s := range segments {
		if err == nil {
			err = kernel.Leave(ctx, e.tx, kernel.LeftoverBlobs, s.Key, e.now)
		}
	}
	if err != nil {
		return err
	}
	return emptyUploads(ctx, e.tx, `id = $3`, uploadID, e.now)
}

// emptyUploads takes names, hash states and places from uploads; $3 in which is arg.
func emptyUploads(ctx context.Context, tx *sql.Tx, which string, arg any, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE uploads SET name = $1, hash_state = $1, segments = '[]', erased_at = $2 WHERE `+which, []byte{}, kernel.At(now), arg)
	return err
}

// dropDocumentKey takes the key of a document away from a person. When no other person has it, the document goes.
func dropDocumentKey(ctx context.Context, tx *sql.Tx, id, subjectID string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM document_keys WHERE id = $1 AND subject_id = $2`, id, subjectID); err != nil {
		return err
	}
	var left int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM document_keys WHERE id = $1`, id).Scan(&left); err != nil || left > 0 {
		return err
	}
	if err := signings.FreeUpload(ctx, tx, id); err != nil {
		return err
	}
	if err := kernel.Leave(ctx, tx, kernel.LeftoverBlobs, signing.SealedFolder+"/"+id, now); err != nil {
		return err
	}
	if err := hurryClear(ctx, tx, id, now); err != nil {
		return err
	}
	return emptyUploads(ctx, tx, `key_id = $3`, id, now)
}

// hurryClear deletes what lay in clear before the document was sealed, should it still be there.
func hurryClear(ctx context.Context, tx *sql.Tx, keyID string, now time.Time) error {
	texts, err := (&erasing{tx: tx}).texts(ctx, `SELECT segments FROM uploads WHERE key_id = $1 AND erased_at IS NULL`, keyID)
	for _, text := range texts {
		u := signing.Upload{KeyID: keyID}
		if err == nil {
			err = signings.ReadSegments(text, &u)
		}
		for _, s := range u.Segments {
			if name := path.Base(s.Key); err == nil {
				_, err = tx.ExecContext(ctx, `UPDATE leftovers SET due = $1 WHERE kind = 'blobs' AND name IN ($2, $3) AND due > $1`,
					kernel.At(now), "uploads/"+name, "increments/"+name[:min(2, len(name))]+"/"+name)
			}
		}
	}
	return err
}

// signingAgain seals a kept signing under the new key.
func (e *erasing) signingAgain(ctx context.Context, id string) error {
	var user, reason, location []byte
	err := e.tx.QueryRowContext(ctx, `SELECT user_id, reason, location FROM signings WHERE id = $1`, id).Scan(&user, &reason, &location)
	for column, value := range map[string][]byte{"user_id": user, "reason": reason, "location": location} {
		if err == nil {
			err = e.again(ctx, `UPDATE signings SET `+column+` = $1 WHERE id = $2`, "signings", column, id, value, id)
		}
	}
	for _, t := range []struct {
		query, statement, table, column string
		row                             func(name string, n int) string
	}{
		{`SELECT '', position, name FROM documents WHERE signing_id = $1`, `UPDATE documents SET name = $1 WHERE signing_id = $2 AND '' = $3 AND position = $4`,
			"documents", "name", func(_ string, n int) string { return signings.DocumentRow(id, n) }},
		{`SELECT fingerprint, position, certificate FROM certificates WHERE signing_id = $1`,
			`UPDATE certificates SET certificate = $1 WHERE signing_id = $2 AND fingerprint = $3 AND position = $4`,
			"certificates", "certificate", func(name string, _ int) string { return signings.CertificateRow(id, name) }},
		{`SELECT request_id, position, value FROM signature_values WHERE signing_id = $1`,
			`UPDATE signature_values SET value = $1 WHERE signing_id = $2 AND request_id = $3 AND position = $4`,
			"signature_values", "value", func(name string, n int) string { return signings.ValueRow(id, name, n) }},
		{`SELECT our_id, 0, reference FROM approvals WHERE signing_id = $1 AND reference IS NOT NULL`,
			`UPDATE approvals SET reference = $1 WHERE signing_id = $2 AND our_id = $3 AND 0 = $4`,
			"approvals", "reference", func(name string, _ int) string { return name }},
		{`SELECT kind || '/' || digest, position, data FROM evidence WHERE signing_id = $1`,
			`UPDATE evidence SET data = $1 WHERE signing_id = $2 AND kind || '/' || digest = $3 AND position = $4`,
			"evidence", "data", func(name string, _ int) string { return id + "/" + name }},
	} {
		if err == nil {
			err = e.rowsAgain(ctx, id, t.query, func(name string, n int, value []byte) error {
				return e.again(ctx, t.statement, t.table, t.column, t.row(name, n), value, id, name, n)
			})
		}
	}
	return err
}

// rowsAgain calls do for each row of a query by signing: a name, a position and a sealed value.
func (e *erasing) rowsAgain(ctx context.Context, id, query string, do func(name string, n int, value []byte) error) error {
	type row struct {
		name  string
		n     int
		value []byte
	}
	var list []row
	rows, err := e.tx.QueryContext(ctx, query, id)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.name, &r.n, &r.value)
		list = append(list, r)
		return err
	})
	for _, r := range list {
		if err == nil {
			err = do(r.name, r.n, r.value)
		}
	}
	return err
}

// verifications deletes every verification of a signature of the person.
func (e *erasing) verifications(ctx context.Context) error {
	ids, err := e.texts(ctx, `SELECT p.verification_id FROM verification_people p JOIN subjects s ON s.lookup = p.lookup WHERE s.id = $1 ORDER BY p.verification_id`, e.subjectID)
	for _, id := range ids {
		if err == nil {
			_, err = signings.DropVerification(ctx, e.tx, id)
		}
	}
	return err
}
