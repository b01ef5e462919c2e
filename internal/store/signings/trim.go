package signings

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// trimAfter is how long after its end a signing keeps what only its process needs: an operator looks at what has just ended, and a value
// that comes late is compared with what was prepared.
const trimAfter = 24 * time.Hour

// Trim takes from signings that ended more than a day ago what only their processes needed, longest ago first, and returns how many it
// looked at. What was prepared goes as bytes, its third digest stays; the certificates that were offered go, the fingerprint of the chosen one
// stays. Of a signed file that carries its own validation data go the stages
// before it, and the evidence that is in the file: what stays is the first check of the certificate with its answers, which
// came before the owner was asked, and the results of all later ones.
func (s Records) Trim(ctx context.Context, now time.Time, limit int) (int, error) {
	ids, err := s.ended(ctx, now, limit)
	if err != nil {
		return 0, fmt.Errorf("listing signings to trim: %w", err)
	}
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return 0, err
	}
	var failed []error // one that fails does not keep the others waiting
	for _, id := range ids {
		err := s.changeOf(ctx, "trimming a signing", id, k, func(tx *sql.Tx, k *kernel.Keys) error { return s.trim(ctx, tx, k, id, now) })
		if code := problem.CodeOf(err); code == problem.Erased || code == problem.NotFound {
			err = s.Write(ctx, "trimming an erased signing", func(tx *sql.Tx) error { return trimmed(ctx, tx, id) })
		}
		failed = append(failed, err)
	}
	return len(ids), errors.Join(failed...)
}

func (s Records) ended(ctx context.Context, now time.Time, limit int) ([]string, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT name FROM leftovers WHERE kind = 'signing' AND due <= $1 ORDER BY due, name LIMIT $2`, kernel.At(now), limit)
	var ids []string
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

func trimmed(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM leftovers WHERE kind = 'signing' AND name = $1`, id)
	return err
}

// standing is what decides how much of a signing may go.
type standing struct {
	status signing.Status
	least  signing.Level
	files  int
}

// carries reports whether every signed file has the validation data of its signature in it.
func (s standing) carries() bool {
	return s.status == signing.StatusSigned && s.files > 0 && s.least.AtLeast(signing.LevelLT)
}

func (s Records) trim(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string, now time.Time) error {
	of := standing{least: signing.LevelLTA}
	err := tx.QueryRowContext(ctx, `SELECT status FROM signings WHERE id = $1`, id).Scan(&of.status)
	if err == nil && of.status.Final() {
		err = trimPrepared(ctx, tx, id, &of, now)
	}
	if err == nil && of.status.Final() {
		_, err = tx.ExecContext(ctx, `DELETE FROM certificates WHERE signing_id = $1`, id)
	}
	if err == nil && of.carries() && !s.AsBefore {
		err = errors.Join(s.trimEvidence(ctx, tx, k, id), trimStages(ctx, tx, id, of.files))
	}
	if err != nil {
		return err
	}
	return trimmed(ctx, tx, id)
}

// endedRecord is what stays of preparedRecord.
type endedRecord struct {
	H3        string   `json:"h3"`
	ByteRange [4]int64 `json:"byte_range"`
}

// trimPrepared leaves the prepared increments to be deleted. Those in clear, of earlier releases, are found by what looks for orphans.
func trimPrepared(ctx context.Context, tx *sql.Tx, id string, of *standing, now time.Time) error {
	texts := map[int]string{}
	rows, err := tx.QueryContext(ctx, `SELECT position, prepared, level FROM documents WHERE signing_id = $1`, id)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var n int
		var text string
		var level signing.Level
		err := rows.Scan(&n, &text, &level)
		texts[n], of.files = text, of.files+1
		if !level.AtLeast(of.least) {
			of.least = level
		}
		return err
	})
	for n, text := range texts {
		if err == nil && text != "" {
			err = trimDocument(ctx, tx, id, n, text, of.status, now)
		}
	}
	return err
}

func trimDocument(ctx context.Context, tx *sql.Tx, id string, position int, text string, status signing.Status, now time.Time) error {
	var p preparedRecord
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fmt.Errorf("reading documents.prepared: %w", err)
	}
	if strings.HasPrefix(p.Increment, signing.SealedFolder+"/") {
		if err := kernel.Leave(ctx, tx, kernel.LeftoverBlobs, p.Increment, now); err != nil {
			return err
		}
	}
	var less any = endedRecord{p.H3, p.ByteRange}
	if status != signing.StatusSigned { // a value that comes late is compared with it
		p.Increment, p.IncrementLen = "", 0
		less = p
	}
	data, err := json.Marshal(less)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE documents SET prepared = $1 WHERE signing_id = $2 AND position = $3`, string(data), id, position)
	return err
}

// trimEvidence writes again, as one row, what is in no file.
func (s Records) trimEvidence(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string) error {
	var list []signing.Evidence
	contents := openedContents{}
	rows, err := tx.QueryContext(ctx, `
		SELECT f.kind, f.digest, f.position, f.data, f.at, f.shared, c.data FROM evidence f LEFT JOIN contents c ON c.id = f.shared WHERE f.signing_id = $1`, id)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		e, err := scanEvidence(rows, contents)
		if err == nil {
			err = e.open(k, id, &list)
		}
		return err
	})
	if err != nil {
		return err
	}
	list = inOrder(list)
	first := slices.IndexFunc(list, func(e signing.Evidence) bool { return e.Kind == signing.CertificateCheck })
	if first < 0 {
		return nil
	}
	checked := list[first].At
	kept := slices.DeleteFunc(list, func(e signing.Evidence) bool { return e.Kind != signing.CertificateCheck && e.At.After(checked) })
	if _, err := tx.ExecContext(ctx, `DELETE FROM evidence WHERE signing_id = $1`, id); err != nil {
		return err
	}
	return s.savePacks(ctx, tx, k, id, kept)
}

// trimStages deletes the records of the stages before the signed files. Their bytes are those that the signed files begin with.
func trimStages(ctx context.Context, tx *sql.Tx, id string, files int) error {
	for n := range files {
		for _, level := range []signing.Level{signing.LevelT, signing.LevelLT} {
			_, err := tx.ExecContext(ctx, `
				DELETE FROM uploads WHERE id = $1 AND key_id IS NOT NULL AND key_id <> id
					AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.signed_id = $1) AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.upload_id = $1)`,
				process.StageID(id, n, string(level)))
			if err != nil {
				return fmt.Errorf("deleting a stage: %w", err)
			}
		}
	}
	return nil
}
