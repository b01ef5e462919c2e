package main

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/keytest"
)

// mostRowBytes is what the values in all rows of a headless B-LT signing of one document may take a day after its end, and mostAuditBytes
// what its entries of the audit log may. Indexes come on top.
const (
	mostRowBytes   = 6_000
	mostAuditBytes = 3_300
)

// goneByThen are the tables whose rows are gone by then.
var goneByThen = []string{"idempotency", "leftovers"}

// TestRowsOfASigning holds what a signing leaves in the store to its bound. The first signings leave what all others share.
func TestRowsOfASigning(t *testing.T) {
	w, c := ownWorld(t, Options{SandboxInMemory: true, SandboxKeys: keytest.Keys()})
	do(t, c.knobs(t.Context(), flowSigner(0), map[string]any{"decision": "approve"}))
	db, err := sql.Open("sqlite", filepath.Join(w.folder.path, "kyso.db"))
	do(t, err)
	t.Cleanup(func() { do(t, db.Close()) })
	trim := func() map[string]int {
		_, err := w.App.Store.Leftovers().Trim(t.Context(), time.Now().Add(25*time.Hour), 100)
		do(t, err)
		return settled(t, db)
	}
	run := func(n int) {
		for range n {
			w.signsHeadless(t, c, flowSigner(0))
		}
	}
	run(2)
	before := trim()
	const more = 10
	run(more)
	after, total := trim(), 0
	for _, table := range slices.SortedFunc(maps.Keys(after), func(a, b string) int { return (after[b] - before[b]) - (after[a] - before[a]) }) {
		if grown := (after[table] - before[table]) / more; grown != 0 && !slices.Contains(goneByThen, table) {
			t.Logf("%-24s %6d", table, grown)
			total += grown
		}
	}
	audit := (after["audit"] - before["audit"]) / more
	total -= audit
	if total > mostRowBytes || audit > mostAuditBytes {
		t.Errorf("want %d bytes at most, and %d in the audit log", mostRowBytes, mostAuditBytes)
	}
	t.Logf("a signing leaves %d bytes in rows, and %d in the audit log", total, audit)
}

// settled returns the bytes of each table once no entry of the audit log waits for its place in the chain.
func settled(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	eventually(func() bool {
		var n int
		do(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM audit_waiting`).Scan(&n))
		return n == 0
	})
	sizes := map[string]int{}
	for _, table := range list(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table'`) {
		columns := list(t, db, fmt.Sprintf(`
			SELECT CASE type WHEN 'TIMESTAMP' THEN '8 * count("' || name || '")' ELSE 'coalesce(sum(length(CAST("' || name || '" AS BLOB))), 0)' END
			FROM pragma_table_info('%s')`, table)) // PostgreSQL keeps a time in eight bytes
		var n int
		do(t, db.QueryRowContext(t.Context(), fmt.Sprintf(`SELECT %s FROM "%s"`, strings.Join(columns, " + "), table)).Scan(&n))
		sizes[table] = n
	}
	return sizes
}

func list(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	do(t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		do(t, rows.Scan(&one))
		all = append(all, one)
	}
	do(t, rows.Err())
	return all
}
