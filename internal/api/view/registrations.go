package view

import (
	"context"
	"time"

	"kyso/internal/account"
	"kyso/internal/api/kernel"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/workflows"
)

// ClaimBody is an officer's hold on a dossier.
type ClaimBody struct {
	Officer   string    `json:"officer"`
	Mine      bool      `json:"mine"`
	ClaimedAt time.Time `json:"claimed_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"Claim again to prolong it"`
}

// RegistrationBody is a registration. What it says of the person is masked as far as it identifies.
type RegistrationBody struct {
	ID         string              `json:"id"`
	Self       string              `json:"self" doc:"Path of this registration"`
	RequestID  string              `json:"request_id" doc:"VNeID's id of the request"`
	Issuer     string              `json:"issuer" doc:"The certification authority that was chosen in VNeID"`
	Status     registration.Status `json:"status" enum:"requested,handed-off,account-ready,awaiting-payment,awaiting-contract,in-review,needs-more,issuing,activating,accepting,closing,active,refused,ineligible,withdrawn,expired,cancelled"`
	Title      string              `json:"title" doc:"The status in Vietnamese"`
	TitleEN    string              `json:"title_en" doc:"The status in English"`
	Final      bool                `json:"final" doc:"Nothing can follow this status"`
	CreatedAt  time.Time           `json:"created_at"`
	UpdatedAt  time.Time           `json:"updated_at"`
	Deadline   *time.Time          `json:"deadline,omitempty" doc:"When the current wait ends by itself"`
	ServerTime time.Time           `json:"server_time"`
	Attention  *AttentionBody      `json:"attention,omitempty" doc:"Only while the registration is parked and an operator has to act"`
	Outcome    *OutcomeBody        `json:"outcome,omitempty" doc:"Why it ended otherwise than active"`

	HandedOffAt *time.Time          `json:"handed_off_at,omitempty"`
	HasAccount  bool                `json:"has_account"`
	Package     string              `json:"package,omitempty" doc:"Code of the ordered package"`
	PriceVND    int64               `json:"price_vnd,omitempty" doc:"As ordered"`
	Months      int                 `json:"months,omitempty" doc:"Validity of the certificate, as ordered"`
	PaidRef     string              `json:"paid_ref,omitempty" doc:"The attempt that pays"`
	ConsentedAt *time.Time          `json:"consented_at,omitempty" doc:"When the citizen agreed to the contract"`
	Review      *ReviewBody         `json:"review,omitempty" doc:"The last decision of an officer"`
	Reviews     int                 `json:"reviews,omitempty" doc:"Decisions so far"`
	Certificate *IssuedBody         `json:"certificate,omitempty"`
	Activation  *ActivationBody     `json:"activation,omitempty"`
	SigningID   string              `json:"signing_id,omitempty" doc:"The last signing of the acceptance record"`
	RevokedAt   *time.Time          `json:"revoked_at,omitempty"`
	Reported    registration.Status `json:"reported,omitempty" doc:"The end that VNeID took a report of"`
	Documents   []PaperBody         `json:"documents"`
	Claim       *ClaimBody          `json:"claim,omitempty" doc:"For officers: who works on it"`
	ReviewDue   *time.Time          `json:"review_due,omitempty" doc:"For officers: by when it should be decided on"`

	Person      *PersonBody                  `json:"person,omitempty" doc:"Only in the answer for one registration; absent once the person was erased"`
	Warnings    []string                     `json:"warnings,omitempty" doc:"What an officer should look at, in English"`
	Packages    []registration.Package       `json:"packages,omitempty" doc:"What may be chosen now"`
	Payments    []PaymentBody                `json:"payments,omitempty" doc:"Attempts to pay; only in the answer for one registration"`
	Transitions []RegistrationTransitionBody `json:"transitions,omitempty" doc:"Only in the answer for one registration"`
}

// ReviewBody is an officer's decision.
type ReviewBody struct {
	Decision   registration.Decision `json:"decision" enum:"approve,ask,refuse"`
	Reason     string                `json:"reason,omitempty"`
	ReasonText string                `json:"reason_text,omitempty" doc:"In Vietnamese"`
	Fields     []string              `json:"fields,omitempty" doc:"What the citizen is asked to correct"`
	Officer    string                `json:"officer"`
	At         time.Time             `json:"at"`
	PublicNote string                `json:"public_note,omitempty" doc:"For the citizen; only in the answer for one registration"`
}

// IssuedBody is the key and the certificate for it.
type IssuedBody struct {
	KeyID       string     `json:"key_id"`
	Serial      string     `json:"serial,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty" doc:"SHA-256, hex"`
	NotBefore   *time.Time `json:"not_before,omitempty"`
	NotAfter    *time.Time `json:"not_after,omitempty"`
	InstalledAt *time.Time `json:"installed_at,omitempty"`
}

// ActivationBody is how the key came under the citizen's control.
type ActivationBody struct {
	StartedAt   *time.Time `json:"started_at,omitempty" doc:"The phone asks for a PIN since"`
	PINSetAt    *time.Time `json:"pin_set_at,omitempty"`
	ActivatedAt *time.Time `json:"activated_at,omitempty"`
}

// PaperBody is a PDF that belongs to a registration.
type PaperBody struct {
	Name        string    `json:"name" enum:"request,contract,acceptance"`
	Number      string    `json:"number" doc:"Printed on it"`
	Template    string    `json:"template"`
	SHA256      string    `json:"sha256" doc:"Of the file as written"`
	FinalSHA256 string    `json:"final_sha256,omitempty" doc:"Of the sealed contract or the signed acceptance record"`
	At          time.Time `json:"at"`
	Content     string    `json:"content" doc:"Path of the file, sealed or signed once it is"`
}

// PersonBody is who registers. Numbers are masked.
type PersonBody struct {
	IDNumber    string `json:"id_number" example:"079******345"`
	FullName    string `json:"full_name"`
	BirthDate   string `json:"birth_date"`
	Sex         string `json:"sex"`
	Nationality string `json:"nationality"`
	Province    string `json:"province"`
	Commune     string `json:"commune"`
	Address     string `json:"address"`
	IDIssuedOn  string `json:"id_issued_on"`
	IDIssuedBy  string `json:"id_issued_by"`
	IDExpiresOn string `json:"id_expires_on,omitempty"`
	Phone       string `json:"phone" example:"***345"`
}

// PaymentBody is one attempt to pay.
type PaymentBody struct {
	TxnRef     string                     `json:"txn_ref"`
	Attempt    int                        `json:"attempt"`
	AmountVND  int64                      `json:"amount_vnd"`
	Status     registration.PaymentStatus `json:"status" enum:"pending,captured,failed,review,refunded"`
	CreatedAt  time.Time                  `json:"created_at"`
	ExpiresAt  time.Time                  `json:"expires_at"`
	DecidedAt  *time.Time                 `json:"decided_at,omitempty"`
	RefundedAt *time.Time                 `json:"refunded_at,omitempty"`
	Gateway    string                     `json:"gateway" doc:"The payment party at which it was begun"`
}

// RegistrationTransitionBody is one recorded change of state.
type RegistrationTransitionBody struct {
	Seq      int                 `json:"seq"`
	Status   registration.Status `json:"status"`
	Title    string              `json:"title" doc:"The status in Vietnamese"`
	TitleEN  string              `json:"title_en" doc:"The status in English"`
	Final    bool                `json:"final"`
	At       time.Time           `json:"at"`
	Deadline *time.Time          `json:"deadline,omitempty" doc:"Of the wait that begins"`
	Detail   string              `json:"detail,omitempty" doc:"Problem code of an outcome other than active, when there is one"`
	Actor    string              `json:"actor,omitempty"`
}

// RegistrationTexts are what the statuses are called in front of people.
var RegistrationTexts = map[registration.Status]problem.Text{
	registration.StatusRequested:       {VI: "Đã nhận yêu cầu từ VNeID", EN: "Requested in VNeID"},
	registration.StatusHandedOff:       {VI: "Chờ xác thực số điện thoại và tài khoản", EN: "Waiting for phone and account"},
	registration.StatusAccountReady:    {VI: "Chờ chọn gói dịch vụ", EN: "Waiting for the choice of a package"},
	registration.StatusAwaitingPayment: {VI: "Chờ thanh toán", EN: "Waiting for the payment"},
	registration.StatusAwaitingConsent: {VI: "Chờ ký hợp đồng bằng OTP", EN: "Waiting for the consent to the contract"},
	registration.StatusInReview:        {VI: "Đang thẩm định hồ sơ", EN: "In review"},
	registration.StatusNeedsMore:       {VI: "Chờ bổ sung thông tin", EN: "Waiting for corrections"},
	registration.StatusIssuing:         {VI: "Đang cấp chứng thư chữ ký số", EN: "Issuing the certificate"},
	registration.StatusActivating:      {VI: "Chờ đặt mã PIN và kích hoạt", EN: "Waiting for PIN and activation"},
	registration.StatusAccepting:       {VI: "Chờ ký biên bản nghiệm thu", EN: "Waiting for the signature on the acceptance record"},
	registration.StatusClosing:         {VI: "Đang kết thúc, thu hồi và hoàn tiền nếu có", EN: "Closing; revoking and refunding what was done"},
	registration.StatusActive:          {VI: "Chứng thư số đã hoạt động", EN: "The certificate is active"},
	registration.StatusRefused:         {VI: "Hồ sơ bị từ chối", EN: "Refused"},
	registration.StatusIneligible:      {VI: "Đã có chứng thư số đang hoạt động", EN: "Holds an active certificate already"},
	registration.StatusWithdrawn:       {VI: "Đã rút yêu cầu", EN: "Withdrawn"},
	registration.StatusExpired:         {VI: "Đã hết hạn", EN: "Expired"},
	registration.StatusCancelled:       {VI: "Đã hủy", EN: "Cancelled"},
}

// RegistrationPath is the path of a registration.
func RegistrationPath(id string) string { return "/v1/registrations/" + id }

// RegistrationSummary is a registration without anything about people, for lists.
func (s *Views) RegistrationSummary(ctx context.Context, r registration.Registration) RegistrationBody {
	text := RegistrationTexts[r.Status]
	body := RegistrationBody{ID: r.ID, Self: RegistrationPath(r.ID), RequestID: r.RequestID, Issuer: r.Issuer,
		Status: r.Status, Title: text.VI, TitleEN: text.EN, Final: r.Status.Final(), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		Deadline: kernel.UTC(r.Deadline), ServerTime: s.Now().UTC(), Attention: RegistrationAttention(ctx, r),
		HandedOffAt: kernel.UTC(r.HandedOffAt), HasAccount: r.AccountID != "", Package: r.Package, PriceVND: r.PriceVND, Months: r.Months,
		PaidRef: r.PaidRef, Reviews: r.Reviews, RevokedAt: kernel.UTC(r.RevokedAt), Documents: papers(r)}
	if r.Reported != "" { // a registration has one end
		body.Reported = r.Status
	}
	if r.Reason != "" {
		body.Outcome = outcomeBody(signing.Transition{Detail: r.Reason})
	}
	if r.Consent != nil {
		body.ConsentedAt = kernel.UTC(r.Consent.At)
	}
	if v := r.Review; v != nil {
		body.Review = &ReviewBody{Decision: v.Decision, Reason: v.Reason, ReasonText: registration.Reasons()[v.Reason], Fields: v.Fields,
			Officer: v.Officer, At: v.At.UTC()}
	}
	if i := r.Issued; i != nil {
		body.Certificate = &IssuedBody{KeyID: i.KeyID, Serial: i.Serial, Fingerprint: i.Fingerprint, NotBefore: kernel.UTC(i.NotBefore),
			NotAfter: kernel.UTC(i.NotAfter), InstalledAt: kernel.UTC(i.InstalledAt)}
	}
	if a := r.Activation; a != nil {
		body.Activation = &ActivationBody{StartedAt: kernel.UTC(a.StartedAt), PINSetAt: kernel.UTC(a.PINSetAt), ActivatedAt: kernel.UTC(a.ActivatedAt)}
	}
	if r.Acceptance != nil {
		body.SigningID = r.Acceptance.SigningID
	}
	return body
}

// Paper is one PDF of a registration: as written, and sealed or signed once it is.
type Paper struct {
	Name           string
	Written        registration.Paper
	Final, FinalID string // digest and upload of the sealed or signed file
}

// PapersOf returns the papers that exist.
func PapersOf(r registration.Registration) []Paper {
	var list []Paper
	if p := r.Request; p != nil {
		list = append(list, Paper{Name: "request", Written: *p})
	}
	if p := r.Contract; p != nil {
		list = append(list, Paper{"contract", *p, p.Sealed, p.SealedID})
	}
	if a := r.Acceptance; a != nil {
		list = append(list, Paper{"acceptance", a.Paper, a.SignedSHA, a.SignedID})
	}
	return list
}

func papers(r registration.Registration) []PaperBody {
	list := []PaperBody{}
	for _, p := range PapersOf(r) {
		list = append(list, PaperBody{Name: p.Name, Number: p.Written.Number, Template: p.Written.Template, SHA256: p.Written.SHA256,
			FinalSHA256: p.Final, At: p.Written.At.UTC(), Content: RegistrationPath(r.ID) + "/documents/" + p.Name + "/content"})
	}
	return list
}

// PersonOf is a person as its owner has to recognise it: the citizen number and the phone are masked.
func PersonOf(p registration.Person) *PersonBody {
	return &PersonBody{IDNumber: account.Mask(p.IDNumber), FullName: p.FullName, BirthDate: p.BirthDate, Sex: p.Sex, Nationality: p.Nationality,
		Province: p.Province, Commune: p.Commune, Address: p.Address, IDIssuedOn: p.IDIssuedOn, IDIssuedBy: p.IDIssuedBy,
		IDExpiresOn: p.IDExpiresOn, Phone: "***" + p.Phone[max(0, len(p.Phone)-3):]}
}

// PaymentOf is an attempt to pay.
func PaymentOf(p registration.Payment) PaymentBody {
	return PaymentBody{TxnRef: p.TxnRef, Attempt: p.Attempt, AmountVND: p.AmountVND, Status: p.Status, CreatedAt: p.CreatedAt.UTC(),
		ExpiresAt: p.ExpiresAt.UTC(), DecidedAt: kernel.UTC(p.DecidedAt), RefundedAt: kernel.UTC(p.RefundedAt), Gateway: p.Gateway}
}

// RegistrationTransitionOf is a transition as it is shown.
func RegistrationTransitionOf(t registration.Transition) RegistrationTransitionBody {
	text := RegistrationTexts[t.Status]
	return RegistrationTransitionBody{Seq: t.Seq, Status: t.Status, Title: text.VI, TitleEN: text.EN, Final: t.Status.Final(), At: t.At.UTC(),
		Deadline: kernel.UTC(t.Deadline), Detail: t.Detail, Actor: t.Actor}
}

// RegistrationAttention is nil when no operator has to act. What a repair may do is told by the step, as the process does.
func RegistrationAttention(ctx context.Context, r registration.Registration) *AttentionBody {
	a := r.Attention
	if !a.Open() {
		return nil
	}
	body := AttentionOf(a)
	if !incident.Mismatch(a.Reason) {
		body.Actions = workflows.RegistrationRepairs(a.Step)
	}
	return ShownTo(ctx, body, withdrawable(r.Status))
}

// withdrawable is what an owner may do at a status: what ends already cannot be taken back.
func withdrawable(status registration.Status) string {
	if status == registration.StatusClosing || status.Final() {
		return ""
	}
	return ownersWithdraw
}

// RegistrationMove is what an act returns: where the process stands after it.
type RegistrationMove struct {
	ID        string              `json:"id"`
	Self      string              `json:"self"`
	Status    registration.Status `json:"status"`
	Title     string              `json:"title" doc:"The status in Vietnamese"`
	TitleEN   string              `json:"title_en" doc:"The status in English"`
	Step      string              `json:"step"`
	Seq       int                 `json:"seq" doc:"Number of the last transition; events after it are news"`
	Deadline  *time.Time          `json:"deadline,omitempty" doc:"When the current wait ends by itself"`
	Attention *AttentionBody      `json:"attention,omitempty"`
	SigningID string              `json:"signing_id,omitempty" doc:"The signing of the acceptance record that runs now"`
}

// RegistrationMoveOf is where a process stands after an act.
func RegistrationMoveOf(ctx context.Context, id string, in workflows.RegistrationStatus) RegistrationMove {
	text := RegistrationTexts[in.Status]
	return RegistrationMove{ID: id, Self: RegistrationPath(id), Status: in.Status, Title: text.VI, TitleEN: text.EN,
		Step: in.Step, Seq: in.Seq, Deadline: kernel.UTC(in.Deadline), Attention: ShownTo(ctx, processAttention(in.Attention), withdrawable(in.Status)), SigningID: in.SigningID}
}
