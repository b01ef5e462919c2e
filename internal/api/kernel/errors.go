package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/problem"
)

// Statuses is the one place where a problem code gets its HTTP status.
var Statuses = map[problem.Code]int{
	problem.Invalid:             http.StatusUnprocessableEntity,
	problem.TooLarge:            http.StatusRequestEntityTooLarge,
	problem.NotFound:            http.StatusNotFound,
	problem.Erased:              http.StatusGone,
	problem.Conflict:            http.StatusConflict,
	problem.IdempotencyMismatch: http.StatusUnprocessableEntity,
	problem.Unauthenticated:     http.StatusUnauthorized,
	problem.Denied:              http.StatusForbidden,
	problem.RateLimited:         http.StatusTooManyRequests,
	problem.Busy:                http.StatusServiceUnavailable,
	problem.StorageFull:         http.StatusServiceUnavailable,

	problem.DocumentBroken:     http.StatusUnprocessableEntity,
	problem.DocumentEncrypted:  http.StatusUnprocessableEntity,
	problem.DocumentRecipients: http.StatusUnprocessableEntity,
	problem.DocumentCipher:     http.StatusUnprocessableEntity,
	problem.DocumentAttached:   http.StatusUnprocessableEntity,
	problem.DocumentXFA:        http.StatusUnprocessableEntity,
	problem.DocumentLocked:     http.StatusUnprocessableEntity,
	problem.DocumentActive:     http.StatusUnprocessableEntity,
	problem.DocumentMisleading: http.StatusUnprocessableEntity,
	problem.DocumentTooComplex: http.StatusUnprocessableEntity,
	problem.PlacementInvalid:   http.StatusUnprocessableEntity,
	problem.PlacementCovers:    http.StatusUnprocessableEntity,

	problem.CertificateInvalid:  http.StatusUnprocessableEntity,
	problem.CertificateExpired:  http.StatusUnprocessableEntity,
	problem.CertificateRevoked:  http.StatusUnprocessableEntity,
	problem.CertificateMissing:  http.StatusNotFound,
	problem.CertificateInactive: http.StatusForbidden,
	problem.SignerUnknown:       http.StatusNotFound,
	problem.RevocationUnknown:   http.StatusServiceUnavailable,
	problem.CertificateDiffers:  http.StatusConflict,
	problem.CertificateOther:    http.StatusUnprocessableEntity,

	problem.SignatureInvalid:   http.StatusConflict,
	problem.DigestMismatch:     http.StatusInternalServerError,
	problem.VerificationFailed: http.StatusConflict,
	problem.DeclinedBySigner:   http.StatusConflict,
	problem.ApprovalExpired:    http.StatusConflict,

	problem.OTPWrong:           http.StatusForbidden,
	problem.OTPExpired:         http.StatusConflict,
	problem.OTPLocked:          http.StatusForbidden,
	problem.HandoffUsed:        http.StatusConflict,
	problem.SecondPerson:       http.StatusConflict,
	problem.AlreadyHolder:      http.StatusConflict,
	problem.DeadlinePassed:     http.StatusConflict,
	problem.RefusedByOfficer:   http.StatusConflict,
	problem.Withdrawn:          http.StatusConflict,
	problem.ProcessMissing:     http.StatusConflict,
	problem.RecordMissing:      http.StatusConflict,
	problem.CertificateUnpaid:  http.StatusConflict,
	problem.CertificateLost:    http.StatusConflict,
	problem.CertificateLeft:    http.StatusConflict,
	problem.PaymentUnclear:     http.StatusConflict,
	problem.GatewayUnavailable: http.StatusServiceUnavailable,
	problem.AlreadyPaid:        http.StatusConflict,
	problem.TransactionClaimed: http.StatusConflict,
	problem.RefundRefused:      http.StatusBadGateway,

	problem.ProviderCredentials: http.StatusBadGateway,
	problem.ProviderRefused:     http.StatusBadGateway,
	problem.ProviderUnavailable: http.StatusServiceUnavailable,
	problem.Internal:            http.StatusInternalServerError,
}

// retryAfter is what a caller is told to wait when the failing party named no time.
const retryAfter = 5 * time.Second

// Problem is an error answer (RFC 9457, application/problem+json).
type Problem struct {
	Type      string       `json:"type" doc:"Path of a page about this kind of problem" example:"/problems/document-encrypted"`
	Title     string       `json:"title" doc:"The kind of problem in Vietnamese" example:"Không tìm thấy"`
	TitleEN   string       `json:"title_en" doc:"The kind of problem in English" example:"Not found"`
	Status    int          `json:"status" doc:"HTTP status" example:"404"`
	Detail    string       `json:"detail,omitempty" doc:"What happened this time, in English"`
	Code      problem.Code `json:"code" doc:"Stable name of the kind of problem" example:"not-found"`
	RequestID string       `json:"request_id,omitempty" doc:"Name this when you ask about the problem; it stands in the logs"`
	Errors    []FieldError `json:"errors,omitempty" doc:"The fields that are wrong"`
}

// FieldError says what is wrong with one field.
type FieldError struct {
	Location string `json:"location" doc:"Path of the field" example:"body.documents[0].id"`
	Message  string `json:"message" doc:"What is wrong with it, in English"`
	// MessageVI is there where a citizen types the field.
	MessageVI string `json:"message_vi,omitempty" doc:"What is wrong with it, in Vietnamese"`
}

// Error implements error.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// Refusal is an answer of the protocol whose status says more than its code would: a wrong media type, a body that
// came too slowly, a foreign host name.
type Refusal struct {
	Code   problem.Code
	Status int
	Detail string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Detail }

// FieldErrors is problem.Invalid with the fields that are wrong.
type FieldErrors []FieldError

// Error implements error.
func (f FieldErrors) Error() string { return "invalid: " + strconv.Itoa(len(f)) + " field(s)" }

// Add notes one wrong field.
func (f *FieldErrors) Add(location, message string) {
	*f = append(*f, FieldError{Location: location, Message: message})
}

// Say notes one wrong field in both languages.
func (f *FieldErrors) Say(location, message, vietnamese string) {
	*f = append(*f, FieldError{Location: location, Message: message, MessageVI: vietnamese})
}

// Err returns nil when no field is wrong.
func (f FieldErrors) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// fieldError is an error of any code that one field caused.
type fieldError struct {
	error
	location string
}

// Unwrap returns the error.
func (f *fieldError) Unwrap() error { return f.error }

// InBody is an error that the body caused.
func InBody(err error) error { return &fieldError{err, "body"} }

// problemOf turns any error into its answer and the pause to ask for. The text of an error without a code is not
// shown: it may come from anywhere.
func problemOf(err error) (*Problem, time.Duration) {
	code, detail, pause := problem.CodeOf(err), "", problem.RetryAfterOf(err)
	if code == problem.Internal && errors.Is(err, syscall.ENOSPC) { // of a file for a moment
		err = problem.Wrap(problem.StorageFull, err, "there is no room for a temporary file")
		code = problem.StorageFull
	}
	var fields FieldErrors
	var maxBytes *http.MaxBytesError
	if r, ok := errors.AsType[*Refusal](err); ok {
		return NewProblem(r.Code, r.Status, r.Detail), 0
	}
	switch {
	case errors.As(err, &fields):
		code, detail = problem.Invalid, "one or more fields are not valid"
	case errors.As(err, &maxBytes):
		code, detail = problem.TooLarge, "the body is larger than "+strconv.FormatInt(maxBytes.Limit, 10)+" bytes"
	case code == problem.Internal && errors.Is(err, context.DeadlineExceeded):
		code, detail = problem.ProviderUnavailable, "no answer in time"
	case code == problem.Internal:
		detail = "the request failed for a reason that is in the logs under this request id"
	default:
		if e, ok := errors.AsType[*problem.Error](err); ok {
			detail = e.Message
			if e.Field != "" {
				fields = FieldErrors{{Location: FieldLocation(e.Field), Message: e.Message, MessageVI: e.VI}}
			}
		}
	}
	p := NewProblem(code, Statuses[code], detail)
	p.Errors = fields
	if f, ok := errors.AsType[*fieldError](err); ok && code.Kind() != problem.KindInternal {
		p.Errors = []FieldError{{Location: f.location, Message: p.Detail}}
	}
	if pause == 0 && code.Kind() == problem.KindUpstream {
		pause = retryAfter
	}
	return p, pause
}

// FieldLocation is the location of a field that the domain names.
func FieldLocation(field string) string {
	for _, part := range []string{"body.", "query.", "path.", "header."} {
		if strings.HasPrefix(field, part) {
			return field
		}
	}
	return "body." + field
}

// FieldOf makes the error of the domain one about a field of the request: it keeps the words and takes the location, and says
// it is about that field when the domain named none.
func FieldOf(err error, location string) error {
	e, ok := errors.AsType[*problem.Error](err)
	if !ok || e.Code.Kind() != problem.KindInvalid && e.Field == "" {
		return err
	}
	moved := *e
	moved.Field = location
	return &moved
}

// NewProblem is a problem with the titles of its code.
func NewProblem(code problem.Code, status int, detail string) *Problem {
	text := code.Text()
	return &Problem{Type: "/problems/" + string(code), Title: text.VI, TitleEN: text.EN, Status: status, Detail: detail, Code: code}
}

// CodeOfStatus names what the framework itself refuses (an unknown route, a wrong media type, a bad field).
func CodeOfStatus(status int) problem.Code {
	switch status {
	case http.StatusNotFound:
		return problem.NotFound
	case http.StatusUnauthorized:
		return problem.Unauthenticated
	case http.StatusForbidden:
		return problem.Denied
	case http.StatusRequestEntityTooLarge:
		return problem.TooLarge
	case http.StatusTooManyRequests:
		return problem.RateLimited
	case http.StatusInternalServerError:
		return problem.Internal
	}
	return problem.Invalid
}

// huma builds every error answer through these two variables, which are its documented way to another error type.
// They hold no state, so several handlers in one process share them without harm.
func init() {
	huma.ValidateStrictCasing = true  // names in bodies match exactly
	huma.DefaultArrayNullable = false // a list is empty, never null
	huma.NewError = func(status int, detail string, _ ...error) huma.StatusError {
		return NewProblem(CodeOfStatus(status), status, detail)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, detail string, errs ...error) huma.StatusError {
		p, pause := frameworkProblem(status, detail, errs)
		if pause > 0 {
			ctx.SetHeader("Retry-After", seconds(pause))
		}
		return noteProblem(ctx.Context(), p, errors.Join(errs...))
	}
}

// frameworkProblem distinguishes an error that a handler returned from a request that the framework refused.
func frameworkProblem(status int, detail string, errs []error) (*Problem, time.Duration) {
	if status == http.StatusInternalServerError && len(errs) > 0 {
		return problemOf(errs[0])
	}
	p := NewProblem(CodeOfStatus(status), status, detail)
	for _, err := range errs {
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			p.Errors = append(p.Errors, FieldError{Location: d.Location, Message: d.Message})
		}
	}
	return p, 0
}

// noteProblem gives the answer its request id and leaves the cause of a server's fault to the request log.
func noteProblem(ctx context.Context, p *Problem, cause error) *Problem {
	info := InfoOf(ctx)
	p.RequestID = info.ID
	info.Code = p.Code
	if p.Status >= http.StatusInternalServerError {
		info.Cause = cause
	}
	return p
}

// WriteProblem answers with an error outside huma: in middleware and for unknown routes.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	p, pause := problemOf(err)
	if pause > 0 {
		w.Header().Set("Retry-After", seconds(pause))
	}
	SendJSON(w, p.ContentType(""), p.Status, noteProblem(r.Context(), p, err))
}

// SendJSON answers outside huma.
func SendJSON(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return // the peer has gone; the status is logged anyway
	}
}

func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
