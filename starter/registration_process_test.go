package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"kyso/internal/account"
	"kyso/internal/api"
	"kyso/internal/party/vnpay"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

// registrations stands for the worker: each act moves a registration on, and every code is 123456.
type registrations struct {
	api.RegistrationWorkflows
	records registration.Records
}

// newRegistrations seeds two registrations that VNeID asked for, with the tokens first-token-00000 and second-token-0000.
func newRegistrations(t *testing.T, records registration.Records) *api.RegistrationOptions {
	t.Helper()
	p := &registrations{records: records}
	now := time.Now().UTC()
	for i, token := range []string{"first-token-00000", "second-token-0000"} {
		id := []string{"reg-1", "reg-2"}[i]
		consent := registration.Consent{TextVersion: "1", TextSHA256: h3, ShownAt: now, AcceptedAt: now, Channel: "vneid"}
		terms, data := consent, consent
		terms.Purpose, data.Purpose = registration.PurposeTerms, registration.PurposePersonalData
		_, err := records.CreateRegistration(t.Context(), id, registration.Request{RequestID: "V-" + id, Issuer: "VNPT-CA",
			Person: registration.Person{IDNumber: "079095012345", FullName: "Trần Văn Ánh", BirthDate: "1995-02-03", Sex: "male",
				Nationality: "VN", Province: "Hà Nội", Phone: "+84901234567"},
			Consents: []registration.Consent{terms, data}, HandoffToken: token, ExpiresAt: now.Add(time.Hour), ReceivedAt: now, Digest: id})
		if err != nil {
			t.Fatal(err)
		}
	}
	never := func() error { return problem.New(problem.Internal, "not in these tests") }
	return &api.RegistrationOptions{Records: records, Workflows: p, Accounts: p, Phone: account.Phone, CheckRequest: account.Input{}.Request,
		Packages: []registration.Package{{Code: "PS0", NameVI: "Gói miễn phí", NameEN: "Free", Months: 12}, {Code: "PS1", NameVI: "Gói năm", NameEN: "Year", PriceVND: 200_000, Months: 12}},
		Issuers:  []string{"VNPT-CA"},
		Intakes: []registration.Intake{{Name: "vneid", Title: "VNeID",
			Request: func(map[string][]string, []byte) (registration.Request, error) {
				return registration.Request{}, never()
			},
			Token: func(map[string][]string, []byte) (registration.Handoff, error) {
				return registration.Handoff{}, never()
			}}},
		Handoffs: records.(registration.Handoffs),
		Doors:    map[string]registration.PaymentDoor{registration.FirstGateway: (&vnpay.Client{}).Door()},
		AskPayment: func(context.Context, registration.Payment) (registration.PaymentNotice, error) {
			return registration.PaymentNotice{}, never()
		},
		Begin: func(_ context.Context, p registration.Payment, _ registration.Payer) (registration.Opened, error) {
			return registration.Opened{URL: "https://pay.example/" + p.TxnRef}, nil
		}}
}

// to moves a registration through states, after a change of what is recorded.
func (p *registrations) to(ctx context.Context, id string, change func(*registration.Registration), through ...registration.Status) (workflows.RegistrationStatus, error) {
	r, err := p.records.Registration(ctx, id)
	if err != nil {
		return workflows.RegistrationStatus{}, err
	}
	if err := r.Status.Check(through[0]); err != nil {
		return workflows.RegistrationStatus{}, err
	}
	if change != nil {
		err = p.records.Change(ctx, id, func(r *registration.Registration) error { change(r); return nil })
	}
	seq := r.Seq
	for _, status := range through {
		seq++
		detail := ""
		switch status {
		case registration.StatusRefused:
			detail = string(problem.RefusedByOfficer)
		case registration.StatusWithdrawn:
			detail = string(problem.Withdrawn)
		}
		err = errors.Join(err, p.records.Move(ctx, id, registration.Transition{Seq: seq, Status: status, At: time.Now(), Detail: detail}))
	}
	return workflows.RegistrationStatus{RegistrationID: id, Status: through[len(through)-1], Seq: seq}, err
}

// NewCode implements api.Accounts.
func (p *registrations) NewCode(ctx context.Context, id string, purpose registration.Purpose, phone, binding string) (registration.Code, error) {
	now := time.Now().UTC()
	code := registration.Code{ID: "code-" + id + string(purpose), RegistrationID: id, Purpose: purpose, Phone: phone, Binding: binding,
		CreatedAt: now, ExpiresAt: now.Add(5 * time.Minute)}
	return code, p.records.SaveCode(ctx, code, "123456")
}

// UseCode implements api.Accounts.
func (p *registrations) UseCode(ctx context.Context, id string, purpose registration.Purpose, binding, digits string) (registration.Code, error) {
	return p.records.UseCode(ctx, id, purpose, binding, digits, time.Now())
}

// Open implements api.Accounts.
func (p *registrations) Open(ctx context.Context, id, email, password string) (registration.Account, bool, error) {
	if password != "mot hai ba bon" {
		return registration.Account{}, false, problem.New(problem.Denied, "e-mail or password is wrong")
	}
	r, err := p.records.Registration(ctx, id)
	if err != nil {
		return registration.Account{}, false, err
	}
	acc := registration.Account{ID: "acct-" + id, SubjectID: r.SubjectID, Phone: "+84901234567", Email: email, PasswordHash: "x", CreatedAt: time.Now()}
	return acc, true, p.records.SaveAccount(ctx, acc)
}

// HandOff implements api.RegistrationWorkflows.
func (p *registrations) HandOff(ctx context.Context, id, _ string) (workflows.RegistrationStatus, error) {
	return p.to(ctx, id, nil, registration.StatusHandedOff)
}

// SendsCodesApart implements api.RegistrationWorkflows.
func (p *registrations) SendsCodesApart(context.Context, string) (bool, error) { return true, nil }

// SendCodeFromWithin implements api.RegistrationWorkflows.
func (p *registrations) SendCodeFromWithin(context.Context, string, string, workflows.SendCode) (workflows.RegistrationStatus, error) {
	return workflows.RegistrationStatus{}, nil
}

// SendCode implements api.RegistrationWorkflows.
func (p *registrations) SendCode(context.Context, string) error { return nil }

// AccountReady implements api.RegistrationWorkflows.
func (p *registrations) AccountReady(ctx context.Context, id, _ string, in workflows.AccountReady) (workflows.RegistrationStatus, error) {
	return p.to(ctx, id, func(r *registration.Registration) { r.AccountID = in.AccountID }, registration.StatusAccountReady)
}

// ChoosePackage implements api.RegistrationWorkflows.
func (p *registrations) ChoosePackage(ctx context.Context, id, _ string, in workflows.ChoosePackage) (workflows.RegistrationStatus, error) {
	return p.to(ctx, id, func(r *registration.Registration) {
		r.Package, r.Contract = in.Code, &registration.Paper{Number: "HD-1", SHA256: h3, UploadID: "u", At: time.Now()}
	}, registration.StatusAwaitingConsent)
}

// ConsentToContract implements api.RegistrationWorkflows.
func (p *registrations) ConsentToContract(ctx context.Context, id, _ string, _ workflows.CodeUsed) (workflows.RegistrationStatus, error) {
	return p.to(ctx, id, nil, registration.StatusInReview)
}

// Review implements api.RegistrationWorkflows. The PIN is set at once.
func (p *registrations) Review(ctx context.Context, id, _ string, in registration.Review) (workflows.RegistrationStatus, error) {
	keep := func(r *registration.Registration) { r.Review = &in }
	switch in.Decision {
	case registration.DecisionAsk:
		return p.to(ctx, id, keep, registration.StatusNeedsMore)
	case registration.DecisionRefuse:
		return p.to(ctx, id, keep, registration.StatusClosing, registration.StatusRefused)
	}
	return p.to(ctx, id, func(r *registration.Registration) {
		keep(r)
		r.Issued, r.Activation = &registration.Issued{KeyID: "key-1"}, &registration.Activation{StartedAt: time.Now(), PINSetAt: time.Now()}
	}, registration.StatusIssuing, registration.StatusActivating)
}

// Correct implements api.RegistrationWorkflows.
func (p *registrations) Correct(ctx context.Context, id, _ string, _ workflows.Corrected) (workflows.RegistrationStatus, error) {
	return p.to(ctx, id, nil, registration.StatusInReview)
}

// Activate implements api.RegistrationWorkflows. The acceptance record signs itself.
func (p *registrations) Activate(ctx context.Context, id, _ string, _ workflows.CodeUsed) (workflows.RegistrationStatus, error) {
	return p.to(ctx, id, nil, registration.StatusAccepting, registration.StatusActive)
}

// Withdraw implements api.RegistrationWorkflows.
func (p *registrations) Withdraw(ctx context.Context, id, _ string, _ workflows.Withdraw) (workflows.RegistrationStatus, error) {
	return p.to(ctx, id, nil, registration.StatusClosing, registration.StatusWithdrawn)
}
