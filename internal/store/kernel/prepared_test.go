package kernel

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"
)

// counting counts what connections are asked to prepare, and what they are asked past it.
type counting struct {
	driver.Driver
	prepared, asked *int
}

func (c counting) Open(name string) (driver.Conn, error) {
	conn, err := c.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return &countingConn{conn.(whole), c}, nil
}

type countingConn struct {
	whole
	count counting
}

func (c *countingConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	*c.count.prepared++
	return c.whole.PrepareContext(ctx, text)
}

func (c *countingConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	*c.count.asked++
	return c.whole.QueryContext(ctx, text, args)
}

// A connection prepares a statement once, and what it keeps survives what happens between two uses: rows that are still open, a
// mistake, a cancelled context, another schema.
func TestAConnectionPreparesAStatementOnce(t *testing.T) {
	plain, err := sql.Open("sqlite", "")
	do(t, err)
	defer plain.Close()
	var prepared, asked int
	db := sql.OpenDB(opened{preparing{counting{plain.Driver(), &prepared, &asked}}, sqliteDSN(filepath.Join(t.TempDir(), "a.db"))})
	defer db.Close()
	db.SetMaxOpenConns(1)
	ctx := t.Context()
	exec := func(text string, args ...any) {
		t.Helper()
		_, err := db.ExecContext(ctx, text, args...)
		do(t, err)
	}
	exec(`CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)`)
	for i := range 10 {
		exec(`INSERT INTO things (id, name) VALUES ($1, $2)`, i, "x")
	}
	const count = `SELECT COUNT(*) FROM things WHERE id < $1`
	for i := range 10 {
		var n int
		do(t, db.QueryRowContext(ctx, count, i).Scan(&n))
		if n != i {
			t.Errorf("%d things below %d", n, i)
		}
	}
	if prepared != 2 || asked != 0 {
		t.Errorf("%d statements were prepared and %d asked past that, of 2", prepared, asked)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := db.QueryRowContext(gone, count, 3).Scan(new(int)); err == nil {
		t.Error("a cancelled query was answered")
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO things (id, name) VALUES ($1, $2)`, 1, "again"); err == nil {
		t.Error("a second row has the key of the first")
	}
	exec(`INSERT INTO things (id, name) VALUES ($1, $2)`, 10, "y")
	exec(`ALTER TABLE things ADD COLUMN more TEXT`)
	if n := nested(t, db); n != 11*11 {
		t.Errorf("%d pairs of 11 things", n)
	}
	if asked != 1 { // the rows of the outer query were open
		t.Errorf("%d queries were asked of a connection whose statement was busy", asked)
	}
}

// nested reads a query within the rows of the same query, in one transaction.
func nested(t *testing.T, db *sql.DB) int {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	do(t, err)
	defer tx.Rollback() // nothing was written
	const text = `SELECT id FROM things`
	outer, err := tx.QueryContext(t.Context(), text)
	do(t, err)
	defer outer.Close()
	inner, err := tx.QueryContext(t.Context(), text)
	do(t, err)
	defer inner.Close()
	a, b := 0, 0
	for outer.Next() {
		a++
	}
	for inner.Next() {
		b++
	}
	do(t, outer.Err())
	do(t, inner.Err())
	return a * b
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
