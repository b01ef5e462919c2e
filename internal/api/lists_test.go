package api_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"kyso/internal/access"
	"kyso/internal/audit"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/storetest"
	"kyso/internal/webhook"
)

// wholeLists are not filled here, and why.
var wholeLists = map[string]string{
	"/v1/keys":                       "every key in one answer",
	"/v1/trust":                      "every use of a certificate reads all of it",
	"/v1/me/sessions":                "of one account",
	"/v1/me/registrations":           "of one person; behind a cursor of time and id",
	"/v1/me/signings":                "of one person; behind a cursor of time and id",
	"/v1/webhook-endpoints":          "an owner has at most 20",
	"/v1/packages":                   "configuration",
	"/v1/incident-groups":            "one for each cause",
	"/v1/audit/exported":             "lines of a file, paged by their place; the command line tests it",
	"/v1/signings/{id}/certificates": "of one signing",
}

// pagedLists are lists that go on behind a cursor: what fills each, and the field of an item that names it.
var pagedLists = []struct {
	path string // in the description
	ask  string // of the first page
	item string
	fill func(t *testing.T, f *storetest.Filled) map[string]bool
}{
	{"/v1/audit/checkpoints", "/v1/audit/checkpoints?limit=500", "number", func(t *testing.T, f *storetest.Filled) map[string]bool {
		for i := range storetest.Rows {
			must(t, f.AuditLog().SaveCheckpoint(t.Context(), audit.Checkpoint{Number: int64(i + 1), At: storetest.Half(i), Signature: []byte{1}}))
		}
		return f.IDs("audit_checkpoints", "number")
	}},
	{"/v1/signings", "/v1/signings?limit=500", "id", func(_ *testing.T, f *storetest.Filled) map[string]bool { return f.Signings(signing.StatusPreparing) }},
	{"/v1/signings", "/v1/signings?status=signed&limit=499", "id", func(_ *testing.T, f *storetest.Filled) map[string]bool { return f.Signings(signing.StatusSigned) }},
	{"/v1/registrations", "/v1/registrations?limit=500", "id", inReview},
	{"/v1/registrations", "/v1/registrations?status=in-review&order=due&limit=100", "id", inReview},
	{"/v1/registrations", "/v1/registrations?status=in-review&order=due&overdue=true&limit=100", "id", inReview},
	{"/v1/registrations", "/v1/registrations?status=in-review&order=due&claim=none&limit=100", "id", inReview},
	{"/v1/registrations", "/v1/registrations?status=in-review&order=due&claim=mine&limit=100", "id", func(t *testing.T, f *storetest.Filled) map[string]bool {
		want := inReview(t, f)
		f.Exec(`INSERT INTO claims (registration_id, officer, claimed_at, expires_at) SELECT id, 'admin', created_at, handoff_expires FROM registrations`)
		return want
	}},
	{"/v1/incidents", "/v1/incidents?limit=500", "id", func(t *testing.T, f *storetest.Filled) map[string]bool {
		inReview(t, f)
		want := map[string]bool{}
		for i := range storetest.Rows {
			id := fmt.Sprintf("inc-%04d", i)
			must(t, f.Store.Registrations().OpenRegistrationIncident(t.Context(), process.Incident{ProcessID: "reg-a",
				Attention: process.Attention{IncidentID: id, Step: "issue", Reason: "provider-unavailable", Since: storetest.Half(i), Attempts: 1}}))
			want[id] = true
		}
		return want
	}},
	{"/v1/webhook-endpoints/{id}/messages", "/v1/webhook-endpoints/ep-1/messages?limit=500", "id", func(t *testing.T, f *storetest.Filled) map[string]bool {
		must(t, f.Access().Grant(t.Context(), "admin", storetest.Start, access.Object{Kind: access.Endpoint, ID: "ep-1"}))
		_, err := f.Webhooks().CreateEndpoint(t.Context(), webhook.Endpoint{ID: "ep-1", Owner: "admin", URL: "https://a.example", Secret: "s", CreatedAt: storetest.Start})
		must(t, err)
		must(t, f.Webhooks().SaveMessage(t.Context(), webhook.Message{EndpointID: "ep-1", ID: "m", Type: "kyso.test", Body: []byte("{}"), CreatedAt: storetest.Start}))
		f.Copy("webhook_messages", "endpoint_id", "ep-1", storetest.Rows-1, "id")
		return f.IDs("webhook_messages", "id")
	}},
	{"/v1/verifications", "/v1/verifications?limit=500", "id", func(t *testing.T, f *storetest.Filled) map[string]bool {
		want := map[string]bool{}
		for i := range storetest.Rows {
			id := fmt.Sprintf("v-%04d", i)
			_, err := f.Store.Verifications().Keep(t.Context(), signing.Verification{ID: id, Owner: "admin", SHA256: "aa", CreatedAt: storetest.Half(i), Name: "a.pdf", Report: []byte("{}")}, signing.Uploader{})
			must(t, err)
			want[id] = true
		}
		return want
	}},
	{"/v1/audit", "/v1/audit?limit=500", "seq", func(t *testing.T, f *storetest.Filled) map[string]bool {
		inReview(t, f)
		for i := range storetest.Rows {
			must(t, f.Store.Registrations().NoteAccess(t.Context(), "reg-a", "off-1", "dossier", storetest.Half(i)))
		}
		_, err := storetest.Chained(t.Context(), f.AuditLog(), 0, 1)
		must(t, err)
		return f.IDs("audit", "seq")
	}},
}

func inReview(_ *testing.T, f *storetest.Filled) map[string]bool {
	return f.Registrations(registration.StatusInReview)
}

// TestEveryListGivesEveryRowOnce pages through each list of the API to its end.
func TestEveryListGivesEveryRowOnce(t *testing.T) {
	for _, l := range pagedLists {
		t.Run(l.ask, func(t *testing.T) {
			storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
				want := l.fill(t, f)
				d := newDeskOn(t, f.Store, withEndpoints, pdfStub, withVerifications)
				d.options.Records = f.Store.Registrations()
				seen := map[string]int{}
				for path := l.ask; path != ""; {
					var page struct {
						Items []map[string]any `json:"items"`
						Next  string           `json:"next"`
					}
					got := d.get(path)
					wantStatus(t, got, 200)
					got.into(t, &page)
					for _, item := range page.Items {
						seen[fmt.Sprint(item[l.item])]++
					}
					path = page.Next
					if len(seen) > 2*len(want) {
						t.Fatal("the list has no end")
					}
				}
				for id := range want {
					if seen[id] != 1 {
						t.Fatalf("%s is listed %d times; %d of %d rows", id, seen[id], len(seen), len(want))
					}
				}
				asksNoMoreForMore(t, f, d, l.ask)
				if l.path == "/v1/audit" {
					delete(seen, fmt.Sprint(len(want)+1)) // that the key of the test came
				}
				if len(seen) != len(want) {
					t.Errorf("%d rows listed, want %d", len(seen), len(want))
				}
			})
		})
	}
}

var pageSize = regexp.MustCompile(`limit=\d+`)

// asksNoMoreForMore holds that a page of fifty asks the store as many questions as one of two.
func asksNoMoreForMore(t *testing.T, f *storetest.Filled, d *desk, path string) {
	t.Helper()
	var asked [2]int
	for i, limit := range []string{"limit=2", "limit=50"} {
		path := pageSize.ReplaceAllString(path, limit)
		wantStatus(t, d.get(path), 200)
		f.Statements.Reset()
		wantStatus(t, d.get(path), 200)
		asked[i], _ = f.Statements.Count()
	}
	if asked[0] != asked[1] || asked[0] == 0 {
		t.Errorf("%s asks %d questions for two rows and %d for fifty:\n%s", path, asked[0], asked[1], f.Statements.Often())
	}
}

// TestWholeListsAskNoMoreForMore is asksNoMoreForMore for lists that have no pages.
func TestWholeListsAskNoMoreForMore(t *testing.T) {
	fills := map[string]func(t *testing.T, f *storetest.Filled, i int){
		"/v1/keys": func(t *testing.T, f *storetest.Filled, i int) {
			_, err := f.Access().CreateKey(t.Context(), access.Key{ID: fmt.Sprint("key-", i), Owner: "o", Name: "n", Scopes: []access.Scope{access.Signings}, CreatedAt: storetest.Start, ExpiresAt: storetest.Start.AddDate(9, 0, 0)}, fmt.Sprint(i))
			must(t, err)
		},
		"/v1/webhook-endpoints": func(t *testing.T, f *storetest.Filled, i int) {
			_, err := f.Webhooks().CreateEndpoint(t.Context(), webhook.Endpoint{ID: fmt.Sprint("ep-", i), Owner: "admin", URL: "https://a.example", Secret: "s", CreatedAt: storetest.Start})
			must(t, err)
		},
		"/v1/incident-groups": func(t *testing.T, f *storetest.Filled, i int) {
			f.One(fmt.Sprint("r-", i))
			must(t, f.Store.Registrations().OpenRegistrationIncident(t.Context(), process.Incident{ProcessID: fmt.Sprint("r-", i),
				Attention: process.Attention{IncidentID: fmt.Sprint("inc-", i), Step: fmt.Sprint("step-", i), Reason: "provider-unavailable", Since: storetest.Start, Attempts: 1}}))
		},
	}
	for path, fill := range fills {
		if wholeLists[path] == "" {
			t.Fatalf("%s is no such list", path)
		}
		t.Run(path, func(t *testing.T) {
			storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
				d := newDeskOn(t, f.Store, withEndpoints)
				asked := map[int]int{}
				for i := range 9 {
					fill(t, f, i)
					wantStatus(t, d.get(path), 200)
					f.Statements.Reset()
					wantStatus(t, d.get(path), 200)
					asked[i], _ = f.Statements.Count()
				}
				if asked[0] != asked[8] || asked[0] == 0 {
					t.Errorf("%d questions for one row and %d for nine:\n%s", asked[0], asked[8], f.Statements.Often())
				}
			})
		})
	}
}

// TestNoListIsLeftOut finds every list in the description of the API.
func TestNoListIsLeftOut(t *testing.T) {
	d := newDesk(t, withEndpoints, withTrust(t), pdfStub, withVerifications)
	var spec struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	d.get("/openapi.json").into(t, &spec)
	lists := 0
	for path, methods := range spec.Paths {
		ref := methods["get"].Responses["200"].Content["application/json"].Schema.Ref
		name := ref[strings.LastIndex(ref, "/")+1:]
		if _, list := spec.Components.Schemas[name].Properties["items"]; !list {
			continue
		}
		lists++
		paged := wholeLists[path] != ""
		for _, l := range pagedLists {
			paged = paged || l.path == path
		}
		if !paged {
			t.Errorf("%s is a list that no test pages through", path)
		}
	}
	if lists < 8 {
		t.Errorf("only %d lists were found: the test looks in the wrong place", lists)
	}
}

func TestCursorsOfStrangersAreRefused(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/v1/signings", "/v1/registrations", "/v1/incidents"} {
		d.wantProblem(d.get(path+"?cursor=x"), 422, "invalid")
	}
}
