package api

import (
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

const description = `Remote signing of PDF files: upload a document, ask for a signature, the owner of the key approves on a phone, fetch the signed file. Where it is configured, also the registration of certificates, from a request in VNeID to an active certificate.

Errors are problems of RFC 9457 with a stable code. Every write takes an Idempotency-Key: the same key with the same request acts once and gives the same answer; the few writes that do not describe the header refuse it. Times are RFC 3339 in UTC.`

const (
	tagDocuments     = "documents"
	tagSignings      = "signings"
	tagOperations    = "operations"
	tagWebhooks      = "webhooks"
	tagRegistrations = "registrations"
	tagReview        = "review"
)

// routes are the operations of /v1 that these options serve.
func (s *server) routes() []route {
	list := slices.Concat(s.documentRoutes(), s.signingRoutes(), s.actRoutes(), s.accessRoutes(), s.incidentRoutes(), s.auditRoutes(), s.bookRoutes(), s.webhookRoutes())
	for _, more := range []struct {
		served bool
		routes func() []route
	}{
		{s.Trust != nil, s.trustRoutes},
		{s.Endpoints != nil, s.endpointRoutes},
		{s.PDF != nil, s.pdfRoutes},
		{s.Verifications != nil && s.PDF != nil, s.verificationRoutes},
		{s.Registration != nil, s.registrationRoutes},
		{s.People != nil, s.peopleRoutes},
		{s.People != nil, s.meRoutes},
	} {
		if more.served {
			list = append(list, more.routes()...)
		}
	}
	return list
}

// withBody describes a body that the handler reads itself. JSON gets no schema here: huma would read it before.
func withBody(contentType, text string) operationOption {
	var schema *huma.Schema
	if contentType == pdfType {
		schema = &huma.Schema{Type: huma.TypeString, Format: "binary"}
	}
	return func(op *huma.Operation, _ huma.Registry) {
		op.RequestBody = &huma.RequestBody{Required: true, Description: text,
			Content: map[string]*huma.MediaType{contentType: {Schema: schema}}}
	}
}

func withFile() operationOption {
	return func(op *huma.Operation, _ huma.Registry) {
		content := map[string]*huma.MediaType{pdfType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
		op.Responses = map[string]*huma.Response{
			"200": {Description: "The whole file", Content: content, Headers: headersNamed("ETag", "Accept-Ranges", "Content-Disposition", "Last-Modified")},
			"206": {Description: "The range asked for", Content: content, Headers: headersNamed("ETag", "Accept-Ranges", "Content-Disposition", "Content-Range", "Last-Modified")},
			"304": {Description: "Not modified", Headers: headersNamed("ETag", "Content-Disposition", "Last-Modified")},
		}
	}
}

func withEvents(transition string) operationOption {
	text := "Events: transition (id is its seq, data a " + transition + "), countdown (a Countdown; signings only) and attention (an Attention with open). The stream ends after a final transition."
	return func(op *huma.Operation, _ huma.Registry) {
		op.Responses = map[string]*huma.Response{
			"200": {Description: text, Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"204": {Description: "It has ended and every transition was seen; do not come back"},
		}
	}
}
