package api_test

import (
	"bytes"
	"context"
	"encoding/json"
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

var day = 24 * time.Hour

func (b *testBench) certificates(id string) {
	b.t.Helper()
	now := time.Now()
	must(b.t, b.store.SaveCertificates(b.t.Context(), id, []signing.Certificate{
		{Fingerprint: strings.Repeat("a1", 32), Serial: "0054ab", Subject: "NGUYỄN THỊ ÁNH", Issuer: "IntrustCA", NotBefore: now.Add(-day), NotAfter: now.Add(day), DER: []byte{1}},
		{Fingerprint: strings.Repeat("b2", 32), Serial: "77", Subject: "NGUYỄN THỊ ÁNH", Issuer: "IntrustCA", NotBefore: now.Add(-9 * day), NotAfter: now.Add(-day), DER: []byte{2}},
		{Fingerprint: strings.Repeat("c3", 32), Serial: "78", Subject: "NGUYỄN THỊ ÁNH", Issuer: "IntrustCA", NotBefore: now.Add(day), NotAfter: now.Add(9 * day), DER: []byte{3}},
	}))
}

func TestChooseCertificate(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.wantProblem(b.post(created.Self+"/certificate", `{"serial":"54ab"}`), http.StatusNotFound, problem.CertificateMissing)
	b.certificates(created.ID)
	var list api.CertificateList
	b.get(created.Self+"/certificates").into(t, &list)
	if len(list.Items) != 3 || list.Items[0].State != "valid" || list.Items[1].State != "expired" || list.Items[2].State != "not-yet-valid" || list.Items[0].Owner != "NGUYỄN THỊ ÁNH" {
		t.Errorf("certificates %+v", list)
	}
	b.flows.status = workflows.SigningStatus{Status: signing.StatusAwaitingCertificate, Step: "choose-certificate", Seq: 1,
		Deadline: time.Now().Add(time.Hour), Attention: &process.Attention{IncidentID: "i", Reason: "internal", Actions: []string{"retry"}}}
	for _, serial := range []string{"54ab", "00:54:AB", strings.Repeat("A1", 32)} {
		got := b.post(created.Self+"/certificate", `{"serial":"`+serial+`"}`, "Idempotency-Key", "choose-"+serial)
		wantStatus(t, got, http.StatusOK)
		var status api.SigningMove
		got.into(t, &status)
		if status.ID != created.ID || status.Step != "choose-certificate" || status.Deadline == nil || status.Attention.IncidentID != "i" || len(status.Attention.Actions) != 1 {
			t.Errorf("status %s", got.body)
		}
	}
	for i, act := range b.flows.acts {
		if act != (workflows.ChooseCertificate{Fingerprint: strings.Repeat("a1", 32)}) || b.flows.updates[i] == "" {
			t.Errorf("act %+v under update id %q", act, b.flows.updates[i])
		}
	}
	if len(b.flows.acts) != 3 || b.flows.updates[0] == b.flows.updates[1] {
		t.Errorf("%d acts, update ids %q", len(b.flows.acts), b.flows.updates)
	}
	b.wantProblem(b.post(created.Self+"/certificate", `{"serial":"zz"}`), http.StatusUnprocessableEntity, problem.Invalid)
	b.wantProblem(b.post("/v1/signings/none/certificate", `{"serial":"77"}`), http.StatusNotFound, problem.NotFound)
	b.wantProblem(b.get("/v1/signings/none/certificates"), http.StatusNotFound, problem.NotFound)
}

// TestPlaceInField: a process hears the number of a field, never its name.
func TestPlaceInField(t *testing.T) {
	b := newBench(t, func(o *api.Options) {
		o.PDF = &api.PDF{Inspect: func(context.Context, api.Source) (json.RawMessage, error) {
			return json.RawMessage(`{"fields":[{"number":1,"name":"Bên A"},{"number":2,"name":"Bên B"}]}`), nil
		}}
	})
	created := b.signing()
	wantStatus(t, b.post(created.Self+"/placement", `{"placements":[{"field":"Bên B","certify":2}]}`), http.StatusOK)
	place := b.flows.acts[0].(workflows.Place)
	if want := []signing.Placement{{FieldNumber: 2, Certify: 2}}; !reflect.DeepEqual(place.Placements, want) {
		t.Errorf("placed %+v", place)
	}
	b.wantProblem(b.post(created.Self+"/placement", `{"placements":[{"field":"Bên C"}]}`), http.StatusUnprocessableEntity, problem.Invalid)
}

func TestPlace(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	wantStatus(t, b.post(created.Self+"/placement", `{"placements":[{"page":1,"x":5,"y":6,"width":70,"height":30}]}`), http.StatusOK)
	place := b.flows.acts[0].(workflows.Place)
	if want := []signing.Placement{{Page: 1, X: 5, Y: 6, Width: 70, Height: 30}}; !reflect.DeepEqual(place.Placements, want) {
		t.Errorf("placed %+v", place)
	}
	for _, bad := range []string{
		`{"pages":[1,-2]}`, `{"field":"a","page":1}`, `{"field_number":1,"all_pages":true}`, `{"field":"a","field_number":1}`, `{"certify":4}`, `{"field":"none"}`,
	} {
		b.wantProblem(b.post(created.Self+"/placement", `{"placements":[`+bad+`]}`), http.StatusUnprocessableEntity, problem.Invalid)
	}
	b.wantProblem(b.post(created.Self+"/placement", `{"placements":[{},{}]}`), http.StatusUnprocessableEntity, problem.Invalid)
	b.wantProblem(b.post(created.Self+"/placement", `{"placements":[{"x":-1}]}`), http.StatusUnprocessableEntity, problem.Invalid)
	b.wantProblem(b.post("/v1/signings/none/placement", `{"placements":[{}]}`), http.StatusNotFound, problem.NotFound)
}

func TestCancelAndRepair(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.flows.status = workflows.SigningStatus{Status: signing.StatusCancelled, Step: "done", Seq: 1}
	wantStatus(t, b.post(created.Self+"/cancel", ``), http.StatusOK)
	wantStatus(t, b.post(created.Self+"/cancel", `{"reason":"hợp đồng đổi điều khoản","actor":"crm:42"}`), http.StatusOK)
	got := b.post(created.Self+"/repair", `{"action":"retry","reason":"account fixed","actor":"op-1"}`)
	wantStatus(t, got, http.StatusOK)
	var repaired api.RepairBody
	got.into(t, &repaired)
	if repaired.Outcome != process.RepairRecovered || repaired.Signing.ID != created.ID {
		t.Errorf("repaired %s", got.body)
	}
	want := []any{workflows.Cancel{Actor: "admin"}, workflows.Cancel{Actor: "crm:42", Reason: "hợp đồng đổi điều khoản"},
		process.Repair{Action: "retry", Actor: "op-1", Reason: "account fixed"}}
	for i := range want {
		if b.flows.acts[i] != want[i] {
			t.Errorf("act %+v, want %+v", b.flows.acts[i], want[i])
		}
	}
	for path, bodies := range map[string][]string{
		"/cancel": {`{"reason":"call 0912 345 678"}`, `{"reason":"an@example.vn"}`, `{"actor":"an@example.vn"}`, `{"actor":"079095012345"}`},
		"/repair": {`{"action":"retry"}`, `{"action":"retry","reason":""}`, `{"action":"retry","reason":"  "}`, `{"action":"skip","reason":"x"}`,
			`{"action":"retry","reason":"079095012345 asked"}`, `{"action":"cancel","reason":"x","actor":"a b"}`},
	} {
		for _, body := range bodies {
			b.wantProblem(b.post(created.Self+path, body), http.StatusUnprocessableEntity, problem.Invalid)
		}
	}
	b.wantProblem(b.post("/v1/signings/none/cancel", `{}`), http.StatusNotFound, problem.NotFound)
	b.wantProblem(b.post("/v1/signings/none/repair", `{"action":"retry","reason":"x"}`), http.StatusNotFound, problem.NotFound)
	if len(b.flows.acts) != len(want) {
		t.Errorf("%d acts reached the process", len(b.flows.acts))
	}
}

// Every code has an HTTP status of its own kind. 500 is left to our own faults.
func TestEveryCodeHasAStatus(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	for _, code := range problem.Codes() {
		b.flows.fail(problem.New(code, "for the test"))
		got := b.post(created.Self+"/cancel", `{}`)
		wants := map[bool]string{true: "500", false: "4xx, or 502, 503 for an outside party"}
		ours := code == problem.Internal || code == problem.DigestMismatch
		outside := got.status == http.StatusBadGateway || got.status == http.StatusServiceUnavailable
		if ours != (got.status == http.StatusInternalServerError) || !ours && !outside && (got.status < 400 || got.status > 499) {
			t.Errorf("%s answers %d, want %s", code, got.status, wants[ours])
		}
		if !bytes.Contains(got.body, []byte(`"`+string(code)+`"`)) {
			t.Errorf("%s is not named in %s", code, got.body)
		}
	}
}

func TestActsThatTheStateRefuses(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.certificates(created.ID)
	for _, c := range []struct {
		err    error
		status int
		code   problem.Code
	}{
		{problem.New(problem.Conflict, "the signing is signed"), http.StatusConflict, problem.Conflict},
		{problem.New(problem.ProcessMissing, "no process works on it"), http.StatusConflict, problem.ProcessMissing},
		{problem.New(problem.ProviderUnavailable, "Temporal is away"), http.StatusServiceUnavailable, problem.ProviderUnavailable},
	} {
		b.flows.fail(c.err)
		for path, body := range map[string]string{"/cancel": `{}`, "/repair": `{"action":"retry","reason":"x"}`,
			"/placement": `{"placements":[{}]}`, "/certificate": `{"serial":"54ab"}`} {
			got := b.post(created.Self+path, body)
			b.wantProblem(got, c.status, c.code)
			if retry := got.header.Get("Retry-After"); (retry != "") != (c.status == http.StatusServiceUnavailable) {
				t.Errorf("%d with Retry-After %q", c.status, retry)
			}
		}
	}
}
