package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyso/internal/webhook"
)

// hookReceiver is a program that is told of signings. It turns the first message away.
type hookReceiver struct {
	mu       sync.Mutex
	secret   string
	refused  bool
	seen     map[string]int // messages by webhook-id
	types    []string
	unsigned int
}

func (h *hookReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if verifier, err := standardwebhooks.NewWebhook(h.secret); err != nil || verifier.Verify(body, r.Header) != nil {
		h.unsigned++
	}
	if !h.refused {
		h.refused = true
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var m struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(body, &m) // an empty type shows in the test
	if h.seen[r.Header.Get("webhook-id")]++; h.seen[r.Header.Get("webhook-id")] == 1 {
		h.types = append(h.types, m.Type)
	}
}

// count returns how many messages came, repeated ones too, and how many of them differ.
func (h *hookReceiver) count() (all, different int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.seen {
		all += n
	}
	return all, len(h.seen)
}

// untold are the types that no walk of situations brings, each with its reason.
var untold = map[string]string{
	"registration.requested":  "a registration belongs to nobody until the citizen is handed over",
	"registration.ineligible": "VNeID refuses who has a certificate; the journeys of workflows walk there, and every transition is announced in one place",
	"registration.expired":    "after days; the journeys of workflows walk there in virtual time",
	"registration.cancelled":  "an operator gives a registration up; the journeys of workflows walk there",
}

// subscription is a program that is told of everything.
type subscription struct {
	*hookReceiver
	c        *client
	endpoint string
}

func subscribe(t *testing.T, c *client) *subscription {
	t.Helper()
	hook := &hookReceiver{seen: map[string]int{}, refused: true}
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)
	var endpoint struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	do(t, c.post(t.Context(), c.api+"/v1/webhook-endpoints", map[string]any{"url": server.URL}, &endpoint))
	hook.mu.Lock()
	defer hook.mu.Unlock()
	hook.secret = endpoint.Secret
	return &subscription{hook, c, c.api + "/v1/webhook-endpoints/" + endpoint.ID}
}

// everyType waits until each type has come over the wire, and asks for no more.
func (s *subscription) everyType(t *testing.T) {
	t.Helper()
	do(t, s.c.post(t.Context(), s.endpoint+"/test", map[string]any{}, nil))
	var missing []string
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		s.mu.Lock()
		missing = slices.DeleteFunc(webhook.Types(), func(kind string) bool { return untold[kind] != "" || slices.Contains(s.types, kind) })
		s.mu.Unlock()
		if len(missing) == 0 || time.Now().After(end) {
			break
		}
	}
	do(t, s.c.do(t.Context(), http.MethodDelete, s.endpoint, "", nil, nil))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(missing) > 0 || s.unsigned > 0 {
		t.Errorf("not told of %v; %d messages whose signature does not verify", missing, s.unsigned)
	}
	for kind := range untold {
		if slices.Contains(s.types, kind) {
			t.Errorf("%s is told of after all", kind)
		}
	}
	t.Logf("%d messages of %d types came", len(s.seen), len(webhook.Types())-len(untold))
}

// TestProgramsAreTold has a program told of a signing from its start to its end, over the wire, by processes: a refused
// message comes again, every message is signed, and a replay brings the same ones.
func TestProgramsAreTold(t *testing.T) {
	_, c := sharedWorld(t)
	hook := &hookReceiver{seen: map[string]int{}}
	server := httptest.NewServer(hook)
	defer server.Close()
	endpoint := struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	endpoints := c.api + "/v1/webhook-endpoints"
	must(c.post(t.Context(), endpoints, map[string]any{"url": server.URL, "events": []string{"signing.*"}}, &endpoint))
	defer func() { must(c.do(t.Context(), http.MethodDelete, endpoints+"/"+endpoint.ID, "", nil, nil)) }()
	hook.mu.Lock()
	hook.secret = endpoint.Secret
	hook.mu.Unlock()
	from := time.Now().Add(-time.Minute)
	const user = "ICA.079095030301"
	id := startSigning(t, c, user)
	awaitStatus(t, c, id, "awaiting-approval")
	approveOnPhone(t, c, user)
	s := awaitStatus(t, c, id, "signed")
	wait := func(all, different int) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			if a, d := hook.count(); a >= all && d >= different {
				return
			}
			if time.Now().After(end) {
				a, d := hook.count()
				t.Fatalf("%d messages, %d of them different; want %d and %d: %v", a, d, all, different, hook.types)
			}
		}
	}
	told := len(s.Transitions) + 1 // and that it was created
	wait(told, told)
	var again struct {
		Replayed int `json:"replayed"`
	}
	time.Sleep(time.Second) // the last answer is noted
	must(c.post(t.Context(), endpoints+"/"+endpoint.ID+"/replay", map[string]any{"from": from, "type": "signing.signed"}, &again))
	if again.Replayed != 1 {
		t.Errorf("%d messages replayed", again.Replayed)
	}
	wait(told+1, told)
	if hook.unsigned != 0 {
		t.Errorf("%d messages whose signature does not verify", hook.unsigned)
	}
	t.Logf("told of %v", hook.types)
}
