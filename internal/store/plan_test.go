package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/seal"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// plans are what SQLite says of how it answers the queries of a connection.
type plans struct {
	mu   sync.Mutex
	seen [][2]string // query and plan
}

// explained is a connection that asks SQLite for the plan of each query.
type explained struct {
	driver.Conn
	notes *plans
}

type explainer struct {
	driver driver.Driver
	name   string
	notes  *plans
}

func (e explainer) Driver() driver.Driver { return e.driver }

func (e explainer) Connect(context.Context) (driver.Conn, error) {
	c, err := e.driver.Open(e.name)
	return &explained{c, e.notes}, err
}

func (e *explained) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return e.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

func (e *explained) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	asks := e.Conn.(driver.QueryerContext)
	rows, err := asks.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args)
	if err != nil {
		return nil, err
	}
	line := make([]driver.Value, len(rows.Columns()))
	for err = rows.Next(line); err == nil; err = rows.Next(line) {
		e.notes.mu.Lock()
		e.notes.seen = append(e.notes.seen, [2]string{query, line[len(line)-1].(string)})
		e.notes.mu.Unlock()
	}
	if err != io.EOF {
		return nil, err
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	return asks.QueryContext(ctx, query, args)
}

// wholeTable reports whether a step of a plan reads all of a table. An index that is scanned in order ends with the page.
func wholeTable(step string) bool {
	return strings.HasPrefix(step, "SCAN ") && !strings.Contains(step, " USING ") && !strings.Contains(step, "CONSTANT ROW")
}

// TestLoopsAndListsReadThroughAnIndex holds that no question of a loop or list reads a whole table, and that none of a loop sorts
// more than the page that it returns: tables grow for years, and the loops ask every few seconds.
func TestLoopsAndListsReadThroughAnIndex(t *testing.T) {
	key, err := seal.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	must(t, err)
	path := filepath.Join(t.TempDir(), "kyso.db")
	s, err := store.Open(t.Context(), "sqlite:"+path, key)
	must(t, err)
	defer s.Close()
	must(t, s.Migrate(t.Context()))
	notes := &plans{}
	db := sql.OpenDB(explainer{s.DB().Driver(), "file:" + path + "?_pragma=busy_timeout(20000)", notes})
	defer db.Close()
	through := s.Through(db)
	r := through.Relay()

	after := page.After(time.Now().Add(-time.Hour), "a/b")
	asked := loopsOf(t.Context(), r)
	addLists(t.Context(), through, asked)
	for name, ask := range asked {
		for _, c := range []page.Cursor{{}, after} {
			notes.seen = nil
			if err := ask(c); problem.CodeOf(err) != problem.NotFound { // of the rows that are not there
				must(t, err)
			}
			if len(notes.seen) == 0 {
				t.Errorf("%s asks nothing", name)
			}
			for _, step := range notes.seen {
				sorts := strings.Contains(step[1], "TEMP B-TREE FOR ORDER BY") && !strings.HasPrefix(name, "list of") // of what one owner or officer has
				if wholeTable(step[1]) || sorts {
					t.Errorf("%s: %s in\n%s", name, step[1], step[0])
				}
			}
		}
	}
}

// loopsOf are the questions of the loops.
func loopsOf(ctx context.Context, r store.Relay) map[string]func(page.Cursor) error {
	now := time.Now()
	return map[string]func(page.Cursor) error{
		"waiting":                 func(c page.Cursor) error { _, err := r.Waiting(ctx, now, c, 10); return err },
		"unstarted signings":      func(c page.Cursor) error { _, err := r.UnstartedSignings(ctx, now, c, 10); return err },
		"unstarted registrations": func(c page.Cursor) error { _, err := r.UnstartedRegistrations(ctx, now, c, 10); return err },
		"arrived":                 func(c page.Cursor) error { _, err := r.Arrived(ctx, now, c, 10); return err },
		"behind":                  func(c page.Cursor) error { _, err := r.Behind(ctx, now, c, 10); return err },
		"unsettled":               func(c page.Cursor) error { _, err := r.Unsettled(ctx, c, 10); return err },
		"unstarted messages":      func(c page.Cursor) error { _, err := r.Unstarted(ctx, c, 10); return err },
		"open signings":           func(c page.Cursor) error { _, err := r.OpenSignings(ctx, now, c, 10); return err },
		"open registrations":      func(c page.Cursor) error { _, err := r.OpenRegistrations(ctx, now, c, 10); return err },
		"archived signings":       func(c page.Cursor) error { _, err := r.ArchivedSignings(ctx, now, c, 10); return err },
		"carried messages":        func(c page.Cursor) error { _, err := r.Carried(ctx, now, c, 10); return err },
		"last seq":                func(page.Cursor) error { _, err := r.LastSeq(ctx, "s"); return err },
		"payments":                func(page.Cursor) error { _, err := r.Payments(ctx, "r"); return err },
		"moves":                   func(page.Cursor) error { _, err := r.RegistrationMoves(ctx, "r"); return err },
		"close incidents": func(page.Cursor) error {
			_, err := r.CloseIncidents(ctx, incident.Incident{Process: incident.Signing, ProcessID: "s", ClosedAt: now})
			return err
		},
		"given up": func(page.Cursor) error { _, err := r.GivenUp(ctx, incident.Signing, "s"); return err },
		"open mismatch": func(page.Cursor) error {
			_, err := r.OpenMismatch(ctx, incident.Incident{Process: incident.Signing, ProcessID: "s", Reason: incident.RecordMissing, Since: now})
			return err
		},
	}
}

// addLists adds what people list, by every filter.
func addLists(ctx context.Context, through *store.Store, asked map[string]func(page.Cursor) error) {
	now := time.Now()
	for i, f := range []signing.Filter{{}, {Status: signing.StatusSigned}, {UserID: "u"}, {Owner: "o"}, {AttentionOnly: true}} {
		asked[fmt.Sprint("list of signings ", i)] = func(c page.Cursor) error {
			f.After, f.Limit = c, 10
			_, err := through.Signings(ctx, f)
			return err
		}
	}
	for i, f := range []registration.Filter{{}, {Status: registration.StatusActive}, {IDNumber: "079095012345"}, {Owner: "o"}, {AttentionOnly: true}, {Running: true},
		{Status: registration.StatusInReview, DueFirst: true}, {Status: registration.StatusInReview, DueFirst: true, ChangedBefore: now}} {
		asked[fmt.Sprint("list of registrations ", i)] = func(c page.Cursor) error {
			f.After, f.Limit = c, 10
			_, err := through.Registrations().Registrations(ctx, f)
			return err
		}
	}
	for i, f := range []incident.Filter{{}, {Process: incident.Signing}, {Reason: "internal"}, {Assignee: "a"}} {
		asked[fmt.Sprint("list of incidents ", i)] = func(c page.Cursor) error {
			f.After, f.Limit = c, 10
			_, err := through.Parked().List(ctx, f)
			return err
		}
	}
}
