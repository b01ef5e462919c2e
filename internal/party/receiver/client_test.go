package receiver

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyso/internal/problem"
	"kyso/internal/webhook"
)

const (
	webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret   = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// TestExampleOfTheSpecification sends the example of Standard Webhooks and compares with the signature it gives.
func TestExampleOfTheSpecification(t *testing.T) {
	var header http.Header
	var body string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		header, body = r.Header, string(text)
	}))
	defer receiver.Close()
	w := &Client{AllowPrivate: true, Clock: func() time.Time { return time.Unix(1614265330, 0) }}
	m := webhook.Message{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Body: []byte(`{"test": 2432232314}`)}
	status, err := w.Send(t.Context(), webhook.Endpoint{URL: receiver.URL, Secret: webhookSecret}, m)
	if err != nil || status != http.StatusOK {
		t.Fatalf("status %d, %v", status, err)
	}
	for name, want := range map[string]string{"webhook-id": m.ID, "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		"content-type": "application/json"} {
		if header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want)
		}
	}
	if body != string(m.Body) {
		t.Errorf("body %s", body)
	}
}

// During a rotation a receiver verifies with either secret.
func TestDuringARotation(t *testing.T) {
	var verified []error
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, secret := range []string{webhookSecret, otherSecret} {
			w, err := standardwebhooks.NewWebhook(secret)
			if err == nil {
				err = w.Verify(body, r.Header)
			}
			verified = append(verified, err)
		}
	}))
	defer receiver.Close()
	e := webhook.Endpoint{URL: receiver.URL, Secret: webhookSecret, Old: otherSecret, OldUntil: time.Now().Add(time.Hour)}
	for range 2 {
		if _, err := (&Client{AllowPrivate: true}).Send(t.Context(), e, webhook.Message{ID: "m", Body: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		e.OldUntil = time.Now().Add(-time.Second)
	}
	if verified[0] != nil || verified[1] != nil || verified[2] != nil || verified[3] == nil {
		t.Errorf("verified during: %v, %v; after: %v, %v", verified[0], verified[1], verified[2], verified[3])
	}
}

func TestReceiversThatDoNotTakeIt(t *testing.T) {
	followed := false
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/busy":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/elsewhere":
			http.Redirect(w, r, "/followed", http.StatusFound)
		case "/followed":
			followed = true
		case "/endless":
			_, _ = io.Copy(w, io.LimitReader(strings.NewReader(strings.Repeat("x", 2<<20)), 2<<20))
		case "/bad":
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer receiver.Close()
	send := func(w *Client, url string) (int, error) {
		return w.Send(t.Context(), webhook.Endpoint{ID: "ep", URL: url, Secret: webhookSecret}, webhook.Message{ID: "m", Body: []byte(`{}`)})
	}
	open := &Client{AllowPrivate: true}
	for path, want := range map[string]problem.Code{"/busy": problem.ProviderUnavailable, "/gone": problem.ProviderRefused,
		"/elsewhere": problem.ProviderUnavailable, "/endless": problem.ProviderUnavailable, "/bad": problem.ProviderUnavailable} {
		_, err := send(open, receiver.URL+path)
		if problem.CodeOf(err) != want {
			t.Errorf("%s: %v", path, err)
		}
		if path == "/busy" && problem.RetryAfterOf(err) != 7*time.Second {
			t.Errorf("asked to wait %s", problem.RetryAfterOf(err))
		}
	}
	if followed {
		t.Error("a redirect was followed")
	}
	if _, err := send(&Client{}, receiver.URL); problem.CodeOf(err) != problem.ProviderRefused {
		t.Errorf("http: %v", err)
	}
	private := strings.Replace(receiver.URL, "http://", "https://", 1)
	if _, err := send(&Client{}, private); problem.CodeOf(err) != problem.ProviderUnavailable || strings.Contains(err.Error(), "refused") {
		t.Errorf("a private network: %v", err)
	}
	if _, err := open.Send(t.Context(), webhook.Endpoint{ID: "ep", URL: receiver.URL, Secret: "whsec_!"}, webhook.Message{}); problem.CodeOf(err) != problem.Internal {
		t.Errorf("a broken secret: %v", err)
	}
}
