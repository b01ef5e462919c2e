package signings

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// SaveApproval implements signing.Records. A zero field never empties a stored one, so a late "before it is sent"
// does not undo "accepted"; the first outcome stays, and another one is problem.Conflict.
func (s Records) SaveApproval(ctx context.Context, id string, a signing.Approval) error {
	if a.OurID == "" {
		return problem.New(problem.Invalid, "an approval has a transaction id of ours")
	}
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, "saving an approval", id, func(tx *sql.Tx) error {
		reference, err := s.sealedReference(ctx, tx, k, id, a)
		if err != nil {
			return err
		}
		before := namesOfBefore(a.Names)
		inserted, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO approvals (our_id, signing_id, response_id, tran_code, short_code, accepted_at, expires_at,
				outcome, reference)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (our_id) DO NOTHING`,
			a.OurID, id, before[0], before[1], a.ShortCode, kernel.At(a.AcceptedAt), kernel.At(a.ExpiresAt), string(a.Outcome), reference))
		if err != nil {
			return err
		}
		news := inserted > 0
		if news {
			_, err = tx.ExecContext(ctx, `UPDATE signings SET approval_id = $1 WHERE id = $2`, a.OurID, id)
		} else {
			news, err = fillApproval(ctx, tx, id, a, before, reference)
		}
		if err != nil {
			return err
		}
		if news {
			if err := kernel.Note(ctx, tx, s.Now(), "approval", id, "", strings.TrimSpace(a.OurID+" "+cmp.Or(string(a.Outcome), "asked"))); err != nil {
				return err
			}
		}
		return saveApprovalIDs(ctx, tx, id, a)
	})
}

// sealedReference seals the reference of an approval with the people's data of its signing; nil for none.
func (s Records) sealedReference(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string, a signing.Approval) ([]byte, error) {
	if a.Reference == "" {
		return nil, nil
	}
	k, err := s.OfSigning(ctx, tx, k, id)
	if err != nil {
		return nil, err
	}
	return k.Sealed("approvals", "reference", a.OurID, []byte(a.Reference)), nil
}

// namesOfBefore are the first two names of a request: programs of the release before ask the provider by these columns.
func namesOfBefore(names []string) (first [2]string) {
	copy(first[:], names)
	return first
}

// referenceOfBefore is the reference of a request that a program of the release before made: the two columns, a line each.
func referenceOfBefore(first, second string) string { return strings.TrimSpace(first + "\n" + second) }

// fillApproval adds what is new to a stored approval, and reports whether that decided it.
func fillApproval(ctx context.Context, tx *sql.Tx, id string, a signing.Approval, before [2]string, reference []byte) (decided bool, err error) {
	var owner string
	var outcome signing.Outcome
	err = tx.QueryRowContext(ctx, `SELECT signing_id, outcome FROM approvals WHERE our_id = $1`, a.OurID).
		Scan(&owner, &outcome)
	if err != nil {
		return false, err
	}
	if owner != id {
		return false, kernel.Conflict("this transaction id belongs to another signing")
	}
	if outcome != "" && a.Outcome != "" && outcome != a.Outcome {
		return false, kernel.Conflict("the request was %s and cannot become %s", outcome, a.Outcome)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE approvals SET
			response_id = COALESCE(NULLIF($1, ''), response_id),
			tran_code   = COALESCE(NULLIF($2, ''), tran_code),
			short_code  = COALESCE(NULLIF($3, ''), short_code),
			accepted_at = COALESCE($4, accepted_at),
			expires_at  = COALESCE($5, expires_at),
			outcome     = COALESCE(NULLIF($6, ''), outcome),
			reference   = COALESCE($8, reference)
		WHERE our_id = $7`,
		before[0], before[1], a.ShortCode, kernel.At(a.AcceptedAt), kernel.At(a.ExpiresAt), string(a.Outcome), a.OurID, reference)
	return outcome == "" && a.Outcome != "", err
}

// saveApprovalIDs makes the request findable under our id and each of its names.
func saveApprovalIDs(ctx context.Context, tx *sql.Tx, id string, a signing.Approval) error {
	names := []string{`SELECT CAST($3 AS TEXT) AS name`}
	args := []any{id, a.OurID, a.OurID}
	for _, known := range a.Names {
		if known != "" {
			args = append(args, known)
			names = append(names, fmt.Sprintf(`SELECT $%d`, len(args)))
		}
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO approval_ids (provider, transaction_id, our_id)
		SELECT s.provider, n.name, $2 FROM signings s CROSS JOIN (`+strings.Join(names, " UNION ")+`) AS n WHERE s.id = $1
		ON CONFLICT (provider, transaction_id) DO NOTHING`, args...)
	return err
}

// FindApproval implements signing.Desk.
func (s Records) FindApproval(ctx context.Context, provider, name string) (string, error) {
	var id string
	err := s.DB.QueryRowContext(ctx, `
		SELECT a.signing_id FROM approval_ids i JOIN approvals a ON a.our_id = i.our_id
		WHERE i.provider = $1 AND i.transaction_id = $2`, provider, name).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("finding an approval: %w", kernel.OrNoSuch(err, "request"))
	}
	return id, nil
}

// ValueRow is the row id under which a signature value is sealed.
func ValueRow(signingID, requestID string, index int) string {
	return fmt.Sprintf("%s/%s/%d", signingID, requestID, index)
}

// SaveValue implements signing.Records. The same value may come again to record what became of it: a pending one
// gets its use, and a use that is decided stays.
func (s Records) SaveValue(ctx context.Context, id string, v signing.SignatureValue) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	digest := kernel.PlainDigest(v.Value)
	return s.change(ctx, "saving a signature value", id, func(tx *sql.Tx) error {
		var stored string
		err := tx.QueryRowContext(ctx, `
			SELECT sha256 FROM signature_values WHERE signing_id = $1 AND request_id = $2 AND position = $3`,
			id, v.RequestID, v.Index).Scan(&stored)
		if errors.Is(err, sql.ErrNoRows) {
			k, err := s.OfSigning(ctx, tx, k, id)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `
				INSERT INTO signature_values (signing_id, request_id, position, sha256, value, received_at, used)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				id, v.RequestID, v.Index, digest,
				k.Sealed("signature_values", "value", ValueRow(id, v.RequestID, v.Index), v.Value),
				kernel.At(v.ReceivedAt), string(v.Use))
			if err != nil {
				return err
			}
			return kernel.Note(ctx, tx, s.Now(), "signature", id, "", fmt.Sprintf("document %d of %s %s", v.Index, v.RequestID, v.Use))
		}
		if err != nil {
			return err
		}
		if stored != digest {
			return kernel.Conflict("another signature value is stored for document %d of this request", v.Index)
		}
		decided, err := kernel.Affected(tx.ExecContext(ctx, `
			UPDATE signature_values SET used = $1
			WHERE signing_id = $2 AND request_id = $3 AND position = $4 AND used = $5 AND used <> $1`,
			string(v.Use), id, v.RequestID, v.Index, string(signing.UsePending)))
		if err != nil || decided == 0 {
			return err
		}
		return kernel.Note(ctx, tx, s.Now(), "signature", id, "", fmt.Sprintf("document %d of %s %s", v.Index, v.RequestID, v.Use))
	})
}

// Values implements signing.Records, in the order of documents, oldest first.
func (s Records) Values(ctx context.Context, id string) ([]signing.SignatureValue, error) {
	var list []signing.SignatureValue
	err := s.readSealed(ctx, "listing signature values", id, valuesTable, func(row kernel.Scanner) (func(*kernel.Keys) error, error) {
		var v signing.SignatureValue
		var value []byte
		err := row.Scan(&v.RequestID, &v.Index, &value, kernel.Into(&v.ReceivedAt), &v.Use)
		return func(k *kernel.Keys) (err error) {
			v.Value, err = k.Open("signature_values", "value", ValueRow(id, v.RequestID, v.Index), value)
			list = append(list, v)
			return err
		}, err
	})
	return list, err
}

var valuesTable = sealedTable{table: `signature_values f ON f.signing_id = s.id`,
	columns: `COALESCE(f.request_id, ''), COALESCE(f.position, 0), f.value, f.received_at, COALESCE(f.used, '')`,
	tail:    ` ORDER BY f.position, f.received_at, f.request_id`}
