package documents

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
)

func (s *Handler) pdfRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.inspectDocument, kernel.Route{ID: "inspectDocument", At: "GET /v1/documents/{id}/inspection", Tag: kernel.TagDocuments,
			Summary: "Say whether a document can be signed",
			Text:    "Reads the file in a child process and reports what it is, its pages and fields, what runs in it, and what forbids a signature.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Document}, Cost: kernel.ClassHeavy, Reveals: true,
			Problems: []int{http.StatusNotFound}, With: []kernel.OperationOption{kernel.WithAnswer(s.PDF.Inspection)}}),
		kernel.On(s.verifyDocument, kernel.Route{ID: "verifyDocument", At: "GET /v1/documents/{id}/verification", Tag: kernel.TagDocuments,
			Summary: "Verify the signatures of a stored document",
			Text:    "Judges every signature of the file as ETSI EN 319 102-1 says: integrity, certificate, time, and what was changed later.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Document}, Cost: kernel.ClassHeavy, Reveals: true,
			Problems: []int{http.StatusNotFound}, With: []kernel.OperationOption{kernel.WithAnswer(s.PDF.Verification)}}),
		kernel.On(s.verify, kernel.Route{ID: "verify", At: "POST /v1/verifications", Tag: kernel.TagDocuments,
			Summary: "Verify the signatures of a PDF",
			Text:    "The file is not stored. With keep=true the verification, its evidence and its report are stored and answered with 201; an Idempotency-Key acts only then.",
			Access:  kernel.Rule{Own: kernel.Signings}, Cost: kernel.ClassHeavy, Body: kernel.BodyFile, Creates: keptByRequest,
			Problems: []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout}, With: []kernel.OperationOption{kernel.WithAnswer(s.PDF.Verification), orKept(), kernel.WithBody(kernel.PDFType, "The file; it is forgotten after the answer")}}),
	}
}

// orKept describes the answer of a verification that was kept, and that of one that was not.
func orKept() kernel.OperationOption {
	return func(op *huma.Operation, schemas huma.Registry) {
		found := op.Responses["200"]
		if found == nil {
			return
		}
		kept := schemas.Schema(reflect.TypeFor[KeptVerification](), true, "")
		both := &huma.Schema{AllOf: []*huma.Schema{found.Content["application/json"].Schema,
			{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"kept": kept}, Required: []string{"kept"}}}}
		op.Responses["201"] = &huma.Response{Description: "What was found; kept is the record of it",
			Headers: kernel.HeadersNamed("Location"), Content: map[string]*huma.MediaType{"application/json": {Schema: both}}}
	}
}

func (s *Handler) inspectDocument(ctx context.Context, in *documentInput) (*kernel.RawOutput, error) {
	return s.Examine(ctx, in.ID, "", s.PDF.Inspect)
}

func (s *Handler) verifyDocument(ctx context.Context, in *documentInput) (*kernel.RawOutput, error) {
	return s.Examine(ctx, in.ID, "", s.PDF.Verify)
}
