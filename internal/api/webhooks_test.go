package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

const hook = "/v1/webhooks/intrustca/s3cret-token"

// asked is a signing whose request the provider knows as transaction.
func (b *testBench) asked(transaction string) api.SigningBody {
	b.t.Helper()
	created := b.signing()
	b.move(created.ID, 1, signing.StatusPreparing, signing.StatusRequested)
	must(b.t, b.store.SaveApproval(b.t.Context(), created.ID, signing.Approval{OurID: transaction}))
	return created
}

func (b *testBench) unhandled() int {
	b.t.Helper()
	rows, err := b.store.Relay().Waiting(b.t.Context(), time.Now().Add(time.Hour), page.Cursor{}, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	return len(rows)
}

func TestWebhookNudges(t *testing.T) {
	b := newBench(t)
	created := b.asked("kyso-1")
	body := `{"sp_id":"x","status_code":200,"message":"SUCCESS","transaction_id":"kyso-1","signed_files":[{"doc_id":"a","signature_value":"AAAA","timestamp_signature":null}]}`
	got := b.post(hook, body)
	wantStatus(t, got, http.StatusOK)
	if strings.TrimSpace(string(got.body)) != "{}" {
		t.Errorf("answered %s", got.body)
	}
	wantStatus(t, b.post(hook, body), http.StatusOK) // doubled
	if len(b.flows.nudged) != 1 || b.flows.nudged[0] != created.ID || b.unhandled() != 0 {
		t.Errorf("nudged %q, %d rows left", b.flows.nudged, b.unhandled())
	}
	var shown api.SigningBody
	b.get(created.Self).into(t, &shown)
	if shown.Status != signing.StatusRequested {
		t.Errorf("the webhook made it %s", shown.Status)
	}
	wantStatus(t, b.post(hook, `{"data":{"transaction_id":"kyso-1"}}`), http.StatusOK)
	if len(b.flows.nudged) != 2 {
		t.Errorf("nudged %q", b.flows.nudged)
	}
}

func TestWebhookRefusals(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"/v1/webhooks/intrustca/wrong", "/v1/webhooks/vnpt/s3cret-token", "/v1/webhooks/vnpt/", "/v1/webhooks/other/x"} {
		b.wantProblem(b.post(path, `{}`), http.StatusNotFound, problem.NotFound)
	}
	b.wantProblem(b.post(hook, `no JSON`), http.StatusUnprocessableEntity, problem.Invalid)
	b.wantProblem(b.post(hook, `{"x":"`+strings.Repeat("x", 1<<20)+`"}`), http.StatusRequestEntityTooLarge, problem.TooLarge)
	wantStatus(t, b.post(hook, `{"transaction_id":"nobody's"}`), http.StatusOK)
	wantStatus(t, b.post(hook, `{"message":"test"}`), http.StatusOK)
	if len(b.flows.nudged) != 0 || b.unhandled() != 1 {
		t.Errorf("nudged %q, %d rows left", b.flows.nudged, b.unhandled())
	}
}
