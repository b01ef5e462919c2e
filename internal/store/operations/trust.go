package operations

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"

	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// Trusted is the part of the store that keeps the changes of the trusted certificates. It implements signing.TrustRecords.
type Trusted struct{ *kernel.Base }

var _ signing.TrustRecords = Trusted{}

// TrustVersion implements signing.TrustRecords.
func (t Trusted) TrustVersion(ctx context.Context) (int, error) {
	var version int
	if err := t.DB.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM trust_changes`).Scan(&version); err != nil {
		return 0, fmt.Errorf("asking for the version of the trusted certificates: %w", err)
	}
	return version, nil
}

// TrustChanges implements signing.TrustRecords.
func (t Trusted) TrustChanges(ctx context.Context) ([]signing.TrustChange, int, error) {
	var list []signing.TrustChange
	k, err := t.OpenKeys(ctx)
	if err == nil {
		list, err = trustChanges(ctx, t.DB, k)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the trusted certificates: %w", err)
	}
	return list, len(list), nil
}

// trustChanges reads the changes, oldest first. Their numbers begin with 1 and leave none out, so that one that was taken
// away is missed.
func trustChanges(ctx context.Context, from kernel.Querier, k *kernel.Keys) ([]signing.TrustChange, error) {
	var list []signing.TrustChange
	rows, err := from.QueryContext(ctx, `SELECT seq, content FROM trust_changes ORDER BY seq`)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var seq int
		var content []byte
		if err := rows.Scan(&seq, &content); err != nil {
			return err
		}
		if seq != len(list)+1 {
			return fmt.Errorf("change %d is missing", len(list)+1)
		}
		plain, err := k.Open("trust_changes", "content", strconv.Itoa(seq), content)
		if err != nil {
			return err
		}
		var one signing.TrustChange
		err = json.Unmarshal(plain, &one)
		list = append(list, one)
		return err
	})
	return list, err
}

// ChangeTrust implements signing.TrustRecords. The change and its entry in the audit log are one transaction.
func (t Trusted) ChangeTrust(ctx context.Context, decide func(before []signing.TrustChange) (*signing.TrustChange, error)) error {
	k, err := t.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return t.Write(ctx, "changing the trusted certificates", func(tx *sql.Tx) error {
		if err := t.Alone(ctx, tx, "trust", ""); err != nil {
			return err
		}
		before, err := trustChanges(ctx, tx, k)
		if err != nil {
			return err
		}
		change, err := decide(before)
		if err != nil || change == nil {
			return err
		}
		content, err := json.Marshal(change)
		if err != nil {
			return err
		}
		seq := len(before) + 1
		if _, err := tx.ExecContext(ctx, `INSERT INTO trust_changes (seq, content) VALUES ($1, $2)`,
			seq, k.Sealed("trust_changes", "content", strconv.Itoa(seq), content)); err != nil {
			return err
		}
		detail := "added"
		if change.Removed {
			detail = "removed"
		}
		return kernel.Note(ctx, tx, change.At, "trust", change.Fingerprint, change.Actor, detail)
	})
}
