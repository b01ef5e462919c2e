package api_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/audit"
	"kyso/internal/registration"
)

// entries reads the audit log as an operator does, and verifies it.
func (b *testBench) entries() []audit.Entry {
	b.t.Helper()
	var all []audit.Entry
	for path := "/v1/audit?limit=1000"; path != ""; {
		var page api.AuditList
		b.get(path).into(b.t, &page)
		all, path = append(all, page.Items...), page.Next
	}
	if err := registration.VerifyAudit(registration.FirstPrev, 0, all); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// TestEveryWriteIsNoted makes a good request of every route that writes. Each leaves an entry with the caller as its
// actor and what it was about.
func TestEveryWriteIsNoted(t *testing.T) {
	s := newSurface(t)
	for _, op := range s.operations() {
		if !op.writes() {
			continue
		}
		c := s.good(op.route)
		before := len(c.on.entries())
		got := s.do(c)
		if got.status >= http.StatusMultipleChoices {
			t.Errorf("%s: %d %s", op.route, got.status, got.body)
			continue
		}
		found := slices.ContainsFunc(c.on.entries()[before:], func(e audit.Entry) bool {
			actor := e.Actor == c.actor || strings.HasSuffix(c.actor, ":") && strings.HasPrefix(e.Actor, c.actor)
			return e.Kind == "acted" && e.Detail == op.id && actor
		})
		if !found {
			t.Errorf("%s left no entry of %s: %+v", op.route, c.actor, c.on.entries()[before:])
		}
		for _, e := range c.on.entries()[before:] {
			if e.Actor != "" && e.Actor != s.owner && !access.Reserved(e.Actor, []string{"intrustca"}) {
				t.Errorf("%s: a key's owner may have the name of the actor %q", op.route, e.Actor)
			}
		}
	}
}

// TestEveryReaderIsNoted reads everything that gives out documents or a dossier.
func TestEveryReaderIsNoted(t *testing.T) {
	s := newSurface(t)
	read := 0
	for _, op := range s.operations() {
		if op.writes() || !strings.Contains(op.route, "/documents/{") && !strings.HasSuffix(op.route, "/dossier") {
			continue
		}
		read++
		c := s.good(op.route)
		before := len(s.entries())
		got := s.do(c)
		kind := "read"
		if got.status >= http.StatusBadRequest {
			kind = "refused" // what is not signed yet, for one, is noted too
		}
		id := strings.Split(c.path, "/")[3]
		if !slices.ContainsFunc(s.entries()[before:], func(e audit.Entry) bool {
			return e.Kind == kind && e.Actor == s.owner && strings.HasPrefix(e.Detail, op.id) && (kind == "refused" || e.Object == id)
		}) {
			t.Errorf("%s (%d) left %+v", op.route, got.status, s.entries()[before:])
		}
	}
	if read < 7 {
		t.Errorf("only %d routes give out documents", read)
	}
}

// TestStrangersDoNotFloodTheLog counts wrong keys instead of noting each.
func TestStrangersDoNotFloodTheLog(t *testing.T) {
	b := newBench(t)
	before := len(b.entries())
	for range 50 {
		b.get("/v1/signings", "Authorization", "Bearer kyso_wrong")
		b.post("/v1/session", `{"key":"kyso_wrong"}`, "Authorization", "")
	}
	var kinds []string
	for _, e := range b.entries()[before:] {
		kinds = append(kinds, e.Kind+" "+e.Actor+" "+e.Detail)
	}
	slices.Sort(kinds)
	want := []string{"log-in-failed  key or session ×50", "log-in-failed  openSession ×50"}
	if !slices.Equal(kinds, want) {
		t.Errorf("entries %q, want %q", kinds, want)
	}
}

// TestFailedLogInsAreNoted: a wrong key, one that ended, a refused code and a refused password each leave an entry, which names the
// key that ended and never a phone, a code or a password. A stranger who goes on leaves no more than their number.
func TestFailedLogInsAreNoted(t *testing.T) {
	s := newSurface(t)
	c := s.good("POST /v1/keys")
	var made api.KeyBody
	s.do(c).into(t, &made)
	wantStatus(t, s.desk.do(http.MethodDelete, "/v1/keys/"+made.ID, "", s.as...), http.StatusNoContent)
	before := len(s.entries())
	guest := []string{"Authorization", "", "Cookie", s.guest()}
	for range 3 {
		s.get("/v1/signings", "Authorization", "Bearer "+made.Secret)
		s.post("/v1/login", `{"login_id":"none","code":"123456","password":"mot-hai-ba-bon"}`, guest...)
		s.post("/v1/password-reset", `{"login_id":"none","code":"123456","password":"mot-hai-ba-bon"}`, guest...)
	}
	found := map[string]bool{}
	for _, e := range s.entries()[before:] {
		if e.Kind != "log-in-failed" {
			continue
		}
		found[e.Object+" "+strings.Fields(e.Detail)[0]] = true
		for _, secret := range []string{"123456", "mot-hai", made.Secret} {
			if strings.Contains(e.Detail+e.Object+e.Actor, secret) {
				t.Errorf("the log holds %q: %+v", secret, e)
			}
		}
	}
	for _, want := range []string{made.ID + " revoked", " logIn", " resetPassword"} {
		if !found[want] {
			t.Errorf("nothing is noted of %q: %v", want, found)
		}
	}
	many := len(s.entries())
	for i := range 300 {
		s.post("/v1/login", `{"login_id":"none","code":"123456","password":"x"}`, "Authorization", "", "X-Forwarded-For", "203.0.113."+strconv.Itoa(i%250))
		s.get("/v1/signings", "Authorization", "Bearer kyso_wrong"+strconv.Itoa(i))
	}
	if n := len(s.entries()) - many; n > 130 {
		t.Errorf("300 tries left %d entries", n)
	}
}

// TestMakersAndRevokersOfKeys names who made and who ended a key, and who came with it.
func TestMakersAndRevokersOfKeys(t *testing.T) {
	s := newSurface(t)
	c := s.good("POST /v1/keys")
	var made api.KeyBody
	s.do(c).into(t, &made)
	s.get("/v1/signings", "Authorization", "Bearer "+made.Secret)
	s.get("/v1/signings", "Authorization", "Bearer "+made.Secret)
	wantStatus(t, s.desk.do(http.MethodDelete, "/v1/keys/"+made.ID, "", s.as...), http.StatusNoContent)
	var got []string
	for _, e := range s.entries() {
		if e.Object == made.ID && e.Kind != "acted" {
			got = append(got, e.Kind+" "+e.Actor+" "+e.Detail)
		}
	}
	want := []string{"key " + s.owner + " made for " + made.Owner + ": signings", "log-in " + made.Owner + " key", "key " + s.owner + " revoked"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("entries %q, want %q", got, want)
	}
}
