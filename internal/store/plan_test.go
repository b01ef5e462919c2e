package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/storetest"
	"kyso/internal/vault"
	"kyso/internal/webhook"
)

// plans are what a database says of how it answers the queries of a connection.
type plans struct {
	mu   sync.Mutex
	seen [][2]string // query and plan
}

// explained is a connection that asks for the plan of each query.
type explained struct {
	driver.Conn
	ask   string
	notes *plans
}

type explainer struct {
	driver driver.Driver
	name   string
	ask    string // EXPLAIN, as the database spells it
	notes  *plans
}

func (e explainer) Driver() driver.Driver { return e.driver }

func (e explainer) Connect(context.Context) (driver.Conn, error) {
	c, err := e.driver.Open(e.name)
	return &explained{c, e.ask, e.notes}, err
}

func (e *explained) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return e.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

func (e *explained) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	asks := e.Conn.(driver.QueryerContext)
	rows, err := asks.QueryContext(ctx, e.ask+query, args)
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
	return strings.HasPrefix(step, "SCAN ") && !strings.Contains(step, " USING ") && !strings.Contains(step, "CONSTANT ROW") && !ofOnePause.MatchString(step)
}

// ofOnePause reads the few waits of one pause that a step before took from an index.
var ofOnePause = regexp.MustCompile(`^SCAN w\d$`)

// TestLoopsAndListsReadThroughAnIndex holds that no question of a loop or list reads a whole table, and that none of a loop sorts
// more than the page that it returns: tables grow for years, and the loops ask every few seconds.
func TestLoopsAndListsReadThroughAnIndex(t *testing.T) {
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	must(t, err)
	path := filepath.Join(t.TempDir(), "kyso.db")
	s, err := store.Open(t.Context(), "sqlite:"+path, key)
	must(t, err)
	defer s.Close()
	must(t, s.Migrate(t.Context()))
	notes := &plans{}
	db := sql.OpenDB(explainer{s.DB().Driver(), "file:" + path + "?_pragma=busy_timeout(20000)", "EXPLAIN QUERY PLAN ", notes})
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

// itsIndex is the partial index that holds what a loop has to see and no more.
var itsIndex = map[string]string{
	"waiting": "inbox_unhandled", "unstarted signings": "signings_unstarted", "unstarted registrations": "registrations_unstarted", "arrived": "registrations_arrived",
	"behind": "registrations_behind", "unsettled": "payments_unsettled", "undecided": "payments_undecided", "unstarted messages": "webhook_messages_waiting", "open signings": "signings_open",
	"open registrations": "registrations_open", "archived signings": "signings_archived", "carried messages": "webhook_messages_carried",
	"open mismatches": "incidents_parked", "list of incidents 0": "incidents_parked", "list of incidents 1": "incidents_parked_of_kind", "due registrations": "registrations_compared",
	"list of signings 3": "grants_newest", "list of registrations 3": "grants_newest",
}

// TestLoopsReadTheirPartialIndex holds for both databases, with tables full of what has ended, that each list of a loop is read from
// the index made for it: nothing else keeps a question cheap that is asked every few seconds for years.
func TestLoopsReadTheirPartialIndex(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		f.One("p-1")
		must(t, f.Store.Registrations().CreatePayment(t.Context(), registration.Payment{TxnRef: "KS01", RegistrationID: "p-1", Attempt: 1, AmountVND: 1,
			CreatedAt: storetest.Start, ExpiresAt: storetest.Start}))
		f.Copy("registrations", "id", "p-1", storetest.Rows, "id", "request_id", "handoff")
		f.Copy("signings", "id", "p-1", storetest.Rows, "id")
		f.Exec(`UPDATE registrations SET status = 'active', seq = 5, told = 5`)
		must(t, f.Relay().MarkCompared(t.Context(), "p-1", time.Now()))
		f.Exec(`UPDATE registrations SET compared_at = (SELECT compared_at FROM registrations WHERE id = 'p-1')`)
		f.Exec(`UPDATE signings SET status = 'signed', level = 'B-T'`)
		f.Copy("payments", "txn_ref", "KS01", storetest.Rows, "txn_ref", "registration_id")
		f.Exec(`UPDATE payments SET status = 'captured', settled_at = created_at`)
		_, err := f.Receive(t.Context(), signing.InboxMessage{ID: "m", Provider: "intrustca", Request: "t", Body: []byte("{}"), ReceivedAt: storetest.Start})
		must(t, err)
		f.Copy("inbox", "id", "m", storetest.Rows, "id")
		f.Exec(`UPDATE inbox SET handled = TRUE`)
		_, err = f.Webhooks().CreateEndpoint(t.Context(), webhook.Endpoint{ID: "ep", Owner: "o", URL: "https://a.example", Secret: "s", CreatedAt: storetest.Start})
		must(t, err)
		must(t, f.Webhooks().SaveMessage(t.Context(), webhook.Message{EndpointID: "ep", ID: "m", Type: "kyso.test", Body: []byte("{}"), CreatedAt: storetest.Start}))
		f.Copy("webhook_messages", "endpoint_id", "ep", storetest.Rows, "id")
		f.Exec(`UPDATE webhook_messages SET started_at = created_at, delivered_at = created_at`)
		must(t, f.OpenIncident(t.Context(), process.Incident{ProcessID: "p-1", Attention: process.Attention{IncidentID: "i", Reason: "internal", Since: storetest.Start, Attempts: 1}}))
		f.Copy("incidents", "id", "i", storetest.Rows, "id")
		f.Exec(`UPDATE incidents SET closed_at = since`)
		f.Exec(`INSERT INTO grants (kind, object, owner, created_at) SELECT 'signing', id, 'o', created_at FROM signings UNION ALL SELECT 'registration', id, 'o', created_at FROM registrations`)
		name, ask := f.Source, "EXPLAIN "
		if f.Engine == "sqlite" { // kyso never has it gather statistics
			ask = "EXPLAIN QUERY PLAN "
		} else {
			f.Exec(`ANALYZE`)
		}
		notes := &plans{}
		db := sql.OpenDB(explainer{f.DB.Driver(), name, ask, notes})
		defer db.Close()
		asked := loopsOf(t.Context(), f.Through(db).Relay())
		addLists(t.Context(), f.Through(db), asked)
		for loop, index := range itsIndex {
			for _, c := range []page.Cursor{{}, page.After(storetest.Start, "a/b")} {
				notes.seen = nil
				must(t, asked[loop](c))
				plan := ""
				for _, step := range notes.seen {
					plan += step[1] + "\n"
				}
				if !strings.Contains(plan, index) {
					t.Errorf("%s is not read from %s:\n%s", loop, index, plan)
				}
			}
		}
	})
}

// loopsOf are the questions of the loops.
func loopsOf(ctx context.Context, r store.Relay) map[string]func(page.Cursor) error {
	now := time.Now()
	return map[string]func(page.Cursor) error{
		"due waits":               func(page.Cursor) error { _, err := r.Due(ctx, "signer/p", now, process.Pauses(), 10); return err },
		"resting waits":           func(c page.Cursor) error { _, err := r.Still(ctx, now, c, 10); return err },
		"counted waits":           func(page.Cursor) error { _, err := r.Waited(ctx, now); return err },
		"waiting":                 func(c page.Cursor) error { _, err := r.Waiting(ctx, now, c, 10); return err },
		"unstarted signings":      func(c page.Cursor) error { _, err := r.UnstartedSignings(ctx, now, c, 10); return err },
		"unstarted registrations": func(c page.Cursor) error { _, err := r.UnstartedRegistrations(ctx, now, c, 10); return err },
		"arrived":                 func(c page.Cursor) error { _, err := r.Arrived(ctx, now, c, 10); return err },
		"behind":                  func(c page.Cursor) error { _, err := r.Behind(ctx, now, c, 10); return err },
		"unsettled":               func(c page.Cursor) error { _, err := r.Unsettled(ctx, c, 10); return err },
		"undecided":               func(c page.Cursor) error { _, err := r.Undecided(ctx, now, c, 10); return err },
		"unsent codes":            func(c page.Cursor) error { _, err := r.UnsentCodes(ctx, now, now, c, 10); return err },
		"open resets":             func(c page.Cursor) error { _, err := r.OpenResets(ctx, now, now, c, 10); return err },
		"unstarted messages":      func(c page.Cursor) error { _, err := r.Unstarted(ctx, c, 10); return err },
		"open signings":           func(c page.Cursor) error { _, err := r.OpenSignings(ctx, now, c, 10); return err },
		"open registrations":      func(c page.Cursor) error { _, err := r.OpenRegistrations(ctx, now, c, 10); return err },
		"archived signings":       func(c page.Cursor) error { _, err := r.ArchivedSignings(ctx, now, c, 10); return err },
		"carried messages":        func(c page.Cursor) error { _, err := r.Carried(ctx, now, c, 10); return err },
		"open mismatches":         func(c page.Cursor) error { _, err := r.OpenMismatches(ctx, now, c, 10); return err },
		"ended registrations":     func(c page.Cursor) error { _, err := r.EndedRegistrations(ctx, now, c, 10); return err },
		"due registrations":       func(page.Cursor) error { _, err := r.DueRegistrations(ctx, now.AddDate(0, 0, -7), 10); return err },
		"accepted":                func(page.Cursor) error { _, err := r.Accepted(ctx, "r", "x"); return err },
		"last seq":                func(page.Cursor) error { _, err := r.LastSeq(ctx, "s"); return err },
		"payments":                func(page.Cursor) error { _, err := r.Payments(ctx, "r"); return err },
		"moves":                   func(page.Cursor) error { _, err := r.RegistrationMoves(ctx, "r"); return err },
		"close incidents": func(page.Cursor) error {
			_, err := r.CloseIncidents(ctx, process.Incident{Process: process.Signing, ProcessID: "s", ClosedAt: now})
			return err
		},
		"given up": func(page.Cursor) error { _, err := r.GivenUp(ctx, process.Signing, "s"); return err },
		"open mismatch": func(page.Cursor) error {
			_, err := r.OpenMismatch(ctx, process.Incident{Process: process.Signing, ProcessID: "s", Attention: process.Attention{Reason: incident.RecordMissing, Since: now}})
			return err
		},
	}
}

// addLists adds what people list, by every filter.
func addLists(ctx context.Context, through *store.Store, asked map[string]func(page.Cursor) error) {
	now := time.Now()
	asked["verifications of an owner"] = func(c page.Cursor) error {
		_, err := through.Verifications().List(ctx, "team-a", c, 10)
		return err
	}
	asked["old verifications"] = func(page.Cursor) error {
		_, err := through.Leftovers().PurgeVerifications(ctx, now, 10)
		return err
	}
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
	for i, f := range []incident.Filter{{}, {Process: process.Signing}, {Reason: "internal"}, {Assignee: "a"}} {
		asked[fmt.Sprint("list of incidents ", i)] = func(c page.Cursor) error {
			f.After, f.Limit = c, 10
			_, err := through.Parked().List(ctx, f)
			return err
		}
	}
}
