package api_test

import (
	"database/sql"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"kyso/internal/api"
	"kyso/internal/pgtest"
	"kyso/internal/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// onBothDatabases runs a test with the DSN of a database of each kind.
func onBothDatabases(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, storetest.SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.Postgres(t)) })
}

// rows counts the rows of every table.
func rows(t *testing.T, dsn string) map[string]int {
	t.Helper()
	driver, names := "pgx", `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, dsn, names = "sqlite", "file:"+path, `SELECT name FROM sqlite_master WHERE type = 'table'`
	}
	db, err := sql.Open(driver, dsn)
	must(t, err)
	defer db.Close()
	var tables []string
	list, err := db.QueryContext(t.Context(), names)
	must(t, err)
	for list.Next() {
		var name string
		must(t, list.Scan(&name))
		tables = append(tables, name)
	}
	must(t, list.Err())
	counts := map[string]int{}
	for _, name := range tables {
		var n int
		must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+name).Scan(&n))
		counts[name] = n
	}
	if len(counts) < 20 {
		t.Fatalf("only the tables %v", counts)
	}
	return counts
}

// served lists the routes, and more that lead nowhere.
func (b *testBench) served() []string {
	b.t.Helper()
	routes := []string{"POST /v1/nothing", "POST /", "POST /healthz", "POST /docs", "PUT /v1/signings"}
	for _, r := range api.Routes(b.given) {
		routes = append(routes, r.At)
	}
	slices.Sort(routes)
	return routes
}

// Whoever nobody knows leaves nothing behind, whatever they ask for and under whatever key.
func TestStrangersLeaveNoRow(t *testing.T) {
	strangers := map[string][]string{
		"nobody":        {"Authorization", ""},
		"a wrong key":   {"Authorization", "Bearer kyso_" + strings.Repeat("A", 43)},
		"a wrong word":  {"Authorization", "Basic YTpi"},
		"an old cookie": {"Authorization", "", "Cookie", "kyso=" + strings.Repeat("A", 43)},
	}
	onBothDatabases(t, func(t *testing.T, dsn string) {
		on := openStore(t, dsn)
		d := newDeskOn(t, on, pdfStub, withEndpoints, func(o *api.Options) { o.Rate = 0 })
		d.options.Records = on.Registrations()
		d.guest() // what is made once, such as the keys of the store, is there
		d.upload("a.pdf")
		before := rows(t, dsn)
		routes := d.served()
		if len(routes) < 50 {
			t.Fatalf("only %d routes", len(routes))
		}
		for _, route := range routes {
			method, pattern, _ := strings.Cut(route, " ")
			path := strings.NewReplacer("{id}", "none", "{n}", "0", "{name}", "contract", "{provider}", "intrustca", "{token}", "wrong").Replace(pattern)
			for who, as := range strangers {
				if route == "POST /v1/session" {
					continue // makes a guest, which is its act and is counted by address
				}
				for _, key := range []string{"", route + who} {
					got := d.do(method, path, `{}`, append([]string{"Content-Type", contentFor(route), "Idempotency-Key", strings.ReplaceAll(key, " ", "-")}, as...)...)
					if got.status >= http.StatusInternalServerError {
						t.Errorf("%s as %s: %d %s", route, who, got.status, got.body)
					}
				}
			}
		}
		d.do(http.MethodPost, "/v1/session", `{"key":"kyso_wrong"}`, "Authorization", "", "Idempotency-Key", "k")
		after := rows(t, dsn)
		for table := range maps.Keys(after) {
			if after[table] != before[table] {
				t.Errorf("table %s grew from %d to %d rows", table, before[table], after[table])
			}
		}
	})
}
