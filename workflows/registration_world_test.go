package workflows_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"

	"kyso/activities"
	"kyso/internal/account"
	"kyso/internal/blob"
	"kyso/internal/decision"
	"kyso/internal/eseal"
	"kyso/internal/forms"
	"kyso/internal/incident"
	"kyso/internal/party/ca"
	"kyso/internal/party/esms"
	"kyso/internal/party/vneid"
	"kyso/internal/party/vnpay"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/internal/storetest"
	"kyso/workflows"
)

// citizen is a woman born in Hà Nội in 2002 who has no certificate yet.
const citizen = "001302004567"

var testPackages = []registration.Package{
	{Code: "PS0", NameVI: "SmartCA cá nhân PS0 (Công dân)", NameEN: "Citizen, free", Months: 12},
	{Code: "PS1", NameVI: "SmartCA cá nhân PS1", NameEN: "Personal, one year", PriceVND: 300_000, Months: 12},
}

// registrationActivities are the activities of a registration over real adapters and the sandbox.
func (j *journey) registrationActivities() *activities.Registration {
	a := &activities.Registration{
		Archiving: activities.Archiving{Margin: 90 * 24 * time.Hour},
		Records:   j.records, Decisions: j.store.Decisions(), Waits: j.store.Waits(), Logins: j.records, Serials: j.records, Signings: j.store, Trust: j.acts.Trust,
		VNeID: &vneid.Client{BaseURL: j.parties + "/vneid", Secret: sandbox.DefaultVNeIDSecret, Timeout: 2 * time.Second, Clock: j.now},
		SMS: &esms.Client{BaseURL: j.parties + "/esms", APIKey: sandbox.DefaultSMSAPIKey, SecretKey: sandbox.DefaultSMSSecretKey,
			Brandname: "KYSO", Timeout: 2 * time.Second, Clock: j.now},
		Gateways: registration.Gateways{registration.FirstGateway: j.vnpay()},
		Store: func(ctx context.Context, name string, r io.Reader) (signing.Upload, error) {
			return blob.Upload(ctx, j.blobs, name, r, 1<<24, true)
		},
		Open:     j.acts.Open,
		Packages: testPackages, Now: j.now, Retries: j.acts.Retries,
		Issuers: map[string]activities.Issuer{}, DefaultIssuer: sandbox.FirstIssuer,
	}
	a.Issuers[sandbox.FirstIssuer] = j.issuer(sandbox.FirstIssuer, "", sandbox.DefaultCAKey, "CÔNG TY CỔ PHẦN KÝ SỐ THỬ NGHIỆM", "0100000000")
	a.CodeText, a.NoticeText = (&account.Service{}).Text, (&account.Service{}).NoticeText
	return a
}

// issuer is one of the sandbox's CAs with a party and a seal of its own.
func (j *journey) issuer(code, path, key, party, taxCode string) activities.Issuer {
	return activities.Issuer{
		CA:     &ca.Client{BaseURL: j.parties + path, Key: key, Timeout: 2 * time.Second, Clock: j.now},
		Sealer: j.sealer(code, party), SigningProvider: "vnpt", UserOf: func(idNumber string) string { return idNumber },
		Party: forms.Provider{Name: party, ShortName: "KYSO", TaxCode: taxCode, Licence: "01/GP-TN",
			Representative: "Lê Thị Hồng Nhung", Title: "Giám đốc", Address: "Số 1 phố Tràng Tiền, Hà Nội", Hotline: "1900 0000"},
	}
}

func (j *journey) vnpay() *vnpay.Client {
	return &vnpay.Client{PayBase: j.parties + "/vnpay/paymentv2/vpcpay.html", APIBase: j.parties + "/vnpay/merchant_webapi/api/transaction",
		TmnCode: sandbox.DefaultTmnCode, Secret: sandbox.DefaultVNPaySecret, ReturnURL: "http://127.0.0.1/return", Timeout: 2 * time.Second, Clock: j.now}
}

// enrolment is a citizen on the way to a certificate. The citizen acts whenever the process waits for an act, unless a
// test says otherwise in acts.
type enrolment struct {
	*journey
	accounts *account.Service
	id       string // of the registration
	token    string
	request  registration.Request
	plan     string
	phone    string
	acts     map[registration.Status]func() // instead of what citizens do
	result   workflows.RegistrationResult
	changed  time.Time
	status   registration.Status
	asked    map[registration.Purpose]bool // a code was asked for
	sent     map[string]bool               // acts that are done once
}

// newEnrolment makes a world in which a citizen has just asked in VNeID for a certificate.
func newEnrolment(t *testing.T, plan string) *enrolment {
	t.Helper()
	return newEnrolmentOn(newJourney(t), plan)
}

func newEnrolmentOn(j *journey, plan string) *enrolment {
	j.Helper()
	return newEnrolmentWith(j, sandbox.FirstIssuer, plan)
}

// newEnrolmentWith has the citizen choose an issuer.
func newEnrolmentWith(j *journey, issuer, plan string) *enrolment {
	j.Helper()
	e := &enrolment{journey: j, plan: plan, id: "019ac000-0000-7000-8000-000000000001",
		acts: map[registration.Status]func(){}, asked: map[registration.Purpose]bool{}, sent: map[string]bool{}}
	j.about = decision.Object{Process: process.Registration, ID: e.id}
	j.runAs(process.RegistrationWorkflowID(e.id))
	e.accounts = account.New(j.records, j.store.Limits(), j.now, account.Options{})
	requestID, token, body, header, err := j.world.RequestCertificateOf(issuer, citizen)
	j.must(err)
	e.token = token
	request, err := (&vneid.Client{Secret: sandbox.DefaultVNeIDSecret, Clock: j.now}).Open(header, body)
	j.must(err)
	e.request, _, err = account.Input{}.Request(request, j.now())
	j.must(err)
	if e.request.RequestID != requestID {
		j.Fatalf("the request is called %q and %q", e.request.RequestID, requestID)
	}
	_, err = j.records.CreateRegistration(context.Background(), e.id, e.request)
	j.must(err)
	e.phone = e.request.Person.Phone
	e.serveIPN()
	return e
}

// serveIPN answers VNPay's word as the API does, and nudges the process.
func (e *enrolment) serveIPN() {
	gateway := e.vnpay()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := "00"
		notice, err := gateway.VerifyIPN(r.URL.Query())
		if err != nil {
			code = "97"
		} else if p, fresh, err := e.records.ApplyNotice(r.Context(), notice); err != nil {
			code = "99"
			if problem.CodeOf(err) == problem.Invalid {
				code = "04"
			}
		} else {
			if !fresh {
				code = "02"
			}
			e.env.SignalWorkflow(workflows.SignalNudge, nil)
			_ = p
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"RspCode": code, "Message": "x"})
	}))
	e.Cleanup(server.Close)
	e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPNURL = server.URL }))
}

func (e *enrolment) registration() registration.Registration {
	r, err := e.records.Registration(context.Background(), e.id)
	e.must(err)
	return r
}

// tick lets the citizen look whether there is something to do, again and again.
func (e *enrolment) tick() {
	r := e.registration()
	if r.Status.Final() {
		return
	}
	if r.Status != e.status {
		e.status, e.changed = r.Status, e.env.Now()
	}
	act, ok := e.acts[r.Status]
	if !ok {
		act = e.usual(r)
	}
	if act != nil && !r.Attention.Open() {
		act()
	}
	e.world.Settle()
	pause := 10 * time.Second
	if e.env.Now().Sub(e.changed) > time.Hour {
		pause = 6 * time.Hour
	}
	e.at(pause, e.tick)
}

// usual is what a citizen does at a status; nil for nothing.
func (e *enrolment) usual(r registration.Registration) func() {
	switch r.Status {
	case registration.StatusRequested:
		return e.comeOver
	case registration.StatusHandedOff:
		return e.openAccount
	case registration.StatusAccountReady:
		return func() {
			e.once("package", e.update(workflows.UpdatePackage, workflows.ChoosePackage{Code: e.plan}, nil))
		}
	case registration.StatusAwaitingPayment:
		return func() { e.once("pay", func() { e.pay("pay") }) }
	case registration.StatusAwaitingConsent:
		return func() { e.useCode(registration.PurposeContract, workflows.UpdateConsent) }
	case registration.StatusInReview:
		return func() { e.once(fmt.Sprint("review", r.Reviews), func() { e.decide(registration.DecisionApprove) }) }
	case registration.StatusNeedsMore:
		return func() { e.once(fmt.Sprint("correct", r.Reviews), e.correct) }
	case registration.StatusActivating:
		return e.activateKey
	case registration.StatusAccepting:
		return func() { _, _ = e.world.Approve(citizen) } // nothing on the phone yet is no mistake
	}
	return nil
}

// once does an act at its first call.
func (e *enrolment) once(name string, act func()) {
	if !e.sent[name] {
		e.sent[name] = true
		act()
	}
}

func (e *enrolment) comeOver() {
	e.once("hand-off", func() {
		id, err := e.records.ResolveHandoff(context.Background(), e.token, e.env.Now())
		if err != nil || id != e.id {
			e.Errorf("hand-off: %q, %v", id, err)
		}
		_, err = e.records.ResolveHandoff(context.Background(), e.token, e.env.Now())
		if problem.CodeOf(err) != problem.HandoffUsed {
			e.Errorf("the token was taken twice: %v", err)
		}
		e.update(workflows.UpdateHandOff, workflows.HandOff{}, nil)()
	})
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// digits asks for a one-time code and later reads it on the phone; empty until it is there.
func (e *enrolment) digits(purpose registration.Purpose, binding string) string {
	if !e.asked[purpose] {
		code, err := e.accounts.NewCode(context.Background(), e.id, purpose, e.phone, binding)
		if problem.CodeOf(err) == problem.RateLimited { // patience
			return ""
		}
		e.must(err)
		e.asked[purpose] = true
		e.update(workflows.UpdateSendCode, workflows.SendCode{CodeID: code.ID}, nil)()
		return ""
	}
	code, err := e.records.LastCode(context.Background(), e.id, purpose)
	e.must(err)
	if code.Binding != binding { // of the contract before
		e.asked[purpose] = false
		return ""
	}
	for _, m := range e.world.Messages(e.phone) {
		if m.RequestID == code.ID {
			return sixDigits.FindString(m.Text)
		}
	}
	if e.env.Now().After(code.ExpiresAt) {
		e.asked[purpose] = false
	}
	return ""
}

const password = "mật khẩu rất dài của tôi"

func (e *enrolment) openAccount() {
	digits := e.digits(registration.PurposeAccount, "")
	if digits == "" || e.sent["account"] {
		return
	}
	e.once("account", func() {
		ctx := context.Background()
		_, err := e.accounts.UseCode(ctx, e.id, registration.PurposeAccount, "", digits)
		if problem.CodeOf(err) == problem.OTPExpired { // it came too late
			e.sent["account"], e.asked[registration.PurposeAccount] = false, false
			return
		}
		e.must(err)
		_, err = e.accounts.UseCode(ctx, e.id, registration.PurposeAccount, "", digits)
		if err == nil {
			e.Error("a code was accepted twice")
		}
		acc, _, err := e.accounts.Open(ctx, e.id, "anh@example.vn", password)
		e.must(err)
		e.update(workflows.UpdateAccount, workflows.AccountReady{AccountID: acc.ID}, nil)()
	})
}

func (e *enrolment) useCode(purpose registration.Purpose, update string) {
	r := e.registration()
	binding := ""
	switch purpose {
	case registration.PurposeContract:
		binding = r.Contract.SHA256
	case registration.PurposeActivation:
		binding = r.Issued.KeyID
	}
	digits := e.digits(purpose, binding)
	if digits == "" {
		return
	}
	act := update + "/" + binding
	e.once(act, func() {
		code, err := e.accounts.UseCode(context.Background(), e.id, purpose, binding, digits)
		if problem.CodeOf(err) == problem.OTPExpired { // read too late
			e.sent[act], e.asked[purpose] = false, false
			return
		}
		e.must(err)
		e.update(update, workflows.CodeUsed{CodeID: code.ID}, nil)()
	})
}

// pay begins an attempt and ends it on VNPay's page.
func (e *enrolment) pay(outcome string) {
	e.update(workflows.UpdatePay, workflows.Pay{}, func(result any, err error) {
		if err != nil {
			e.Errorf("pay: %v", err)
			return
		}
		ref := result.(workflows.RegistrationStatus).TxnRef
		e.openPage(ref)
		if outcome != "" {
			e.must(e.world.PayOrder(ref, outcome))
			e.settle(ref)
		}
	})()
}

// settle lets VNPay tell what is due about a payment, and virtual time stand still until it has: its word travels over real
// HTTP.
func (e *enrolment) settle(ref string) {
	e.world.Settle()
	e.world.AwaitIPN(ref)
}

func (e *enrolment) openPage(ref string) {
	p, err := e.records.Payment(context.Background(), ref)
	e.must(err)
	page, err := e.vnpay().Begin(context.Background(), p, registration.Payer{Address: "203.0.113.10", Info: "Thanh toan goi " + e.plan})
	e.must(err)
	opened, err := e.world.OpenPayURL(page.URL)
	if err != nil || opened != ref {
		e.Errorf("pay page: %q, %v", opened, err)
	}
}

func (e *enrolment) decide(decision registration.Decision, fields ...string) {
	r := e.registration()
	review := registration.Review{ID: fmt.Sprintf("review-%d", r.Reviews+1), Decision: decision, Fields: fields, Officer: "officer-1", At: e.env.Now()}
	if decision != registration.DecisionApprove {
		review.Reason = "address-unclear"
	}
	e.must(e.records.SaveReview(context.Background(), e.id, registration.Round{}, review, "Xin ghi rõ số nhà", "số nhà không có trên bản đồ"))
	e.update(workflows.UpdateReview, workflows.ReviewMade{Review: review}, nil)()
}

func (e *enrolment) correct() {
	e.must(e.records.Correct(context.Background(), e.id, registration.Round{}, "correction-1", "citizen", map[string]string{"address": "Số 20 đường Trần Thái Tông"}))
	e.update(workflows.UpdateCorrect, workflows.Corrected{CorrectionID: "correction-1"}, nil)()
}

func (e *enrolment) activateKey() {
	r := e.registration()
	if r.Activation == nil {
		return
	}
	e.once("pin", func() { e.must(e.world.SetPIN(citizen, "270519")) })
	if !r.Activation.PINSetAt.IsZero() {
		e.useCode(registration.PurposeActivation, workflows.UpdateActivate)
	}
}

// enrol runs the process to its end and checks what must hold after every journey.
func (e *enrolment) enrol(want registration.Status) registration.Registration {
	e.Helper()
	e.enrolWith(want, workflows.RegistrationLimits{})
	return e.registration()
}

// archivesLater lets nothing wait for years; see TestPapersOfARegistrationAreArchived.
func (e *enrolment) archivesLater() {
	e.env.OnWorkflow(workflows.Archive, mock.Anything, mock.Anything).Return(nil)
}

func (e *enrolment) enrolWith(want registration.Status, limits workflows.RegistrationLimits) {
	e.Helper()
	e.reg.Limits = limits
	e.at(time.Second, e.tick)
	e.archivesLater()
	e.env.ExecuteWorkflow(workflows.Registration, workflows.RegistrationInput{RegistrationID: e.id})
	if !e.env.IsWorkflowCompleted() {
		e.Fatal("the process did not end")
	}
	if err := e.env.GetWorkflowResult(&e.result); err != nil {
		open, _ := e.store.Parked().List(context.Background(), incident.Filter{})
		e.Fatalf("the process failed: %v; open incidents: %+v; %s", err, open, e.registration().Status)
	}
	r := e.registration()
	if e.result.Status != want || r.Status != want {
		e.Fatalf("ended %s (store: %s, reason %s), want %s", e.result.Status, r.Status, e.result.Reason, want)
	}
	e.checkLedger(r)
	e.checkAudit()
}

// checkLedger: captured ⇔ issued or refunded, at most one live certificate, each code accepted at most once.
func (e *enrolment) checkLedger(r registration.Registration) {
	e.Helper()
	charges := e.world.CountEffects(sandbox.EffectCharge, "")
	refunds := e.world.CountEffects(sandbox.EffectRefund, "")
	issued := e.world.CountEffects(sandbox.EffectIssue, "")
	revoked := e.world.CountEffects(sandbox.EffectRevoke, "")
	live, kept := 0, 0
	if r.Status == registration.StatusActive {
		live = 1
		if r.PriceVND > 0 {
			kept = 1
		}
	}
	if issued > 1 || issued-revoked != live {
		e.Errorf("%d certificates issued, %d revoked, in a registration that is %s", issued, revoked, r.Status)
	}
	if charges-refunds != kept {
		e.Errorf("%d charges, %d refunds, in a registration that is %s", charges, refunds, r.Status)
	}
	if open, err := e.store.Parked().List(context.Background(), incident.Filter{}); err != nil || len(open) > 0 {
		e.Errorf("open incidents after the end: %v, %v", open, err)
	}
	status := registration.StatusRequested
	list, err := e.records.Transitions(context.Background(), e.id, 0)
	e.must(err)
	for i, tr := range list {
		if tr.Seq != i+1 {
			e.Errorf("transition %d has seq %d", i+1, tr.Seq)
		}
		if err := status.Check(tr.Status); err != nil {
			e.Error(err)
		}
		status = tr.Status
	}
}

// checkAudit verifies the chain, and that the consents come before everything else.
func (e *enrolment) checkAudit() {
	e.Helper()
	entries, err := storetest.Chained(context.Background(), e.store.AuditLog(), 0, 10_000)
	e.must(err)
	e.must(registration.VerifyAudit(registration.FirstPrev, 0, entries))
	accepted := map[string]bool{}
	for i, entry := range entries {
		if (i < 2) != (entry.Kind == "consent") {
			e.Errorf("entry %d is %s", entry.Seq, entry.Kind)
		}
		if entry.Kind == "code-accepted" {
			if accepted[entry.Object+entry.Detail] {
				e.Errorf("a code was accepted twice: %+v", entry)
			}
			accepted[entry.Object+entry.Detail] = true
		}
	}
	if len(entries) < 3 {
		e.Errorf("only %d audit entries", len(entries))
	}
}

// parkedAt checks that the registration is parked for a reason.
func (e *enrolment) parkedAt(step string, reason problem.Code) {
	e.Helper()
	value, err := e.env.QueryWorkflow(workflows.QueryStatus)
	e.must(err)
	var s workflows.RegistrationStatus
	e.must(value.Get(&s))
	if s.Attention == nil || s.Attention.Step != step || s.Attention.Reason != string(reason) {
		e.Errorf("attention is %+v, want step %s, reason %s", s.Attention, step, reason)
	}
}

// sealer is the provider's own seal, with a certificate of the sandbox's CA.
func (j *journey) sealer(issuer, party string) *eseal.Sealer {
	j.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	j.must(err)
	der, chain, err := j.world.IssueSealOf(issuer, key.Public(), party)
	j.must(err)
	cert, err := x509.ParseCertificate(der)
	j.must(err)
	sealer := &eseal.Sealer{Key: key, Certificate: cert, TSA: j.acts.TSA, Revocation: j.acts.Revocation, Trust: j.acts.Trust, Now: j.now}
	for _, der := range chain {
		issuer, err := x509.ParseCertificate(der)
		j.must(err)
		sealer.Chain = append(sealer.Chain, issuer)
	}
	return sealer
}
