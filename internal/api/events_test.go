package api_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// event is one server-sent event; a comment has the name ":".
type event struct{ id, name, data string }

// follow reads events until the stream ends, and passes each on.
func (b *testBench) follow(ctx context.Context, path string, headers ...string) <-chan event {
	b.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.server.Client().Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
	}
	out := make(chan event, 100)
	go func() {
		defer close(out)
		defer resp.Body.Close()
		var e event
		for scanner := bufio.NewScanner(resp.Body); scanner.Scan(); {
			field, value, _ := strings.Cut(scanner.Text(), ": ")
			switch field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if value != "" {
					e.name = ":"
				}
				if e.name != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	return out
}

func next(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the stream ended")
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event came")
	}
	return event{}
}

func ended(t *testing.T, events <-chan event) {
	t.Helper()
	select {
	case e, ok := <-events:
		if ok {
			t.Fatalf("%+v instead of the end", e)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on")
	}
}

func TestEventsUntilTheEnd(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Limits.KeepAlive = time.Hour })
	created := b.signing()
	events := b.follow(t.Context(), created.Self+"/events")
	b.move(created.ID, 1, signing.StatusPreparing)
	if e := next(t, events); e.id != "1" || e.name != "transition" || !strings.Contains(e.data, `"status":"preparing"`) {
		t.Errorf("first %+v", e)
	}
	b.move(created.ID, 2, signing.StatusRequested)
	if e := next(t, events); e.id != "2" {
		t.Errorf("second %+v", e)
	}
	now := time.Now()
	must(t, b.store.SaveApproval(t.Context(), created.ID, signing.Approval{OurID: "o", ShortCode: "7A3F-09C1"}))
	must(t, b.store.SaveApproval(t.Context(), created.ID, signing.Approval{OurID: "o", ShortCode: "7A3F-09C1", Reference: "r", AcceptedAt: now, ExpiresAt: now.Add(5 * time.Minute)}))
	b.move(created.ID, 3, signing.StatusAwaitingApproval)
	if e := next(t, events); e.id != "3" {
		t.Errorf("third %+v", e)
	}
	if e := next(t, events); e.id != "" || e.name != "countdown" || !strings.Contains(e.data, `"short_code":"7A3F-09C1"`) || !strings.Contains(e.data, `"remaining_seconds":29`) {
		t.Errorf("countdown %+v", e)
	}
	incident := process.Incident{ProcessID: created.ID, Attention: process.Attention{IncidentID: "i", Step: "await-approval", Reason: "provider-unavailable", Message: "away", Since: now.UTC().Truncate(time.Second), Attempts: 1}}
	must(t, b.store.OpenIncident(t.Context(), incident))
	if e := next(t, events); e.name != "attention" || !strings.Contains(e.data, `"open":true`) || !strings.Contains(e.data, `"code":"provider-unavailable"`) {
		t.Errorf("attention %+v", e)
	}
	incident.ClosedAt, incident.Action, incident.Actor = now, "retry", "op"
	must(t, b.store.CloseIncident(t.Context(), incident))
	if e := next(t, events); e.name != "attention" || e.data != `{"open":false}` {
		t.Errorf("attention %+v", e)
	}
	b.move(created.ID, 4, signing.StatusDeclined)
	if e := next(t, events); e.id != "4" || !strings.Contains(e.data, `"final":true`) || !strings.Contains(e.data, string(problem.DeclinedBySigner)) {
		t.Errorf("last %+v", e)
	}
	ended(t, events)
}

func TestEventsResume(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.move(created.ID, 1, signing.StatusPreparing, signing.StatusRequested, signing.StatusCancelled)
	for _, how := range [][]string{{"/events", "Last-Event-ID", "1"}, {"/events?after=1"}} {
		events := b.follow(t.Context(), created.Self+how[0], how[1:]...)
		for _, want := range []string{"2", "3"} {
			if e := next(t, events); e.id != want {
				t.Errorf("%v: %+v, want id %s", how, e, want)
			}
		}
		ended(t, events)
	}
	wantStatus(t, b.get(created.Self+"/events", "Last-Event-ID", "3"), http.StatusNoContent)
	b.wantProblem(b.get("/v1/signings/none/events"), http.StatusNotFound, problem.NotFound)
	b.wantProblem(b.get(created.Self+"/events", "Last-Event-ID", "x"), http.StatusUnprocessableEntity, problem.Invalid)
}

func TestQuietEventsStayOpen(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Limits.KeepAlive = time.Millisecond })
	events := b.follow(t.Context(), b.signing().Self+"/events")
	for range 3 {
		if e := next(t, events); e.name != ":" {
			t.Errorf("%+v", e)
		}
	}
}

// A stream ends with the key that opened it, before it gives more away.
func TestARevokedKeyHearsNothingMore(t *testing.T) {
	d := newDesk(t, func(o *api.Options) { o.Limits.KeepAlive = time.Hour })
	secret := d.key("team-a", access.Signings)
	created := d.signing()
	must(t, d.store.Access().Grant(t.Context(), "team-a", time.Now(), access.Object{Kind: access.Signing, ID: created.ID}))
	d.move(created.ID, 1, signing.StatusPreparing)
	events := d.follow(t.Context(), created.Self+"/events", bearer(secret)("")...)
	if e := next(t, events); e.id != "1" {
		t.Fatalf("first %+v", e)
	}
	keys, err := d.store.Access().Keys(t.Context())
	must(t, err)
	must(t, d.store.Access().RevokeKey(t.Context(), keys[0].ID, time.Now()))
	d.move(created.ID, 2, signing.StatusRequested)
	ended(t, events)
}

func TestShutdownEndsEvents(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.move(created.ID, 1, signing.StatusPreparing)
	events := b.follow(t.Context(), created.Self+"/events")
	next(t, events)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := b.server.Config.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	ended(t, events)
}
