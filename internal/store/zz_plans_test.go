package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/storetest"
)

// The tests of this file judge the statements that all others of the package have asked, so it is the last by its name.

// rowsEnv is how many registrations the plans are asked with; without it so many that the planner decides as at a million.
const (
	rowsEnv  = "KYSO_PLAN_ROWS"
	fewRows  = 20_000
	smallest = 1000 // rows of a table that a statement may read as a whole
	mostRead = 1100 // rows that a statement may read or sort: the largest page of a loop, and of a deletion
)

// mayRead are the statements that read more, each with its reason, by a part of their text.
var mayRead = map[string]string{
	"SELECT l.name FROM leftovers l": "looks through uploads that lie in clear, which earlier releases wrote and the relay seals",
	"SELECT kind, step, reason, provider, since FROM process_incidents WHERE 1 = 1 AND closed_at IS NULL": "counts what is parked, from the index of that",
}

// TestEveryStatementHasAPlan holds for every statement of the store, on both databases, that no table grows under it: it reads through an
// index what it needs and no more, also with tables full of what has ended. On PostgreSQL the planner decides, with its statistics.
func TestEveryStatementHasAPlan(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) { // what the loops ask, tests of other packages try
		asked := loopsOf(t.Context(), f.Relay())
		addLists(t.Context(), f.Store, asked)
		for _, ask := range asked {
			if err := ask(page.Cursor{}); problem.CodeOf(err) != problem.NotFound {
				must(t, err)
			}
		}
	})
	t.Run("postgres", func(t *testing.T) {
		db := scaled(t)
		large := largeTables(t, db)
		judge(t, "postgres", func(s storetest.Statement, args []driver.NamedValue) string {
			p, err := planOf(t.Context(), db, s.Text, args)
			must(t, err)
			return p.fault(large, false)
		})
	})
	t.Run("sqlite", func(t *testing.T) {
		db, err := sql.Open("sqlite", strings.TrimPrefix(storetest.SQLite(t), "sqlite:"))
		must(t, err)
		defer db.Close()
		judge(t, "sqlite", func(s storetest.Statement, args []driver.NamedValue) string { return scanned(t, db, s.Text, args) })
	})
}

// judge has each statement judged with some of its arguments.
func judge(t *testing.T, engine string, fault func(storetest.Statement, []driver.NamedValue) string) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range storetest.Everything.Of(engine) {
		if strings.HasPrefix(s.Site, "kernel/migrate.go") || excused(s.Text) {
			continue
		}
		for _, args := range s.Args {
			if found := fault(s, args); found != "" && !seen[s.Site+found] {
				seen[s.Site+found] = true
				t.Errorf("%s: %s\n%s", s.Site, found, flat(s.Text))
			}
		}
	}
}

// grow are the tables that grow for years, for SQLite, which has no statistics here. A table that is read under another name is not seen.
var grow = strings.Fields(`accounts approval_ids approvals audit certificates claims codes consents contents corrections decision_takes decisions
	document_keys documents evidence grants handoffs idempotency identity_fixes inbox incident_entries issued_serials leftovers limits links
	login_challenges password_tries payment_transactions payments process_incidents process_transitions registrations reviews sessions
	signature_values signings subjects upload_quotas uploads verification_keys verification_people verifications waits webhook_messages`)

// scanned is the table that SQLite reads as a whole for a statement.
func scanned(t *testing.T, db *sql.DB, text string, named []driver.NamedValue) string {
	t.Helper()
	args := make([]any, len(named))
	for i, arg := range named {
		args[i] = arg.Value
	}
	rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+text, args...)
	must(t, err)
	defer rows.Close()
	found := ""
	for rows.Next() {
		var id, parent, unused int
		var step string
		must(t, rows.Scan(&id, &parent, &unused, &step))
		if table := strings.TrimPrefix(step, "SCAN "); wholeTable(step) && slices.Contains(grow, table) {
			found = "reads all of " + table
		}
	}
	must(t, rows.Err())
	return found
}

func excused(text string) bool {
	for part := range mayRead {
		if strings.Contains(flat(text), part) {
			return true
		}
	}
	return false
}

func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// scaled is a database of so many rows.
func scaled(t *testing.T) *sql.DB {
	t.Helper()
	rows := fewRows
	if text := os.Getenv(rowsEnv); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		rows = n
	}
	db, err := sql.Open("pgx", storetest.Postgres(t))
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	script, err := os.ReadFile("testdata/scale.sql")
	must(t, err)
	conn, err := db.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	for statement := range strings.SplitSeq(strings.ReplaceAll(string(script), ":rows", strconv.Itoa(rows)), ";\n") {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	return db
}

// plan is a node of a plan, as PostgreSQL writes it.
type plan struct {
	Kind      string  `json:"Node Type"`
	Parent    string  `json:"Parent Relationship"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	IndexCond string  `json:"Index Cond"`
	Rows      float64 `json:"Plan Rows"`
	Cost      float64 `json:"Total Cost"`
	Plans     []plan  `json:"Plans"`
}

// explained asks for the plan of a statement as of now: the times of a test are older than all rows.
func planOf(ctx context.Context, db *sql.DB, text string, named []driver.NamedValue) (plan, error) {
	args := make([]any, len(named))
	for i, arg := range named {
		args[i] = arg.Value
		if _, ok := arg.Value.(time.Time); ok {
			args[i] = time.Now()
		}
	}
	var out []byte
	if err := db.QueryRowContext(ctx, `EXPLAIN (FORMAT JSON) `+text, args...).Scan(&out); err != nil {
		return plan{}, err
	}
	var list []struct{ Plan plan }
	err := json.Unmarshal(out, &list)
	if err != nil || len(list) != 1 {
		return plan{}, fmt.Errorf("a plan that cannot be read: %w", err)
	}
	return list[0].Plan, nil
}

// fault is what makes a plan dear when tables grow, empty when nothing does. limited: a node above takes the first rows and stops.
func (p plan) fault(large map[string]bool, limited bool) string {
	scan := strings.Contains(p.Kind, "Scan") && large[p.Relation]
	switch {
	case scan && p.Kind == "Seq Scan":
		return "reads all of " + p.Relation
	case scan && !limited && p.Rows > mostRead:
		return fmt.Sprintf("reads %.0f rows of %s by %s", p.Rows, p.Relation, p.Index)
	case scan && !limited && p.IndexCond == "" && strings.HasPrefix(p.Kind, "Index"):
		return "reads all of the index " + p.Index
	case p.Kind == "Sort" && p.Plans[0].Rows > mostRead:
		return fmt.Sprintf("sorts %.0f rows", p.Plans[0].Rows)
	}
	for _, below := range p.Plans {
		stops := limited || p.Kind == "Limit"
		if below.Parent == "SubPlan" || below.Parent == "InitPlan" || slices.Contains([]string{"Sort", "Hash", "Aggregate", "Materialize"}, p.Kind) {
			stops = false
		}
		if fault := below.fault(large, stops); fault != "" {
			return fault
		}
	}
	return ""
}

// largeTables are those with more rows than may be read as a whole.
func largeTables(t *testing.T, db *sql.DB) map[string]bool {
	t.Helper()
	large := map[string]bool{}
	rows, err := db.QueryContext(t.Context(), `SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > $1`, smallest)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		large[name] = true
	}
	must(t, rows.Err())
	return large
}

// askedElsewhere are functions whose statements only tests of other packages ask: they have no plan here.
var askedElsewhere = map[string]bool{
	"accounts.makeSecretAgain": true, "kernel.ClockSkew": true, "kernel.RewritePages": true, "kernel.pingRoom": true,
	"persons.InClear": true, "persons.OfGuest": true, "persons.Scrub": true, "persons.SealPapers": true, "persons.SealSigning": true, "persons.claim": true,
	"persons.owners": true, "persons.places": true, "persons.settle": true, "registrations.TakenSerials": true,
}

// TestEveryStatementIsAsked holds that the tests of this package ask every statement of the store: one that none asks has no plan to judge.
func TestEveryStatementIsAsked(t *testing.T) {
	if flag.Lookup("test.run").Value.String() != "" {
		return // some tests only
	}
	asked := slices.Concat(storetest.Everything.Of("postgres"), storetest.Everything.Of("sqlite"))
	for _, call := range callSites(t) {
		there := slices.ContainsFunc(asked, func(s storetest.Statement) bool { return call.holds(s.Site) })
		if !there && !askedElsewhere[call.in] {
			t.Errorf("%s: no test of this package asks the statement of line %d", call.in, call.from)
		}
	}
}

// callSite is where the store asks the database.
type callSite struct {
	file, in string // the function as accounts.AskCode
	from, to int    // lines
}

func (c callSite) holds(site string) bool {
	file, line, _ := strings.Cut(site, ":")
	n, err := strconv.Atoi(line)
	return err == nil && file == c.file && c.from <= n && n <= c.to
}

func callSites(t *testing.T) []callSite {
	t.Helper()
	files, err := filepath.Glob("*/*.go")
	must(t, err)
	var list []callSite
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		must(t, err)
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Name.Name == "ExecContext" || f.Name.Name == "QueryContext" { // a connection that passes statements on
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if to, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"QueryContext", "QueryRowContext", "ExecContext"}, to.Sel.Name) {
					list = append(list, callSite{filepath.ToSlash(file), parsed.Name.Name + "." + f.Name.Name, set.Position(call.Pos()).Line, set.Position(call.End()).Line})
				}
				return true
			})
		}
	}
	return list
}
