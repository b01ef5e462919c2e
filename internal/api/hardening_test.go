package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

func TestUnknownRoutesAndMethods(t *testing.T) {
	b := newBench(t)
	b.wantProblem(b.get("/v1/nothing"), http.StatusNotFound, problem.NotFound)
	got := b.do(http.MethodDelete, "/v1/signings", "")
	b.wantProblem(got, http.StatusMethodNotAllowed, problem.Invalid)
	if allow := got.header.Get("Allow"); !strings.Contains(allow, "POST") || !strings.Contains(allow, "GET") {
		t.Errorf("Allow %q", allow)
	}
	moved := b.get("/v1//signings")
	if moved.status/100 != 3 || moved.header.Get("Location") != "/v1/signings" {
		t.Errorf("%d to %q", moved.status, moved.header.Get("Location"))
	}
}

func TestForeignOriginsAndNames(t *testing.T) {
	b := newBench(t)
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		b.wantProblem(b.post("/v1/signings", `{}`, headers...), http.StatusForbidden, problem.Denied)
	}
	named := func(b *testBench, host, path string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		return b.send(req)
	}
	b.wantProblem(named(b, "evil.example:8080", "/v1/signings"), http.StatusMisdirectedRequest, problem.Denied)
	for _, host := range []string{"localhost:1", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "::1"} {
		wantStatus(t, named(b, host, "/v1/signings"), http.StatusOK)
	}
	wantStatus(t, named(b, "10.0.0.7:8080", "/healthz"), http.StatusOK)
	public := newBench(t, func(o *api.Options) { o.Hosts = []string{"kyso.example.vn"} })
	wantStatus(t, named(public, "Kyso.Example.vn", "/v1/signings"), http.StatusOK)
	wantStatus(t, named(public, "localhost", "/v1/signings"), http.StatusMisdirectedRequest)
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/v1/signings", "/nothing", "/healthz", "/docs", "/openapi.json"} {
		h := b.get(path).header
		if len(h.Get("X-Request-Id")) != 16 || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestPanicIsAProblem(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.flows.block = func(context.Context) { panic("boom") }
	p := b.wantProblem(b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "p"), http.StatusInternalServerError, problem.Internal)
	if strings.Contains(p.Detail, "boom") {
		t.Errorf("the answer tells: %s", p.Detail)
	}
	if logs := b.logs.String(); !strings.Contains(logs, "boom") || !strings.Contains(logs, p.RequestID) {
		t.Errorf("logs %s", logs)
	}
	b.flows.block = nil
	wantStatus(t, b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "p"), http.StatusOK)
}

// brokenDesk fails as a database does.
type brokenDesk struct{ signing.Desk }

var errDisk = errors.New("disk I/O error")

// Signing implements signing.Records.
func (brokenDesk) Signing(context.Context, string) (signing.Signing, error) {
	return signing.Signing{}, errDisk
}

// Signings implements signing.Desk.
func (brokenDesk) Signings(ctx context.Context, _ signing.Filter) ([]signing.Signing, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Ping implements signing.Desk.
func (brokenDesk) Ping(context.Context) error { return errDisk }

func TestOwnFaultsTellNothing(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Desk = brokenDesk{o.Desk}; o.Limits.Request = 20 * time.Millisecond })
	p := b.wantProblem(b.get("/v1/signings/x"), http.StatusInternalServerError, problem.Internal)
	if strings.Contains(p.Detail, "disk") || !strings.Contains(b.logs.String(), "disk I/O error") {
		t.Errorf("answer %q, logs %s", p.Detail, b.logs.String())
	}
	got := b.get("/v1/signings")
	b.wantProblem(got, http.StatusServiceUnavailable, problem.ProviderUnavailable)
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantStatus(t, b.get("/healthz"), http.StatusOK)
	wantStatus(t, b.get("/readyz"), http.StatusServiceUnavailable)
}

func TestReadiness(t *testing.T) {
	b := newBench(t)
	wantStatus(t, b.get("/readyz"), http.StatusOK)
	b.flows.fail(problem.New(problem.ProviderUnavailable, "away"))
	wantStatus(t, b.get("/readyz"), http.StatusServiceUnavailable)
}

func TestLogsHoldNothingAboutPeople(t *testing.T) {
	b := newBench(t)
	doc := b.upload("Nguyen-Thi-Anh.pdf")
	got := b.post("/v1/signings", `{"user":"`+user+`","reason":"very secret","documents":[{"id":"`+doc.ID+`"}]}`)
	wantStatus(t, got, http.StatusAccepted)
	b.post("/v1/signings", `{"user":"`+user+`x y","reason":"very secret","documents":[]}`)
	b.post(hook, `{"transaction_id":"tx-secret"}`)
	logs := b.logs.String()
	for _, canary := range []string{"Nguyen", user, "079095012345", "very secret", "s3cret", "tx-secret", "127.0.0.1"} {
		if strings.Contains(logs, canary) {
			t.Errorf("%q in %s", canary, logs)
		}
	}
	for _, want := range []string{`"route":"POST /v1/webhooks/{provider}/{token}"`, `"route":"POST /v1/documents"`, `"status":202`, `"code":"invalid"`, `"ms":`} {
		if !strings.Contains(logs, want) {
			t.Errorf("no %s in %s", want, logs)
		}
	}
}

func TestEveryCodeHasAPage(t *testing.T) {
	b := newBench(t)
	for _, code := range problem.Codes() {
		got := b.get("/problems/" + string(code))
		wantStatus(t, got, http.StatusOK)
		if !bytes.Contains(got.body, []byte(code.Text().VI)) || bytes.Contains(got.body, []byte("<td>0</td>")) {
			t.Errorf("%s: no title or no status in %s", code, got.body)
		}
	}
	b.wantProblem(b.get("/problems/none"), http.StatusNotFound, problem.NotFound)
}

func TestDocsLoadNothingFromElsewhere(t *testing.T) {
	b := newBench(t)
	got := b.get("/docs")
	wantStatus(t, got, http.StatusOK)
	page := string(got.body)
	for _, foreign := range []string{"http://", "https://", "<script", "@import", "url("} {
		if strings.Contains(page, foreign) {
			t.Errorf("%q in the page", foreign)
		}
	}
	_, rest, _ := strings.Cut(page, "<style>")
	css, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(css))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(got.header.Get("Content-Security-Policy"), want) {
		t.Errorf("policy %q does not allow the page's own style %s", got.header.Get("Content-Security-Policy"), want)
	}
	for _, want := range []string{"/v1/signings/{id}/events", "idempotency-mismatch", "Idempotency-Key"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the page", want)
		}
	}
}

// TestOpenAPI checks the description as a generator of clients would: version, references, parameters, names.
func TestOpenAPI(t *testing.T) {
	b := newBench(t)
	got := b.get("/openapi.json")
	wantStatus(t, got, http.StatusOK)
	var spec struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			Parameters  []struct {
				Name, In string
				Required bool
				Schema   map[string]any
			}
			Responses map[string]struct {
				Description string
				Ref         string `json:"$ref"`
			}
		}
		Components map[string]map[string]any
	}
	got.into(t, &spec)
	if spec.OpenAPI != "3.1.0" || spec.Info.Version == "" {
		t.Errorf("version %q, info %+v", spec.OpenAPI, spec.Info)
	}
	ids := map[string]string{}
	for path, item := range spec.Paths {
		for method, op := range item {
			if other := ids[op.OperationID]; other != "" || op.OperationID == "" {
				t.Errorf("%s %s and %s share the id %q", method, path, other, op.OperationID)
			}
			ids[op.OperationID] = path
			declared := map[string]bool{}
			for _, p := range op.Parameters {
				declared[p.Name] = p.In == "path" && p.Required && p.Schema != nil
			}
			for part := range strings.SplitSeq(path, "/") {
				if name, ok := strings.CutPrefix(part, "{"); ok && !declared[strings.TrimSuffix(name, "}")] {
					t.Errorf("%s %s does not declare %s", method, path, part)
				}
			}
			for status, response := range op.Responses {
				if response.Description == "" && response.Ref == "" {
					t.Errorf("%s %s: answer %s has no description", method, path, status)
				}
			}
			secret := []string{"receiveWebhook", "createKey", "openSession", "resume", "linkSigning"} // answers that are not kept
			if method == "post" && !slices.Contains(secret, op.OperationID) && !slices.ContainsFunc(op.Parameters, func(p struct {
				Name, In string
				Required bool
				Schema   map[string]any
			}) bool {
				return p.Name == "Idempotency-Key"
			}) {
				t.Errorf("%s has no Idempotency-Key", path)
			}
		}
	}
	if len(ids) != 33 {
		t.Errorf("%d operations", len(ids))
	}
	for _, ref := range references(t, got.body) {
		kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
		if spec.Components[kind][name] == nil {
			t.Errorf("dangling reference %s", ref)
		}
	}
}

func references(t *testing.T, spec []byte) []string {
	t.Helper()
	var refs []string
	decoder := json.NewDecoder(bytes.NewReader(spec))
	for isRef := false; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return refs
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := token.(string)
		if isRef {
			refs = append(refs, text)
		}
		isRef = text == "$ref"
	}
}

// TestABrowserGetsAPage: who follows a wrong link in a browser reads a page, and a program gets a problem.
func TestABrowserGetsAPage(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
	})
	b := newBench(t, func(o *api.Options) { o.Missing = page })
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, c := range []struct {
		method, path, accept string
		page                 bool
	}{
		{http.MethodGet, "/sing", browser, true}, {http.MethodHead, "/sing", browser, true}, {http.MethodGet, "/sing", "application/json", false},
		{http.MethodGet, "/sing", "", false}, {http.MethodPost, "/sing", browser, false}, {http.MethodGet, "/v1/nothing", browser, false},
		{http.MethodGet, "/assets/none.js", browser, false},
	} {
		got := b.do(c.method, c.path, "", "Accept", c.accept)
		if html := strings.HasPrefix(got.header.Get("Content-Type"), "text/html"); got.status != http.StatusNotFound || html != c.page {
			t.Errorf("%s %s for %q: %d %s", c.method, c.path, c.accept, got.status, got.header.Get("Content-Type"))
		}
	}
}
