package api

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

const description = `Remote signing of PDF files: upload a document, ask for a signature, the owner of the key approves on a phone, fetch the signed file. Where it is configured, also the registration of certificates, from a request in VNeID to an active certificate.

Errors are problems of RFC 9457 with a stable code. Every write takes an Idempotency-Key: the same key with the same request acts once and gives the same answer; the few writes that do not describe the header refuse it. Times are RFC 3339 in UTC.`

const (
	tagDocuments  = "documents"
	tagSignings   = "signings"
	tagOperations = "operations"
	tagWebhooks   = "webhooks"

	tagRegistrations = "registrations"
	tagReview        = "review"
)

// operations registers every route of /v1.
func (s *server) operations(api huma.API) {
	s.documentOperations(api)
	s.signingOperations(api)
	s.actOperations(api)
	s.accessOperations(api)
	s.incidentOperations(api)
	s.auditOperations(api)
	s.bookOperations(api)
	if s.Trust != nil {
		s.trustOperations(api)
	}
	if s.Endpoints != nil {
		s.endpointOperations(api)
	}
	if s.PDF != nil {
		s.pdfOperations(api)
	}
	if s.Verifications != nil && s.PDF != nil {
		s.verificationOperations(api)
	}
	huma.Register(api, post("receiveWebhook", "/v1/webhooks/{provider}/{token}", tagWebhooks, "Take a provider's webhook",
		http.StatusOK, withBody("application/json", "The body of the 769 profile: transaction_id, status_code, signed_files"),
		errorsOf(http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge)), s.receiveWebhook)
	if s.Registration != nil {
		s.registrationOperations(api)
	}
	if s.People != nil {
		s.peopleOperations(api)
	}
}

func (s *server) documentOperations(api huma.API) {
	huma.Register(api, post("createDocument", uploadPath, tagDocuments, "Upload a PDF", http.StatusCreated,
		withBody(pdfType, "The file; it is stored as it streams in"),
		errorsOf(http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout)), s.createDocument)
	huma.Register(api, get("getDocument", "/v1/documents/{id}", tagDocuments, "Show a document",
		errorsOf(http.StatusNotFound)), s.getDocument)
	huma.Register(api, get("getDocumentContent", "/v1/documents/{id}/content", tagDocuments, "Download a document",
		withFile(), errorsOf(http.StatusNotFound)), s.getDocumentContent)
}

func (s *server) signingOperations(api huma.API) {
	huma.Register(api, post("createSigning", "/v1/signings", tagSignings, "Ask for a signature", http.StatusAccepted,
		errorsOf()), s.createSigning)
	huma.Register(api, get("listSignings", "/v1/signings", tagSignings, "List signings, newest first",
		errorsOf()), s.listSignings)
	huma.Register(api, get("getSigning", "/v1/signings/{id}", tagSignings, "Show a signing",
		errorsOf(http.StatusNotFound)), s.getSigning)
	huma.Register(api, get("streamEvents", "/v1/signings/{id}/events", tagSignings, "Follow a signing (server-sent events)",
		withEvents("Transition"), errorsOf(http.StatusNotFound)), s.streamEvents)
	huma.Register(api, get("getSignedContent", "/v1/signings/{id}/documents/{n}/content", tagSignings, "Download a signed document",
		withFile(), errorsOf(http.StatusNotFound, http.StatusConflict)), s.getSignedContent)
}

func (s *server) actOperations(api huma.API) {
	acts := errorsOf(http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable)
	huma.Register(api, get("listCertificates", "/v1/signings/{id}/certificates", tagSignings, "List the signer's certificates",
		errorsOf(http.StatusNotFound)), s.listCertificates)
	huma.Register(api, post("chooseCertificate", "/v1/signings/{id}/certificate", tagSignings, "Choose the certificate",
		http.StatusOK, acts), s.chooseCertificate)
	huma.Register(api, post("place", "/v1/signings/{id}/placement", tagSignings, "Place the signature boxes",
		http.StatusOK, acts), s.place)
	huma.Register(api, post("cancel", "/v1/signings/{id}/cancel", tagSignings, "Cancel before the owner approves",
		http.StatusOK, acts), s.cancel)
	huma.Register(api, post("repair", "/v1/signings/{id}/repair", tagOperations, "Repair a parked signing",
		http.StatusOK, acts), s.repair)
}

type operationOption func(*huma.Operation)

func get(id, path, tag, summary string, options ...operationOption) huma.Operation {
	return operation(http.MethodGet, id, path, tag, summary, http.StatusOK, options)
}

func post(id, path, tag, summary string, status int, options ...operationOption) huma.Operation {
	return operation(http.MethodPost, id, path, tag, summary, status, options)
}

func operation(method, id, path, tag, summary string, status int, options []operationOption) huma.Operation {
	op := huma.Operation{Method: method, OperationID: id, Path: path, Summary: summary, Tags: []string{tag}, DefaultStatus: status,
		MaxBodyBytes:    -1, // bounded before, see bufferedBody
		BodyReadTimeout: -1, // likewise; a deadline left in place would cancel slow handlers
	}
	for _, option := range options {
		option(&op)
	}
	return op
}

// errorsOf names the problems that an operation answers with, beside 422 and 500, which huma adds.
func errorsOf(statuses ...int) operationOption {
	return func(op *huma.Operation) {
		op.Errors = append([]int{http.StatusForbidden, http.StatusTooManyRequests}, statuses...)
		if !slices.Contains(op.Errors, http.StatusUnauthorized) && !rules[op.Method+" "+op.Path].open {
			op.Errors = append(op.Errors, http.StatusUnauthorized)
		}
	}
}

// withBody describes a body that the handler reads itself. JSON gets no schema here: huma would read it before.
func withBody(contentType, text string) operationOption {
	var schema *huma.Schema
	if contentType == pdfType {
		schema = &huma.Schema{Type: huma.TypeString, Format: "binary"}
	}
	return func(op *huma.Operation) {
		op.RequestBody = &huma.RequestBody{Required: true, Description: text,
			Content: map[string]*huma.MediaType{contentType: {Schema: schema}}}
	}
}

func withFile() operationOption {
	return func(op *huma.Operation) {
		content := map[string]*huma.MediaType{pdfType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
		op.Responses = map[string]*huma.Response{
			"200": {Description: "The whole file", Content: content},
			"206": {Description: "The range asked for", Content: content},
			"304": {Description: "Not modified"},
			"416": {Description: "No such range"},
		}
	}
}

func withEvents(transition string) operationOption {
	text := "Events: transition (id is its seq, data a " + transition + "), countdown (a Countdown; signings only) and attention (an Attention with open). The stream ends after a final transition."
	return func(op *huma.Operation) {
		op.Responses = map[string]*huma.Response{
			"200": {Description: text, Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"204": {Description: "It has ended and every transition was seen; do not come back"},
		}
	}
}
