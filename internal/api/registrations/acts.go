package registrations

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// proofLife is how long an accepted code may be delivered to the process again, as internal/account has it.
const proofLife = 30 * time.Minute

type registrationStatusOutput struct {
	Body view.RegistrationMove
}

// registrationMoved is the answer of an act.
func registrationMoved(ctx context.Context, id string, status workflows.RegistrationStatus, err error) (*registrationStatusOutput, error) {
	if err != nil {
		return nil, err
	}
	return &registrationStatusOutput{view.RegistrationMoveOf(ctx, id, status)}, nil
}

// codeFor says where a code goes and what it is bound to, and refuses a code that no step needs now.
func (s *Handler) codeFor(ctx context.Context, r registration.Registration, in CodeRequest) (phone, binding string, err error) {
	if in.Purpose != registration.PurposeAccount && in.Phone != "" {
		return "", "", kernel.FieldErrors{{Location: "body.phone", Message: "must be left out: the code goes to the phone of the account"}}
	}
	switch {
	case in.Purpose == registration.PurposeAccount && r.Status == registration.StatusHandedOff:
		phone, err := s.Phone(in.Phone)
		return phone, "", kernel.FieldOf(err, "body.phone")
	case in.Purpose == registration.PurposeContract && r.Status == registration.StatusAwaitingConsent && r.Contract != nil:
		binding = r.Contract.SHA256
	case in.Purpose == registration.PurposeActivation && r.Status == registration.StatusActivating && pinSet(r):
		binding = r.Issued.KeyID
	case in.Purpose == registration.PurposeActivation && r.Status == registration.StatusActivating:
		return "", "", problem.New(problem.Conflict, "the PIN on the phone comes first")
	default:
		return "", "", problem.New(problem.Conflict, "the registration is %s; it needs no such code", r.Status)
	}
	owner, err := s.Records.Account(ctx, r.AccountID)
	return owner.Phone, binding, err
}

func pinSet(r registration.Registration) bool {
	return r.Issued != nil && r.Activation != nil && !r.Activation.PINSetAt.IsZero()
}

// accepted uses a code, or finds that it was used for the same thing a moment ago: then the process may not have heard
// of it, and telling it again does no harm. Without digits only the latter counts.
func (s *Handler) accepted(ctx context.Context, id string, purpose registration.Purpose, binding, digits string) (registration.Code, error) {
	if digits != "" {
		code, err := s.Accounts.UseCode(ctx, id, purpose, binding, digits)
		if problem.CodeOf(err) != problem.OTPExpired {
			return code, err
		}
	}
	last, err := s.Records.LastCode(ctx, id, purpose)
	switch {
	case err != nil && problem.CodeOf(err) != problem.NotFound:
		return last, err
	case err == nil && last.Binding == binding && !last.UsedAt.IsZero() && s.Now().Sub(last.UsedAt) <= proofLife:
		return last, nil
	case digits == "":
		return last, kernel.FieldErrors{{Location: "body.code", Message: "must be the code that was sent", MessageVI: "Nhập mã đã gửi tới điện thoại"}}
	}
	return last, problem.New(problem.OTPExpired, "the code is no longer valid for this step")
}

// AccountRequest proves the phone and opens the account on it.
type AccountRequest struct {
	Code     string `json:"code,omitempty" maxLength:"16" doc:"May be left out for 30 minutes after it was accepted"`
	Email    string `json:"email" maxLength:"320"`
	Password string `json:"password" minLength:"1" maxLength:"1024" doc:"8 to 128 characters; that of the account when the phone has one"`
}

type accountInput struct {
	kernel.Act
	Body AccountRequest
}

func (s *Handler) openAccount(ctx context.Context, in *accountInput) (*registrationStatusOutput, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if record.Status != registration.StatusHandedOff && record.AccountID == "" { // one that has an account may repeat its act
		return nil, problem.New(problem.Conflict, "the registration is %s", record.Status)
	}
	if _, err := s.Input.Email(in.Body.Email); err != nil { // before the code is used
		return nil, err
	}
	if _, err := s.accepted(ctx, in.ID, registration.PurposeAccount, "", in.Body.Code); err != nil {
		return nil, err
	}
	opened, _, err := s.Accounts.Open(ctx, in.ID, in.Body.Email, in.Body.Password)
	if err != nil {
		return nil, err
	}
	ready := workflows.AccountReady{AccountID: opened.ID}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdateAccount, Actor: kernel.CitizenOf(ctx), Content: ready})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.AccountReady(ctx, in.ID, id, ready)
	return registrationMoved(ctx, in.ID, status, err)
}

// PackageRequest orders a package.
type PackageRequest struct {
	Code string `json:"code" minLength:"1" maxLength:"32" example:"PS0"`
}

type packageInput struct {
	kernel.Act
	Body PackageRequest
}

func (s *Handler) choosePackage(ctx context.Context, in *packageInput) (*registrationStatusOutput, error) {
	if _, err := s.Records.Registration(ctx, in.ID); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(s.Packages, func(p registration.Package) bool { return p.Code == in.Body.Code }) {
		return nil, kernel.FieldErrors{{Location: "body.code", Message: "must be the code of a package; see /v1/packages", MessageVI: "Không có gói này"}}
	}
	order := workflows.ChoosePackage{Code: in.Body.Code}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdatePackage, Actor: kernel.CitizenOf(ctx), Content: order})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.ChoosePackage(ctx, in.ID, id, order)
	return registrationMoved(ctx, in.ID, status, err)
}

type payInput struct {
	kernel.Act
}

// PayBody is where to send the citizen's browser.
type PayBody struct {
	TxnRef    string    `json:"txn_ref" doc:"Names this attempt to pay"`
	PayURL    string    `json:"pay_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

type payOutput struct {
	Body PayBody
}

func (s *Handler) pay(ctx context.Context, in *payInput) (*payOutput, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.mayPayAgain(ctx, record); err != nil {
		return nil, err
	}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdatePay, Actor: kernel.CitizenOf(ctx), Content: workflows.Pay{}})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Pay(ctx, in.ID, id)
	if err != nil {
		return nil, err
	}
	payment, err := s.Records.Payment(ctx, status.TxnRef)
	if err != nil {
		return nil, err
	}
	info := fmt.Sprintf("Thanh toan goi %s chung thu chu ky so, ma %s", record.Package, payment.TxnRef)
	page, err := s.begin(ctx, payment, registration.Payer{Address: limit.AddressOf(ctx).String(), Info: info})
	return &payOutput{PayBody{TxnRef: payment.TxnRef, PayURL: page, ExpiresAt: payment.ExpiresAt.UTC()}}, err
}

// OTPRequest is a one-time code as the citizen typed it.
type OTPRequest struct {
	Code string `json:"code" minLength:"1" maxLength:"16"`
}

type otpInput struct {
	kernel.Act
	Body OTPRequest
}

// consentToContract takes the code that is bound to the digest of the contract that was shown.
func (s *Handler) consentToContract(ctx context.Context, in *otpInput) (*registrationStatusOutput, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if record.Contract == nil {
		return nil, problem.New(problem.Conflict, "there is no contract yet")
	}
	code, err := s.accepted(ctx, in.ID, registration.PurposeContract, record.Contract.SHA256, in.Body.Code)
	if err != nil {
		return nil, err
	}
	used := workflows.CodeUsed{CodeID: code.ID}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdateConsent, Actor: kernel.CitizenOf(ctx), Content: used})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.ConsentToContract(ctx, in.ID, id, used)
	return registrationMoved(ctx, in.ID, status, err)
}

// activateKey takes the code that is bound to the key. The PIN comes first and never here.
func (s *Handler) activateKey(ctx context.Context, in *otpInput) (*registrationStatusOutput, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !pinSet(record) {
		return nil, problem.New(problem.Conflict, "the PIN on the phone comes first")
	}
	code, err := s.accepted(ctx, in.ID, registration.PurposeActivation, record.Issued.KeyID, in.Body.Code)
	if err != nil {
		return nil, err
	}
	used := workflows.CodeUsed{CodeID: code.ID}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdateActivate, Actor: kernel.CitizenOf(ctx), Content: used})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Activate(ctx, in.ID, id, used)
	return registrationMoved(ctx, in.ID, status, err)
}

func (s *Handler) signAcceptance(ctx context.Context, in *kernel.Act) (*registrationStatusOutput, error) {
	if _, err := s.Records.Registration(ctx, in.ID); err != nil {
		return nil, err
	}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdateSignAcceptance, Actor: kernel.CitizenOf(ctx), Content: workflows.SignAcceptance{}})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.SignAcceptance(ctx, in.ID, id)
	return registrationMoved(ctx, in.ID, status, err)
}

// CorrectionRequest holds the corrected fields.
type CorrectionRequest struct {
	Fields map[string]string `json:"fields" doc:"Only those that the officer asked for: province, commune, address, id_issued_on, id_issued_by, id_expires_on, email"`
}

type correctionInput struct {
	kernel.Act
	Body CorrectionRequest
}

func (s *Handler) correctRegistration(ctx context.Context, in *correctionInput) (*registrationStatusOutput, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if record.Status != registration.StatusNeedsMore || record.Review == nil {
		return nil, problem.New(problem.Conflict, "the registration is %s; nothing is asked for", record.Status)
	}
	actor := kernel.CitizenOf(ctx)
	correctionID, err := s.correct(ctx, in.Act, registration.Round{Seq: record.Seq}, actor, record.Review.Fields, in.Body.Fields)
	if err != nil {
		return nil, err
	}
	corrected := workflows.Corrected{CorrectionID: correctionID}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdateCorrect, Actor: actor, Content: corrected})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Correct(ctx, in.ID, id, corrected)
	return registrationMoved(ctx, in.ID, status, err)
}

// correct checks fields against the ones that may be corrected now and against the rest of the person, and stores them
// in normal form.
func (s *Handler) correct(ctx context.Context, act kernel.Act, round registration.Round, actor string, allowed []string, fields map[string]string) (string, error) {
	_, fields, err := s.checkCorrection(ctx, act.ID, allowed, fields)
	if err != nil {
		return "", err
	}
	id := correctionID(act)
	return id, s.Records.Correct(ctx, act.ID, round, id, actor, fields)
}

// correctionID is the same for every try of one act.
func correctionID(act kernel.Act) string {
	if act.Key != "" {
		return process.CorrectionID(act.Key)
	}
	return "corr-" + uuid.NewString()
}

// checkCorrection returns the person as stored, and the fields in normal form.
func (s *Handler) checkCorrection(ctx context.Context, id string, allowed []string, fields map[string]string) (registration.Person, map[string]string, error) {
	var wrong kernel.FieldErrors
	var person registration.Person
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case !slices.Contains(allowed, name):
			wrong.Add("body.fields."+name, "must not be corrected now")
		case strings.TrimSpace(fields[name]) == "" && name != "id_expires_on": // a card may be without an end
			wrong.Say("body.fields."+name, "must not be empty", "Không được để trống")
		case utf8.RuneCountInString(fields[name]) > kernel.MaxWords:
			wrong.Add("body.fields."+name, fmt.Sprintf("must have at most %d characters", kernel.MaxWords))
		}
	}
	if len(fields) == 0 {
		wrong.Say("body.fields", "must name a field that was asked for", "Chưa có thông tin nào được bổ sung")
	}
	if err := wrong.Err(); err != nil {
		return person, nil, err
	}
	person, err := s.Records.Person(ctx, id)
	if err != nil {
		return person, nil, err
	}
	if fields, err = s.normal(person, fields); err != nil {
		return person, nil, err
	}
	return person, fields, s.changesSomething(ctx, id, person, fields)
}

// normal returns corrected fields in the form in which they are stored.
func (s *Handler) normal(p registration.Person, fields map[string]string) (map[string]string, error) {
	input := s.Input
	for name, place := range places(&p) {
		if value, ok := fields[name]; ok {
			*place = value
		}
	}
	p, _, err := input.Person(p, s.Now())
	if err != nil {
		return nil, problem.Within("fields", err)
	}
	out := maps.Clone(fields)
	for name, place := range places(&p) {
		if _, ok := fields[name]; ok {
			out[name] = *place
		}
	}
	if email, ok := fields["email"]; ok {
		out["email"], err = input.Email(email)
	}
	return out, problem.Within("fields", err)
}

// places are where the correctable fields of a person stand; email stands in the account.
func places(p *registration.Person) map[string]*string {
	return map[string]*string{"province": &p.Province, "commune": &p.Commune, "address": &p.Address, "id_issued_on": &p.IDIssuedOn,
		"id_issued_by": &p.IDIssuedBy, "id_expires_on": &p.IDExpiresOn}
}

// WithdrawRequest says why the citizen takes the request back.
type WithdrawRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"A few words without personal data; they stay in the history"`
	Actor  string `json:"actor,omitempty" maxLength:"64" doc:"Who withdraws: the citizen in a browser, else the owner of the key; only the administrator may name another"`
}

type withdrawInput struct {
	kernel.Act
	Body WithdrawRequest
}

func (s *Handler) withdraw(ctx context.Context, in *withdrawInput) (*registrationStatusOutput, error) {
	var fields kernel.FieldErrors
	withdrawal := workflows.Withdraw{Actor: kernel.Withdraws(ctx, in.Body.Actor, &fields), Reason: kernel.CheckNote(in.Body.Reason, &fields)}
	if err := fields.Err(); err != nil {
		return nil, err
	}
	record, err := s.Records.Registration(ctx, in.ID)
	if err == nil {
		err = kernel.Lost(record.Attention.Reason, record.Attention.IncidentID)
	}
	if err != nil {
		return nil, err
	}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdateWithdraw, Actor: withdrawal.Actor, Content: withdrawal})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Withdraw(ctx, in.ID, id, withdrawal)
	return registrationMoved(ctx, in.ID, status, err)
}
