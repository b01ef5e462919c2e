package api_test

import (
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/problem"
)

// A key is refused by what opens, changes or ends the session of a browser, and by what creates nothing. What outside
// parties send has keys of its own. Every other write honours it.
var (
	refusing = []string{"openSession", "endSession", "logIn", "resetPassword", "changePassword"}
	parties  = []string{"receiveWebhook", "receiveVNeIDRequest", "receiveVNeIDToken"}
)

// TestEveryWriteHappensOnce makes each write of the description twice under one key. Either the second answer is the first
// one, secrets included, and the same key with another request is refused; or the key itself is.
func TestEveryWriteHappensOnce(t *testing.T) {
	s := newSurface(t)
	for _, op := range s.operations() {
		if !op.writes() {
			continue
		}
		described := slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.Name == "Idempotency-Key" })
		honours := !slices.Contains(refusing, op.id) && !slices.Contains(parties, op.id)
		if described != honours {
			t.Errorf("%s honours a key: %v; its description says so: %v", op.route, honours, described)
		}
		c := s.good(op.route)
		switch {
		case honours:
			s.wantOnce(op, c)
		case slices.Contains(refusing, op.id):
			got := s.do(c, "Idempotency-Key", "once-"+op.id)
			p := c.on.wantProblem(got, http.StatusUnprocessableEntity, problem.Invalid)
			if len(p.Errors) != 1 || p.Errors[0].Location != "header.Idempotency-Key" {
				t.Errorf("%s with a key: %s", op.route, got.body)
			}
			if got := s.do(c); got.status >= http.StatusMultipleChoices {
				t.Errorf("%s, whose key was refused, again without: %d %s", op.route, got.status, got.body)
			}
		}
	}
}

func (s *surface) wantOnce(op operation, c call) {
	s.t.Helper()
	first, second := s.do(c, "Idempotency-Key", "once-"+op.id), s.do(c, "Idempotency-Key", "once-"+op.id)
	if first.status >= http.StatusMultipleChoices || second.status != first.status || string(second.body) != string(first.body) ||
		second.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		s.t.Errorf("%s: %d %s, then %d %s", op.route, first.status, first.body, second.status, second.body)
	}
	if c.body == "" {
		return
	}
	c.body += " "
	if got := s.do(c, "Idempotency-Key", "once-"+op.id); got.status != http.StatusUnprocessableEntity || c.on.problem(got).Code != problem.IdempotencyMismatch {
		s.t.Errorf("%s with another body: %d %s", op.route, got.status, got.body)
	}
}

// TestEveryWriteRefusesAWrongKey: a key that cannot be kept is refused, also an empty one (a blank is
// none on the wire), because its sender relies on it.
func TestEveryWriteRefusesAWrongKey(t *testing.T) {
	s := newSurface(t)
	for _, op := range s.operations() {
		if !op.writes() || slices.Contains(refusing, op.id) {
			continue
		}
		c := s.good(op.route)
		if c.actor == "vneid" || strings.HasPrefix(c.path, "/v1/webhooks/") || strings.HasSuffix(op.route, "/ipn") {
			continue // what a party sends beside its own key is its own
		}
		for _, key := range []string{" ", "a b", "khóa", strings.Repeat("k", 256)} {
			if got := s.do(c, "Idempotency-Key", key); got.status != http.StatusUnprocessableEntity || !strings.Contains(string(got.body), "header.Idempotency-Key") {
				t.Errorf("%s with the key %.10q: %d %s", op.route, key, got.status, got.body)
			}
		}
	}
}

// mayRepeat are tables that a repetition may write to: who came is noted each time, and limits count.
var mayRepeat = []string{"audit_log", "audit_waiting", "sessions"}

// unseen are writes whose first result nobody knows of when the answer is lost: a link ends by itself, and an upload that
// no signing takes is deleted after a while.
var unseen = []string{"linkRegistration", "linkSigning", "createDocument"}

// TestEveryWriteHappensOnceWhenItsAnswerIsLost makes each write twice under one key, with a store that keeps no answer: the
// process died in between, or the writer is a party with a natural key. Nothing is there twice.
func TestEveryWriteHappensOnceWhenItsAnswerIsLost(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "kyso.db")
	on := openStore(t, dsn)
	s := newSurfaceOn(t, on, func(o *api.Options) { o.Desk = forgetfulDesk{on} })
	for _, op := range s.operations() {
		if !op.writes() || slices.Contains(refusing, op.id) || slices.Contains(unseen, op.id) {
			continue
		}
		c := s.good(op.route)
		if c.on != s.testBench { // the people's API has a store of its own
			continue
		}
		first := s.do(c, "Idempotency-Key", "lost-"+op.id)
		before := rows(t, dsn)
		second := s.do(c, "Idempotency-Key", "lost-"+op.id)
		if first.status >= http.StatusMultipleChoices || second.status != first.status {
			t.Errorf("%s: %d %s, then %d %s", op.route, first.status, first.body, second.status, second.body)
		}
		for table, n := range rows(t, dsn) {
			if n != before[table] && !slices.Contains(mayRepeat, table) {
				t.Errorf("%s: table %s grew from %d to %d rows", op.route, table, before[table], n)
			}
		}
	}
}

// TestASecretWorksAfterItsAnswerWasLost: whoever asks again under the same key gets a secret that works, of the one key or
// endpoint that is there, and a receiver is not cut off by a rotation that was asked for twice.
func TestASecretWorksAfterItsAnswerWasLost(t *testing.T) {
	s := newSurface(t)
	s2 := newSurfaceOn(t, s.store, func(o *api.Options) { o.Desk = forgetfulDesk{s.store} })
	var keys [2]api.KeyBody
	for i := range keys {
		s2.post("/v1/keys", `{"owner":"team-lost","scopes":["signings"],"days":30}`, "Idempotency-Key", "k").into(t, &keys[i])
	}
	if keys[0].ID != keys[1].ID {
		t.Errorf("two keys: %+v", keys)
	}
	wantStatus(t, s.get("/v1/signings", "Authorization", "Bearer "+keys[1].Secret), http.StatusOK)
	wantStatus(t, s.get("/v1/signings", "Authorization", "Bearer "+keys[0].Secret), http.StatusUnauthorized)
	var endpoints [2]api.EndpointBody
	for i := range endpoints {
		s2.post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1/lost"}`, append(s.as, "Idempotency-Key", "k")...).into(t, &endpoints[i])
	}
	if endpoints[0].ID != endpoints[1].ID || endpoints[0].Secret != endpoints[1].Secret || endpoints[0].Secret == "" {
		t.Errorf("two endpoints: %+v", endpoints)
	}
	var rotated [2]api.EndpointBody
	for i := range rotated {
		s2.post("/v1/webhook-endpoints/"+endpoints[0].ID+"/rotate", "", append(s.as, "Idempotency-Key", "r")...).into(t, &rotated[i])
	}
	stored, err := s.store.Webhooks().Endpoint(t.Context(), endpoints[0].ID)
	must(t, err)
	if got, want := stored.Secrets(time.Now()), []string{rotated[1].Secret, endpoints[0].Secret}; !slices.Equal(got, want) {
		t.Errorf("it signs with %q, want %q", got, want)
	}
}

// TestSecretsAreNotShownForEver: a caller who lost the answer gets it again for a while, and never another secret.
func TestSecretsAreNotShownForEver(t *testing.T) {
	now := time.Now()
	b := newBench(t, withEndpoints, func(o *api.Options) { o.Now, o.PlainEndpoints = func() time.Time { return now }, true })
	send := func() answer {
		return b.post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1/1"}`, "Idempotency-Key", "k")
	}
	var first, second api.EndpointBody
	send().into(t, &first)
	now = now.Add(14 * time.Minute)
	send().into(t, &second)
	if first.Secret == "" || first.Secret != second.Secret || first.ID != second.ID {
		t.Errorf("made %+v, then %+v", first, second)
	}
	now = now.Add(2 * time.Minute)
	b.wantProblem(send(), http.StatusConflict, problem.Conflict)
	var list api.EndpointList
	b.get("/v1/webhook-endpoints").into(t, &list)
	if len(list.Items) != 1 {
		t.Errorf("%d endpoints", len(list.Items))
	}
}

// TestEveryQueryIsKnown asks every route with a parameter that it does not know, and with each that it knows twice.
func TestEveryQueryIsKnown(t *testing.T) {
	s := newSurface(t)
	for _, op := range s.operations() {
		if strings.Contains(op.route, "/v1/vnpay/") || strings.Contains(op.route, "/v1/payments/return") || strings.Contains(op.route, "/v1/webhooks/") { // as those parties write
			continue
		}
		c := s.good(op.route)
		refused := func(query, name string) {
			other := c
			other.path += map[bool]string{true: "&", false: "?"}[strings.Contains(c.path, "?")] + query
			got := s.do(other)
			if got.status != http.StatusUnprocessableEntity || !slices.ContainsFunc(c.on.problem(got).Errors, func(f api.FieldError) bool { return f.Location == "query."+name }) {
				t.Errorf("%s with %s: %d %s", op.route, query, got.status, got.body)
			}
		}
		refused("unknown=1", "unknown")
		for _, p := range op.parameters {
			if p.In == "query" {
				refused(p.Name+"=1&"+p.Name+"=2", p.Name)
				refused(strings.ToUpper(p.Name)+"=1", strings.ToUpper(p.Name))
			}
		}
	}
}

// TestNamesMatchExactlyAndOnce sends every body with its first name twice, and with it in other letters.
func TestNamesMatchExactlyAndOnce(t *testing.T) {
	s := newSurface(t)
	bodies := 0
	for _, op := range s.operations() {
		if !op.writes() || slices.Contains([]string{"receiveWebhook", "receiveVNeIDRequest", "receiveVNeIDToken"}, op.id) {
			continue
		}
		c := s.good(op.route)
		if !strings.HasPrefix(c.body, `{"`) {
			continue
		}
		bodies++
		pair, _, _ := strings.Cut(c.body[1:], ",")
		pair = strings.TrimSuffix(pair, "}")
		name, _, _ := strings.Cut(pair[1:], `"`)
		for what, body := range map[string]string{
			"twice":            `{` + pair + `,` + c.body[1:],
			"in other letters": `{"` + strings.ToUpper(name) + c.body[2+len(name):],
		} {
			if strings.Contains(pair, "[") || strings.Count(pair, "{") > 0 { // a pair of its own, cut inside
				body = strings.Replace(body, pair+",", `"`+name+`":null,`, 1)
			}
			other := c
			other.body = body
			if got := s.do(other); got.status != http.StatusUnprocessableEntity {
				t.Errorf("%s %s: %d %s for %s", op.route, what, got.status, got.body, body)
			}
		}
	}
	if bodies < 25 {
		t.Errorf("only %d bodies", bodies)
	}
	for _, nested := range []string{`{"user":"ICA.1","documents":[{"id":"a","id":"b"}]}`, `{"user":"ICA.1","documents":[{"ID":"a"}]}`} {
		s.wantProblem(s.post("/v1/signings", nested), http.StatusUnprocessableEntity, problem.Invalid)
	}
}

// TestDeepBodiesCostNothing sends bodies that nest without end to every route that takes one, as a stranger too: what is held
// meanwhile does not grow with the depth.
func TestDeepBodiesCostNothing(t *testing.T) {
	s := newSurface(t)
	deep := map[string]string{"lists": strings.Repeat("[", 100_000), "objects": strings.Repeat(`{"aaaaaaaa":`, 20_000),
		"lists in objects": `{"a":` + strings.Repeat(`[{"a":`, 30_000)}
	sent := 0
	for _, op := range s.operations() {
		if !op.writes() {
			continue
		}
		method, path, _ := strings.Cut(op.route, " ")
		path = strings.NewReplacer("{id}", "x", "{provider}", "x", "{token}", "x", "{index}", "0", "{name}", "x").Replace(path)
		for what, body := range deep {
			for _, who := range [][]string{s.as, {"Authorization", ""}} {
				sent++
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				got := s.desk.do(method, path, body, append([]string{"Content-Type", "application/json"}, who...)...)
				runtime.ReadMemStats(&after)
				if held := after.TotalAlloc - before.TotalAlloc; held > 16<<20 {
					t.Errorf("%s of %s: %d, %d MB allocated", op.route, what, got.status, held>>20)
				}
				if got.status < 400 && strings.Contains(string(got.body), "aaaa") || got.status >= 500 && got.status != http.StatusNotImplemented {
					t.Errorf("%s of %s: %d %s", op.route, what, got.status, got.body)
				}
			}
		}
	}
	if sent < 150 {
		t.Errorf("only %d bodies were sent", sent)
	}
}
