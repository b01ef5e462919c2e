package signings

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// What lists show of a signing is nothing that is sealed, so a row of a list opens no key and has no reference to a person.

// listedColumns and listedJoins read signings s as lists show them: signingQuery without what people wrote.
const listedColumns = `
	SELECT s.id, s.provider, s.serial, s.level, s.certificate, s.status, s.created_at, s.updated_at, s.finished_at, s.erased_at,
		COALESCE(a.our_id, ''), COALESCE(a.short_code, ''), a.accepted_at, a.expires_at, COALESCE(a.outcome, ''), COALESCE(a.watched, FALSE),
		COALESCE(i.id, ''), COALESCE(i.step, ''), COALESCE(i.reason, ''), COALESCE(i.message, ''), COALESCE(i.provider, ''), i.since, COALESCE(i.attempts, 0)
	FROM `

const listedJoins = `
	LEFT JOIN approvals a ON a.our_id = s.approval_id
	LEFT JOIN process_incidents i ON i.id = s.incident_id`

func scanListed(row kernel.Scanner) (out signing.Signing, err error) {
	a, n := &out.Approval, &out.Attention
	err = row.Scan(&out.ID, &out.Provider, &out.Serial, &out.Level, &out.Certificate, &out.Status,
		kernel.Into(&out.CreatedAt), kernel.Into(&out.UpdatedAt), kernel.Into(&out.FinishedAt), kernel.Into(&out.ErasedAt),
		&a.OurID, &a.ShortCode, kernel.Into(&a.AcceptedAt), kernel.Into(&a.ExpiresAt), &a.Outcome, &a.Watched,
		&n.IncidentID, &n.Step, &n.Reason, &n.Message, &n.Provider, kernel.Into(&n.Since), &n.Attempts)
	return out, err
}

// List reads the signings s of a table, with their documents, as signing.Desk says of lists. The tail ends the query. It asks two
// questions, however many there are.
func (s Records) List(ctx context.Context, tx *sql.Tx, table, tail string, args []any) ([]signing.Signing, error) {
	var list []signing.Signing
	rows, err := tx.QueryContext(ctx, listedColumns+table+listedJoins+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		one, err := scanListed(rows)
		list = append(list, one)
		return err
	})
	if err == nil && len(list) > 0 {
		err = listDocuments(ctx, tx, list)
	}
	return list, err
}

// listDocuments fills the documents of the listed signings.
func listDocuments(ctx context.Context, tx *sql.Tx, list []signing.Signing) error {
	at, places, ids := idsOf(list)
	rows, err := tx.QueryContext(ctx, `
		SELECT signing_id, position, upload_id, size, sha256, placement, SUBSTR(prepared, 1, 256), COALESCE(signed_id, ''), signed_sha256, level
		FROM documents WHERE signing_id IN (`+places+`) ORDER BY signing_id, position`, ids...)
	return kernel.Each(rows, err, func(rows *sql.Rows) error {
		var id, placement, prepared string
		var d signing.Document
		err := rows.Scan(&id, &d.Index, &d.UploadID, &d.Size, &d.SHA256, &placement, &prepared, &d.SignedID, &d.SignedSHA256, &d.Level)
		if err == nil && placement != "" {
			d.Placement = &signing.Placement{}
			err = json.Unmarshal([]byte(placement), d.Placement)
		}
		if prepared != "" {
			d.Prepared = &signing.Prepared{H3: preparedH3(prepared)}
		}
		one := &list[at[id]]
		one.Documents = append(one.Documents, d)
		return err
	})
}

// idsOf are the ids of signings as arguments, their places in a statement, and where each is in the list.
func idsOf(list []signing.Signing) (at map[string]int, places string, ids []any) {
	at, ids = make(map[string]int, len(list)), make([]any, len(list))
	all := make([]string, len(list))
	for i, one := range list {
		at[one.ID], ids[i], all[i] = i, one.ID, fmt.Sprintf("$%d", i+1)
	}
	return at, strings.Join(all, ", "), ids
}

// NameDocuments adds the names of the documents to signings of List, for the person whose they are. It asks one question, and opens the
// key of each person once.
func (s Records) NameDocuments(ctx context.Context, tx *sql.Tx, k *kernel.Keys, list []signing.Signing) error {
	if len(list) == 0 {
		return nil
	}
	at, places, ids := idsOf(list)
	keys := map[string]*kernel.Keys{kernel.Unowned: k}
	rows, err := tx.QueryContext(ctx, `
		SELECT d.signing_id, d.position, d.name, COALESCE(s.subject_id, ''), u.wrapped FROM documents d JOIN signings s ON s.id = d.signing_id
		LEFT JOIN subjects u ON u.id = s.subject_id WHERE d.signing_id IN (`+places+`) AND s.erased_at IS NULL ORDER BY d.signing_id, d.position`, ids...)
	return kernel.Each(rows, err, func(rows *sql.Rows) error {
		var id, subjectID string
		var position int
		var name, wrapped []byte
		err := rows.Scan(&id, &position, &name, &subjectID, &wrapped)
		if err == nil && keys[subjectID] == nil {
			keys[subjectID], err = s.Unwrapped(ctx, subjectID, wrapped)
		}
		return keys[subjectID].OpenText(err, &list[at[id]].Documents[position].Name, "documents", "name", DocumentRow(id, position), name)
	})
}

// preparedH3 finds the third digest near the beginning of preparedRecord as it is written: three digests come first.
func preparedH3(text string) string {
	_, after, _ := strings.Cut(text, `"h3":"`)
	digest, _, _ := strings.Cut(after, `"`)
	return digest
}
