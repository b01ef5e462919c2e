package api_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/party/vnpay"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

func TestVNeIDRequests(t *testing.T) {
	d := newDesk(t)
	d.wantProblem(d.post("/v1/vneid/requests", "V-1 token", "X-Signature", "bad"), http.StatusUnauthorized, problem.Denied)
	first := d.post("/v1/vneid/requests", "V-1 token", "X-Signature", "good")
	wantStatus(t, first, http.StatusAccepted)
	var accepted api.AcceptedBody
	first.into(t, &accepted)
	if accepted.RegistrationID == "" || accepted.Status != registration.StatusRequested {
		t.Errorf("accepted as %+v", accepted)
	}
	d.flows.err = problem.New(problem.ProviderUnavailable, "away") // the sweep starts it
	again := d.post("/v1/vneid/requests", "V-1 token", "X-Signature", "good")
	wantStatus(t, again, http.StatusAccepted)
	if string(again.body) != string(first.body) {
		t.Errorf("replayed: %s, first %s", again.body, first.body)
	}
	d.wantProblem(d.post("/v1/vneid/requests", "V-1 other", "X-Signature", "good"), http.StatusConflict, problem.Conflict)

	d.flows.err, d.flows.started = nil, nil
	d.records.set(accepted.RegistrationID, func(r *registration.Registration) { r.Status = registration.StatusActive }) // long ago
	wantStatus(t, d.post("/v1/vneid/requests", "V-1 token", "X-Signature", "good"), http.StatusAccepted)
	if len(d.flows.started) != 0 {
		t.Errorf("a registration that is over was started again")
	}
}

func TestHandOffIsGoodOnce(t *testing.T) {
	d := newDesk(t)
	wantStatus(t, d.post("/v1/vneid/requests", "V-1 token", "X-Signature", "good"), http.StatusAccepted)
	d.wantProblem(d.post("/v1/hand-off", `{"token":"unknown"}`), http.StatusNotFound, problem.NotFound)
	d.flows.status.Status = registration.StatusHandedOff
	got := d.post("/v1/hand-off", `{"token":"token"}`, "Idempotency-Key", "k")
	wantStatus(t, got, http.StatusOK)
	var accepted api.AcceptedBody
	got.into(t, &accepted)
	if accepted.Status != registration.StatusHandedOff || accepted.RegistrationID == "" {
		t.Errorf("handed off as %+v", accepted)
	}
	if again := d.post("/v1/hand-off", `{"token":"token"}`, "Idempotency-Key", "k"); string(again.body) != string(got.body) {
		t.Errorf("the same request again: %s", again.body)
	}
	wantStatus(t, d.post("/v1/hand-off", `{"token":"token"}`), http.StatusOK) // it comes again to what it has
	other := bearer(d.key("team-other", access.Registrations))("")
	d.wantProblem(d.post("/v1/hand-off", `{"token":"token"}`, other...), http.StatusConflict, problem.HandoffUsed)
}

// The token is used up, so the citizen must not be lost when Temporal is away.
func TestHandOffWhileTemporalIsAway(t *testing.T) {
	d := newDesk(t)
	wantStatus(t, d.post("/v1/vneid/requests", "V-1 token", "X-Signature", "good"), http.StatusAccepted)
	d.flows.err = problem.New(problem.ProviderUnavailable, "away")
	wantStatus(t, d.post("/v1/hand-off", `{"token":"token"}`), http.StatusOK)
	d.flows.err = nil
	var accepted api.AcceptedBody
	d.post("/v1/vneid/requests", "V-1 token", "X-Signature", "good").into(t, &accepted)
	if d.records.byID[accepted.RegistrationID].HandedOffAt.IsZero() {
		t.Error("that the citizen came is not recorded")
	}
}

func ipn(d *desk, query string) string {
	d.t.Helper()
	got := d.get("/v1/vnpay/ipn?" + bySigning(query))
	wantStatus(d.t, got, http.StatusOK)
	var body vnpay.IPNBody
	got.into(d.t, &body)
	if body.Message == "" || !strings.Contains(string(got.body), `"RspCode"`) {
		d.t.Errorf("answered %s", got.body)
	}
	return body.RspCode
}

// bySigning puts VNPay's signature, and what it is over, where a query has a good one.
func bySigning(query string) string {
	q, err := url.ParseQuery(query)
	if err != nil || q.Get("vnp_SecureHash") != "good" {
		return query
	}
	q.Del("vnp_SecureHash")
	q.Set("vnp_TmnCode", "KYSO0001")
	q.Set("vnp_TransactionNo", "14000001")
	q.Set("vnp_TransactionStatus", map[string]string{"00": "00", "07": "07"}[q.Get("vnp_ResponseCode")])
	if q.Get("vnp_TransactionStatus") == "" {
		q.Set("vnp_TransactionStatus", "02")
	}
	mac := hmac.New(sha512.New, []byte("secret"))
	mac.Write([]byte(q.Encode()))
	return q.Encode() + "&vnp_SecureHash=" + hex.EncodeToString(mac.Sum(nil))
}

const paid = "vnp_SecureHash=good&vnp_Amount=20000000&vnp_ResponseCode=00&vnp_TxnRef="

func TestIPN(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusAwaitingPayment })
	d.records.payments["P1"] = registration.Payment{TxnRef: "P1", RegistrationID: "r", AmountVND: 200_000, Status: registration.PaymentPending}
	for _, c := range []struct{ name, query, want string }{
		{"forged", strings.Replace(paid, "good", "bad", 1) + "P1", "97"},
		{"nothing", "", "97"},
		{"unknown", paid + "P9", "01"},
		{"wrong amount", strings.Replace(paid, "20000000", "100", 1) + "P1", "04"},
		{"recorded", paid + "P1", "00"},
		{"replayed", paid + "P1", "02"},
		{"replayed as failed", strings.Replace(paid, "ResponseCode=00", "ResponseCode=24", 1) + "P1", "02"},
	} {
		if got := ipn(d, c.query); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if len(d.flows.nudged) != 1 || len(d.flows.refunds) != 0 || d.records.payments["P1"].Status != registration.PaymentCaptured {
		t.Errorf("nudged %v, refunded %v, payment %+v", d.flows.nudged, d.flows.refunds, d.records.payments["P1"])
	}
	var shown api.ReturnBody
	for _, path := range []string{"/v1/vnpay/return?", "/v1/payments/return?"} {
		d.get(path+bySigning("vnp_SecureHash=good&vnp_Amount=20000000&vnp_ResponseCode=24&vnp_TxnRef=P1")).into(t, &shown)
		if shown.TxnRef != "P1" || shown.Status != registration.PaymentCaptured {
			t.Errorf("shown as %+v", shown)
		}
	}
	d.wantProblem(d.get("/v1/payments/return?vnp_TxnRef=P1"), http.StatusUnauthorized, problem.Denied)
	d.wantProblem(d.get("/v1/vnpay/return?vnp_TxnRef=P1"), http.StatusUnauthorized, problem.Denied)
}

// Money that came too late, or twice, goes back; the money that pays stays.
func TestMoneyThatNobodyIsOwedFor(t *testing.T) {
	d := newDesk(t)
	d.records.set("late", func(r *registration.Registration) { r.Status, r.PriceVND = registration.StatusExpired, 200_000 })
	d.records.set("twice", func(r *registration.Registration) { r.Status, r.PaidRef = registration.StatusAwaitingConsent, "T1" })
	d.records.set("done", func(r *registration.Registration) {
		r.Status, r.PaidRef, r.PriceVND = registration.StatusActive, "D1", 200_000
	})
	for ref, id := range map[string]string{"L1": "late", "T2": "twice", "D1": "done"} {
		d.records.payments[ref] = registration.Payment{TxnRef: ref, RegistrationID: id, AmountVND: 200_000, Status: registration.PaymentPending}
	}
	for _, ref := range []string{"L1", "T2"} {
		if got := ipn(d, paid+ref); got != "00" {
			t.Errorf("%s: %s", ref, got)
		}
	}
	if !slices.Equal(d.flows.refunds, []string{"L1", "T2"}) || !slices.Equal(d.flows.nudged, []string{"refund L1", "refund T2"}) {
		t.Errorf("refunds %v, nudged %v", d.flows.refunds, d.flows.nudged)
	}
}

func TestReviews(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusInReview })
	for name, c := range map[string]struct{ body, location string }{
		"no such decision":  {`{"decision":"maybe","officer":"o"}`, "body.decision"},
		"no such reason":    {`{"decision":"refuse","reason":"mood","officer":"o"}`, "body.reason"},
		"no reason":         {`{"decision":"refuse","officer":"o"}`, "body.reason"},
		"reason to approve": {`{"decision":"approve","reason":"other","officer":"o"}`, "body.reason"},
		"ask for nothing":   {`{"decision":"ask","reason":"other","officer":"o"}`, "body.fields"},
		"ask for the name":  {`{"decision":"ask","reason":"other","fields":["full_name"],"officer":"o"}`, "body.fields[0]"},
		"ask twice":         {`{"decision":"ask","reason":"other","fields":["email","email"],"officer":"o"}`, "body.fields[1]"},
		"fields to refuse":  {`{"decision":"refuse","reason":"other","fields":["email"],"officer":"o"}`, "body.fields"},
		"unchecked":         {`{"decision":"approve","officer":"o"}`, "body.checks"},
		"no such check":     {`{"decision":"approve","officer":"o","checks":["mood"]}`, "body.checks[0]"},
		"a phone number":    {`{"decision":"approve","officer":"0901234567"}`, "body.officer"},
	} {
		p := d.wantProblem(d.post("/v1/registrations/r/review", c.body), http.StatusUnprocessableEntity, problem.Invalid)
		if !slices.ContainsFunc(p.Errors, func(f api.FieldError) bool { return f.Location == c.location }) {
			t.Errorf("%s: %+v", name, p.Errors)
		}
	}
	if len(d.flows.acts) != 0 || len(d.records.reviews) != 0 {
		t.Fatalf("acted: %v, %v", d.flows.acts, d.records.reviews)
	}
	d.flows.status.Status = registration.StatusNeedsMore
	ask := `{"decision":"ask","reason":"address-unclear","fields":["address"],"public_note":"Ghi rõ số nhà","officer":"off-1"}`
	wantStatus(t, d.post("/v1/registrations/r/review", ask), http.StatusOK)
	made := d.flows.acts[0].(registration.Review)
	if made.ID == "" || made.Decision != registration.DecisionAsk || d.records.reviews[made.ID] != "Ghi rõ số nhà" {
		t.Errorf("told %+v, kept %v", made, d.records.reviews)
	}
	d.records.set("r", func(r *registration.Registration) { r.Status, r.Review = registration.StatusNeedsMore, &made })
	d.wantProblem(d.post("/v1/registrations/r/review", ask), http.StatusConflict, problem.Conflict)
	correct := func(fields string) answer {
		return d.post("/v1/registrations/r/correction", `{"fields":`+fields+`}`)
	}
	for _, bad := range []string{`{}`, `{"commune":"x"}`, `{"full_name":"Ai Đó"}`, `{"address":"a\u200bb"}`} {
		d.wantProblem(correct(bad), http.StatusUnprocessableEntity, problem.Invalid)
	}
	person := d.records.people["r"]
	person.Address = "Số 1 đường Láng"
	d.records.people["r"] = person
	for bad, location := range map[string]string{`{"address":""}`: "body.fields.address", `{"address":" "}`: "body.fields.address",
		`{"address":" Số 1  đường Láng"}`: "body.fields"} {
		got := correct(bad)
		if p := d.wantProblem(got, http.StatusUnprocessableEntity, problem.Invalid); len(p.Errors) != 1 || p.Errors[0].Location != location || p.Errors[0].MessageVI == "" {
			t.Errorf("%s: %s", bad, got.body)
		}
	}
	wantStatus(t, correct(`{"address":"  Số 18   đường Láng "}`), http.StatusOK)
	wantStatus(t, correct(`{"address":"Số 18 đường Láng"}`), http.StatusOK) // once more, as after a lost answer
	var dossier api.DossierBody
	d.get("/v1/registrations/r/dossier").into(t, &dossier)
	if len(dossier.Corrections) != 1 || dossier.Corrections[0].Changes[0].New != "Số 18 đường Láng" {
		t.Errorf("the officer sees %+v", dossier.Corrections)
	}
	if got := d.records.fixed["r"]; !maps.Equal(got, map[string]string{"address": "Số 18 đường Láng"}) {
		t.Errorf("corrected %v", got)
	}
}

func TestCodesAndAccounts(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusHandedOff })
	path := "/v1/registrations/r/"
	d.wantProblem(d.post(path+"code", `{"purpose":"account"}`), http.StatusUnprocessableEntity, problem.Invalid)
	d.wantProblem(d.post(path+"code", `{"purpose":"contract","phone":"0901234567"}`), http.StatusUnprocessableEntity, problem.Invalid)
	d.wantProblem(d.post(path+"code", `{"purpose":"contract"}`), http.StatusConflict, problem.Conflict)
	account := `{"email":"anh@example.vn","password":"mot hai ba bon"}`
	d.wantProblem(d.post(path+"account", account), http.StatusUnprocessableEntity, problem.Invalid) // nothing is proven
	d.flows.err = problem.New(problem.ProviderUnavailable, "away")
	d.wantProblem(d.post(path+"code", `{"purpose":"account","phone":"0901234567"}`), http.StatusServiceUnavailable, problem.ProviderUnavailable)
	d.flows.err, d.accounts.limited = nil, true // the code that was recorded is handed over, no second one
	got := d.post(path+"code", `{"purpose":"account","phone":"0901234567"}`)
	wantStatus(t, got, http.StatusAccepted)
	if text := string(got.body); !strings.Contains(text, "resend_after") || !strings.Contains(text, "expires_at") || strings.Contains(text, "90123") {
		t.Errorf("answered %s", text)
	}
	d.wantProblem(d.post(path+"code", `{"purpose":"account","phone":"0907654321"}`), http.StatusTooManyRequests, problem.RateLimited)
	withCode := func(code string) string { return strings.Replace(account, "{", `{"code":"`+code+`",`, 1) }
	d.wantProblem(d.post(path+"account", withCode("000000")), http.StatusForbidden, problem.OTPWrong)
	wantStatus(t, d.post(path+"account", withCode("123456")), http.StatusOK)
	wantStatus(t, d.post(path+"account", account), http.StatusOK) // the phone is proven for a while
	if last := d.flows.acts[len(d.flows.acts)-1]; last != any(workflows.AccountReady{AccountID: "acct-1"}) {
		t.Errorf("told %+v", last)
	}
}

func TestContractAndActivationCodesAreBound(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.AccountID = registration.StatusAwaitingConsent, "acct-1"
	})
	path := "/v1/registrations/r/"
	d.wantProblem(d.post(path+"contract", `{"code":"123456"}`), http.StatusConflict, problem.Conflict)
	d.records.set("r", func(r *registration.Registration) { r.Contract = &registration.Paper{SHA256: "aa", UploadID: "u"} })
	wantStatus(t, d.post(path+"code", `{"purpose":"contract"}`), http.StatusAccepted)
	if c := d.records.codes["rcontract"]; c.Binding != "aa" || c.Phone != "+84901234567" {
		t.Errorf("code %+v", c)
	}
	d.records.set("r", func(r *registration.Registration) { r.Contract = &registration.Paper{SHA256: "bb", UploadID: "u"} })
	d.wantProblem(d.post(path+"contract", `{"code":"123456"}`), http.StatusConflict, problem.OTPExpired) // another contract
	d.records.set("r", func(r *registration.Registration) { r.Contract.SHA256 = "aa" })
	wantStatus(t, d.post(path+"contract", `{"code":"123456"}`), http.StatusOK)
	wantStatus(t, d.post(path+"contract", `{"code":"123456"}`), http.StatusOK) // told again, not used again

	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.Issued, r.Activation = registration.StatusActivating, &registration.Issued{KeyID: "key-1"}, &registration.Activation{StartedAt: time.Now()}
	})
	d.wantProblem(d.post(path+"code", `{"purpose":"activation"}`), http.StatusConflict, problem.Conflict) // the PIN comes first
	d.wantProblem(d.post(path+"activation", `{"code":"123456"}`), http.StatusConflict, problem.Conflict)
	d.records.set("r", func(r *registration.Registration) { r.Activation = &registration.Activation{PINSetAt: time.Now()} })
	wantStatus(t, d.post(path+"code", `{"purpose":"activation"}`), http.StatusAccepted)
	wantStatus(t, d.post(path+"activation", `{"code":"123456"}`), http.StatusOK)
	if last := d.flows.acts[len(d.flows.acts)-1]; last != any(workflows.CodeUsed{CodeID: "code-activation"}) || d.records.codes["ractivation"].Binding != "key-1" {
		t.Errorf("told %+v", last)
	}
}

func TestPackageAndPayment(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) { r.Status, r.Package = registration.StatusAccountReady, "PS1" })
	var packages api.PackageList
	d.get("/v1/packages").into(t, &packages)
	if len(packages.Items) != 2 {
		t.Errorf("packages %+v", packages)
	}
	d.wantProblem(d.post("/v1/registrations/r/package", `{"code":"PS9"}`), http.StatusUnprocessableEntity, problem.Invalid)
	wantStatus(t, d.post("/v1/registrations/r/package", `{"code":"PS1"}`), http.StatusOK)
	d.records.payments["P1"] = registration.Payment{TxnRef: "P1", RegistrationID: "r", ExpiresAt: time.Now().Add(time.Minute)}
	d.flows.status.TxnRef = "P1"
	var link api.PayBody
	d.post("/v1/registrations/r/pay", `{}`).into(t, &link)
	if link.TxnRef != "P1" || link.PayURL != "https://pay.example/P1?127.0.0.1?Thanh toan goi PS1 chung thu chu ky so, ma P1" || link.ExpiresAt.IsZero() {
		t.Errorf("pay %+v", link)
	}
}

func TestShowAndFollowRegistration(t *testing.T) {
	d := newDesk(t)
	signed := d.files.keep("contract.pdf", []byte("%PDF sealed"))
	must(t, d.store.SaveUpload(t.Context(), signed))
	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.Contract = registration.StatusIssuing, &registration.Paper{UploadID: "gone", SHA256: "aa", SealedID: signed.ID, Sealed: signed.SHA256}
		r.Attention = process.Attention{IncidentID: "r-1", Step: workflows.StepIssue, Reason: "provider-refused", Since: time.Now()}
	})
	d.records.moves["r"] = []registration.Transition{{Seq: 1, Status: registration.StatusHandedOff, At: time.Now()}}
	got := d.get("/v1/registrations/r")
	var shown api.RegistrationBody
	got.into(t, &shown)
	if shown.Title != "Đang cấp chứng thư chữ ký số" || shown.Person == nil || shown.Person.IDNumber != "079******345" || shown.Person.Phone != "***567" ||
		len(shown.Transitions) != 1 || shown.Attention == nil || shown.Attention.IncidentID != "r-1" || !slices.Contains(shown.Attention.Actions, "fix") {
		t.Errorf("shown as %s", got.body)
	}
	if strings.Contains(string(got.body), "079095012345") || strings.Contains(string(d.get("/v1/registrations").body), "Ánh") {
		t.Errorf("unmasked: %s", got.body)
	}
	if file := d.get(shown.Documents[0].Content); string(file.body) != "%PDF sealed" {
		t.Errorf("the sealed contract is %q", file.body)
	}
	contract := func(change func(*registration.Paper)) { // another file than the one that the record has the digest of
		d.records.set("r", func(r *registration.Registration) { paper := *r.Contract; change(&paper); r.Contract = &paper })
	}
	other := d.files.keep("other.pdf", []byte("%PDF of another citizen"))
	must(t, d.store.SaveUpload(t.Context(), other))
	contract(func(p *registration.Paper) { p.SealedID = other.ID })
	d.wantProblem(d.get(shown.Documents[0].Content), http.StatusInternalServerError, problem.DigestMismatch)
	contract(func(p *registration.Paper) { p.SealedID, p.UploadID = "", other.ID })
	d.wantProblem(d.get(shown.Documents[0].Content), http.StatusInternalServerError, problem.DigestMismatch)
	d.wantProblem(d.get("/v1/registrations/r/documents/acceptance/content"), http.StatusNotFound, problem.NotFound)
	events := d.follow(t.Context(), "/v1/registrations/r/events")
	if e := next(t, events); e.id != "1" || !strings.Contains(e.data, `"handed-off"`) {
		t.Errorf("first %+v", e)
	}
	if e := next(t, events); e.name != "attention" || !strings.Contains(e.data, `"open":true`) {
		t.Errorf("second %+v", e)
	}
	unlock := d.records.lock()
	d.records.moves["r"] = append(d.records.moves["r"], registration.Transition{Seq: 2, Status: registration.StatusExpired, At: time.Now()})
	unlock()
	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.Reason, r.Attention = registration.StatusExpired, string(problem.DeadlinePassed), process.Attention{}
	})
	if e := next(t, events); e.id != "2" || !strings.Contains(e.data, `"final":true`) {
		t.Errorf("last %+v", e)
	}
	var ended api.RegistrationBody
	d.get("/v1/registrations/r").into(t, &ended)
	if ended.Outcome == nil || ended.Outcome.Code != problem.DeadlinePassed {
		t.Errorf("ended as %+v", ended)
	}
}

// Who somebody is, is corrected by two people; each sees old and new masked.
func TestIdentityIsFixedByTwoPeople(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.Attention = registration.StatusIssuing, process.Attention{Step: workflows.StepPapers, Reason: "invalid", Since: time.Now()}
	})
	fix := func(actor, day string) answer {
		return d.post("/v1/registrations/r/repair", `{"action":"fix","reason":"card seen","actor":"`+actor+`","fields":{"id_issued_on":"`+day+`"}}`)
	}
	first := fix("op-1", "2022-03-01")
	d.wantProblem(first, http.StatusConflict, problem.SecondPerson)
	d.wantProblem(fix("op-1", "2022-03-01"), http.StatusConflict, problem.SecondPerson)
	d.wantProblem(fix("op-2", "2022-03-02"), http.StatusConflict, problem.SecondPerson)
	d.wantProblem(fix("op-1", "2022-03-01"), http.StatusConflict, problem.SecondPerson)
	if len(d.records.fixed) > 0 || len(d.flows.acts) > 0 {
		t.Fatalf("one person was enough: %v", d.records.fixed)
	}
	var repaired api.RegistrationRepairBody
	fix("op-2", "2022-03-01").into(t, &repaired)
	if d.records.fixed["r"]["id_issued_on"] != "2022-03-01" || len(repaired.Changes) != 1 || repaired.Changes[0].New != "2022-••-••" {
		t.Errorf("fixed %v, changes %+v", d.records.fixed, repaired.Changes)
	}
}

// A repair that the step does not allow is refused before it changes the dossier, at every step.
func TestRefusedFixChangesNothing(t *testing.T) {
	d := newDesk(t)
	for _, step := range []string{workflows.StepCheckHolder, workflows.StepSendCode, workflows.StepPayment, workflows.StepSeal, workflows.StepInstall, workflows.StepPIN,
		workflows.StepActivate, workflows.StepAcceptance, workflows.StepRevoke, workflows.StepSettle, workflows.StepRefund, workflows.StepReport} {
		d.records.set("r", func(r *registration.Registration) {
			r.Status, r.Attention = registration.StatusHandedOff, process.Attention{Step: step, Reason: "gateway-unavailable", Since: time.Now()}
		})
		fix := d.post("/v1/registrations/r/repair", `{"action":"fix","reason":"letter seen","actor":"op","fields":{"address":"Số 1","email":"a@example.vn"}}`)
		d.wantProblem(fix, http.StatusUnprocessableEntity, problem.Invalid)
	}
	d.records.set("r", func(r *registration.Registration) { r.Attention = process.Attention{} })
	d.wantProblem(d.post("/v1/registrations/r/repair", `{"action":"fix","reason":"x","actor":"op","fields":{"address":"Số 1"}}`), http.StatusConflict, problem.Conflict)
	if len(d.records.fixed) > 0 || len(d.flows.acts) > 0 {
		t.Errorf("fixed %v, acts %v", d.records.fixed, d.flows.acts)
	}
}

func TestRepairAndErasure(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.Attention = registration.StatusIssuing, process.Attention{Step: workflows.StepPapers, Reason: "invalid", Since: time.Now()}
	})
	d.wantProblem(d.post("/v1/registrations/r/repair", `{"action":"retry","reason":"x","fields":{"address":"y"}}`), http.StatusUnprocessableEntity, problem.Invalid)
	d.wantProblem(d.post("/v1/registrations/r/repair", `{"action":"pray","reason":"x"}`), http.StatusUnprocessableEntity, problem.Invalid)
	wantStatus(t, d.post("/v1/registrations/r/repair", `{"action":"fix","reason":"address corrected","actor":"op","fields":{"address":"Số 1"}}`), http.StatusOK)
	if d.records.fixed["r"]["address"] != "Số 1" || d.flows.acts[0] != any(process.Repair{Action: "fix", Actor: "op", Reason: "address corrected"}) {
		t.Errorf("fixed %v, told %v", d.records.fixed, d.flows.acts)
	}

	wantErasureAnswer(t, d)
}

// wantErasureAnswer: the answer to an erasure says what stays, why and until when.
func wantErasureAnswer(t *testing.T, d *desk) {
	t.Helper()
	until := time.Date(2032, 3, 1, 0, 0, 0, 0, time.UTC)
	d.erasure = func(id, _ string) (registration.Erasure, error) {
		if id != "r" {
			return registration.Erasure{}, problem.New(problem.Conflict, "signing s has not ended")
		}
		return registration.Erasure{At: until.AddDate(-6, 0, 0), Erased: []registration.Kind{registration.KindAccount}, Kept: []registration.Kept{
			{RegistrationID: "r", Rule: registration.Rule{Kind: registration.KindContract, Law: "Law", VI: "Hợp đồng", EN: "Contract"}, Until: until},
			{RegistrationID: "r", Rule: registration.Rule{Kind: registration.KindWithoutPerson, Law: "Law", VI: "Mã", EN: "Ids", ForGood: true}}}}, nil
	}
	d.wantProblem(d.do(http.MethodDelete, "/v1/subjects/s", ""), http.StatusConflict, problem.Conflict)
	answer := d.do(http.MethodDelete, "/v1/subjects/r", "")
	wantStatus(t, answer, http.StatusOK)
	const want = `{"erased_at":"2026-03-01T00:00:00Z","erased":["account"],"kept":[` +
		`{"registration_id":"r","kind":"contract","reason":"Hợp đồng","reason_en":"Contract","law":"Law","until":"2032-03-01T00:00:00Z"},` +
		`{"registration_id":"r","kind":"records","reason":"Mã","reason_en":"Ids","law":"Law"}]}`
	if got := strings.TrimSpace(string(answer.body)); got != want {
		t.Errorf("the answer is %s", got)
	}
}

// registrationRoutes are the routes of registrations, and a body for those that write.
var registrationRoutes = map[string]string{
	"POST /v1/vneid/requests": "", "POST /v1/hand-off": `{"token":"t"}`, "GET /v1/registrations": "", "GET /v1/packages": "",
	"GET /v1/registrations/{id}": "", "GET /v1/registrations/{id}/events": "", "GET /v1/registrations/{id}/documents/{name}/content": "",
	"POST /v1/registrations/{id}/code": `{"purpose":"account","phone":"0901234567"}`, "POST /v1/registrations/{id}/account": `{"email":"e","password":"p"}`,
	"POST /v1/registrations/{id}/package": `{"code":"PS0"}`, "POST /v1/registrations/{id}/pay": `{}`, "POST /v1/registrations/{id}/contract": `{"code":"1"}`,
	"POST /v1/registrations/{id}/activation": `{"code":"1"}`, "POST /v1/registrations/{id}/acceptance": `{}`,
	"POST /v1/registrations/{id}/correction": `{"fields":{}}`, "POST /v1/registrations/{id}/withdraw": `{}`,
	"POST /v1/registrations/{id}/review": approval, "POST /v1/registrations/{id}/repair": `{"action":"retry","reason":"x"}`,
	"DELETE /v1/subjects/{id}": "", "GET /v1/vnpay/ipn": "", "GET /v1/vnpay/return": "",
}

// approval is one with the whole list gone through.
const approval = `{"decision":"approve","officer":"o","checks":["identity","document","address","consent","contract","payment"]}`

func TestRegistrationRoutes(t *testing.T) {
	d := newDesk(t)
	var spec struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	d.get("/openapi.json").into(t, &spec)
	without := newBench(t)
	for route, body := range registrationRoutes {
		method, path, _ := strings.Cut(route, " ")
		if _, ok := spec.Paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("%s is not described", route)
		}
		at := strings.NewReplacer("{id}", "none", "{name}", "contract").Replace(path)
		if strings.Contains(path, "{id}") {
			d.wantProblem(d.do(method, at, body, "Content-Type", "application/json"), http.StatusNotFound, problem.NotFound)
		}
		without.wantProblem(without.do(method, at, body, "Content-Type", "application/json"), http.StatusNotFound, problem.NotFound)
	}
	if docs := string(d.get("/docs").body); !strings.Contains(docs, "/v1/subjects/{id}") || !strings.Contains(docs, "reviewRegistration") {
		t.Error("the page does not show them")
	}
	for _, status := range registration.Statuses() {
		wantStatus(t, d.get("/v1/registrations?status="+string(status)), http.StatusOK)
	}
}

func TestEveryStatusHasWords(t *testing.T) {
	d := newDesk(t)
	for _, status := range registration.Statuses() {
		d.records.set("r", func(r *registration.Registration) { r.Status = status })
		var shown api.RegistrationBody
		d.get("/v1/registrations/r").into(t, &shown)
		if shown.Title == "" || shown.TitleEN == "" {
			t.Errorf("%s has no words", status)
		}
	}
}

// Two officers cannot work on one dossier, and nobody approves what they corrected.
func TestOfficers(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusInReview })
	one, two := bearer(d.key("officer-1", access.Officer))(""), bearer(d.key("officer-2", access.Officer))("")
	var claim api.ClaimBody
	d.post("/v1/registrations/r/claim", `{}`, one...).into(t, &claim)
	if claim.Officer != "officer-1" || !claim.Mine || time.Until(claim.ExpiresAt) > 15*time.Minute {
		t.Errorf("claim %+v", claim)
	}
	d.wantProblem(d.post("/v1/registrations/r/claim", `{}`, two...), http.StatusConflict, problem.Conflict)
	approve := strings.Replace(approval, `"officer":"o",`, "", 1)
	d.wantProblem(d.post("/v1/registrations/r/review", approve, two...), http.StatusConflict, problem.Conflict)
	d.wantProblem(d.post("/v1/registrations/r/review", approval, one...), http.StatusUnprocessableEntity, problem.Invalid) // in another's name

	var dossier api.DossierBody
	d.get("/v1/registrations/r/dossier", one...).into(t, &dossier)
	if dossier.Person == nil || dossier.Person.IDNumber != "079095012345" || len(dossier.Checks) != 6 || dossier.Claim == nil || !dossier.Claim.Mine {
		t.Errorf("dossier %+v", dossier)
	}
	var repairing api.RegistrationBody
	d.get("/v1/registrations/r", bearer(d.key("operator-1", access.Operator))("")...).into(t, &repairing)
	if repairing.Person != nil || repairing.Status != registration.StatusInReview {
		t.Errorf("an operator sees %+v", repairing)
	}
	if n := len(d.records.audit); n == 0 || d.records.audit[n-1].Actor != "officer-1" || d.records.audit[n-1].Kind != "access" {
		t.Errorf("audit %+v", d.records.audit)
	}
	var queue api.RegistrationList
	d.get("/v1/registrations?status=in-review", two...).into(t, &queue)
	if len(queue.Items) != 1 || queue.Items[0].Claim == nil || queue.Items[0].Claim.Mine || queue.Items[0].Person != nil {
		t.Errorf("queue %+v", queue.Items)
	}

	d.records.editors = map[string][]string{"r": {"citizen", "officer-1"}}
	p := d.wantProblem(d.post("/v1/registrations/r/review", approve, one...), http.StatusForbidden, problem.Denied)
	if !strings.Contains(p.Detail, "another officer") {
		t.Errorf("detail %q", p.Detail)
	}
	wantStatus(t, d.do(http.MethodDelete, "/v1/registrations/r/claim", "", one...), http.StatusNoContent)
	wantStatus(t, d.post("/v1/registrations/r/review", approve, two...), http.StatusOK)
	if len(d.records.claims) != 0 {
		t.Errorf("the claim outlives the decision: %+v", d.records.claims)
	}
	if made := d.flows.acts[len(d.flows.acts)-1].(registration.Review); made.Officer != "officer-2" || len(made.Checks) != 6 {
		t.Errorf("told %+v", made)
	}
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusIssuing })
	d.wantProblem(d.post("/v1/registrations/r/claim", `{}`, one...), http.StatusConflict, problem.Conflict)
}

// A citizen's request for a CA that is not configured is refused at the door, with the field named, and leaves nothing.
func TestAnUnknownIssuerIsRefusedAtTheDoor(t *testing.T) {
	d := newDesk(t)
	for issuer, want := range map[string]int{"VNPT-CA": http.StatusAccepted, "INTRUST-CA": http.StatusAccepted, "ANOTHER-CA": http.StatusUnprocessableEntity,
		"vnpt-ca": http.StatusUnprocessableEntity, "Nguyễn Văn A, 0901234567": http.StatusUnprocessableEntity, "": http.StatusUnprocessableEntity} {
		d.request = func() (registration.Request, error) {
			return registration.Request{RequestID: "V-" + issuer, Issuer: issuer, HandoffToken: "token-" + issuer, Digest: issuer}, nil
		}
		got := d.post("/v1/vneid/requests", "x", "Authorization", "")
		wantStatus(t, got, want)
		if want != http.StatusAccepted && !strings.Contains(string(got.body), `"location":"body.issuer"`) {
			t.Errorf("%s: %s", issuer, got.body)
		}
	}
	if len(d.records.byID) != 2 {
		t.Errorf("%d registrations", len(d.records.byID))
	}
}

// TestAFixChangesTheDataOfItsStep tries every correctable field at every step: at those that take a fix only what the step works with
// is corrected, and a refused one names its field and leaves the dossier alone.
func TestAFixChangesTheDataOfItsStep(t *testing.T) {
	d := newDesk(t)
	values := map[string]string{"province": "Tỉnh Nghệ An", "commune": "Xã Quỳnh Lưu", "address": "Số 1", "id_issued_on": "2021-05-10", "id_issued_by": "Bộ Công an",
		"id_expires_on": "2041-05-10", "email": "a@example.vn"}
	allowed := map[string][]string{workflows.StepPapers: registration.CorrectableFields, workflows.StepIssue: {"province", "commune"}, workflows.StepKey: nil}
	for step, fields := range allowed {
		for _, name := range registration.CorrectableFields {
			d.records.set("r", func(r *registration.Registration) {
				r.Status, r.Attention = registration.StatusIssuing, process.Attention{Step: step, Reason: "invalid", Since: time.Now()}
			})
			before := maps.Clone(d.records.fixed["r"])
			got := d.post("/v1/registrations/r/repair", fmt.Sprintf(`{"action":"fix","reason":"letter seen","actor":"op-%s","fields":{%q:%q}}`, name, name, values[name]))
			if slices.Contains(fields, name) {
				if got.status == http.StatusUnprocessableEntity {
					t.Errorf("%s at %s: %d %s", name, step, got.status, got.body)
				}
				continue
			}
			if p := d.wantProblem(got, http.StatusUnprocessableEntity, problem.Invalid); len(p.Errors) != 1 || p.Errors[0].Location != "body.fields."+name {
				t.Errorf("%s at %s: %+v", name, step, p.Errors)
			}
			if !maps.Equal(before, d.records.fixed["r"]) {
				t.Errorf("a refused fix of %s at %s changed the dossier", name, step)
			}
		}
	}
}
