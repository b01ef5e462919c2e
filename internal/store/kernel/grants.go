package kernel

import (
	"context"
	"database/sql"
	"time"

	"kyso/internal/access"
)

// Grant makes objects belong to an owner.
func Grant(ctx context.Context, tx *sql.Tx, owner string, when time.Time, objects ...access.Object) error {
	for _, o := range objects {
		_, err := tx.ExecContext(ctx, `INSERT INTO grants (kind, object, owner, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (kind, object, owner) DO NOTHING`, string(o.Kind), o.ID, owner, At(when))
		if err != nil {
			return err
		}
	}
	return nil
}

// A list of what one owner has is read in the order of the index grants_newest, which has the times of the records. These name a table of
// records together with their grants g, and the two columns that the list is ordered by.
const (
	OwnedAt = `g.object_at`
	OwnedID = `g.object`
)

// OwnedTable is a table of records together with grants g. CROSS keeps SQLite, which gathers no statistics here, from reading the records
// first.
func OwnedTable(records string) string { return `grants g CROSS JOIN ` + records }

// MakersOf returns who made keys for each owner.
func MakersOf(ctx context.Context, tx *sql.Tx) (access.Makers, error) {
	makers := access.Makers{}
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT owner, made_by FROM api_keys WHERE made_by <> '' ORDER BY owner, made_by`)
	err = Each(rows, err, func(rows *sql.Rows) error {
		var owner, maker string
		err := rows.Scan(&owner, &maker)
		makers[owner] = append(makers[owner], maker)
		return err
	})
	return makers, err
}
