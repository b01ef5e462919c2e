package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/store"
)

// surface is the whole API with a caller of every scope, and a way to make a good request of every route. Tests of a
// promise that holds "on every write" go over it.
type surface struct {
	*desk
	as     []string // headers of the caller
	owner  string
	made   int
	people *people // another API, for what the person of an account does
	lost   *lostRuns
}

func newSurface(t *testing.T, change ...func(*api.Options)) *surface {
	return newSurfaceOn(t, newStore(t), change...)
}

func newSurfaceOn(t *testing.T, on *store.Store, change ...func(*api.Options)) *surface {
	lost := &lostRuns{}
	d := newDeskOn(t, on, append([]func(*api.Options){pdfStub, withEndpoints, withTrust(t), withVerifications, withBooks(lost), func(o *api.Options) { o.PlainEndpoints, o.Rate = true, 0 }}, change...)...)
	s := &surface{desk: d, owner: "team-surface", lost: lost}
	s.as = bearer(d.key(s.owner, access.Scopes()...))("")
	s.people = newPeople(t)
	return s
}

// operation is one route.
type operation struct {
	route      string // METHOD path
	id         string
	parameters []parameter
	body       bool // JSON
}

type parameter struct{ Name, In string }

// operations are all routes that are served.
func (s *surface) operations() []operation {
	s.t.Helper()
	var list []operation
	for _, r := range api.Routes(s.given) {
		o := operation{route: r.At, id: r.ID, body: r.JSON}
		for _, p := range r.Parameters {
			o.parameters = append(o.parameters, parameter{p.Name, p.In})
		}
		list = append(list, o)
	}
	if len(list) < 60 {
		s.t.Fatalf("only %d operations were found", len(list))
	}
	return list
}

func (o operation) writes() bool { return !strings.HasPrefix(o.route, "GET ") }

// call is a request that is answered well.
type call struct {
	method, path, body string
	headers            []string
	on                 *testBench
	actor              string // whom the audit log has to name: an owner, or the begin of one that ends with ":"
}

func (s *surface) do(c call, headers ...string) answer {
	s.t.Helper()
	return c.on.do(c.method, c.path, c.body, append(slices.Clone(c.headers), headers...)...)
}

// next is a number that was not used before.
func (s *surface) next() int {
	s.made++
	return s.made
}

// good makes a good request of a route, with everything that it needs in place.
func (s *surface) good(route string) call {
	s.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	if strings.HasPrefix(path, "/v1/login") || strings.HasPrefix(path, "/v1/password-reset") || strings.HasPrefix(path, "/v1/me") {
		return s.ofPerson(method, path)
	}
	c := call{method: method, headers: append([]string{"Content-Type", "application/json"}, s.as...), on: s.testBench, actor: s.owner}
	id, body := "", ""
	switch {
	case route == "POST /v1/documents" || route == "POST /v1/verifications":
		c.headers[1], body = "application/pdf", pdf
		if strings.HasSuffix(path, "verifications") {
			path += "?keep=true"
		}
	case strings.HasPrefix(path, "/v1/verifications/"):
		id = s.verification()
	case route == "POST /v1/vneid/requests":
		n := s.next()
		c.actor = "vneid"
		c.headers, body = []string{"Authorization", "", "X-Signature", "good"}, fmt.Sprintf("V-%d token-%d", n, n)
	case route == "POST /v1/vneid/tokens":
		n := s.next()
		s.people.registered(fmt.Sprint("p-", n), fmt.Sprintf("0790960%05d", n), citizenPhone, fmt.Sprintf("+8490%07d", n))
		c.on, c.actor = s.people.testBench, "vneid"
		c.headers, body = []string{"Authorization", "", "X-Signature", "good"}, fmt.Sprintf("V-p-%d fresh-%d", n, n)
	case strings.HasPrefix(path, "/v1/webhooks/"):
		c.actor = "intrustca"
		body = fmt.Sprintf(`{"transaction_id":"t-%d","status_code":200}`, s.next())
	case strings.HasPrefix(path, "/v1/documents/"):
		id = s.document()
	case strings.HasPrefix(path, "/v1/signings"):
		id, body = s.signingFor(route)
	case route == "POST /v1/incidents/{id}/repair":
		id, body = s.lostSigning(), `{"action":"begin-again","reason":"engine restored"}`
	case path == "/v1/reconciliations":
		body = `{}`
	case strings.HasPrefix(path, "/v1/incidents/"):
		id, body = s.incident(), map[string]string{"POST /v1/incidents/{id}/notes": `{"text":"đã gọi"}`, "POST /v1/incidents/{id}/assign": `{"assignee":"op-1"}`}[route]
	case path == "/v1/incident-decisions":
		body = `{"process":"signing","step":"timestamp","code":"provider-unavailable","action":"retry","reason":"account restored"}`
	case path == "/v1/hand-off":
		body = fmt.Sprintf(`{"token":%q}`, s.handOff())
	case strings.HasPrefix(path, "/v1/registrations"), strings.HasPrefix(path, "/v1/subjects/"):
		id, body = s.registrationFor(route)
	case strings.HasPrefix(path, "/v1/webhook-endpoints"):
		id, body = s.endpointFor(route)
	case strings.HasPrefix(path, "/v1/trust"):
		id, body = s.authorityFor(method)
	case strings.HasPrefix(path, "/v1/keys"):
		id, body = s.keyFor(route)
	case path == "/v1/session" && method == http.MethodPost:
		c.actor, body = "guest:", `{}`
	case path == "/v1/resume":
		id, _ := s.signingFor("")
		var link api.LinkBody
		s.post("/v1/signings/"+id+"/resume-link", `{}`, s.as...).into(s.t, &link)
		_, secret, _ := strings.Cut(link.URL, "#")
		body = fmt.Sprintf(`{"token":%q}`, secret)
	}
	c.path = strings.NewReplacer("{id}", id, "{fingerprint}", id+"?reason=x", "{n}", "0", "{name}", "contract", "{provider}", "intrustca", "{token}", "s3cret-token").Replace(path)
	c.body = body
	return c
}

func (s *surface) document() string {
	var document api.DocumentBody
	s.desk.do(http.MethodPost, "/v1/documents?name=a.pdf", pdf, append([]string{"Content-Type", "application/pdf"}, s.as...)...).into(s.t, &document)
	return document.ID
}

func (s *surface) verification() string {
	var made struct{ Kept api.KeptVerification }
	s.desk.do(http.MethodPost, "/v1/verifications?keep=true&name=a.pdf", pdf, append([]string{"Content-Type", "application/pdf"}, s.as...)...).into(s.t, &made)
	return made.Kept.ID
}

func (s *surface) signingFor(route string) (id, body string) {
	request := fmt.Sprintf(`{"user":"ICA.%012d","documents":[{"id":%q}]}`, s.next(), s.document())
	if route == "POST /v1/signings" {
		return "", request
	}
	var made api.SigningBody
	s.post("/v1/signings", request, s.as...).into(s.t, &made)
	s.certificates(made.ID)
	return made.ID, map[string]string{
		"POST /v1/signings/{id}/certificate": `{"serial":"54ab"}`,
		"POST /v1/signings/{id}/placement":   `{"placements":[{"page":1,"x":5,"y":6,"width":70,"height":30}]}`,
		"POST /v1/signings/{id}/cancel":      `{"reason":"đổi điều khoản"}`,
		"POST /v1/signings/{id}/repair":      `{"action":"retry","reason":"account restored"}`,
	}[route]
}

func (s *surface) incident() string {
	signingID, _ := s.signingFor("")
	id := fmt.Sprint("inc-", s.next())
	must(s.t, s.store.OpenIncident(s.t.Context(), process.Incident{ProcessID: signingID, Attention: process.Attention{IncidentID: id, Step: "timestamp",
		Reason: string(problem.ProviderUnavailable), Message: "answered 503", Provider: "tsa", Since: time.Now(), Attempts: 1}}))
	return id
}

// lostSigning makes a signing whose process is missing and returns the incident that says so.
func (s *surface) lostSigning() string {
	signingID, _ := s.signingFor("")
	i := process.Incident{Process: process.Signing, ProcessID: signingID, Attention: process.Attention{Step: "created",
		Reason: string(problem.ProcessMissing), Message: "Temporal knows no run", Since: time.Now(), Attempts: 1}}
	_, err := s.store.Relay().OpenMismatch(s.t.Context(), i)
	must(s.t, err)
	return signingID + "-" + i.Reason + "-1"
}

func (s *surface) handOff() string {
	token := fmt.Sprint("token-", s.next())
	s.post("/v1/vneid/requests", "V-"+token+" "+token, "Authorization", "", "X-Signature", "good")
	return token
}

// registrationFor makes a registration that stands where a route finds it.
func (s *surface) registrationFor(route string) (id, body string) {
	var accepted api.AcceptedBody
	s.post("/v1/hand-off", fmt.Sprintf(`{"token":%q}`, s.handOff()), s.as...).into(s.t, &accepted)
	s.records.people[accepted.RegistrationID] = registration.Person{IDNumber: fmt.Sprintf("0790950%05d", s.next()), FullName: "Trần Văn Ánh",
		BirthDate: "1995-02-03", Sex: "male", Province: "Hà Nội", Phone: "+84901234567"}
	status := registration.StatusInReview
	act := route[strings.LastIndex(route, "/")+1:]
	s.records.set(accepted.RegistrationID, func(r *registration.Registration) {
		r.Package, r.AccountID = "PS1", "acct-1"
		r.Contract = &registration.Paper{SHA256: "aa", UploadID: "u"}
		switch act {
		case "code", "account":
			status, r.AccountID = registration.StatusHandedOff, ""
		case "package", "pay":
			status = registration.StatusAccountReady
		case "contract":
			status = registration.StatusAwaitingConsent
		case "correction":
			status, r.Review = registration.StatusNeedsMore, &registration.Review{ID: "v", Decision: registration.DecisionAsk, Fields: []string{"address"}}
		case "activation":
			status, r.Issued, r.Activation = registration.StatusActivating, &registration.Issued{KeyID: "key-1"}, &registration.Activation{PINSetAt: time.Now()}
		case "repair":
			status, r.Attention = registration.StatusIssuing, process.Attention{Step: "issue", Reason: "invalid", Since: time.Now()}
		}
		if strings.HasPrefix(route, "DELETE /v1/subjects") {
			status = registration.StatusCancelled
		}
		r.Status = status
	})
	s.prove(accepted.RegistrationID, act)
	return accepted.RegistrationID, map[string]string{
		"code": `{"purpose":"account","phone":"0901234567"}`, "account": `{"code":"123456","email":"anh@example.vn","password":"mot hai ba bon"}`,
		"package": `{"code":"PS1"}`, "contract": `{"code":"123456"}`, "correction": `{"fields":{"address":"Số 18 đường Láng"}}`,
		"activation": `{"code":"123456"}`, "withdraw": `{}`, "review": `{"decision":"ask","reason":"address-unclear","fields":["address"],"public_note":"Ghi rõ số nhà"}`, "repair": `{"action":"retry","reason":"address corrected"}`,
		"pay": `{}`, "acceptance": `{}`,
	}[act]
}

// prove sends the code that an act asks for, and gives it the payment that it speaks of.
func (s *surface) prove(id, act string) {
	purpose := map[string]string{"account": `{"purpose":"account","phone":"0901234567"}`, "contract": `{"purpose":"contract"}`, "activation": `{"purpose":"activation"}`}[act]
	if purpose != "" {
		wantStatus(s.t, s.post("/v1/registrations/"+id+"/code", purpose, s.as...), http.StatusAccepted)
	}
	if act == "pay" {
		s.records.payments["P-"+id] = registration.Payment{TxnRef: "P-" + id, RegistrationID: id, ExpiresAt: time.Now().Add(time.Minute)}
		s.flows.status.TxnRef = "P-" + id
	}
}

func (s *surface) endpointFor(route string) (id, body string) {
	request := fmt.Sprintf(`{"url":"http://127.0.0.1/%d"}`, s.next())
	if route == "POST /v1/webhook-endpoints" {
		return "", request
	}
	var list api.EndpointList // there is room for few
	s.get("/v1/webhook-endpoints", s.as...).into(s.t, &list)
	for _, e := range list.Items {
		s.desk.do(http.MethodDelete, "/v1/webhook-endpoints/"+e.ID, "", s.as...)
	}
	var made api.EndpointBody
	s.post("/v1/webhook-endpoints", request, s.as...).into(s.t, &made)
	if strings.HasSuffix(route, "/replay") {
		body = fmt.Sprintf(`{"from":%q}`, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	}
	return made.ID, body
}

func (s *surface) authorityFor(method string) (fingerprint, body string) {
	body = trustBody(pemOf(authority(s.t, fmt.Sprint("CA ", s.next()), nil)), "thử")
	if method != http.MethodDelete {
		return "", body
	}
	var made api.AuthorityBody
	s.post("/v1/trust", body, s.as...).into(s.t, &made)
	return made.Fingerprint, ""
}

func (s *surface) keyFor(route string) (id, body string) {
	request := fmt.Sprintf(`{"owner":"team-%d","scopes":["signings"],"days":30}`, s.next())
	if strings.HasSuffix(route, "/keys") {
		return "", request
	}
	var made api.KeyBody
	s.post("/v1/keys", request, s.as...).into(s.t, &made)
	return made.ID, ""
}

// ofPerson makes a request that the person of an account makes, each with a phone of its own.
func (s *surface) ofPerson(method, path string) call {
	s.t.Helper()
	p, n := s.people, s.next()
	phone := fmt.Sprintf("+8490%07d", n)
	p.registered(fmt.Sprint("p-", n), fmt.Sprintf("0790960%05d", n), phone, phone)
	guest := p.guest()
	p.pass(2 * time.Minute)
	c := call{method: method, path: path, on: p.testBench, actor: "guest:", headers: append([]string{"Content-Type", "application/json"}, as(guest)...)}
	switch {
	case strings.HasSuffix(path, "/code"):
		c.body = fmt.Sprintf(`{"phone":%q}`, phone)
	case method == http.MethodPost && path != "/v1/me/password":
		id, digits := p.challenge(guest, path+"/code", phone)
		c.body = fmt.Sprintf(`{"login_id":%q,"code":%q,"password":%q}`, id, digits, rightPassword)
		if path == "/v1/login" {
			c.actor = "account:"
		}
	default:
		own := p.logIn(guest, phone, rightPassword)
		c.actor, c.headers = "account:", append([]string{"Content-Type", "application/json"}, as(own)...)
		if path == "/v1/me/password" {
			c.body = fmt.Sprintf(`{"before":%q,"after":"một mật khẩu khác hẳn"}`, rightPassword)
		}
		if strings.HasSuffix(path, "{session}") { // of another browser, so that the caller may come again
			var list struct {
				Items []struct {
					ID      string
					Current bool
				}
			}
			p.logIn(p.guest(), phone, rightPassword)
			p.get("/v1/me/sessions", as(own)...).into(s.t, &list)
			for _, item := range list.Items {
				if !item.Current {
					c.path = strings.ReplaceAll(path, "{session}", item.ID)
				}
			}
		}
	}
	return c
}
