package api_test

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/problem"
)

// keyless are the writes on which an Idempotency-Key does not act: what opens or changes the session of a browser, what
// creates nothing, and what outside parties send, who have keys of their own.
var keyless = []string{"openSession", "logIn", "resetPassword", "changePassword", "verify", "receiveWebhook", "receiveVNeIDRequest", "receiveVNeIDToken"}

// TestEveryWriteHappensOnce makes each write twice under one key. The second answer is the first one, secrets included;
// the same key with another request is refused.
func TestEveryWriteHappensOnce(t *testing.T) {
	s := newSurface(t)
	for _, op := range s.operations() {
		if !op.writes() {
			continue
		}
		described := slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.Name == "Idempotency-Key" })
		if slices.Contains(keyless, op.id) {
			if described {
				t.Errorf("%s describes a key that does not act", op.route)
			}
			continue
		}
		if !described {
			t.Errorf("%s does not describe its key", op.route)
		}
		if op.id == "endSession" || op.id == "endMySession" || slices.Contains(needsEngine, op.id) { // the first two end the caller
			continue
		}
		c := s.good(op.route)
		first, second := s.do(c, "Idempotency-Key", "once-"+op.id), s.do(c, "Idempotency-Key", "once-"+op.id)
		if first.status >= http.StatusMultipleChoices || second.status != first.status || string(second.body) != string(first.body) ||
			second.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%s: %d %s, then %d %s", op.route, first.status, first.body, second.status, second.body)
		}
		if c.body == "" {
			continue
		}
		other := c
		other.body += " "
		if got := s.do(other, "Idempotency-Key", "once-"+op.id); got.status != http.StatusUnprocessableEntity || c.on.problem(got).Code != problem.IdempotencyMismatch {
			t.Errorf("%s with another body: %d %s", op.route, got.status, got.body)
		}
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
		if strings.Contains(op.route, "/v1/vnpay/") || strings.Contains(op.route, "/v1/webhooks/") { // as those parties write
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
