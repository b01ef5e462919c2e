package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/access"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// PDF is what the API has done with the inside of PDF files, in processes that may die of them.
type PDF struct {
	// Inspect says what is in a file and whether it may be signed. The answer is JSON.
	Inspect func(ctx context.Context, src Source) (json.RawMessage, error)
	// Verify judges the signatures of a file. The answer is JSON, that of "kyso verify -o json".
	Verify func(ctx context.Context, src Source) (json.RawMessage, error)
	// Inspection and Verification are what those answers were made of. OpenAPI describes them by it; nil describes nothing.
	Inspection, Verification reflect.Type
	// Record is Verify with what is kept of it: report, material, trust and people. nil keeps nothing.
	Record func(ctx context.Context, src Source) (signing.Verification, error)
	// Report writes a verification that was kept as PDF.
	Report func(v signing.Verification) ([]byte, error)
	// Preview draws a visible signature as a PDF of one page.
	Preview func(look Look) ([]byte, error)
	// Place says whether a file can be signed so, as far as that is seen without the certificate; a nil placement is the default
	// one. A refusal that is about the placement names its field.
	Place func(ctx context.Context, src Source, placement *signing.Placement, reason string) error
	// Unprintable returns the first letter of a text that a visible signature cannot show; "" when it can show all.
	Unprintable func(text string) (string, error)
}

// Look is what a visible signature shows.
type Look struct {
	Width, Height float64 // points
	Name          string
	Reason        string
	Location      string
	At            time.Time
}

func (s *server) pdfRoutes() []route {
	return []route{
		on(s.inspectDocument, route{id: "inspectDocument", at: "GET /v1/documents/{id}/inspection", tag: tagDocuments,
			summary: "Say whether a document can be signed",
			text:    "Reads the file in a child process and reports what it is, its pages and fields, what runs in it, and what forbids a signature.",
			access:  rule{own: signings, object: access.Document}, cost: classHeavy, reveals: true,
			problems: []int{http.StatusNotFound}, with: []operationOption{withAnswer(s.PDF.Inspection)}}),
		on(s.verifyDocument, route{id: "verifyDocument", at: "GET /v1/documents/{id}/verification", tag: tagDocuments,
			summary: "Verify the signatures of a stored document",
			text:    "Judges every signature of the file as ETSI EN 319 102-1 says: integrity, certificate, time, and what was changed later.",
			access:  rule{own: signings, object: access.Document}, cost: classHeavy, reveals: true,
			problems: []int{http.StatusNotFound}, with: []operationOption{withAnswer(s.PDF.Verification)}}),
		on(s.verify, route{id: "verify", at: "POST /v1/verifications", tag: tagDocuments,
			summary: "Verify the signatures of a PDF",
			text:    "The file is not stored. With keep=true the verification, its evidence and its report are stored and answered with 201; an Idempotency-Key acts only then.",
			access:  rule{own: signings}, cost: classHeavy, body: bodyFile, creates: keptByRequest,
			problems: []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout}, with: []operationOption{withAnswer(s.PDF.Verification), orKept(), withBody(pdfType, "The file; it is forgotten after the answer")}}),
		on(s.verifySigned, route{id: "verifySigned", at: "GET /v1/signings/{id}/documents/{n}/verification", tag: tagSignings,
			summary: "Verify the signatures of a signed document",
			text:    "Judges every signature of the signed file, as GET /v1/documents/{id}/verification does.",
			access:  rule{own: signings, object: access.Signing}, cost: classHeavy, reveals: true,
			problems: []int{http.StatusNotFound, http.StatusConflict}, with: []operationOption{withAnswer(s.PDF.Verification)}}),
		on(s.previewAppearance, route{id: "previewAppearance", at: "GET /v1/signings/{id}/appearance", tag: tagSignings,
			summary: "Draw how the visible signature will look",
			text:    "A PDF page of the size of the box, drawn as the signature will be.",
			access:  rule{own: signings, object: access.Signing}, cost: classHeavy,
			problems: []int{http.StatusNotFound, http.StatusConflict}, with: []operationOption{withFile()}}),
	}
}

// withAnswer describes an answer that is JSON written elsewhere, by the type that it was made of.
func withAnswer(of reflect.Type) operationOption {
	return func(op *huma.Operation, schemas huma.Registry) {
		if of == nil {
			return
		}
		schema := schemas.Schema(of, true, "")
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}}
	}
}

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

// orKept describes the answer of a verification that was kept, and that of one that was not.
func orKept() operationOption {
	return func(op *huma.Operation, schemas huma.Registry) {
		found := op.Responses["200"]
		if found == nil {
			return
		}
		kept := schemas.Schema(reflect.TypeFor[KeptVerification](), true, "")
		both := &huma.Schema{AllOf: []*huma.Schema{found.Content["application/json"].Schema,
			{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"kept": kept}, Required: []string{"kept"}}}}
		op.Responses["201"] = &huma.Response{Description: "What was found; kept is the record of it",
			Headers: headersNamed("Location"), Content: map[string]*huma.MediaType{"application/json": {Schema: both}}}
	}
}

// rawOutput is JSON that was written elsewhere.
type rawOutput struct {
	Body json.RawMessage
}

func (s *server) inspectDocument(ctx context.Context, in *documentInput) (*rawOutput, error) {
	return s.examine(ctx, in.ID, "", s.PDF.Inspect)
}

func (s *server) verifyDocument(ctx context.Context, in *documentInput) (*rawOutput, error) {
	return s.examine(ctx, in.ID, "", s.PDF.Verify)
}

func (s *server) verifySigned(ctx context.Context, in *signedContentInput) (*rawOutput, error) {
	document, err := s.signedDocument(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.examine(ctx, document.SignedID, document.SignedSHA256, s.PDF.Verify)
}

func (s *server) examine(ctx context.Context, id, digest string, with func(context.Context, Source) (json.RawMessage, error)) (*rawOutput, error) {
	upload, err := s.recorded(ctx, id, digest)
	if err != nil {
		return nil, err
	}
	source, err := s.Open(ctx, upload)
	if err != nil {
		return nil, err
	}
	if closer, ok := source.(io.Closer); ok {
		defer func() { _ = closer.Close() }() // read only: nothing is lost
	}
	report, err := with(ctx, source)
	return &rawOutput{report}, err
}

type previewInput struct {
	ID     string  `path:"id" maxLength:"64"`
	Serial string  `query:"serial" maxLength:"128" doc:"Serial number or fingerprint of the certificate; else the chosen one, else the only one"`
	Width  float64 `query:"width" minimum:"1" maximum:"2000" default:"200" doc:"Points"`
	Height float64 `query:"height" minimum:"1" maximum:"2000" default:"64" doc:"Points"`
}

func (s *server) previewAppearance(ctx context.Context, in *previewInput) (*huma.StreamResponse, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.Desk.Certificates(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	name, err := ownerFor(record, list, normalSerial(in.Serial))
	if err != nil {
		return nil, err
	}
	page, err := s.PDF.Preview(Look{Width: in.Width, Height: in.Height, Name: name, Reason: record.Reason, Location: record.Location, At: s.Now()})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", pdfType)
		_, _ = w.Write(page) // the peer may be gone
	}}, nil
}

// ownerFor names the owner of the certificate that a signature would be made with.
func ownerFor(record signing.Signing, list []signing.Certificate, serial string) (string, error) {
	if serial == "" {
		serial = record.Certificate
	}
	if serial == "" && len(list) == 1 {
		serial = list[0].Fingerprint
	}
	if serial == "" {
		return "", problem.New(problem.Conflict, "no certificate is chosen")
	}
	fingerprint, err := pick(list, serial)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(c signing.Certificate) bool { return c.Fingerprint == fingerprint })
	return list[i].Subject, nil
}
