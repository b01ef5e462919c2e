package store_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/store/operations"
	"kyso/internal/webhook"
)

func newEndpoint(t *testing.T, w operations.Webhooks, id, owner string, events ...string) webhook.Endpoint {
	t.Helper()
	e := webhook.Endpoint{ID: id, Owner: owner, URL: "https://receiver.example/" + id + "?token=t0ken", Events: events, Secret: "whsec_" + id, CreatedAt: minute(0).UTC()}
	must(t, only(w.CreateEndpoint(t.Context(), e)))
	return e
}

func TestEndpoints(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		w := s.Webhooks()
		e := newEndpoint(t, w, "ep-1", "team-a", "signing.*", "registration.active")
		newEndpoint(t, w, "ep-2", "team-b")
		got, err := w.Endpoint(t.Context(), "ep-1")
		must(t, err)
		wantEqual(t, "endpoint", got, e)
		rotated, err := w.RotateSecret(t.Context(), "ep-1", webhook.Rotation{Secret: "whsec_new", At: minute(0), Key: "k"})
		must(t, err)
		again, err := w.RotateSecret(t.Context(), "ep-1", webhook.Rotation{Secret: "whsec_newer", At: minute(5), Key: "k"})
		must(t, err)
		wantEqual(t, "the same rotation again", again.Secrets(minute(5)), rotated.Secrets(minute(5)))
		got, err = w.Endpoint(t.Context(), "ep-1")
		must(t, err)
		wantEqual(t, "secrets during the rotation", got.Secrets(minute(23*60)), []string{"whsec_new", "whsec_ep-1"})
		wantEqual(t, "secrets after it", got.Secrets(minute(24*60)), []string{"whsec_new"})
		must(t, s.ForgetSecrets(t.Context(), minute(23*60)))
		got, err = w.Endpoint(t.Context(), "ep-1")
		must(t, err)
		wantEqual(t, "the old secret while it signs", got.Old, "whsec_ep-1")
		must(t, s.ForgetSecrets(t.Context(), minute(24*60)))
		got, err = w.Endpoint(t.Context(), "ep-1")
		must(t, err)
		wantEqual(t, "the old secret afterwards", got.Old, "")
		later, err := w.RotateSecret(t.Context(), "ep-1", webhook.Rotation{Secret: "whsec_next", At: minute(25 * 60), Key: "k"})
		must(t, err)
		wantEqual(t, "the same key a day later", later.Secret, "whsec_next")
		list, err := w.Endpoints(t.Context(), "team-a")
		must(t, err)
		if len(list) != 1 || list[0].Secret != "" || list[0].Old != "" || list[0].URL != e.URL {
			t.Errorf("list %+v", list)
		}
		if all, err := w.Endpoints(t.Context(), ""); err != nil || len(all) != 2 {
			t.Errorf("all %+v, %v", all, err)
		}
		must(t, w.DeleteEndpoint(t.Context(), "ep-1", minute(1)))
		_, err = w.Endpoint(t.Context(), "ep-1")
		wantCode(t, err, problem.NotFound)
		must(t, w.DeleteEndpoint(t.Context(), "ep-1", minute(2)))
		wantCode(t, w.DeleteEndpoint(t.Context(), "none", minute(2)), problem.NotFound)
		_, err = w.RotateSecret(t.Context(), "ep-1", webhook.Rotation{Secret: "x", At: minute(2)})
		wantCode(t, err, problem.NotFound)
		_, err = w.CreateEndpoint(t.Context(), e)
		wantCode(t, err, problem.Conflict)
	})
}

// A transition is told to the endpoints of those to whom the thing belongs, once, and of what they want.
func TestTransitionsAreAnnounced(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		w := s.Webhooks()
		created(t, s, "s-1")
		newEndpoint(t, w, "ep-all", "team-a")
		newEndpoint(t, w, "ep-some", "team-a", "signing.cancelled")
		newEndpoint(t, w, "ep-other", "team-b")
		newEndpoint(t, w, "ep-gone", "team-a")
		must(t, w.DeleteEndpoint(t.Context(), "ep-gone", minute(1)))
		must(t, s.Access().Grant(t.Context(), "team-a", minute(0), access.Object{Kind: access.Signing, ID: "s-1"}))
		preparing := signing.Transition{Seq: 1, Status: signing.StatusPreparing, At: minute(1)}
		twice(t, func() error { return s.Move(t.Context(), "s-1", preparing) })
		must(t, s.Move(t.Context(), "s-1", signing.Transition{Seq: 2, Status: signing.StatusCancelled, At: minute(2), Detail: "denied"}))

		told := map[string][]string{}
		list, err := s.Relay().Unstarted(t.Context(), page.Cursor{}, 10)
		must(t, err)
		for _, m := range list {
			told[m.EndpointID] = append(told[m.EndpointID], m.ID+" "+m.Type)
		}
		wantEqual(t, "told", told, map[string][]string{
			"ep-all":  {"signing-s-1-1 signing.preparing", "signing-s-1-2 signing.cancelled"},
			"ep-some": {"signing-s-1-2 signing.cancelled"},
		})
		var body struct {
			Type      string
			Timestamp time.Time
			Data      webhook.Event
		}
		must(t, json.Unmarshal(list[len(list)-1].Body, &body))
		if body.Type != "signing.cancelled" || !body.Timestamp.Equal(minute(2)) || !body.Data.Final || body.Data.Seq != 2 || body.Data.Self != "/v1/signings/s-1" || body.Data.Detail != "denied" {
			t.Errorf("body %s", list[len(list)-1].Body)
		}
	})
}

// TestTypesOfMessagesAreClosed holds the list of types against the statuses of both processes and against the documentation.
func TestTypesOfMessagesAreClosed(t *testing.T) {
	want := []string{webhook.TestEvent, "signing." + webhook.Attention, "registration." + webhook.Attention, "registration." + webhook.PINSet}
	for _, status := range signing.Statuses() {
		want = append(want, "signing."+string(status))
	}
	for _, status := range registration.Statuses() {
		want = append(want, "registration."+string(status))
	}
	slices.Sort(want)
	wantEqual(t, "types", webhook.Types(), want)
	text, err := os.ReadFile("../../docs/api.md")
	must(t, err)
	for _, name := range want {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/api.md does not name %s", name)
		}
		if !webhook.ValidPattern(name) {
			t.Errorf("%s is refused", name)
		}
	}
	for _, wrong := range []string{"", "signing", "signing.singed", "registration.x*", "other.*", "signing.[a-z]*", "signing.signe?", "**.", "SIGNING.*"} {
		if webhook.ValidPattern(wrong) {
			t.Errorf("%q is taken", wrong)
		}
	}
}

// TestParkedAndRecoveredIsAnnounced: a process that stands still is told of once for each incident, and once when it goes on,
// without what failed; so is the PIN of a registration.
func TestParkedAndRecoveredIsAnnounced(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		w, r := s.Webhooks(), s.Registrations()
		created(t, s, "s-1")
		enrolled(t, r, "r-1")
		newEndpoint(t, w, "ep-1", "team-a")
		must(t, s.Access().Grant(t.Context(), "team-a", minute(0), access.Object{Kind: access.Signing, ID: "s-1"}, access.Object{Kind: access.Registration, ID: "r-1"}))
		parked := process.Incident{ProcessID: "s-1", Attention: process.Attention{IncidentID: "s-1-1", Step: "timestamp", Reason: "provider-unavailable", Message: "answered 503", Provider: "tsa", Since: minute(1), Attempts: 1}}
		twice(t, func() error { return s.OpenIncident(t.Context(), parked) })
		parked.Attempts = 2
		must(t, s.OpenIncident(t.Context(), parked))
		parked.ClosedAt, parked.Action = minute(3), "retry"
		twice(t, func() error { return s.CloseIncident(t.Context(), parked) })
		stopped := newParked("r-1-1", "r-1", 1)
		twice(t, func() error { return r.OpenRegistrationIncident(t.Context(), stopped) })
		stopped.ClosedAt, stopped.Action = minute(4), "retry"
		twice(t, func() error { return r.CloseRegistrationIncident(t.Context(), stopped) })
		for at := 5; at < 7; at++ {
			must(t, r.Change(t.Context(), "r-1", func(one *registration.Registration) error {
				one.Activation = &registration.Activation{PINSetAt: minute(at)}
				return nil
			}))
		}
		list, err := s.Relay().Unstarted(t.Context(), page.Cursor{}, 20)
		must(t, err)
		var told []string
		for _, m := range list {
			var body struct{ Data webhook.Event }
			must(t, json.Unmarshal(m.Body, &body))
			if body.Data.Open != nil {
				m.Type += fmt.Sprint(" ", *body.Data.Open)
			}
			told = append(told, m.Type)
			for _, inside := range []string{"503", "provider", "tsa", "issue"} {
				if strings.Contains(string(m.Body), inside) {
					t.Errorf("it tells %q: %s", inside, m.Body)
				}
			}
		}
		slices.Sort(told)
		wantEqual(t, "told", told, []string{"registration.attention false", "registration.attention true", "registration.pin-set", "signing.attention false", "signing.attention true"})
	})
}

func TestMessagesAndReplay(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		w := s.Webhooks()
		newEndpoint(t, w, "ep-1", "team-a")
		save := func(id, kind string, at int) webhook.Message {
			m := webhook.Message{EndpointID: "ep-1", ID: id, Type: kind, Body: []byte(`{}`), CreatedAt: minute(at).UTC()}
			twice(t, func() error { return w.SaveMessage(t.Context(), m) })
			must(t, s.Relay().MarkStarted(t.Context(), m, minute(at)))
			return m
		}
		save("a", "signing.signed", 1)
		save("b", "signing.signed", 2)
		save("c", "registration.active", 3)
		save("d", "signing.signed", 4) // still on its way
		must(t, w.MarkAttempt(t.Context(), "ep-1", "a", webhook.Attempt{Answer: "500", At: minute(5)}))
		must(t, w.MarkAttempt(t.Context(), "ep-1", "a", webhook.Attempt{Answer: "204", Delivered: true, At: minute(6)}))
		must(t, w.MarkFailed(t.Context(), "ep-1", "a", minute(7))) // too late: it was delivered
		must(t, w.MarkFailed(t.Context(), "ep-1", "b", minute(7)))
		must(t, w.MarkAttempt(t.Context(), "ep-1", "c", webhook.Attempt{Answer: "200", Delivered: true, At: minute(6)}))
		a, err := w.Message(t.Context(), "ep-1", "a")
		must(t, err)
		if a.State() != "delivered" || a.Attempts != 2 || a.LastAnswer != "204" || !a.DeliveredAt.Equal(minute(6)) {
			t.Errorf("message %+v", a)
		}
		failed, err := w.Messages(t.Context(), "ep-1", webhook.Range{Failed: true})
		must(t, err)
		if len(failed) != 1 || failed[0].ID != "b" || failed[0].State() != "failed" {
			t.Errorf("failed %+v", failed)
		}
		for _, c := range []struct {
			r    webhook.Range
			want string
		}{
			{webhook.Range{From: minute(1), To: minute(3), Failed: true}, "b"},
			{webhook.Range{From: minute(2), To: minute(9), Type: "registration.*"}, "c"},
			{webhook.Range{From: minute(1), To: minute(9)}, "a"},
		} {
			n, err := w.Replay(t.Context(), "ep-1", c.r)
			must(t, err)
			waiting, err := s.Relay().Unstarted(t.Context(), page.Cursor{}, 10)
			must(t, err)
			if n != 1 || len(waiting) != 1 || waiting[0].ID != c.want || waiting[0].Round != 1 || waiting[0].State() != "waiting" {
				t.Fatalf("%+v: %d replayed, %+v", c.r, n, waiting)
			}
			must(t, s.Relay().MarkStarted(t.Context(), waiting[0], minute(9)))
		}
		must(t, w.MarkAttempt(t.Context(), "ep-1", "a", webhook.Attempt{Answer: "200", Delivered: true, At: minute(10)}))
		must(t, s.Relay().Purge(t.Context(), minute(100)))
		left, err := w.Messages(t.Context(), "ep-1", webhook.Range{})
		must(t, err)
		var ids []string
		for _, m := range left {
			ids = append(ids, m.ID)
		}
		if strings.Join(ids, " ") != "d c b" {
			t.Errorf("left %v", ids)
		}
	})
}
