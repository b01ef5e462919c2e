// Package view is how processes look to their callers: the bodies of signings and registrations, what is parked, and the stream of what
// happens. What a caller may not see is left out here, for every room alike.
package view

import (
	"context"
	"strconv"
	"time"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/workflows"
)

// Views shows processes to their callers.
type Views struct {
	*kernel.Kernel
	hub hub
}

// digestPrefix is how many hex digits of a digest people are shown to compare.
const digestPrefix = 16

// SigningBody is a signing. The countdown is reckoned by the server's clock.
type SigningBody struct {
	ID         string         `json:"id"`
	Self       string         `json:"self" doc:"Path of this signing"`
	Status     signing.Status `json:"status" enum:"created,awaiting-certificate,awaiting-placement,preparing,requested,awaiting-approval,completing,signed,declined,expired,cancelled,refused"`
	Title      string         `json:"title" doc:"The status in Vietnamese"`
	TitleEN    string         `json:"title_en" doc:"The status in English"`
	Final      bool           `json:"final" doc:"Nothing can follow this status"`
	Level      signing.Level  `json:"level"`
	Provider   string         `json:"provider"`
	Needs      signing.Needs  `json:"needs,omitempty" enum:"nothing,redirect,code" doc:"What the provider needs from the signer besides the phone: nothing, a visit of its pages, or a code that it sends. Missing when the provider is not in use any more"`
	User       string         `json:"user,omitempty" doc:"Only in the answer for one signing, and to its owner"`
	Serial     string         `json:"serial,omitempty" doc:"Serial number asked for"`
	Reason     string         `json:"reason,omitempty" doc:"Only in the answer for one signing"`
	Location   string         `json:"location,omitempty" doc:"Only in the answer for one signing"`
	ShortCode  string         `json:"short_code,omitempty" doc:"Stands on the phone too; compare before approving" example:"7A3F-09C1"`
	CreatedAt  time.Time      `json:"created_at"`
	UpdatedAt  time.Time      `json:"updated_at"`
	FinishedAt *time.Time     `json:"finished_at,omitempty"`
	ServerTime time.Time      `json:"server_time"`

	Certificate string           `json:"certificate,omitempty" doc:"SHA-256 of the chosen certificate, hex"`
	Countdown   *CountdownBody   `json:"countdown,omitempty" doc:"Only while the phone shows the request"`
	Attention   *AttentionBody   `json:"attention,omitempty" doc:"Only while the signing is parked and an operator has to act"`
	Outcome     *OutcomeBody     `json:"outcome,omitempty" doc:"Why the signing ended otherwise than signed; only in the answer for one signing"`
	Documents   []SignedDocument `json:"documents"`
	Transitions []TransitionBody `json:"transitions,omitempty" doc:"Only in the answer for one signing"`
}

// SignedDocument is one file of a signing.
type SignedDocument struct {
	Index        int            `json:"index" doc:"0 is the first"`
	ID           string         `json:"id" doc:"The uploaded document"`
	Name         string         `json:"name,omitempty" doc:"Only in the answer for one signing"`
	Size         int64          `json:"size"`
	SHA256       string         `json:"sha256"`
	Placement    *PlacementBody `json:"placement,omitempty"`
	DigestPrefix string         `json:"digest_prefix,omitempty" doc:"First 16 hex digits of the digest that is signed; stands on the phone too"`
	SignedID     string         `json:"signed_id,omitempty" doc:"The signed document"`
	SignedSHA256 string         `json:"signed_sha256,omitempty"`
	Content      string         `json:"content,omitempty" doc:"Path of the signed file"`
	LevelReached signing.Level  `json:"level_reached,omitempty"`
}

// PlacementBody says where the visible signature stands. An empty one is the default box in the lower right corner of the last page.
// A field may be named here; the domain knows its number alone, because the name may be personal data.
type PlacementBody struct {
	signing.Placement

	Field string `json:"field,omitempty" maxLength:"500" doc:"Name of an empty signature field of the file to sign into, instead of a box; see its inspection"`
}

// CountdownBody is the time that the owner of the key has.
type CountdownBody struct {
	AcceptedAt       time.Time `json:"accepted_at" doc:"When the provider accepted the request"`
	ExpiresAt        time.Time `json:"expires_at" doc:"The end of the provider's window"`
	RemainingSeconds int       `json:"remaining_seconds" doc:"By the server's clock"`
	ServerTime       time.Time `json:"server_time"`
	ShortCode        string    `json:"short_code,omitempty"`
}

// AttentionBody says that a process is parked and what may be done. Why it is, operators and officers see.
type AttentionBody struct {
	IncidentID string       `json:"incident_id,omitempty"`
	Step       string       `json:"step,omitempty" doc:"For operators"`
	Code       problem.Code `json:"code,omitempty" doc:"For operators"`
	Title      string       `json:"title" doc:"The code in Vietnamese; for owners, that the case is being worked on"`
	TitleEN    string       `json:"title_en" doc:"The same in English"`
	Message    string       `json:"message,omitempty" doc:"For operators, in English, without personal data"`
	Provider   string       `json:"provider,omitempty" doc:"For operators"`
	Since      time.Time    `json:"since"`
	Attempts   int          `json:"attempts,omitempty" doc:"For operators"`
	Actions    []string     `json:"actions" doc:"What the caller may do: a repair of operators; cancel or withdraw of the owner"`
}

// OutcomeBody says why a signing ended without signed documents.
type OutcomeBody struct {
	Code    problem.Code `json:"code"`
	Title   string       `json:"title" doc:"The code in Vietnamese"`
	TitleEN string       `json:"title_en" doc:"The code in English"`
}

// TransitionBody is one recorded change of state.
type TransitionBody struct {
	Seq     int            `json:"seq"`
	Status  signing.Status `json:"status"`
	Title   string         `json:"title" doc:"The status in Vietnamese"`
	TitleEN string         `json:"title_en" doc:"The status in English"`
	Final   bool           `json:"final"`
	At      time.Time      `json:"at"`
	Detail  string         `json:"detail,omitempty" doc:"Problem code of an outcome other than signed, when there is one"`
}

// signingTexts are what the statuses are called in front of people.
var signingTexts = map[signing.Status]problem.Text{
	signing.StatusCreated:             {VI: "Đã nhận yêu cầu", EN: "Accepted"},
	signing.StatusAwaitingCertificate: {VI: "Chờ chọn chứng thư số", EN: "Waiting for a choice of certificate"},
	signing.StatusAwaitingPlacement:   {VI: "Chờ chọn vị trí chữ ký", EN: "Waiting for the placement"},
	signing.StatusPreparing:           {VI: "Đang chuẩn bị tài liệu", EN: "Preparing the documents"},
	signing.StatusRequested:           {VI: "Đang gửi yêu cầu tới nhà cung cấp", EN: "Asking the provider"},
	signing.StatusAwaitingApproval:    {VI: "Chờ xác nhận trên điện thoại", EN: "Waiting for approval on the phone"},
	signing.StatusCompleting:          {VI: "Đã xác nhận, đang hoàn tất", EN: "Approved, completing"},
	signing.StatusSigned:              {VI: "Đã ký xong", EN: "Signed"},
	signing.StatusDeclined:            {VI: "Người ký đã từ chối", EN: "Declined by the signer"},
	signing.StatusExpired:             {VI: "Hết thời gian xác nhận", EN: "Expired"},
	signing.StatusCancelled:           {VI: "Đã hủy", EN: "Cancelled"},
	signing.StatusRefused:             {VI: "Không ký được", EN: "Cannot be signed"},
}

// SummaryBody is a signing without anything about people, for lists.
func (s *Views) SummaryBody(ctx context.Context, in signing.Signing) SigningBody {
	now := s.Now().UTC()
	body := SigningBody{ID: in.ID, Self: SigningPath(in.ID), Status: in.Status, Title: signingTexts[in.Status].VI,
		TitleEN: signingTexts[in.Status].EN, Final: in.Status.Final(), Level: in.Level,
		Provider: in.Provider, Serial: in.Serial, ShortCode: in.Approval.ShortCode, Certificate: in.Certificate,
		CreatedAt: in.CreatedAt.UTC(), UpdatedAt: in.UpdatedAt.UTC(), ServerTime: now,
		Countdown: CountdownOf(in, now), Documents: []SignedDocument{}}
	if provider, known := s.Provider(in.Provider); known {
		body.Needs = provider.Needs()
	}
	if !in.FinishedAt.IsZero() {
		finished := in.FinishedAt.UTC()
		body.FinishedAt = &finished
	}
	body.Attention = SigningAttention(ctx, in)
	for _, d := range in.Documents {
		body.Documents = append(body.Documents, signedDocument(in.ID, d))
	}
	return body
}

// FullBody is a signing with everything that its caller may see.
func (s *Views) FullBody(ctx context.Context, in signing.Signing, transitions []signing.Transition) SigningBody {
	body := s.SummaryBody(ctx, in)
	body.User, body.Reason, body.Location = in.UserID, in.Reason, in.Location
	for i, d := range in.Documents {
		body.Documents[i].Name = d.Name
	}
	for _, t := range transitions {
		body.Transitions = append(body.Transitions, TransitionOf(t))
		if t.Status.Final() {
			body.Outcome = outcomeBody(t)
		}
	}
	return body
}

// WithoutPeople takes away who signs, and what people wrote or named.
func (b *SigningBody) WithoutPeople() {
	b.User, b.Reason, b.Location = "", "", ""
	for i := range b.Documents {
		b.Documents[i].Name = ""
	}
}

// SigningPath is the path of a signing.
func SigningPath(id string) string { return "/v1/signings/" + id }

func signedDocument(signingID string, d signing.Document) SignedDocument {
	out := SignedDocument{Index: d.Index, ID: d.UploadID, Size: d.Size, SHA256: d.SHA256,
		SignedID: d.SignedID, SignedSHA256: d.SignedSHA256, LevelReached: d.Level}
	if d.Placement != nil {
		out.Placement = &PlacementBody{Placement: *d.Placement}
	}
	if d.Prepared != nil {
		out.DigestPrefix = d.Prepared.H3[:min(digestPrefix, len(d.Prepared.H3))]
	}
	if d.SignedID != "" {
		out.Content = contentPath(signingID, d.Index)
	}
	return out
}

// CountdownOf is nil unless the phone shows the request now.
func CountdownOf(in signing.Signing, now time.Time) *CountdownBody {
	a := in.Approval
	if in.Status != signing.StatusAwaitingApproval || a.AcceptedAt.IsZero() {
		return nil
	}
	return &CountdownBody{AcceptedAt: a.AcceptedAt.UTC(), ExpiresAt: a.ExpiresAt.UTC(), ServerTime: now, ShortCode: a.ShortCode,
		RemainingSeconds: max(0, int(a.ExpiresAt.Sub(now)/time.Second))}
}

// SigningAttention is what is parked of a signing, as its caller may see it; nil when nothing is.
func SigningAttention(ctx context.Context, in signing.Signing) *AttentionBody {
	if !in.Attention.Open() {
		return nil
	}
	return ShownTo(ctx, AttentionOf(in.Attention), OwnersCancel)
}

// AttentionOf is what is parked, as operators see it; see ShownTo.
func AttentionOf(a process.Attention) *AttentionBody {
	code := problem.Code(a.Reason)
	text := code.Text()
	actions := []string{process.RepairRetry, process.RepairCancel}
	if incident.Mismatch(a.Reason) {
		actions = incident.Acts(a.Reason, a.Step)
	}
	return &AttentionBody{IncidentID: a.IncidentID, Step: a.Step, Code: code, Title: text.VI, TitleEN: text.EN, Message: a.Message,
		Provider: a.Provider, Since: a.Since.UTC(), Attempts: a.Attempts,
		Actions: actions}
}

// What owners may do about what is parked.
const (
	OwnersCancel   = workflows.UpdateCancel
	ownersWithdraw = workflows.UpdateWithdraw
)

// ShownTo is an attention as its caller may see it: operators and officers see what failed, an owner sees that the process
// is parked and may give it up.
func ShownTo(ctx context.Context, a *AttentionBody, act string) *AttentionBody {
	if a == nil || kernel.May(ctx, access.Operator, access.Officer) {
		return a
	}
	shown := &AttentionBody{Title: ParkedText.VI, TitleEN: ParkedText.EN, Since: a.Since, Actions: []string{}}
	if act != "" && !incident.Mismatch(string(a.Code)) { // else no process hears it
		shown.Actions = append(shown.Actions, act)
	}
	return shown
}

// outcomeBody is nil when the last transition names no code: signed, or cancelled by its requester.
func outcomeBody(last signing.Transition) *OutcomeBody {
	code := problem.Code(last.Detail)
	if code.Kind() == problem.KindInternal {
		return nil
	}
	text := code.Text()
	return &OutcomeBody{Code: code, Title: text.VI, TitleEN: text.EN}
}

// TransitionOf is a transition as it is shown.
func TransitionOf(t signing.Transition) TransitionBody {
	text := signingTexts[t.Status]
	return TransitionBody{Seq: t.Seq, Status: t.Status, Title: text.VI, TitleEN: text.EN, Final: t.Status.Final(), At: t.At.UTC(), Detail: t.Detail}
}

// SigningMove is what an act returns: where the process stands after it.
type SigningMove struct {
	ID               string         `json:"id"`
	Self             string         `json:"self"`
	Status           signing.Status `json:"status"`
	Step             string         `json:"step"`
	Seq              int            `json:"seq" doc:"Number of the last transition; events after it are news"`
	Deadline         *time.Time     `json:"deadline,omitempty" doc:"When the current wait ends by itself"`
	RemainingSeconds int            `json:"remaining_seconds,omitempty"`
	Attention        *AttentionBody `json:"attention,omitempty"`
}

// SigningMoveOf is where a process stands after an act.
func SigningMoveOf(ctx context.Context, id string, in workflows.SigningStatus) SigningMove {
	body := SigningMove{ID: id, Self: SigningPath(id), Status: in.Status, Step: in.Step, Seq: in.Seq, RemainingSeconds: in.Remaining}
	if !in.Deadline.IsZero() {
		deadline := in.Deadline.UTC()
		body.Deadline = &deadline
	}
	body.Attention = ShownTo(ctx, processAttention(in.Attention), OwnersCancel)
	return body
}

// processAttention is the attention that a process itself tells of; nil when it is not parked.
func processAttention(a *process.Attention) *AttentionBody {
	if a == nil {
		return nil
	}
	body := AttentionOf(*a)
	body.Actions = a.Actions
	return body
}

// ParkedText is said of what is parked: an operator acts, not the person.
var ParkedText = problem.Text{VI: "Chúng tôi đang xử lý, bạn không cần làm gì", EN: "We are on it; you need not do anything"}

func contentPath(signingID string, index int) string {
	return SigningPath(signingID) + "/documents/" + strconv.Itoa(index) + "/content"
}
