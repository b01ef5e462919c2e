package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/api/kernel"
	"kyso/internal/webhook"
)

// tags are the groups of operations, in the order in which a reader meets them.
var tags = []*huma.Tag{
	{Name: kernel.TagDocuments, Description: "PDF files: upload, inspection before signing, verification of signatures, download."},
	{Name: kernel.TagSignings, Description: "Remote signing: one request, up to 50 documents, one approval on the phone of the key's owner."},
	{Name: kernel.TagRegistrations, Description: "Registration of certificates: what a citizen does, from the hand-off by VNeID to the active certificate."},
	{Name: kernel.TagReview, Description: "Review of registrations by officers."},
	{Name: kernel.TagPeople, Description: "Log-in of citizens with phone, one-time code and password, and what belongs to the person."},
	{Name: kernel.TagOperations, Description: "Operations: parked processes, repairs, reconciliation, audit log, erasure."},
	{Name: kernel.TagTrust, Description: "Trusted certification authorities."},
	{Name: kernel.TagAccess, Description: "Sessions, API keys and one-time links to another device."},
	{Name: kernel.TagEndpoints, Description: "Addresses of programs that receive webhooks, and the messages sent to them."},
	{Name: kernel.TagWebhooks, Description: "Inbound endpoints: what VNeID, payment gateways and signing providers send. Each caller authenticates in its own way."},
	{Name: kernel.TagEvents, Description: "Outgoing webhooks. Delivery is at least once, signed as Standard Webhooks says, and retried for three days."},
}

// introduce says what stands before the operations. The server is wherever the document was fetched from.
func introduce(config *huma.Config) {
	config.Info.Description = description
	config.Info.Contact = &huma.Contact{Name: "The maintainers of kyso"}
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.Servers = []*huma.Server{{URL: "/", Description: "The installation that serves this document"}}
	config.Tags = tags
}

// answerHeaders are the headers that answers share.
var answerHeaders = map[string]*huma.Param{
	"X-Request-Id":         {Description: "Names the request in the logs.", Schema: kernel.TextSchema("9f86d081884c7d65")},
	"RateLimit":            {Description: "What is left of the window: class, r requests, t seconds. Absent for the administrator, and where no limit is set.", Schema: kernel.TextSchema(`"read";r=599;t=42`)},
	"RateLimit-Policy":     {Description: "The limit that counts: class, q requests in w seconds.", Schema: kernel.TextSchema(`"read";q=600;w=60`)},
	"Retry-After":          {Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger, Examples: []any{5}}},
	"WWW-Authenticate":     {Description: "The scheme that is asked for.", Schema: kernel.TextSchema(`Bearer realm="kyso"`)},
	"Idempotency-Replayed": {Description: "true when this is the answer of an earlier request with the same Idempotency-Key.", Schema: kernel.TextSchema("true")},
	"ETag":                 {Description: "SHA-256 of the file in quotes.", Schema: kernel.TextSchema(`"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`)},
	"Accept-Ranges":        {Description: "bytes: ranges may be asked for.", Schema: kernel.TextSchema("bytes")},
	"Content-Disposition":  {Description: "attachment, with the file's name.", Schema: kernel.TextSchema(`attachment; filename="hop-dong.pdf"`)},
	"Location":             {Description: "Path of what the answer is about.", Schema: kernel.TextSchema("/v1/signings/" + exampleID)},
	"Content-Range":        {Description: "The range that is sent.", Schema: kernel.TextSchema("bytes 0-1023/48211")},
	"Last-Modified":        {Description: "When the file was stored.", Schema: kernel.TextSchema("Mon, 02 Mar 2026 09:30:00 GMT")},
}

// components puts what operations share where they refer to it.
func components(openapi *huma.OpenAPI) {
	openapi.Components.Headers = answerHeaders
	openapi.Components.Responses = map[string]*huma.Response{}
	schema := openapi.Components.Schemas.Schema(reflect.TypeFor[kernel.Problem](), true, "")
	for status, answer := range kernel.Shared {
		names := slices.Concat(kernel.EveryAnswer, answer.Headers)
		if kernel.Final(status) {
			names = append(names, kernel.ReplayedHeader)
		}
		response := &huma.Response{Description: answer.Text, Headers: kernel.HeadersNamed(names...)}
		if answer.Code != "" {
			example := kernel.NewProblem(answer.Code, status, answer.Text)
			example.RequestID = "9f86d081884c7d65"
			response.Content = map[string]*huma.MediaType{"application/problem+json": {Schema: schema, Example: example}}
		}
		openapi.Components.Responses[answer.Name] = response
	}
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
		openapi.Webhooks[kind] = &huma.PathItem{Post: &huma.Operation{OperationID: "on-" + strings.ReplaceAll(kind, ".", "-"), Tags: []string{kernel.TagEvents},
			Summary: kind, Description: webhook.Text(kind) + " Answer with any status from 200 to 299 within 15 seconds; 410 ends the delivery of this message; any other answer is retried for three days.",
			Parameters: []*huma.Param{
				{Name: "webhook-id", In: "header", Required: true, Description: "The same for every try and replay of a message: receivers know by it what they have seen", Schema: kernel.TextSchema(message.ID)},
				{Name: "webhook-timestamp", In: "header", Required: true, Description: "Seconds since 1970 of this try; refuse what is older than five minutes", Schema: kernel.TextSchema("1772443800")},
				{Name: "webhook-signature", In: "header", Required: true, Description: "One or two signatures, separated by a space: v1, and HMAC-SHA256 over id.timestamp.body in base64", Schema: kernel.TextSchema("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=")},
			},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {
				Schema:  &huma.Schema{AllOf: []*huma.Schema{schema, {Type: huma.TypeObject, Properties: map[string]*huma.Schema{"type": {Type: huma.TypeString, Enum: []any{kind}}}}}},
				Example: json.RawMessage(message.Body),
			}}},
			Responses: map[string]*huma.Response{"2XX": {Description: "Received"}, "410": {Description: "The address is gone: this message is not sent again"}},
		}}
	}
}

const (
	exampleID     = "0198f1c4-7a3e-7d21-9c51-3f6a5b8d2e10"
	exampleDigest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// schemaName names a schema as its readers and the generated clients do: Signing for SigningBody. Types whose own names are
// taken, or say too little without their package, are named here.
func schemaName(of reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(of, hint)
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	switch _, folder, _ := strings.Cut(of.PkgPath(), "/internal/"); {
	case folder == "finding":
		return "Document" + name
	case folder == "webhook" && name == "Envelope":
		return "WebhookMessage"
	case folder == "webhook" && name == "Event":
		return "WebhookEvent"
	case strings.HasPrefix(folder, "pades") && name == "Report":
		return "Inspection"
	}
	return strings.TrimSuffix(name, "Body")
}

const description = `Remote signing of PDF files: upload a document, ask for a signature, the owner of the key approves on a phone, fetch the signed file. With registrations configured, the API also registers certificates, from a request in VNeID to an active certificate.

Errors are problems of RFC 9457 with a stable code. Every write takes an Idempotency-Key: the same key with the same request acts once and gives the same answer; the few writes that do not describe the header refuse it. Times are RFC 3339 in UTC.`
