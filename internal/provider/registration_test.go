package provider

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kyso/internal/problem"
)

// registrationNow is 18:05 of 20 November 2026 in Vietnam.
var registrationNow = time.Date(2026, 11, 20, 11, 5, 0, 0, time.UTC)

func registrationClock() time.Time { return registrationNow }

// heard is a request to a party, as it came in.
type heard struct {
	method string
	path   string
	header http.Header
	body   string
}

// party answers requests one after the other, the last answer for ever.
type party struct {
	url  string
	seen []heard
}

func newParty(t *testing.T, answers ...scriptedAnswer) *party {
	t.Helper()
	p := &party{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		p.seen = append(p.seen, heard{r.Method, r.URL.EscapedPath(), r.Header, string(body)})
		a := answers[min(len(p.seen), len(answers))-1]
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		io.WriteString(w, a.body)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *party) last() heard { return p.seen[len(p.seen)-1] }

// badAnswers are answers that mean the same from every party of a registration.
var badAnswers = []struct {
	name   string
	answer scriptedAnswer
	want   problem.Code
}{
	{"HTTP 401", scriptedAnswer{status: 401, body: `{"error":"unauthorized"}`}, problem.ProviderCredentials},
	{"HTTP 403", scriptedAnswer{status: 403}, problem.ProviderCredentials},
	{"HTTP 400", scriptedAnswer{status: 400, body: `{"error":"invalid","message":"079095012345"}`}, problem.ProviderRefused},
	{"HTTP 404", scriptedAnswer{status: 404}, problem.ProviderRefused},
	{"HTTP 422", scriptedAnswer{status: 422, body: `{"error":"refused","message":"079095012345"}`}, problem.ProviderRefused},
	{"HTTP 408", scriptedAnswer{status: 408}, problem.ProviderUnavailable},
	{"HTTP 429", scriptedAnswer{status: 429, header: http.Header{"Retry-After": {"17"}}}, problem.ProviderUnavailable},
	{"HTTP 500", scriptedAnswer{status: 500, body: `{"error":"internal","message":"079095012345"}`}, problem.ProviderUnavailable},
	{"HTTP 503", scriptedAnswer{status: 503, header: http.Header{"Retry-After": {"17"}}}, problem.ProviderUnavailable},
	{"redirect", scriptedAnswer{status: 307, header: http.Header{"Location": {"/elsewhere"}}}, problem.ProviderUnavailable},
	{"a page", scriptedAnswer{status: 200, body: "<html>079095012345</html>"}, problem.ProviderUnavailable},
	{"nothing", scriptedAnswer{status: 200}, problem.ProviderUnavailable},
	{"half an answer", scriptedAnswer{status: 200, body: `{"state":"iss`}, problem.ProviderUnavailable},
	{"a list", scriptedAnswer{status: 200, body: `[]`}, problem.ProviderUnavailable},
	{"an empty object", scriptedAnswer{status: 200, body: `{}`}, problem.ProviderUnavailable},
	{"too much", scriptedAnswer{status: 200, body: `{"state":"` + strings.Repeat("A", maxAnswer) + `"}`}, problem.ProviderUnavailable},
}

// testBadAnswers puts every bad answer to a call, and checks that errors keep secrets and persons to themselves.
func testBadAnswers(t *testing.T, do func(url string) error, secrets ...string) {
	t.Helper()
	for _, tt := range badAnswers {
		t.Run(tt.name, func(t *testing.T) {
			p := newParty(t, tt.answer)
			err := do(p.url)
			checkProblem(t, err, tt.want, append(secrets, "079095012345")...)
			if got := problem.RetryAfterOf(err); len(tt.answer.header["Retry-After"]) > 0 && got != 17*time.Second {
				t.Errorf("pause of %s", got)
			}
			if len(p.seen) != 1 {
				t.Errorf("asked %d times", len(p.seen))
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		checkProblem(t, do(server.URL), problem.ProviderUnavailable, secrets...)
	})
	t.Run("no address", func(t *testing.T) { checkProblem(t, do("http://[broken"), problem.Invalid, secrets...) })
}

func checkProblem(t *testing.T, err error, want problem.Code, secrets ...string) {
	t.Helper()
	if problem.CodeOf(err) != want {
		t.Errorf("got %v, want %q", err, want)
	}
	for _, secret := range secrets {
		if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %q: %v", secret, err)
		}
	}
}
