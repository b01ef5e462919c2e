// Package storetest gives tests a real store on each of the two databases, and fills its tables with many rows of the
// same time. A package that uses it calls pgtest.Main from its TestMain. Only tests import it.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // driver "sqlite"

	"kyso/internal/audit"
	"kyso/internal/pgtest"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/vault"
)

// Rows is how many rows Fill makes: more than any page.
const Rows = 1500

// Start is the time of the first half of the rows; the second half is an hour younger.
var Start = time.Date(2026, 11, 1, 2, 0, 0, 123_456_000, time.UTC)

// Both runs a test on SQLite and on PostgreSQL, each with an empty schema.
func Both(t *testing.T, run func(t *testing.T, f *Filled)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		dsn := SQLite(t)
		run(t, open(t, dsn, "sqlite", "file:"+strings.TrimPrefix(dsn, "sqlite:")+"?_pragma=busy_timeout(20000)"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := Postgres(t)
		run(t, open(t, dsn, "pgx", dsn))
	})
}

// Postgres returns the DSN of a PostgreSQL database of the test's own, with the schema in place and nothing in it.
func Postgres(t testing.TB) string {
	t.Helper()
	return pgtest.Copy(t, migrated)
}

// SQLite is Postgres on SQLite.
func SQLite(t testing.TB) string {
	t.Helper()
	file, err := schema()
	check(t, err)
	path := filepath.Join(t.TempDir(), "kyso.db")
	check(t, os.WriteFile(path, file, 0o600))
	return "sqlite:" + path
}

// schema is a SQLite file as the migrations leave it. They run once for each process: a test of them opens
// an empty database.
var schema = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "kyso-schema-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "kyso.db")
	if err := migrated(context.Background(), "sqlite:"+path); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	file, err := os.ReadFile(path) // closed, so its log is in it
	return file, errors.Join(err, os.RemoveAll(dir))
})

// migrated makes the schema in a database and closes it.
func migrated(ctx context.Context, dsn string) error {
	s, err := store.Open(ctx, dsn, nil)
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(ctx), s.Close())
}

// Half is the time of a row: Start for the first half, an hour later for the second.
func Half(i int) time.Time {
	if i < Rows/2 {
		return Start
	}
	return Start.Add(time.Hour)
}

// Filled is a store together with its database.
type Filled struct {
	*store.Store
	DB     *sql.DB
	Engine string // sqlite or postgres
	Source string // of the driver
	// Statements are those of the store, not those of DB.
	Statements *Statements
	t          *testing.T
}

func open(t *testing.T, dsn, driver, source string) *Filled {
	t.Helper()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	check(t, err)
	ctx, statements := Counted(t.Context())
	s, err := store.Open(ctx, dsn, key)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	db, err := sql.Open(driver, source)
	check(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return &Filled{s, db, map[string]string{"sqlite": "sqlite", "pgx": "postgres"}[driver], source, statements, t}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Exec runs a statement behind the store's back.
func (f *Filled) Exec(statement string, args ...any) {
	f.t.Helper()
	_, err := f.DB.ExecContext(context.Background(), statement, args...)
	check(f.t, err)
}

// Copy makes further rows of a table from the row whose column is like: the named columns get a number behind their
// text, the others stay as they are, so that all have the same time.
func (f *Filled) Copy(table, column, like string, rows int, numbered ...string) {
	f.t.Helper()
	names := f.columns(table)
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = "t." + name
		for _, one := range numbered {
			if one == name {
				values[i] = fmt.Sprintf("t.%s || '-' || n.i", name)
			}
		}
	}
	f.Exec(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s (%s) SELECT %s FROM n, %s t WHERE t.%s = '%s'`,
		rows, table, strings.Join(names, ", "), strings.Join(values, ", "), table, column, like))
}

func (f *Filled) columns(table string) []string {
	f.t.Helper()
	rows, err := f.DB.QueryContext(context.Background(), `SELECT * FROM `+table+` WHERE 1 = 0`) //nolint:unqueryvet // asks which columns there are
	check(f.t, err)
	defer rows.Close()
	names, err := rows.Columns()
	check(f.t, err)
	check(f.t, rows.Err())
	return names
}

// Registrations makes Rows registrations in a status: half at Start, half an hour later, and returns their ids.
func (f *Filled) Registrations(status registration.Status) map[string]bool {
	f.t.Helper()
	for i, id := range []string{"reg-a", "reg-b"} {
		_, err := f.Store.Registrations().CreateRegistration(context.Background(), id, Request(id, Start.Add(time.Duration(i)*time.Hour)))
		check(f.t, err)
		f.Copy("registrations", "id", id, Rows/2-1, "id", "request_id", "handoff")
	}
	f.Exec(`UPDATE registrations SET status = $1`, string(status))
	return f.ids("registrations", "id")
}

// Request is VNeID's request for a citizen of its own.
func Request(id string, at time.Time) registration.Request {
	return registration.Request{RequestID: "rq-" + id, Digest: "d", Issuer: "VNPT-CA", HandoffToken: "token-" + id, ReceivedAt: at, ExpiresAt: at.AddDate(1, 0, 0),
		Person: registration.Person{IDNumber: "079095012345", FullName: "NGUYỄN VĂN AN"}}
}

// One makes one registration and one signing, of the same id.
func (f *Filled) One(id string) {
	f.t.Helper()
	ctx := context.Background()
	_, err := f.Store.Registrations().CreateRegistration(ctx, id, Request(id, Start))
	check(f.t, err)
	check(f.t, f.SaveUpload(ctx, signing.Upload{ID: "up-" + id, Name: "a.pdf", Size: 1, HashState: []byte{1}, SHA256: strings.Repeat("a", 64), CreatedAt: Start,
		Segments: []signing.Segment{{Key: "k-" + id, Length: 1, SHA256: strings.Repeat("a", 64)}}}))
	check(f.t, f.CreateSigning(ctx, signing.Signing{ID: id, Provider: "intrustca", UserID: "ICA.079095012345", Level: signing.LevelB, Status: signing.StatusCreated, CreatedAt: Start,
		Documents: []signing.Document{{UploadID: "up-" + id, Name: "a.pdf", Size: 1, SHA256: strings.Repeat("a", 64), Placement: &signing.Placement{}}}}))
}

// Signings makes Rows signings in a status, with one document each, and returns their ids.
func (f *Filled) Signings(status signing.Status) map[string]bool {
	f.t.Helper()
	ctx := context.Background()
	check(f.t, f.SaveUpload(ctx, signing.Upload{ID: "up", Name: "a.pdf", Size: 1, HashState: []byte{1}, SHA256: strings.Repeat("a", 64), CreatedAt: Start,
		Segments: []signing.Segment{{Key: "k", Length: 1, SHA256: strings.Repeat("a", 64)}}}))
	for i := range Rows { // one by one: what is sealed is bound to its row
		check(f.t, f.CreateSigning(ctx, signing.Signing{ID: fmt.Sprintf("sig-%04d", i*7%Rows), Provider: "intrustca", UserID: "ICA.079095012345", Level: signing.LevelB,
			Status: signing.StatusCreated, CreatedAt: Half(i),
			Documents: []signing.Document{{UploadID: "up", Name: "a.pdf", Size: 1, SHA256: strings.Repeat("a", 64), Placement: &signing.Placement{}}}}))
	}
	f.Exec(`UPDATE signings SET status = $1`, string(status))
	return f.ids("signings", "id")
}

func (f *Filled) ids(table, column string) map[string]bool {
	f.t.Helper()
	ids := map[string]bool{}
	rows, err := f.DB.QueryContext(context.Background(), `SELECT `+column+` FROM `+table)
	check(f.t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		check(f.t, rows.Scan(&id))
		ids[id] = true
	}
	check(f.t, rows.Err())
	if len(ids) < Rows {
		f.t.Fatalf("only %d rows in %s", len(ids), table)
	}
	return ids
}

// IDs returns the values of a column.
func (f *Filled) IDs(table, column string) map[string]bool { return f.ids(table, column) }

// Chained takes what waits into the audit log, as a running API does each second, and returns entries with a seq above after, oldest first.
func Chained(ctx context.Context, log audit.Log, after int64, limit int) ([]audit.Entry, error) {
	for {
		n, err := log.Chain(ctx)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return log.Entries(ctx, after, limit)
		}
	}
}
