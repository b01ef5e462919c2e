// Package partytest holds what the tests of parties share: a party that says what it is told to, and the sandbox over HTTP.
package partytest

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kyso/internal/party"
	"kyso/internal/problem"
)

// Now is 18:05 of 20 November 2026 in Vietnam.
var Now = time.Date(2026, 11, 20, 11, 5, 0, 0, time.UTC)

// Clock stands still.
func Clock() time.Time { return Now }

// Answer is what a party says.
type Answer struct {
	Status int
	Body   string
	Header http.Header
}

// OK is an answer with a body and status 200.
func OK(body string) Answer { return Answer{Status: 200, Body: body} }

// Heard is a request to a party, as it came in.
type Heard struct {
	Method string
	Path   string
	Header http.Header
	Body   string
}

// Party answers requests one after the other, the last answer for ever.
type Party struct {
	URL  string
	Seen []Heard
}

// New starts a party.
func New(t *testing.T, answers ...Answer) *Party {
	t.Helper()
	p := &Party{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		p.Seen = append(p.Seen, Heard{r.Method, r.URL.EscapedPath(), r.Header, string(body)})
		a := answers[min(len(p.Seen), len(answers))-1]
		maps.Copy(w.Header(), a.Header)
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body) // a client that has read enough hangs up
	}))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Last returns the last request.
func (p *Party) Last() Heard { return p.Seen[len(p.Seen)-1] }

// badAnswers are answers that mean the same from every party of a registration.
var badAnswers = []struct {
	name   string
	answer Answer
	want   problem.Code
}{
	{"HTTP 401", Answer{Status: 401, Body: `{"error":"unauthorized"}`}, problem.ProviderCredentials},
	{"HTTP 403", Answer{Status: 403}, problem.ProviderCredentials},
	{"HTTP 400", Answer{Status: 400, Body: `{"error":"invalid","message":"079095012345"}`}, problem.ProviderRefused},
	{"HTTP 404", Answer{Status: 404}, problem.ProviderRefused},
	{"HTTP 422", Answer{Status: 422, Body: `{"error":"refused","message":"079095012345"}`}, problem.ProviderRefused},
	{"HTTP 408", Answer{Status: 408}, problem.ProviderUnavailable},
	{"HTTP 429", Answer{Status: 429, Header: http.Header{"Retry-After": {"17"}}}, problem.ProviderUnavailable},
	{"HTTP 500", Answer{Status: 500, Body: `{"error":"internal","message":"079095012345"}`}, problem.ProviderUnavailable},
	{"HTTP 503", Answer{Status: 503, Header: http.Header{"Retry-After": {"17"}}}, problem.ProviderUnavailable},
	{"redirect", Answer{Status: 307, Header: http.Header{"Location": {"/elsewhere"}}}, problem.ProviderUnavailable},
	{"a page", Answer{Status: 200, Body: "<html>079095012345</html>"}, problem.ProviderUnavailable},
	{"nothing", Answer{Status: 200}, problem.ProviderUnavailable},
	{"half an answer", Answer{Status: 200, Body: `{"state":"iss`}, problem.ProviderUnavailable},
	{"a list", Answer{Status: 200, Body: `[]`}, problem.ProviderUnavailable},
	{"an empty object", Answer{Status: 200, Body: `{}`}, problem.ProviderUnavailable},
	{"too much", Answer{Status: 200, Body: `{"state":"` + strings.Repeat("A", party.MaxAnswer) + `"}`}, problem.ProviderUnavailable},
}

// BadAnswers puts every bad answer to a call, and checks that errors keep secrets and persons to themselves.
func BadAnswers(t *testing.T, do func(url string) error, secrets ...string) {
	t.Helper()
	for _, tt := range badAnswers {
		t.Run(tt.name, func(t *testing.T) {
			p := New(t, tt.answer)
			err := do(p.URL)
			CheckProblem(t, err, tt.want, append(secrets, "079095012345")...)
			if got := problem.RetryAfterOf(err); len(tt.answer.Header["Retry-After"]) > 0 && got != 17*time.Second {
				t.Errorf("pause of %s", got)
			}
			if len(p.Seen) != 1 {
				t.Errorf("asked %d times", len(p.Seen))
			}
		})
	}
	t.Run("no party there", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		CheckProblem(t, do(server.URL), problem.ProviderUnavailable, secrets...)
	})
	t.Run("no address", func(t *testing.T) { CheckProblem(t, do("http://[broken"), problem.Invalid, secrets...) })
}

// CheckProblem checks the code of an error, and that its text holds no secret.
func CheckProblem(t *testing.T, err error, want problem.Code, secrets ...string) {
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
