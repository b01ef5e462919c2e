package kernel

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/problem"
)

// Tags group the operations; the document says what each stands for.
const (
	TagDocuments     = "documents"
	TagSignings      = "signings"
	TagOperations    = "operations"
	TagWebhooks      = "webhooks"
	TagRegistrations = "registrations"
	TagReview        = "review"
	TagPeople        = "people"
	TagTrust         = "trust"
	TagAccess        = "access"
	TagEndpoints     = "webhook endpoints"
	TagEvents        = "events"
)

// SharedAnswer is an error answer that operations share.
type SharedAnswer struct {
	Name, Text string
	Code       problem.Code // of the example
	Headers    []string
}

// Shared are the error answers by status.
var Shared = map[int]SharedAnswer{
	http.StatusBadRequest:                   {"BadRequest", "The body is missing, or it is not JSON.", problem.Invalid, nil},
	http.StatusUnauthorized:                 {"Unauthorized", "No API key or session, one that has ended, or a code or password that is wrong.", problem.Unauthenticated, []string{"WWW-Authenticate"}},
	http.StatusForbidden:                    {"Forbidden", "The caller lacks the scope, or a page of another origin sent the write.", problem.Denied, nil},
	http.StatusNotFound:                     {"NotFound", "It does not exist, or it belongs to another owner.", problem.NotFound, nil},
	http.StatusRequestTimeout:               {"RequestTimeout", "The body came too slowly.", problem.Invalid, nil},
	http.StatusConflict:                     {"Conflict", "The state does not allow it, or the first request with this Idempotency-Key is still at work.", problem.Conflict, []string{"Retry-After"}},
	http.StatusGone:                         {"Gone", "The answer that was kept for this Idempotency-Key was erased with a person's data.", problem.Erased, nil},
	http.StatusPreconditionFailed:           {"PreconditionFailed", "If-Match or If-Unmodified-Since does not hold. The answer has no body.", "", []string{"ETag", "Content-Disposition", "Last-Modified"}},
	http.StatusRequestEntityTooLarge:        {"ContentTooLarge", "The body is larger than the limit.", problem.TooLarge, nil},
	http.StatusUnsupportedMediaType:         {"UnsupportedMediaType", "The media type of the body is not the one that is described.", problem.Invalid, nil},
	http.StatusRequestedRangeNotSatisfiable: {"RangeNotSatisfiable", "The file has no such range.", problem.Invalid, []string{"Content-Range"}},
	http.StatusMisdirectedRequest:           {"MisdirectedRequest", "The API does not answer under this host name.", problem.Denied, nil},
	http.StatusUnprocessableEntity:          {"UnprocessableContent", "A parameter or a field is not valid; errors names each. Also: the Idempotency-Key was used before for another request.", problem.Invalid, nil},
	http.StatusTooManyRequests:              {"TooManyRequests", "A limit is used up.", problem.RateLimited, []string{"Retry-After"}},
	http.StatusInternalServerError:          {"InternalServerError", "A fault of the server; request_id names its line in the logs.", problem.Internal, nil},
	http.StatusBadGateway:                   {"BadGateway", "An outside party refused.", problem.ProviderRefused, nil},
	http.StatusServiceUnavailable:           {"ServiceUnavailable", "The store, Temporal or an outside party does not answer, or there is no room.", problem.ProviderUnavailable, []string{"Retry-After"}},
}

// TextSchema describes a text by an example.
func TextSchema(example string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Examples: []any{example}}
}

// HeadersNamed refers to headers that answers share.
func HeadersNamed(names ...string) map[string]*huma.Param {
	all := map[string]*huma.Param{}
	for _, name := range names {
		all[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
	return all
}

// EveryAnswer are the headers that every answer has.
var EveryAnswer = []string{"X-Request-Id", "RateLimit", "RateLimit-Policy"}

// refusals are the statuses of the error answers of a route: what the layers before its handler answer, and its own.
func (r *Route) refusals() []int {
	list := append([]int{http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusServiceUnavailable, http.StatusMisdirectedRequest}, r.Problems...)
	if !r.Access.Open {
		list = append(list, http.StatusUnauthorized, http.StatusForbidden)
	}
	if r.Access.Object != "" {
		list = append(list, http.StatusNotFound)
	}
	if !IsRead(r.method()) {
		list = append(list, http.StatusForbidden, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge)
	}
	if r.KeyUse() == KeyActs {
		list = append(list, http.StatusConflict, http.StatusGone)
	}
	if r.Reveals { // what was erased
		list = append(list, http.StatusGone)
	}
	if slices.Contains(r.Problems, http.StatusServiceUnavailable) { // an outside party is asked
		list = append(list, http.StatusBadGateway)
	}
	if r.Answer == AnswerFile {
		list = append(list, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// describe adds to a registered operation what its types do not say.
func (r *Route) describe(op *huma.Operation) {
	delete(op.Responses, "default")
	refusals := r.refusals()
	if op.RequestBody != nil && r.Body == BodyJSON {
		refusals = append(refusals, http.StatusBadRequest, http.StatusUnsupportedMediaType)
	}
	for status, response := range op.Responses {
		response.Headers = merged(response.Headers, HeadersNamed(EveryAnswer...))
		if r.KeyUse() == KeyActs && strings.HasPrefix(status, "2") {
			response.Headers = merged(HeadersNamed("Location"), merged(response.Headers, HeadersNamed(ReplayedHeader)))
		}
	}
	if op.RequestBody != nil {
		for _, media := range op.RequestBody.Content {
			if media.Schema == nil { // an outside party's own
				media.Schema = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
			}
		}
	}
	for _, status := range refusals {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + Shared[status].Name}
	}
	describeKey(op, *r)
}

func merged(a, b map[string]*huma.Param) map[string]*huma.Param {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]*huma.Param{}
	}
	maps.Copy(all, b)
	return all
}

// WithAnswer describes an answer that is JSON written elsewhere, by the type that it was made of.
func WithAnswer(of reflect.Type) OperationOption {
	return func(op *huma.Operation, schemas huma.Registry) {
		if of == nil {
			return
		}
		schema := schemas.Schema(of, true, "")
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}}
	}
}

// WithBody describes a body that the handler reads itself. JSON gets no schema here: huma would read it before.
func WithBody(contentType, text string) OperationOption {
	var schema *huma.Schema
	if contentType == PDFType {
		schema = &huma.Schema{Type: huma.TypeString, Format: "binary"}
	}
	return func(op *huma.Operation, _ huma.Registry) {
		op.RequestBody = &huma.RequestBody{Required: true, Description: text,
			Content: map[string]*huma.MediaType{contentType: {Schema: schema}}}
	}
}

// WithFile describes an answer that is a PDF file, with ranges.
func WithFile() OperationOption {
	return func(op *huma.Operation, _ huma.Registry) {
		content := map[string]*huma.MediaType{PDFType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
		op.Responses = map[string]*huma.Response{
			"200": {Description: "The whole file", Content: content, Headers: HeadersNamed("ETag", "Accept-Ranges", "Content-Disposition", "Last-Modified")},
			"206": {Description: "The range asked for", Content: content, Headers: HeadersNamed("ETag", "Accept-Ranges", "Content-Disposition", "Content-Range", "Last-Modified")},
			"304": {Description: "Not modified", Headers: HeadersNamed("ETag", "Content-Disposition", "Last-Modified")},
		}
	}
}

// WithEvents describes a stream of events whose transitions are of the schema of that name.
func WithEvents(transition string) OperationOption {
	text := "Events: transition (id is its seq, data a " + transition + "), countdown (a Countdown; signings only) and attention (an Attention with open). The stream ends after a final transition."
	return func(op *huma.Operation, _ huma.Registry) {
		op.Responses = map[string]*huma.Response{
			"200": {Description: text, Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"204": {Description: "It has ended and every transition was seen; do not come back"},
		}
	}
}

// describeKey adds the Idempotency-Key to the description of a write on which it acts.
func describeKey(op *huma.Operation, r Route) {
	described := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == KeyHeader })
	if described || r.KeyUse() != KeyActs {
		return
	}
	longest := MaxKeyLength
	op.Parameters = append(op.Parameters, &huma.Param{Name: KeyHeader, In: "header", Description: "The same key again acts once",
		Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &longest}})
}
