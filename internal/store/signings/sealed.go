package signings

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kyso/internal/store/kernel"
)

// sealedTable is something sealed that belongs to signings: a table f with what it is joined to, its columns, none of them NULL where the
// table has no row, and the end of a query over it.
type sealedTable struct{ table, columns, tail string }

// readSealed reads what belongs to a signing in one question with the key that opens it. scan gets each row, and the key.
// problem.NotFound without the signing, problem.Erased once it was erased.
func (s Records) readSealed(ctx context.Context, doing, id string, t sealedTable, scan func(row kernel.Scanner) (open func(k *kernel.Keys) error, err error)) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	var opened *kernel.Keys
	rows, err := s.DB.QueryContext(ctx, `SELECT COALESCE(s.subject_id, ''), u.wrapped, s.erased_at, f.signing_id IS NOT NULL, `+t.columns+`
		FROM signings s LEFT JOIN subjects u ON u.id = s.subject_id LEFT JOIN `+t.table+` WHERE s.id = $1`+t.tail, id)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		of := ofSigning{row: rows}
		open, err := scan(&of)
		if err == nil && opened == nil {
			opened, err = s.OpenedSigning(ctx, k, of.subjectID, of.wrapped, of.gone)
		}
		if err != nil || !of.there {
			return err
		}
		return open(opened)
	})
	if err == nil && opened == nil {
		err = kernel.NoSuch("signing")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// ofSigning is a row of readSealed: its first columns are of the signing.
type ofSigning struct {
	row       kernel.Scanner
	subjectID string
	wrapped   []byte
	gone      time.Time
	there     bool // the table has a row
}

// Scan reads the columns of the table.
func (o *ofSigning) Scan(dest ...any) error {
	return o.row.Scan(append([]any{&o.subjectID, &o.wrapped, kernel.Into(&o.gone), &o.there}, dest...)...)
}
