package signings

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// DocumentRow is the row id under which columns of a document are sealed.
func DocumentRow(signingID string, position int) string {
	return fmt.Sprintf("%s/%d", signingID, position)
}

func insertDocument(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string, position int, d signing.Document) error {
	placement := ""
	if d.Placement != nil {
		text, err := json.Marshal(d.Placement)
		if err != nil {
			return err
		}
		placement = string(text)
	}
	inserted, err := kernel.Affected(tx.ExecContext(ctx, `
		INSERT INTO documents (signing_id, position, upload_id, name, size, sha256, placement, prepared,
			signed_sha256, level)
		SELECT $1, $2, u.id, $4, $5, $6, $7, '', '', '' FROM uploads u WHERE u.id = $3`,
		id, position, d.UploadID, k.Sealed("documents", "name", DocumentRow(id, position), []byte(d.Name)), d.Size,
		d.SHA256, placement))
	if err == nil && inserted == 0 {
		return kernel.NoSuch("upload")
	}
	return err
}

// documentColumns are those of a document d, which may be none.
const documentColumns = ` COALESCE(d.position, -1), COALESCE(d.upload_id, ''), d.name, COALESCE(d.size, 0), COALESCE(d.sha256, ''), COALESCE(d.placement, ''),
		COALESCE(d.prepared, ''), COALESCE(d.signed_id, ''), COALESCE(d.signed_sha256, ''), COALESCE(d.level, '')`

// documentRow is what documentColumns gives.
type documentRow struct {
	signing.Document
	name                []byte
	placement, prepared string
}

func (d *documentRow) places() []any {
	return []any{&d.Index, &d.UploadID, &d.name, &d.Size, &d.SHA256, &d.placement, &d.prepared, &d.SignedID, &d.SignedSHA256, &d.Level}
}

// add opens a document of the signing.
func (s *openedSigning) add(d documentRow) (err error) {
	if d.Index < 0 {
		return nil
	}
	if s.Keys != nil {
		err = s.Keys.OpenText(nil, &d.Name, "documents", "name", DocumentRow(s.ID, d.Index), d.name)
	}
	if err == nil && d.placement != "" {
		d.Placement = &signing.Placement{}
		err = json.Unmarshal([]byte(d.placement), d.Placement)
	}
	if err == nil && d.prepared != "" {
		d.Prepared, err = readPrepared(d.prepared)
	}
	s.Documents = append(s.Documents, d.Document)
	return err
}

// SavePlacement implements signing.Records. A document may be placed again until its digest was sent for approval.
func (s Records) SavePlacement(ctx context.Context, id string, index int, p signing.Placement) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("saving a placement: %w", err)
	}
	return s.change(ctx, "saving a placement", id, func(tx *sql.Tx) error {
		return setUntilSent(ctx, tx, "placement", id, index, string(text))
	})
}

// SavePrepared implements signing.Records. A document may be prepared again until its digest was sent for approval:
// from then on what is stored is what the signer is asked to approve.
func (s Records) SavePrepared(ctx context.Context, id string, index int, p signing.Prepared) error {
	text, err := json.Marshal(preparedRecord(p))
	if err != nil {
		return fmt.Errorf("saving a prepared document: %w", err)
	}
	return s.change(ctx, "saving a prepared document", id, func(tx *sql.Tx) error {
		return setUntilSent(ctx, tx, "prepared", id, index, string(text))
	})
}

// setUntilSent sets a column of a document; once an approval is recorded, to the same value only.
func setUntilSent(ctx context.Context, tx *sql.Tx, column, id string, index int, value string) error {
	var stored string
	var sent bool
	err := tx.QueryRowContext(ctx, `
		SELECT d.`+column+`, s.approval_id IS NOT NULL FROM documents d JOIN signings s ON s.id = d.signing_id
		WHERE d.signing_id = $1 AND d.position = $2`, id, index).Scan(&stored, &sent)
	if err != nil {
		return kernel.OrNoSuch(err, "document")
	}
	if stored == value {
		return nil
	}
	if sent {
		return kernel.Conflict("the %s document %d was sent for approval and cannot change", column, index)
	}
	_, err = tx.ExecContext(ctx, `UPDATE documents SET `+column+` = $1 WHERE signing_id = $2 AND position = $3`,
		value, id, index)
	return err
}

// SaveSigned implements signing.Records. A signed file may be followed by one of a higher level, never replaced by
// another one of its level.
func (s Records) SaveSigned(ctx context.Context, id string, index int, uploadID string, level signing.Level) error {
	return s.change(ctx, "saving a signed document", id, func(tx *sql.Tx) error {
		var stored string
		var reached signing.Level
		err := tx.QueryRowContext(ctx, `
			SELECT COALESCE(signed_id, ''), level FROM documents WHERE signing_id = $1 AND position = $2`,
			id, index).Scan(&stored, &reached)
		if err != nil {
			return kernel.OrNoSuch(err, "document")
		}
		if stored == uploadID && reached == level {
			return nil
		}
		if stored != "" && reached.AtLeast(level) {
			return kernel.Conflict("document %d is signed already at level %s", index, reached)
		}
		set, err := kernel.Affected(tx.ExecContext(ctx, `
			UPDATE documents SET signed_id = $1, level = $2,
				signed_sha256 = (SELECT u.sha256 FROM uploads u WHERE u.id = $1)
			WHERE signing_id = $3 AND position = $4 AND EXISTS (SELECT 1 FROM uploads u WHERE u.id = $1)`,
			uploadID, string(level), id, index))
		if err == nil && set == 0 {
			return kernel.NoSuch("upload")
		}
		return err
	})
}

// RenewSigned implements signing.Records.
func (s Records) RenewSigned(ctx context.Context, id string, index int, from, to string) error {
	return s.change(ctx, "renewing a signed document", id, func(tx *sql.Tx) error {
		set, err := kernel.Affected(tx.ExecContext(ctx, `
			UPDATE documents SET signed_id = $1, signed_sha256 = (SELECT u.sha256 FROM uploads u WHERE u.id = $1)
			WHERE signing_id = $2 AND position = $3 AND signed_id IN ($1, $4) AND EXISTS (SELECT 1 FROM uploads u WHERE u.id = $1)`,
			to, id, index, from))
		if err == nil && set == 0 {
			return kernel.Conflict("the signed document %d is another than the one that was continued", index)
		}
		return err
	})
}

// preparedRecord is signing.Prepared as it is written: the names stay when a Go field is renamed.
type preparedRecord struct {
	H1             string   `json:"h1"`
	H2             string   `json:"h2"`
	H3             string   `json:"h3"`
	ByteRange      [4]int64 `json:"byte_range"`
	SignedAttrs    []byte   `json:"signed_attrs"`
	Increment      string   `json:"increment"`
	IncrementLen   int64    `json:"increment_len"`
	FieldName      string   `json:"field_name"`
	HoleOffset     int64    `json:"hole_offset"`
	HoleLen        int64    `json:"hole_len"`
	RevocationNote string   `json:"revocation_note"`
}

func readPrepared(text string) (*signing.Prepared, error) {
	var record preparedRecord
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		return nil, err
	}
	p := signing.Prepared(record)
	return &p, nil
}
