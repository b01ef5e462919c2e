package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/relay"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/webhook"
)

// withEndpoints adds the routes of endpoints on the store of the test.
func withEndpoints(o *api.Options) { o.Endpoints = o.Desk.(*store.Store).Webhooks() }

func TestEndpointRequests(t *testing.T) {
	b := newBench(t, withEndpoints)
	for body, location := range map[string]string{
		`{"url":"http://a.example"}`:                              "body.url",
		`{"url":"https://user:pw@a.example"}`:                     "body.url",
		`{"url":"https://a.example/#x"}`:                          "body.url",
		`{"url":"not an address"}`:                                "body.url",
		`{"url":"https://a.example","events":["signing"]}`:        "body.events[0]",
		`{"url":"https://a.example","events":["*","other.sig"]}`:  "body.events[1]",
		`{"url":"https://a.example","events":["signing.singed"]}`: "body.events[0]",
		`{"url":"https://a.example","events":["*","signing.x*"]}`: "body.events[1]",
	} {
		p := b.wantProblem(b.post("/v1/webhook-endpoints", body), http.StatusUnprocessableEntity, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != location {
			t.Errorf("%s: %+v", body, p.Errors)
		}
	}
	for range 20 {
		wantStatus(t, b.post("/v1/webhook-endpoints", `{"url":"https://a.example"}`), http.StatusCreated)
	}
	b.wantProblem(b.post("/v1/webhook-endpoints", `{"url":"https://a.example"}`), http.StatusConflict, problem.Conflict)
	wantStatus(t, newBench(t, withEndpoints, func(o *api.Options) { o.PlainEndpoints = true }).post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1:1"}`), http.StatusCreated)
}

// carrier stands for Temporal.
type carrier func(webhook.Message) error

func (c carrier) StartDelivery(_ context.Context, m webhook.Message) error { return c(m) }
func (c carrier) Ping(context.Context) error                               { return nil }

// TestEndpointsFromBirthToReplay makes one, has it told of a signing, replays and deletes it; another team sees none.
func TestEndpointsFromBirthToReplay(t *testing.T) {
	b := newBench(t, withEndpoints)
	team, other := bearer(b.key("team-a", access.Signings, access.Webhooks))(""), bearer(b.key("team-b", access.Webhooks))("")
	made := b.post("/v1/webhook-endpoints", `{"url":"https://a.example/hook","events":["signing.*"]}`, append(team, "Idempotency-Key", "k")...)
	wantStatus(t, made, http.StatusCreated)
	var endpoint api.EndpointBody
	made.into(t, &endpoint)
	if !strings.HasPrefix(endpoint.Secret, "whsec_") {
		t.Fatalf("made %+v", endpoint)
	}
	path := "/v1/webhook-endpoints/" + endpoint.ID
	for _, route := range []string{"POST " + path + "/rotate", "POST " + path + "/test", "POST " + path + "/replay", "GET " + path + "/messages", "DELETE " + path} {
		method, at, _ := strings.Cut(route, " ")
		b.wantProblem(b.do(method, at, `{"from":"2026-01-01T00:00:00Z"}`, append(other, "Content-Type", "application/json")...), http.StatusNotFound, problem.NotFound)
	}
	var document api.DocumentBody
	b.do(http.MethodPost, "/v1/documents", pdf, append(team, "Content-Type", "application/pdf")...).into(t, &document)
	var created api.SigningBody
	b.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q,"placement":{}}]}`, user, document.ID), team...).into(t, &created)
	b.move(created.ID, 1, signing.StatusPreparing, signing.StatusCancelled)
	wantStatus(t, b.post(path+"/test", `{}`, team...), http.StatusAccepted)

	var started []string
	dispatcher := &relay.Deliveries{Messages: b.store.Relay(), Engine: carrier(func(m webhook.Message) error {
		if m.Type == "signing.created" && len(started) == 0 {
			started = append(started, "refused")
			return errors.New("the receiver's name is too long")
		}
		started = append(started, m.Type)
		return nil
	})}
	if dispatcher.Once(t.Context()) == nil {
		t.Error("the failure is not told")
	}
	for range 2 {
		must(t, dispatcher.Once(t.Context()))
	}
	if got := strings.Join(started, " "); got != "refused signing.preparing signing.cancelled kyso.test signing.created" {
		t.Errorf("started %s", got)
	}
	must(t, b.store.Webhooks().MarkFailed(t.Context(), endpoint.ID, "signing-"+created.ID+"-2", time.Now()))
	var list api.MessageList
	b.get(path+"/messages?failed=true", team...).into(t, &list)
	if len(list.Items) != 1 || list.Items[0].Type != "signing.cancelled" || list.Items[0].State != "failed" {
		t.Errorf("failed %+v", list)
	}
	b.get(path+"/messages?limit=2", team...).into(t, &list)
	if len(list.Items) != 2 || list.Next == "" {
		t.Errorf("first page %+v", list)
	}
	wantStatus(t, b.get(list.Next, team...), http.StatusOK)
	replay := func(in api.ReplayRequest) answer {
		body, _ := json.Marshal(in)
		return b.post(path+"/replay", string(body), team...)
	}
	now := time.Now()
	for _, bad := range []api.ReplayRequest{{From: now.Add(time.Hour)}, {From: now.AddDate(0, 0, -31)}, {From: now.Add(-time.Hour), Type: "mood"}} {
		b.wantProblem(replay(bad), http.StatusUnprocessableEntity, problem.Invalid)
	}
	var replayed api.ReplayBody
	replay(api.ReplayRequest{From: now.Add(-time.Hour), Failed: true}).into(t, &replayed)
	if replayed.Replayed != 1 {
		t.Errorf("replayed %+v", replayed)
	}
	var rotated api.EndpointBody
	b.post(path+"/rotate", `{}`, team...).into(t, &rotated)
	if rotated.Secret == endpoint.Secret || rotated.OldUntil == nil {
		t.Errorf("rotated %+v", rotated)
	}
	var endpoints api.EndpointList
	b.get("/v1/webhook-endpoints", team...).into(t, &endpoints)
	if len(endpoints.Items) != 1 || endpoints.Items[0].Secret != "" {
		t.Errorf("list %+v", endpoints)
	}
	wantStatus(t, b.do(http.MethodDelete, path, "", team...), http.StatusNoContent)
	wantStatus(t, b.do(http.MethodDelete, path, "", team...), http.StatusNoContent) // it is gone, as was asked for
	b.wantProblem(b.post(path+"/rotate", "", team...), http.StatusNotFound, problem.NotFound)
}
