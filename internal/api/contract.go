package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/problem"
	"kyso/internal/webhook"
)

// tags are the groups of operations, in the order in which a reader meets them.
var tags = []*huma.Tag{
	{Name: tagDocuments, Description: "PDF files: upload, inspection before signing, verification of signatures, download."},
	{Name: tagSignings, Description: "Remote signing: one request, up to 50 documents, one approval on the phone of the key's owner."},
	{Name: tagRegistrations, Description: "Registration of certificates: what a citizen does, from the hand-off by VNeID to the active certificate."},
	{Name: tagReview, Description: "Review of registrations by officers."},
	{Name: tagPeople, Description: "Log-in of citizens with phone, one-time code and password, and what belongs to the person."},
	{Name: tagOperations, Description: "Operations: parked processes, repairs, reconciliation, audit log, erasure."},
	{Name: tagTrust, Description: "Trusted certification authorities."},
	{Name: tagAccess, Description: "Sessions, API keys and one-time links to another device."},
	{Name: tagEndpoints, Description: "Addresses of programs that receive webhooks, and the messages sent to them."},
	{Name: tagWebhooks, Description: "Inbound doors: what VNeID, payment gateways and signing providers send. Each proves itself in its own way."},
	{Name: tagEvents, Description: "Outgoing webhooks. Delivery is at least once, signed as Standard Webhooks says, and retried for three days."},
}

const tagEvents = "events"

// introduce says what stands before the operations. The server is wherever the document was fetched from.
func introduce(config *huma.Config) {
	config.Info.Description = description
	config.Info.Contact = &huma.Contact{Name: "The maintainers of kyso"}
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.Servers = []*huma.Server{{URL: "/", Description: "The installation that serves this document"}}
	config.Tags = tags
}

// sharedAnswer is an error answer that operations share.
type sharedAnswer struct {
	name, text string
	code       problem.Code // of the example
	headers    []string
}

// shared are the error answers by status.
var shared = map[int]sharedAnswer{
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

// answerHeaders are the headers that answers share.
var answerHeaders = map[string]*huma.Param{
	"X-Request-Id":         {Description: "Names the request in the logs.", Schema: textSchema("9f86d081884c7d65")},
	"RateLimit":            {Description: "What is left of the window: class, r requests, t seconds. Absent for the administrator, and where no limit is set.", Schema: textSchema(`"read";r=599;t=42`)},
	"RateLimit-Policy":     {Description: "The limit that counts: class, q requests in w seconds.", Schema: textSchema(`"read";q=600;w=60`)},
	"Retry-After":          {Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger, Examples: []any{5}}},
	"WWW-Authenticate":     {Description: "The scheme that is asked for.", Schema: textSchema(`Bearer realm="kyso"`)},
	"Idempotency-Replayed": {Description: "true when this is the answer of an earlier request with the same Idempotency-Key.", Schema: textSchema("true")},
	"ETag":                 {Description: "SHA-256 of the file in quotes.", Schema: textSchema(`"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`)},
	"Accept-Ranges":        {Description: "bytes: ranges may be asked for.", Schema: textSchema("bytes")},
	"Content-Disposition":  {Description: "attachment, with the file's name.", Schema: textSchema(`attachment; filename="hop-dong.pdf"`)},
	"Location":             {Description: "Path of what the answer is about.", Schema: textSchema("/v1/signings/" + exampleID)},
	"Content-Range":        {Description: "The range that is sent.", Schema: textSchema("bytes 0-1023/48211")},
	"Last-Modified":        {Description: "When the file was stored.", Schema: textSchema("Mon, 02 Mar 2026 09:30:00 GMT")},
}

func textSchema(example string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Examples: []any{example}}
}

func headersNamed(names ...string) map[string]*huma.Param {
	all := map[string]*huma.Param{}
	for _, name := range names {
		all[name] = &huma.Param{Ref: "#/components/headers/" + name}
	}
	return all
}

// everyAnswer are the headers that every answer has.
var everyAnswer = []string{"X-Request-Id", "RateLimit", "RateLimit-Policy"}

// components puts what operations share where they refer to it.
func components(openapi *huma.OpenAPI) {
	openapi.Components.Headers = answerHeaders
	openapi.Components.Responses = map[string]*huma.Response{}
	schema := openapi.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	for status, answer := range shared {
		names := slices.Concat(everyAnswer, answer.headers)
		if final(status) {
			names = append(names, replayedHeader)
		}
		response := &huma.Response{Description: answer.text, Headers: headersNamed(names...)}
		if answer.code != "" {
			example := newProblem(answer.code, status, answer.text)
			example.RequestID = "9f86d081884c7d65"
			response.Content = map[string]*huma.MediaType{"application/problem+json": {Schema: schema, Example: example}}
		}
		openapi.Components.Responses[answer.name] = response
	}
}

// refusals are the statuses of the error answers of a route: what the layers before its handler answer, and its own.
func (r *route) refusals() []int {
	list := append([]int{http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusServiceUnavailable, http.StatusMisdirectedRequest}, r.problems...)
	if !r.access.open {
		list = append(list, http.StatusUnauthorized, http.StatusForbidden)
	}
	if r.access.object != "" {
		list = append(list, http.StatusNotFound)
	}
	if !isRead(r.method()) {
		list = append(list, http.StatusForbidden, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge)
	}
	if r.keyUse() == keyActs {
		list = append(list, http.StatusConflict, http.StatusGone)
	}
	if r.reveals { // what was erased
		list = append(list, http.StatusGone)
	}
	if slices.Contains(r.problems, http.StatusServiceUnavailable) { // an outside party is asked
		list = append(list, http.StatusBadGateway)
	}
	if r.answer == answerFile {
		list = append(list, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// describe adds to a registered operation what its types do not say.
func (r *route) describe(op *huma.Operation) {
	delete(op.Responses, "default")
	refusals := r.refusals()
	if op.RequestBody != nil && r.body == bodyJSON {
		refusals = append(refusals, http.StatusBadRequest, http.StatusUnsupportedMediaType)
	}
	for status, response := range op.Responses {
		response.Headers = merged(response.Headers, headersNamed(everyAnswer...))
		if r.keyUse() == keyActs && strings.HasPrefix(status, "2") {
			response.Headers = merged(headersNamed("Location"), merged(response.Headers, headersNamed(replayedHeader)))
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
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + shared[status].name}
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

// describeEvents lists every webhook that kyso sends, with the headers of Standard Webhooks.
func describeEvents(openapi *huma.OpenAPI) {
	schema := openapi.Components.Schemas.Schema(reflect.TypeFor[webhook.Envelope](), true, "")
	openapi.Webhooks = map[string]*huma.PathItem{}
	for _, kind := range webhook.Types() {
		message, err := webhook.Example(kind)
		if err != nil {
			panic("api: example of " + kind + ": " + err.Error()) // a mistake in the table of types; a test finds it
		}
		openapi.Webhooks[kind] = &huma.PathItem{Post: &huma.Operation{OperationID: "on-" + strings.ReplaceAll(kind, ".", "-"), Tags: []string{tagEvents},
			Summary: kind, Description: webhook.Text(kind) + " Answer with any status from 200 to 299 within 15 seconds; 410 ends the delivery of this message; any other answer is retried for three days.",
			Parameters: []*huma.Param{
				{Name: "webhook-id", In: "header", Required: true, Description: "The same for every try and replay of a message: receivers know by it what they have seen", Schema: textSchema(message.ID)},
				{Name: "webhook-timestamp", In: "header", Required: true, Description: "Seconds since 1970 of this try; refuse what is older than five minutes", Schema: textSchema("1772443800")},
				{Name: "webhook-signature", In: "header", Required: true, Description: "One or two signatures, separated by a space: v1, and HMAC-SHA256 over id.timestamp.body in base64", Schema: textSchema("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=")},
			},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {
				Schema:  &huma.Schema{AllOf: []*huma.Schema{schema, {Type: huma.TypeObject, Properties: map[string]*huma.Schema{"type": {Type: huma.TypeString, Enum: []any{kind}}}}}},
				Example: json.RawMessage(message.Body),
			}}},
			Responses: map[string]*huma.Response{"2XX": {Description: "Received"}, "410": {Description: "The address is gone: this message is not sent again"}},
		}}
	}
}
