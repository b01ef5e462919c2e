package api_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/workflows"
)

func TestCreateSigning(t *testing.T) {
	b := newBench(t)
	one, two := b.upload("a.pdf"), b.upload("b.pdf")
	body := fmt.Sprintf(`{"user":" %s ","level":"B-LT","reason":"Ky\u0301 hợp đồng","location":"Hà Nội","provider":"vnpt",
		"documents":[{"id":%q,"placement":{"page":2,"x":10.5,"y":20,"width":200,"height":64}},{"id":%q,"placement":{"invisible":true,"x":9}}]}`, user, one.ID, two.ID)
	got := b.post("/v1/signings", body)
	wantStatus(t, got, http.StatusAccepted)
	var created api.SigningBody
	got.into(t, &created)
	if got.header.Get("Location") != "/v1/signings/"+created.ID || created.Status != signing.StatusCreated {
		t.Errorf("Location %q, body %s", got.header.Get("Location"), got.body)
	}
	if strings.Contains(string(got.body), user) || strings.Contains(string(got.body), "a.pdf") {
		t.Errorf("the kept answer holds personal data: %s", got.body)
	}
	var shown api.SigningBody
	b.get(created.Self).into(t, &shown)
	if shown.User != user || shown.Reason != "Ký hợp đồng" || shown.Location != "Hà Nội" || shown.Level != signing.LevelLT ||
		shown.Provider != "vnpt" || shown.Documents[1].Name != "b.pdf" || !reflect.DeepEqual(shown.Documents[0].Placement, &api.PlacementBody{Placement: signing.Placement{Page: 2, X: 10.5, Y: 20, Width: 200, Height: 64}}) ||
		!reflect.DeepEqual(shown.Documents[1].Placement, &api.PlacementBody{Placement: signing.Placement{Invisible: true}}) {
		t.Errorf("shown as %+v", shown)
	}
	want := workflows.SigningInput{SigningID: created.ID, Provider: "vnpt", Level: signing.LevelLT, Documents: 2, Placed: true}
	if starts := b.flows.starts(); len(starts) != 1 || starts[0] != want {
		t.Errorf("started %+v, want %+v", starts, want)
	}
}

func TestCreateSigningDefaults(t *testing.T) {
	b := newBench(t)
	got := b.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q}]}`, user, b.upload("a.pdf").ID))
	wantStatus(t, got, http.StatusAccepted)
	start := b.flows.starts()[0]
	if start.Level != signing.LevelT || start.Provider != "intrustca" || start.Placed {
		t.Errorf("started %+v", start)
	}
}

func TestCreateSigningFieldErrors(t *testing.T) {
	b := newBench(t)
	id := b.upload("a.pdf").ID
	documents := fmt.Sprintf(`"documents":[{"id":%q}]`, id)
	many := strings.Repeat(fmt.Sprintf(`{"id":%q},`, id), 51)
	for name, c := range map[string]struct{ body, location string }{
		"no user":           {`{` + documents + `}`, "body"},
		"user of letters":   {`{"user":"someone",` + documents + `}`, "body.user"},
		"user too short":    {`{"user":"12345",` + documents + `}`, "body.user"},
		"user with a line":  {`{"user":"ICA.1\n2345",` + documents + `}`, "body.user"},
		"no documents":      {`{"user":"079095012345"}`, "body"},
		"empty documents":   {`{"user":"079095012345","documents":[]}`, "body.documents"},
		"too many":          {`{"user":"079095012345","documents":[` + strings.TrimSuffix(many, ",") + `]}`, "body.documents"},
		"unknown document":  {`{"user":"079095012345","documents":[{"id":"none"}]}`, "body.documents[0].id"},
		"document twice":    {fmt.Sprintf(`{"user":"079095012345","documents":[{"id":%q},{"id":%q}]}`, id, id), "body.documents[1].id"},
		"level":             {`{"user":"079095012345","level":"B-X",` + documents + `}`, "body.level"},
		"provider":          {`{"user":"079095012345","provider":"other",` + documents + `}`, "body.provider"},
		"serial":            {`{"user":"079095012345","serial":"xyz",` + documents + `}`, "body.serial"},
		"reason too long":   {`{"user":"079095012345","reason":"` + strings.Repeat("ạ", 201) + `",` + documents + `}`, "body.reason"},
		"bidi in reason":    {`{"user":"079095012345","reason":"a\u202eb",` + documents + `}`, "body.reason"},
		"control in reason": {`{"user":"079095012345","reason":"a\u0007b",` + documents + `}`, "body.reason"},
		"unknown field":     {`{"user":"079095012345","usr":1,` + documents + `}`, "body.usr"},
		"negative page":     {fmt.Sprintf(`{"user":"079095012345","documents":[{"id":%q,"placement":{"page":-1}}]}`, id), "body.documents[0].placement.page"},
		"negative width":    {fmt.Sprintf(`{"user":"079095012345","documents":[{"id":%q,"placement":{"width":-5,"height":5}}]}`, id), "body.documents[0].placement.width"},
		"width alone":       {fmt.Sprintf(`{"user":"079095012345","documents":[{"id":%q,"placement":{"width":5}}]}`, id), "body.documents[0].placement"},
		"endless number":    {fmt.Sprintf(`{"user":"079095012345","documents":[{"id":%q,"placement":{"x":1e300}}]}`, id), "body.documents[0].placement.x"},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.wantProblem(b.post("/v1/signings", c.body), http.StatusUnprocessableEntity, problem.Invalid)
			found := false
			for _, f := range p.Errors {
				found = found || f.Location == c.location && f.Message != ""
			}
			if !found {
				t.Errorf("errors %+v, want one at %s", p.Errors, c.location)
			}
		})
	}
	for name, body := range map[string]string{"no JSON": `{`, "number too large": `{"user":1e999}`, "nothing": ``} {
		t.Run(name, func(*testing.T) {
			b.wantProblem(b.post("/v1/signings", body), http.StatusBadRequest, problem.Invalid)
		})
	}
	b.wantProblem(b.post("/v1/signings", strings.Repeat("x", 17<<10)), http.StatusRequestEntityTooLarge, problem.TooLarge)
	b.wantProblem(b.do(http.MethodPost, "/v1/signings", "a=b", "Content-Type", "application/x-www-form-urlencoded"),
		http.StatusUnsupportedMediaType, problem.Invalid)
	if n := len(b.flows.starts()); n != 0 {
		t.Errorf("%d signings started", n)
	}
}

func TestUserIDs(t *testing.T) {
	b := newBench(t)
	id := b.upload("a.pdf").ID
	for _, good := range []string{"079095012345", "123456789", "0101234567", "0101234567-001", "C1234567", "ICA.079095012345", "ICA.C1234567"} {
		got := b.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q}]}`, good, id))
		wantStatus(t, got, http.StatusAccepted)
	}
}

func TestShowSigningWhileThePhoneRings(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	b := newBench(t, func(o *api.Options) { o.Now = func() time.Time { return now } })
	created := b.signing()
	h3 := strings.Repeat("7a3f09c1", 8)
	must(t, b.store.SavePrepared(t.Context(), created.ID, 0, signing.Prepared{H1: h3, H2: h3, H3: h3, SignedAttrs: []byte{0x31}, Increment: "k"}))
	b.move(created.ID, 1, signing.StatusPreparing, signing.StatusRequested)
	approval := signing.Approval{OurID: "kyso-1", ShortCode: signing.ShortCode(h3)}
	must(t, b.store.SaveApproval(t.Context(), created.ID, approval))
	approval.Reference, approval.AcceptedAt, approval.ExpiresAt = "r", now.Add(-40*time.Second), now.Add(260*time.Second)
	must(t, b.store.SaveApproval(t.Context(), created.ID, approval))

	var before api.SigningBody
	b.get(created.Self).into(t, &before)
	if before.Countdown != nil {
		t.Error("a countdown before the phone rings")
	}
	b.move(created.ID, 3, signing.StatusAwaitingApproval)
	var shown api.SigningBody
	b.get(created.Self).into(t, &shown)
	c := shown.Countdown
	if c == nil || c.RemainingSeconds != 260 || !c.AcceptedAt.Equal(now.Add(-40*time.Second)) || !c.ServerTime.Equal(now) || c.ShortCode != "7A3F-09C1" {
		t.Errorf("countdown %+v", c)
	}
	if shown.ShortCode != "7A3F-09C1" || shown.Documents[0].DigestPrefix != "7a3f09c17a3f09c1" || len(shown.Transitions) != 3 || shown.Final {
		t.Errorf("shown as %+v", shown)
	}
	now = now.Add(time.Hour)
	b.get(created.Self).into(t, &shown)
	if shown.Countdown.RemainingSeconds != 0 {
		t.Errorf("%d seconds left after the end", shown.Countdown.RemainingSeconds)
	}
	b.move(created.ID, 4, signing.StatusDeclined)
	var ended api.SigningBody
	b.get(created.Self).into(t, &ended)
	if !ended.Final || ended.Countdown != nil || ended.Outcome == nil || ended.Outcome.Code != problem.DeclinedBySigner || ended.FinishedAt == nil {
		t.Errorf("ended as %+v", ended)
	}
}

func TestParkedSigning(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	incident := process.Incident{ProcessID: created.ID, Attention: process.Attention{IncidentID: "inc-1", Step: "request", Reason: string(problem.ProviderCredentials),
		Message: "turned away", Provider: "intrustca", Since: time.Now().UTC().Truncate(time.Second), Attempts: 2}}
	must(t, b.store.OpenIncident(t.Context(), incident))
	var shown api.SigningBody
	b.get(created.Self).into(t, &shown)
	a := shown.Attention
	if a == nil || a.IncidentID != "inc-1" || a.Code != problem.ProviderCredentials || a.Title == "" || len(a.Actions) != 2 || a.Attempts != 2 {
		t.Errorf("attention %+v", a)
	}
	var list api.SigningList
	b.get("/v1/signings?attention=true").into(t, &list)
	if len(list.Items) != 1 || list.Items[0].Attention == nil {
		t.Errorf("list %+v", list)
	}
	var incidents api.IncidentList
	b.get("/v1/incidents").into(t, &incidents)
	if len(incidents.Items) != 1 || incidents.Items[0].Path != created.Self || incidents.Items[0].Process != "signing" {
		t.Errorf("incidents %+v", incidents)
	}
	incident.ClosedAt, incident.Action, incident.Actor, incident.Note = time.Now(), "retry", "op-1", "account fixed"
	must(t, b.store.CloseIncident(t.Context(), incident))
	var open, all api.IncidentList
	b.get("/v1/incidents").into(t, &open)
	b.get("/v1/incidents?all=true").into(t, &all)
	if len(open.Items) != 0 || len(all.Items) != 1 || all.Items[0].ClosedAt == nil || all.Items[0].Note != "account fixed" {
		t.Errorf("open %+v, all %+v", open, all)
	}
}

func TestListSignings(t *testing.T) {
	b := newBench(t)
	var ids []string
	for range 3 {
		ids = append(ids, b.signing().ID)
	}
	var page api.SigningList
	b.get("/v1/signings?limit=2").into(t, &page)
	if len(page.Items) != 2 || page.Items[0].ID != ids[2] || page.Items[0].User != "" || page.Items[0].Documents[0].Name != "" || page.Next == "" {
		t.Fatalf("first page %+v", page)
	}
	var rest api.SigningList
	b.get(page.Next).into(t, &rest)
	if len(rest.Items) != 1 || rest.Items[0].ID != ids[0] || rest.Next != "" {
		t.Errorf("second page %+v", rest)
	}
	b.move(ids[1], 1, signing.StatusCancelled)
	var cancelled api.SigningList
	b.get("/v1/signings?status=cancelled").into(t, &cancelled)
	if len(cancelled.Items) != 1 || cancelled.Items[0].ID != ids[1] || !cancelled.Items[0].Final {
		t.Errorf("cancelled %+v", cancelled)
	}
	for _, bad := range []string{"status=dead", "limit=0", "limit=501", "limit=x", "before=yesterday", "attention=perhaps"} {
		b.wantProblem(b.get("/v1/signings?"+bad), http.StatusUnprocessableEntity, problem.Invalid)
	}
	b.wantProblem(b.get("/v1/signings/none"), http.StatusNotFound, problem.NotFound)
}

func TestSignedContent(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	path := created.Self + "/documents/0/content"
	b.wantProblem(b.get(path), http.StatusConflict, problem.Conflict)
	signed := b.files.keep("a.pdf", []byte(pdf+" signed"))
	must(t, b.store.SaveUpload(t.Context(), signed))
	must(t, b.store.SaveSigned(t.Context(), created.ID, 0, signed.ID, signing.LevelT))
	b.move(created.ID, 1, signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval, signing.StatusCompleting)
	b.wantProblem(b.get(path), http.StatusConflict, problem.Conflict) // not verified yet
	b.move(created.ID, 5, signing.StatusSigned)
	got := b.get(path)
	wantStatus(t, got, http.StatusOK)
	if string(got.body) != pdf+" signed" || !strings.Contains(got.header.Get("Content-Disposition"), "a-signed.pdf") {
		t.Errorf("%q with %q", got.body, got.header.Get("Content-Disposition"))
	}
	var shown api.SigningBody
	b.get(created.Self).into(t, &shown)
	if d := shown.Documents[0]; d.Content != path || d.SignedID != signed.ID || d.LevelReached != signing.LevelT {
		t.Errorf("document %+v", d)
	}
	b.wantProblem(b.get(created.Self+"/documents/1/content"), http.StatusNotFound, problem.NotFound)
	b.wantProblem(b.get(created.Self+"/documents/50/content"), http.StatusUnprocessableEntity, problem.Invalid)
	b.wantProblem(b.get("/v1/signings/none/documents/0/content"), http.StatusNotFound, problem.NotFound)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEverySigningStatusHasWords(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	words := map[string]bool{}
	for seq, status := range []signing.Status{signing.StatusCreated, signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval,
		signing.StatusCompleting, signing.StatusSigned} {
		if seq > 0 {
			b.move(created.ID, seq, status)
		}
		var shown api.SigningBody
		b.get(created.Self).into(t, &shown)
		if shown.Title == "" || shown.TitleEN == "" || words[shown.Title] {
			t.Errorf("%s is called %q, %q", status, shown.Title, shown.TitleEN)
		}
		words[shown.Title] = true
	}
}

// TestASerialIsAskedForAtTheDoor: a serial number that the user does not have is refused with its field; a provider that
// does not answer stops nobody.
func TestASerialIsAskedForAtTheDoor(t *testing.T) {
	away := false
	b := newBench(t, func(o *api.Options) {
		o.Held = func(_ context.Context, provider, _, user, serial string) (bool, error) {
			if away {
				return false, problem.New(problem.ProviderUnavailable, "%s is away", provider)
			}
			return user == "079095012345" && serial == "54ab", nil
		}
	})
	ask := func(serial string) answer {
		return b.post("/v1/signings", `{"user":"079095012345","serial":"`+serial+`","documents":[{"id":"`+b.upload("a.pdf").ID+`"}]}`)
	}
	wantStatus(t, ask("54:AB"), http.StatusAccepted)
	got := ask("77")
	if b.wantProblem(got, http.StatusUnprocessableEntity, problem.Invalid); !strings.Contains(string(got.body), `"body.serial"`) {
		t.Errorf("no field is named: %s", got.body)
	}
	away = true
	wantStatus(t, ask("77"), http.StatusAccepted)
}
