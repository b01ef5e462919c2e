package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"kyso/internal/api"
	"kyso/internal/audit"
	"kyso/internal/problem"
	"kyso/internal/store"
)

// withVerifications keeps verifications in the store of the test.
func withVerifications(o *api.Options) {
	desk := o.Desk
	if forgetful, ok := desk.(forgetfulDesk); ok {
		desk = forgetful.Desk
	}
	o.Verifications = desk.(*store.Store).Verifications()
}

type keptAnswer struct {
	Size int
	Kept *api.KeptVerification
}

func (b *testBench) verifies(query, body string, headers ...string) (answer, keptAnswer) {
	b.t.Helper()
	got := b.do(http.MethodPost, "/v1/verifications"+query, body, append([]string{"Content-Type", "application/pdf"}, headers...)...)
	var out keptAnswer
	if got.status < http.StatusMultipleChoices {
		got.into(b.t, &out)
	}
	return got, out
}

// TestAVerificationIsKeptOnWish: without the wish nothing is kept; with it the record has what was found and what it rests on, until
// it is deleted.
func TestAVerificationIsKeptOnWish(t *testing.T) {
	b := newBench(t, pdfStub, withVerifications)
	list := func() []api.KeptVerification {
		var out api.VerificationList
		b.get("/v1/verifications").into(t, &out)
		return out.Items
	}
	got, plain := b.verifies("", pdf)
	wantStatus(t, got, http.StatusOK)
	if plain.Kept != nil || len(list()) != 0 {
		t.Fatalf("%s; %d are kept", got.body, len(list()))
	}
	got, made := b.verifies("?keep=true&name=H%E1%BB%A3p+%C4%91%E1%BB%93ng.pdf", pdf, "Idempotency-Key", "k")
	wantStatus(t, got, http.StatusCreated)
	if made.Size != len(pdf) || made.Kept == nil || made.Kept.Name != "Hợp đồng.pdf" || made.Kept.Size != int64(len(pdf)) || got.header.Get("Location") != made.Kept.Self || len(list()) != 1 || list()[0].ID != made.Kept.ID {
		t.Fatalf("%s", got.body)
	}
	if again, _ := b.verifies("?keep=true&name=H%E1%BB%A3p+%C4%91%E1%BB%93ng.pdf", pdf, "Idempotency-Key", "k"); again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Location") != made.Kept.Self || len(list()) != 1 {
		t.Errorf("again: %s", again.body)
	}
	other := strings.Replace(pdf, "1", "2", 1)
	refused, _ := b.verifies("?keep=true&name=H%E1%BB%A3p+%C4%91%E1%BB%93ng.pdf", other, "Idempotency-Key", "k")
	b.wantProblem(refused, http.StatusUnprocessableEntity, problem.IdempotencyMismatch)
	for _, query := range []string{"", "?keep=false"} { // it would keep the answer
		refused, _ := b.verifies(query, pdf, "Idempotency-Key", "k2")
		if p := b.wantProblem(refused, http.StatusUnprocessableEntity, problem.Invalid); p.Errors[0].Location != "header.Idempotency-Key" {
			t.Errorf("%+v", p)
		}
	}
	var body api.VerificationRecord
	b.get(made.Kept.Self).into(t, &body)
	var evidence api.VerificationEvidence
	b.get(made.Kept.Self+"/evidence").into(t, &evidence)
	if string(body.Report) != `{"size":14}` || len(evidence.Certificates) != 1 || len(evidence.OCSPs) != 1 || len(evidence.CRLs) != 0 || !slices.Equal(evidence.Trust, []string{"aa"}) {
		t.Errorf("%+v, %+v", body, evidence)
	}
	report := b.get(made.Kept.Self + "/report")
	if string(report.body) != "%PDF report of Hợp đồng.pdf" || report.header.Get("Content-Type") != "application/pdf" || !strings.Contains(report.header.Get("Content-Disposition"), "-verification.pdf") {
		t.Errorf("%s %v", report.body, report.header)
	}
	if asJSON := b.get(made.Kept.Self + "/report?format=json"); !strings.Contains(string(asJSON.body), `"report":{"size":14}`) {
		t.Errorf("%s", asJSON.body)
	}
	wantStatus(t, b.do(http.MethodDelete, made.Kept.Self, ""), http.StatusNoContent)
	wantStatus(t, b.do(http.MethodDelete, made.Kept.Self, ""), http.StatusNoContent)
	for _, path := range []string{"", "/report", "/evidence"} {
		b.wantProblem(b.get(made.Kept.Self+path), http.StatusNotFound, problem.NotFound)
	}
	gone, _ := b.verifies("?keep=true&name=H%E1%BB%A3p+%C4%91%E1%BB%93ng.pdf", pdf, "Idempotency-Key", "k")
	b.wantProblem(gone, http.StatusGone, problem.Erased)
	var acts []string
	for _, e := range b.entries() {
		if e.Object == made.Kept.ID && e.Kind == "verification" {
			acts = append(acts, e.Detail)
		}
	}
	if !slices.Equal(acts, []string{"kept", "deleted"}) {
		t.Errorf("the audit log says %v", acts)
	}
	if !slices.ContainsFunc(b.entries(), func(e audit.Entry) bool { return e.Kind == "read" && e.Object == made.Kept.ID }) {
		t.Error("the audit log does not say who read it")
	}
}

// TestKeptVerificationsHaveAQuota: what a guest keeps counts with its uploads, and deleting makes room.
func TestKeptVerificationsHaveAQuota(t *testing.T) {
	b := newBench(t, pdfStub, withVerifications, func(o *api.Options) { o.GuestBytes, o.Rate = 500, 0 })
	as := []string{"Authorization", "", "Cookie", b.guest()}
	var last keptAnswer
	for n := 0; ; n++ {
		got, made := b.verifies("?keep=true", pdf, as...)
		if got.status == http.StatusTooManyRequests {
			break
		}
		if last = made; n > 20 {
			t.Fatal("no quota holds")
		}
	}
	wantStatus(t, b.do(http.MethodDelete, last.Kept.Self, "", as...), http.StatusNoContent)
	got, _ := b.verifies("?keep=true", pdf, as...)
	wantStatus(t, got, http.StatusCreated)
}
