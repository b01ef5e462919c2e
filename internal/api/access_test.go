package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// key makes an API key and returns its secret.
func (b *testBench) key(owner string, scopes ...access.Scope) string {
	b.t.Helper()
	body, err := json.Marshal(api.KeyRequest{Owner: owner, Scopes: scopes, Days: 30})
	if err != nil {
		b.t.Fatal(err)
	}
	got := b.post("/v1/keys", string(body))
	wantStatus(b.t, got, http.StatusCreated)
	var made api.KeyBody
	got.into(b.t, &made)
	if !strings.HasPrefix(made.Secret, "kyso_") || len(made.Secret) < 40 {
		b.t.Fatalf("secret %q", made.Secret)
	}
	return made.Secret
}

// guest opens a guest's session and returns its cookie.
func (b *testBench) guest() string {
	b.t.Helper()
	got := b.post("/v1/session", `{}`, "Authorization", "")
	wantStatus(b.t, got, http.StatusOK)
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	return cookie
}

// matrix says for every route what each caller gets, in the order of its columns: nobody, the owner, another guest, a
// key of another team without the scope webhooks, an officer, an operator, a keeper of keys. "-" is 401, "x" is 403, "?" is 404 as if it were not
// there, "o" is let through.
var matrix = map[string]string{
	"POST /v1/documents":                                  "-oooxxx",
	"GET /v1/documents/{id}":                              "-o??xxx",
	"GET /v1/documents/{id}/content":                      "-o??xxx",
	"GET /v1/documents/{id}/inspection":                   "-o??xxx",
	"GET /v1/documents/{id}/verification":                 "-o??xxx",
	"POST /v1/verifications":                              "-oooxxx",
	"GET /v1/verifications":                               "-oooxxx",
	"GET /v1/verifications/{id}":                          "-o??xxx",
	"GET /v1/verifications/{id}/report":                   "-o??xxx",
	"GET /v1/verifications/{id}/evidence":                 "-o??xxx",
	"DELETE /v1/verifications/{id}":                       "-o??xxx",
	"POST /v1/signings":                                   "-oooxxx",
	"GET /v1/signings":                                    "-oooxox",
	"GET /v1/signings/{id}":                               "-o??xox",
	"GET /v1/signings/{id}/events":                        "-o??xox",
	"GET /v1/signings/{id}/documents/{n}/content":         "-o??xxx",
	"GET /v1/signings/{id}/documents/{n}/verification":    "-o??xxx",
	"GET /v1/signings/{id}/certificates":                  "-o??xxx",
	"GET /v1/signings/{id}/appearance":                    "-o??xxx",
	"POST /v1/signings/{id}/certificate":                  "-o??xxx",
	"POST /v1/signings/{id}/placement":                    "-o??xxx",
	"POST /v1/signings/{id}/cancel":                       "-o??xox",
	"POST /v1/signings/{id}/resume-link":                  "-o??xxx",
	"POST /v1/signings/{id}/repair":                       "-xxxxox",
	"GET /v1/incidents":                                   "-xxxxox",
	"GET /v1/incident-groups":                             "-xxxxox",
	"GET /v1/incidents/{id}":                              "-xxxxox",
	"POST /v1/incidents/{id}/notes":                       "-xxxxox",
	"POST /v1/incidents/{id}/assign":                      "-xxxxox",
	"POST /v1/incidents/{id}/repair":                      "-xxxxox",
	"POST /v1/reconciliations":                            "-xxxxox",
	"POST /v1/incident-decisions":                         "-xxxxox",
	"GET /v1/audit":                                       "-xxxxox",
	"GET /v1/audit/checkpoints":                           "-xxxxox",
	"GET /v1/audit/exported":                              "-xxxxox",
	"DELETE /v1/subjects/{id}":                            "-xxxxox",
	"POST /v1/webhooks/{provider}/{token}":                "ooooooo",
	"POST /v1/vneid/requests":                             "ooooooo",
	"POST /v1/vneid/tokens":                               "ooooooo",
	"GET /v1/vnpay/ipn":                                   "ooooooo",
	"GET /v1/vnpay/return":                                "ooooooo",
	"GET /v1/payments/return":                             "ooooooo",
	"GET /v1/packages":                                    "ooooooo",
	"POST /v1/hand-off":                                   "-oooxxx",
	"GET /v1/registrations":                               "-ooooox",
	"GET /v1/registrations/{id}":                          "-o??oox",
	"GET /v1/registrations/{id}/events":                   "-o??oox",
	"GET /v1/registrations/{id}/documents/{name}/content": "-o??oxx",
	"POST /v1/registrations/{id}/code":                    "-o??xxx",
	"POST /v1/registrations/{id}/account":                 "-o??xxx",
	"POST /v1/registrations/{id}/package":                 "-o??xxx",
	"POST /v1/registrations/{id}/pay":                     "-o??xxx",
	"POST /v1/registrations/{id}/contract":                "-o??xxx",
	"POST /v1/registrations/{id}/correction":              "-o??xxx",
	"POST /v1/registrations/{id}/activation":              "-o??xxx",
	"POST /v1/registrations/{id}/acceptance":              "-o??xxx",
	"POST /v1/registrations/{id}/withdraw":                "-o??xxx",
	"POST /v1/registrations/{id}/resume-link":             "-o??xxx",
	"GET /v1/registrations/{id}/dossier":                  "-xxxoxx",
	"POST /v1/registrations/{id}/claim":                   "-xxxoxx",
	"DELETE /v1/registrations/{id}/claim":                 "-xxxoxx",
	"POST /v1/registrations/{id}/review":                  "-xxxoxx",
	"POST /v1/registrations/{id}/repair":                  "-xxxxox",
	"POST /v1/webhook-endpoints":                          "-xxxxxx",
	"GET /v1/webhook-endpoints":                           "-xxxxxx",
	"DELETE /v1/webhook-endpoints/{id}":                   "-xxxxxx",
	"POST /v1/webhook-endpoints/{id}/rotate":              "-xxxxxx",
	"POST /v1/webhook-endpoints/{id}/test":                "-xxxxxx",
	"POST /v1/webhook-endpoints/{id}/replay":              "-xxxxxx",
	"GET /v1/webhook-endpoints/{id}/messages":             "-xxxxxx",
	"GET /v1/trust":                                       "-xxxxox",
	"POST /v1/trust":                                      "-xxxxxx",
	"DELETE /v1/trust/{fingerprint}":                      "-xxxxxx",
	"GET /v1/keys":                                        "-xxxxxo",
	"POST /v1/keys":                                       "-xxxxxo",
	"DELETE /v1/keys/{id}":                                "-xxxxxo",
	"POST /v1/session":                                    "ooooooo",
	"GET /v1/session":                                     "-oooooo",
	"DELETE /v1/session":                                  "-oooooo",
	"POST /v1/resume":                                     "-oooooo",
	"POST /v1/login/code":                                 "-oooxxx",
	"POST /v1/login":                                      "-oooxxx",
	"POST /v1/password-reset/code":                        "-oooxxx",
	"POST /v1/password-reset":                             "-oooxxx",
	"DELETE /v1/password-reset":                           "-------",
	"GET /v1/me":                                          "-------",
	"POST /v1/me/password":                                "-------",
	"GET /v1/me/registrations":                            "-------",
	"GET /v1/me/signings":                                 "-------",
	"GET /v1/me/sessions":                                 "-------",
	"DELETE /v1/me/sessions/{session}":                    "-------",
}

// pdfStub says the same of every file.
func pdfStub(o *api.Options) { o.PDF = stubPDF() }

// TestAuthorisationMatrix asks every route that the description names as every kind of caller. The things asked for are
// there, so a 404 is one of authorisation.
func TestAuthorisationMatrix(t *testing.T) {
	d := newDesk(t, pdfStub, withEndpoints, withTrust(t), withVerifications)
	var spec struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	d.get("/openapi.json").into(t, &spec)
	routes := 0
	for path, methods := range spec.Paths {
		for method := range methods {
			routes++
			if matrix[strings.ToUpper(method)+" "+path] == "" {
				t.Errorf("no row for %s %s", strings.ToUpper(method), path)
			}
		}
	}
	if routes != len(matrix) {
		t.Errorf("%d routes, %d rows", routes, len(matrix))
	}
	callers := []func(owner string) []string{
		func(string) []string { return []string{"Authorization", ""} },
		func(owner string) []string { return []string{"Authorization", "", "Cookie", owner} },
		func(string) []string { return []string{"Authorization", "", "Cookie", d.guest()} },
		bearer(d.key("team-b", access.Signings, access.Registrations)), bearer(d.key("officer-1", access.Officer)),
		bearer(d.key("operator-1", access.Operator)), bearer(d.key("keeper-1", access.Keys)),
	}
	for route, row := range matrix {
		method, path, _ := strings.Cut(route, " ")
		for i, want := range row {
			owner := d.guest()
			at, kind := d.place(path, owner)
			got := d.do(method, at, `{}`, append([]string{"Content-Type", contentFor(route), "Last-Event-ID", "not a number: no stream begins"}, callers[i](owner)...)...)
			if letter := verdict(t, got, kind); letter != string(want) {
				t.Errorf("%s as caller %d: %s, want %c: %d %s", route, i, letter, want, got.status, got.body)
			}
		}
	}
}

func contentFor(route string) string {
	if route == "POST /v1/documents" || route == "POST /v1/verifications" {
		return "application/pdf"
	}
	return "application/json"
}

func bearer(secret string) func(string) []string {
	return func(string) []string { return []string{"Authorization", "Bearer " + secret} }
}

// place fills a path with things that belong to the owner of a cookie.
func (d *desk) place(path, cookie string) (at, kind string) {
	d.t.Helper()
	as := []string{"Authorization", "", "Cookie", cookie}
	id := "none"
	switch {
	case strings.HasPrefix(path, "/v1/documents/"), strings.HasPrefix(path, "/v1/signings/"):
		var document api.DocumentBody
		d.do(http.MethodPost, "/v1/documents?name=a.pdf", pdf, append([]string{"Content-Type", "application/pdf"}, as...)...).into(d.t, &document)
		id, kind = document.ID, "document"
		if strings.HasPrefix(path, "/v1/signings/") {
			var signing api.SigningBody
			signer := fmt.Sprintf("ICA.%012d", time.Now().UnixNano()%1e12) // each has a phone of their own
			d.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q}]}`, signer, document.ID), as...).into(d.t, &signing)
			id, kind = signing.ID, "signing"
		}
	case strings.HasPrefix(path, "/v1/verifications/"):
		var made struct{ Kept api.KeptVerification }
		d.do(http.MethodPost, "/v1/verifications?keep=true", pdf, append([]string{"Content-Type", "application/pdf"}, as...)...).into(d.t, &made)
		id, kind = made.Kept.ID, "verification"
	case strings.HasPrefix(path, "/v1/registrations/"), strings.HasPrefix(path, "/v1/subjects/"):
		var accepted api.AcceptedBody
		token := fmt.Sprint("token-", time.Now().UnixNano())
		d.post("/v1/vneid/requests", "V-"+token+" "+token, "X-Signature", "good")
		d.post("/v1/hand-off", fmt.Sprintf(`{"token":%q}`, token), as...).into(d.t, &accepted)
		d.records.set(accepted.RegistrationID, func(r *registration.Registration) { r.Status = registration.StatusInReview })
		id, kind = accepted.RegistrationID, "registration"
	}
	return strings.NewReplacer("{id}", id, "{n}", "0", "{name}", "contract", "{provider}", "intrustca", "{token}", "s3cret-token").Replace(path), kind
}

func verdict(t *testing.T, got answer, kind string) string {
	t.Helper()
	var p api.Problem
	_ = json.Unmarshal(got.body, &p) // not every answer is a problem
	switch {
	case got.status == http.StatusUnauthorized && p.Code == problem.Unauthenticated:
		return "-"
	case got.status == http.StatusForbidden && strings.HasPrefix(p.Detail, "this needs the scope"):
		return "x"
	case got.status == http.StatusNotFound && p.Detail == "no such "+kind:
		return "?"
	}
	return "o"
}

func TestKeys(t *testing.T) {
	now := time.Now()
	b := newBench(t, func(o *api.Options) { o.Now = func() time.Time { return now } })
	for name, body := range map[string]string{
		"no owner": `{"owner":"","scopes":["signings"],"days":1}`, "a guest": `{"owner":"guest:1","scopes":["signings"],"days":1}`,
		"the administrator": `{"owner":"admin","scopes":["signings"],"days":1}`, "another case": `{"owner":"Admin","scopes":["signings"],"days":1}`, "a phone number": `{"owner":"0901234567","scopes":["signings"],"days":1}`,
		"no scope": `{"owner":"a","scopes":[],"days":1}`, "no such scope": `{"owner":"a","scopes":["all"],"days":1}`,
		"too long": `{"owner":"a","scopes":["signings"],"days":401}`, "no days": `{"owner":"a","scopes":["signings"],"days":0}`,
	} {
		t.Run(name, func(*testing.T) {
			b.wantProblem(b.post("/v1/keys", body), http.StatusUnprocessableEntity, problem.Invalid)
		})
	}
	one, two := bearer(b.key("team-a", access.Signings)), bearer(b.key("team-a", access.Signings))
	got := b.do(http.MethodPost, "/v1/documents", pdf, append([]string{"Content-Type", "application/pdf"}, one("")...)...)
	var document api.DocumentBody
	got.into(t, &document)
	wantStatus(t, b.get(document.Self, two("")...), http.StatusOK) // keys of one owner reach the same things
	b.wantProblem(b.get(document.Self), http.StatusNotFound, problem.NotFound)
	b.wantProblem(b.get("/v1/keys", "Authorization", "Bearer kyso_wrong"), http.StatusUnauthorized, problem.Unauthenticated)
	b.wantProblem(b.get("/v1/keys", "Authorization", "Basic abc"), http.StatusUnauthorized, problem.Unauthenticated)

	var list api.KeyList
	b.get("/v1/keys").into(t, &list)
	if len(list.Items) != 2 || list.Items[0].Secret != "" {
		t.Fatalf("keys %+v", list.Items)
	}
	for range 2 {
		for _, k := range list.Items {
			wantStatus(t, b.do(http.MethodDelete, "/v1/keys/"+k.ID, ""), http.StatusNoContent)
		}
	}
	b.wantProblem(b.do(http.MethodDelete, "/v1/keys/none", ""), http.StatusNotFound, problem.NotFound)
	b.wantProblem(b.get(document.Self, one("")...), http.StatusUnauthorized, problem.Unauthenticated)

	late := bearer(b.key("team-a", access.Signings))
	wantStatus(t, b.get(document.Self, late("")...), http.StatusOK)
	now = now.AddDate(0, 0, 31)
	b.wantProblem(b.get(document.Self, late("")...), http.StatusUnauthorized, problem.Unauthenticated)
}

func TestSessions(t *testing.T) {
	now := time.Now()
	b := newBench(t, func(o *api.Options) {
		o.Now = func() time.Time { return now }
		o.PublicURL = "https://kyso.example.vn"
	})
	guest := b.post("/v1/session", `{}`, "Authorization", "")
	for _, want := range []string{"__Host-kyso=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(guest.header.Get("Set-Cookie"), want) {
			t.Errorf("cookie %q lacks %s", guest.header.Get("Set-Cookie"), want)
		}
	}
	key := b.key("officer-1", access.Officer)
	opened := b.post("/v1/session", fmt.Sprintf(`{"key":%q}`, key), "Authorization", "")
	wantStatus(t, opened, http.StatusOK)
	cookie, _, _ := strings.Cut(opened.header.Get("Set-Cookie"), ";")
	as := []string{"Authorization", "", "Cookie", cookie}
	var shown api.SessionBody
	b.get("/v1/session", as...).into(t, &shown)
	if shown.Owner != "officer-1" || shown.Kind != "key" || !slices.Equal(shown.Scopes, []access.Scope{access.Officer}) {
		t.Errorf("session %+v", shown)
	}
	b.wantProblem(b.post("/v1/session", `{"key":"kyso_wrong"}`, "Authorization", ""), http.StatusUnauthorized, problem.Unauthenticated)
	b.wantProblem(b.do(http.MethodDelete, "/v1/session", "", append(as, "Sec-Fetch-Site", "cross-site")...), http.StatusForbidden, problem.Denied)
	now = now.Add(29 * time.Minute)
	wantStatus(t, b.get("/v1/session", as...), http.StatusOK) // which counts as being there
	now = now.Add(29 * time.Minute)
	wantStatus(t, b.get("/v1/session", as...), http.StatusOK)
	now = now.Add(31 * time.Minute)
	b.wantProblem(b.get("/v1/session", as...), http.StatusUnauthorized, problem.Unauthenticated)

	again := b.post("/v1/session", fmt.Sprintf(`{"key":%q}`, key), "Authorization", "")
	cookie, _, _ = strings.Cut(again.header.Get("Set-Cookie"), ";")
	as[3] = cookie
	ended := b.do(http.MethodDelete, "/v1/session", "", as...)
	wantStatus(t, ended, http.StatusNoContent)
	if !strings.Contains(ended.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("the cookie stays: %q", ended.header.Get("Set-Cookie"))
	}
	b.wantProblem(b.get("/v1/session", as...), http.StatusUnauthorized, problem.Unauthenticated)
}

// A revoked key takes its sessions with it.
func TestRevokingEndsSessions(t *testing.T) {
	b := newBench(t)
	opened := b.post("/v1/session", fmt.Sprintf(`{"key":%q}`, b.key("officer-1", access.Officer)), "Authorization", "")
	cookie, _, _ := strings.Cut(opened.header.Get("Set-Cookie"), ";")
	var list api.KeyList
	b.get("/v1/keys").into(t, &list)
	wantStatus(t, b.do(http.MethodDelete, "/v1/keys/"+list.Items[0].ID, ""), http.StatusNoContent)
	b.wantProblem(b.get("/v1/session", "Authorization", "", "Cookie", cookie), http.StatusUnauthorized, problem.Unauthenticated)
}

func TestLinksToAnotherDevice(t *testing.T) {
	now := time.Now()
	b := newBench(t, func(o *api.Options) {
		o.Now = func() time.Time { return now }
		o.PublicURL = "http://127.0.0.1:1"
	})
	created := b.signing()
	link := func() string {
		var made api.LinkBody
		b.post(created.Self+"/resume-link", `{}`).into(t, &made)
		_, token, _ := strings.Cut(made.URL, "http://127.0.0.1:1/resume#")
		return fmt.Sprintf(`{"token":%q}`, token)
	}
	first := link()
	as := []string{"Authorization", "", "Cookie", b.guest()}
	b.wantProblem(b.get(created.Self, as...), http.StatusNotFound, problem.NotFound)
	var taken api.ResumeBody
	for _, bad := range []string{first[:len(first)-1], first + "{}", strings.Replace(first, "}", `,"x":1}`, 1), strings.Replace(first, "{", `{"token":"x",`, 1), "[" + first + "]"} {
		if got := b.post("/v1/resume", bad, as...); got.status/100 != 4 { // and the link is not used up
			t.Errorf("%s: %d", bad, got.status)
		}
	}
	b.post("/v1/resume", first, as...).into(t, &taken)
	if taken.ID != created.ID || taken.Page != "/sign/"+created.ID {
		t.Errorf("led to %+v", taken)
	}
	wantStatus(t, b.get(created.Self, as...), http.StatusOK)
	var shown api.SigningBody
	b.get(created.Self, as...).into(t, &shown)
	wantStatus(t, b.get("/v1/documents/"+shown.Documents[0].ID, as...), http.StatusOK)
	wantStatus(t, b.post("/v1/resume", first, as...), http.StatusOK) // the answer was lost
	b.wantProblem(b.post("/v1/resume", first, "Authorization", "", "Cookie", b.guest()), http.StatusConflict, problem.HandoffUsed)
	b.wantProblem(b.post("/v1/resume", `{"token":"unknown"}`, as...), http.StatusNotFound, problem.NotFound)
	late := link()
	now = now.Add(25 * time.Hour)
	b.wantProblem(b.post("/v1/resume", late, "Authorization", "", "Cookie", b.guest()), http.StatusConflict, problem.DeadlinePassed)
}

// The same Idempotency-Key of two callers names two requests.
func TestIdempotencyKeysAreTheirOwners(t *testing.T) {
	b := newBench(t)
	one, two := []string{"Authorization", "", "Cookie", b.guest()}, []string{"Authorization", "", "Cookie", b.guest()}
	upload := func(as []string) (d api.DocumentBody) {
		got := b.do(http.MethodPost, "/v1/documents", pdf, append([]string{"Content-Type", "application/pdf", "Idempotency-Key", "k"}, as...)...)
		wantStatus(t, got, http.StatusCreated)
		got.into(t, &d)
		return d
	}
	first, second := upload(one), upload(two)
	if first.ID == second.ID || upload(one).ID != first.ID {
		t.Errorf("uploads %s and %s", first.ID, second.ID)
	}
	b.wantProblem(b.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q}]}`, user, second.ID), one...), http.StatusUnprocessableEntity, problem.Invalid)
	wantStatus(t, b.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q}]}`, user, second.ID), two...), http.StatusAccepted)
	var list api.SigningList
	b.get("/v1/signings", one...).into(t, &list)
	if len(list.Items) != 0 {
		t.Errorf("another's signings: %+v", list.Items)
	}
	b.get("/v1/signings", two...).into(t, &list)
	if len(list.Items) != 1 {
		t.Errorf("own signings: %+v", list.Items)
	}
}

// An operator sees how a signing stands, and not who signs what.
func TestOperatorsSeeNobody(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	got := b.get(created.Self, bearer(b.key("operator-1", access.Operator))("")...)
	wantStatus(t, got, http.StatusOK)
	if strings.Contains(string(got.body), user) || strings.Contains(string(got.body), "a.pdf") || !strings.Contains(string(got.body), created.ID) {
		t.Errorf("an operator sees %s", got.body)
	}
	if own := b.get(created.Self); !strings.Contains(string(own.body), user) {
		t.Errorf("the owner sees %s", own.body)
	}
}

// A browser that nobody knows cannot make one phone ring for ever; a program with a key may ask as often as it has to.
func TestPhonesAreSpared(t *testing.T) {
	now := time.Now()
	b := newBench(t, func(o *api.Options) { o.Now = func() time.Time { return now } })
	as := []string{"Authorization", "", "Cookie", b.guest()}
	ask := func(who string, as ...string) answer {
		var document api.DocumentBody
		b.do(http.MethodPost, "/v1/documents", pdf, append([]string{"Content-Type", "application/pdf"}, as...)...).into(t, &document)
		return b.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q,"placement":{}}]}`, who, document.ID), as...)
	}
	var first api.SigningBody
	for i := range 5 {
		got := ask(user, as...)
		wantStatus(t, got, http.StatusAccepted)
		if i == 0 {
			got.into(t, &first)
		}
	}
	got := ask(user, as...)
	b.wantProblem(got, http.StatusTooManyRequests, problem.RateLimited)
	if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 2*60*60 {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	b.wantProblem(ask(user, "Authorization", "", "Cookie", b.guest()), http.StatusTooManyRequests, problem.RateLimited) // another browser, the same phone
	wantStatus(t, ask("ICA.079095099999", as...), http.StatusAccepted)
	wantStatus(t, ask(user), http.StatusAccepted) // the administrator's key
	b.move(first.ID, 1, signing.StatusPreparing, signing.StatusCancelled)
	b.wantProblem(ask(user, as...), http.StatusTooManyRequests, problem.RateLimited) // the key's request waits, too
}

func TestRates(t *testing.T) {
	now := time.Date(2026, 11, 2, 8, 0, 20, 0, time.UTC)
	b := newBench(t, func(o *api.Options) {
		o.Now = func() time.Time { return now }
		o.Rate = 40
	})
	as := []string{"Authorization", "", "Cookie", b.guest()} // 1 of 2 entries
	for i := range 40 {
		got := b.get("/v1/session", as...)
		wantStatus(t, got, http.StatusOK)
		if want := fmt.Sprintf(`"read";r=%d;t=40`, 39-i); got.header.Get("RateLimit") != want || got.header.Get("RateLimit-Policy") != `"read";q=40;w=60` {
			t.Fatalf("RateLimit %q, policy %q", got.header.Get("RateLimit"), got.header.Get("RateLimit-Policy"))
		}
	}
	got := b.get("/v1/session", as...)
	b.wantProblem(got, http.StatusTooManyRequests, problem.RateLimited)
	if got.header.Get("Retry-After") != "40" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	b.guest()
	b.wantProblem(b.post("/v1/session", `{}`, "Authorization", ""), http.StatusTooManyRequests, problem.RateLimited)
	wantStatus(t, b.get("/v1/session"), http.StatusOK) // the administrator has no limit
	wantStatus(t, b.get("/healthz", as...), http.StatusOK)
	now = now.Add(40 * time.Second)
	wantStatus(t, b.get("/v1/session", as...), http.StatusOK)
}
