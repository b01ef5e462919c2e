package documents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

const verificationPath = "/v1/verifications"

func (s *Handler) verificationRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.listVerifications, kernel.Route{ID: "listVerifications", At: "GET /v1/verifications", Tag: kernel.TagDocuments,
			Summary: "List the verifications that you had kept, newest first",
			Text:    "Only those of the caller. Pages go on with next.",
			Access:  kernel.Rule{Own: kernel.Signings}}),
		kernel.On(s.getVerification, kernel.Route{ID: "getVerification", At: "GET /v1/verifications/{id}", Tag: kernel.TagDocuments,
			Summary: "Show a verification that was kept",
			Text:    "The report stays as it was found on the day of the verification.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Verification}, Reveals: true,
			Problems: []int{http.StatusNotFound}, With: []kernel.OperationOption{s.withRecord()}}),
		kernel.On(s.getVerificationReport, kernel.Route{ID: "getVerificationReport", At: "GET /v1/verifications/{id}/report", Tag: kernel.TagDocuments,
			Summary: "Download the report of a verification, as PDF or JSON",
			Text:    "A PDF for people, or the record as JSON; format says which.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Verification}, Cost: kernel.ClassHeavy, Reveals: true,
			Problems: []int{http.StatusNotFound}, With: []kernel.OperationOption{s.withReport()}}),
		kernel.On(s.getVerificationEvidence, kernel.Route{ID: "getVerificationEvidence", At: "GET /v1/verifications/{id}/evidence", Tag: kernel.TagDocuments,
			Summary: "Show what a verification rests on: certificates, OCSP answers and CRLs, as DER",
			Text:    "Enough to repeat the verification later without asking anyone.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Verification}, Cost: kernel.ClassHeavy, Reveals: true,
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.deleteVerification, kernel.Route{ID: "deleteVerification", At: "DELETE /v1/verifications/{id}", Tag: kernel.TagDocuments, Status: http.StatusNoContent,
			Summary:  "Delete a verification with its evidence",
			Text:     "Report and evidence go together.",
			Access:   kernel.Rule{Own: kernel.Signings, Object: access.Verification},
			Problems: []int{http.StatusNotFound}}),
	}
}

// withRecord describes what a record says was found, which is JSON written elsewhere.
func (s *Handler) withRecord() kernel.OperationOption {
	return func(_ *huma.Operation, schemas huma.Registry) { s.recordSchema(schemas) }
}

func (s *Handler) recordSchema(schemas huma.Registry) *huma.Schema {
	record := schemas.Schema(reflect.TypeFor[VerificationRecord](), true, "")
	if s.PDF.Verification != nil {
		schemas.SchemaFromRef(record.Ref).Properties["report"] = schemas.Schema(s.PDF.Verification, true, "")
	}
	return record
}

func (s *Handler) withReport() kernel.OperationOption {
	return func(op *huma.Operation, schemas huma.Registry) {
		op.Responses = map[string]*huma.Response{"200": {Description: "The report", Headers: kernel.HeadersNamed("Content-Disposition"), Content: map[string]*huma.MediaType{
			kernel.PDFType:     {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			"application/json": {Schema: s.recordSchema(schemas)},
		}}}
	}
}

// KeptVerification is the record of a verification.
type KeptVerification struct {
	ID        string    `json:"id"`
	Self      string    `json:"self" doc:"Path of this verification"`
	Name      string    `json:"name" doc:"File name as given"`
	Size      int64     `json:"size" doc:"Bytes of the file, which is not kept"`
	SHA256    string    `json:"sha256" doc:"Of the file, hex"`
	CreatedAt time.Time `json:"created_at"`
	Trust     []string  `json:"trust" doc:"SHA-256 fingerprints of the certificates that were trusted then"`
}

// VerificationRecord is the record of a verification with what was found.
type VerificationRecord struct {
	KeptVerification
	Report json.RawMessage `json:"report" doc:"What was found, as POST /v1/verifications answered"`
}

func keptVerification(v signing.Verification) KeptVerification {
	return KeptVerification{ID: v.ID, Self: verificationPath + "/" + v.ID, Name: v.Name, Size: v.Size, SHA256: v.SHA256, CreatedAt: v.CreatedAt.UTC(), Trust: append([]string{}, v.Trust...)}
}

type verifyInput struct {
	Key         string `header:"Idempotency-Key" maxLength:"255" doc:"With keep=true: the same key again gives the first answer; the file must be the same"`
	Keep        bool   `query:"keep" doc:"Keep a record of the verification and of what it rests on; it is in kept of the answer"`
	Name        string `query:"name" maxLength:"1000" doc:"File name in the record; else the one in Content-Disposition"`
	Disposition string `header:"Content-Disposition" maxLength:"4000" doc:"attachment with filename or filename*"`
	ContentType string `header:"Content-Type" hidden:"true"` // OpenAPI names it with the body

	request *http.Request
	writer  http.ResponseWriter
}

// Resolve implements huma.Resolver: it keeps the connection, because the body is streamed and not decoded.
func (in *verifyInput) Resolve(ctx huma.Context) []error {
	in.request, in.writer = humago.Unwrap(ctx)
	return nil
}

type verifyOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     json.RawMessage
}

// verify judges a file. It waits on disk, because files may be large, and no longer than that takes.
func (s *Handler) verify(ctx context.Context, in *verifyInput) (*verifyOutput, error) {
	if err := checkUploadType(in.ContentType); err != nil {
		return nil, err
	}
	if in.request.ContentLength > s.Limits.UploadBytes {
		return nil, kernel.InBody(&http.MaxBytesError{Limit: s.Limits.UploadBytes})
	}
	file, err := os.CreateTemp("", "kyso-verify-*.pdf")
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name()) // the system's own cleaning takes what a crash leaves
	}()
	body, sum := s.UploadBody(in.writer, in.request), sha256.New()
	size, err := io.Copy(io.MultiWriter(file, sum), body)
	switch {
	case body.Err != nil:
		return nil, body.Err
	case err != nil:
		return nil, err
	}
	src := io.NewSectionReader(file, 0, size)
	if !in.Keep {
		free, err := s.Turn(ctx)
		if err != nil {
			return nil, err
		}
		defer free()
		report, err := s.PDF.Verify(ctx, src)
		return &verifyOutput{Status: http.StatusOK, Body: report}, err
	}
	one, err := s.keep(ctx, in, src, hex.EncodeToString(sum.Sum(nil)))
	if err != nil {
		return nil, err
	}
	answer, err := withKept(one)
	return &verifyOutput{Status: http.StatusCreated, Location: verificationPath + "/" + one.ID, Body: answer}, err
}

// keep verifies a file and keeps the record. A repetition under the same key gives the one that is there.
func (s *Handler) keep(ctx context.Context, in *verifyInput, src *io.SectionReader, digest string) (signing.Verification, error) {
	if s.Verifications == nil || s.PDF.Record == nil {
		return signing.Verification{}, kernel.FieldErrors{{Location: "query.keep", Message: "this server keeps no verifications"}}
	}
	id := kernel.MadeID("vrf-", in.Key)
	kernel.InfoOf(ctx).Object = id
	there, err := s.Verifications.Verification(ctx, id)
	switch {
	case err == nil && (there.SHA256 != digest || there.Owner != kernel.OwnerOf(ctx)):
		return there, problem.New(problem.IdempotencyMismatch, "the key was used before for another file")
	case problem.CodeOf(err) != problem.NotFound:
		return there, err
	}
	free, err := s.Turn(ctx)
	if err != nil {
		return signing.Verification{}, err
	}
	defer free()
	one, err := s.PDF.Record(ctx, src)
	if err != nil {
		return one, err
	}
	one.ID, one.Owner, one.Name, one.Size, one.SHA256, one.CreatedAt = id, kernel.OwnerOf(ctx), uploadName(in.Name, in.Disposition), src.Size(), digest, s.Now()
	one, err = s.Verifications.Keep(ctx, one, s.uploader(ctx))
	return one, err
}

// withKept adds the record to what was found.
func withKept(one signing.Verification) (json.RawMessage, error) {
	var report map[string]json.RawMessage
	if err := json.Unmarshal(one.Report, &report); err != nil {
		return nil, err
	}
	kept, err := json.Marshal(keptVerification(one))
	if err != nil {
		return nil, err
	}
	report["kept"] = kept
	return json.Marshal(report)
}

type listVerificationsInput struct {
	Cursor string `query:"cursor" maxLength:"300" doc:"Of the next page; see next"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// VerificationList is a page of verifications, newest first.
type VerificationList struct {
	Items []KeptVerification `json:"items"`
	Next  string             `json:"next,omitempty" doc:"Path of the next page"`
}

type verificationsOutput struct {
	Body VerificationList
}

func (s *Handler) listVerifications(ctx context.Context, in *listVerificationsInput) (*verificationsOutput, error) {
	after, err := kernel.CursorOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, err := s.Verifications.List(ctx, kernel.OwnerOf(ctx), after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := VerificationList{Items: []KeptVerification{}}
	for _, v := range list {
		out.Items = append(out.Items, keptVerification(v))
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Next = kernel.NextPage(verificationPath, page.After(last.CreatedAt, last.ID), in.Limit)
	}
	return &verificationsOutput{out}, nil
}

type verificationInput struct {
	ID string `path:"id" maxLength:"64"`
}

type verificationOutput struct {
	Body VerificationRecord
}

func (s *Handler) getVerification(ctx context.Context, in *verificationInput) (*verificationOutput, error) {
	one, err := s.Verifications.Verification(ctx, in.ID)
	return &verificationOutput{VerificationRecord{keptVerification(one), one.Report}}, err
}

func (s *Handler) deleteVerification(ctx context.Context, in *verificationInput) (*struct{}, error) {
	return nil, s.Verifications.Delete(ctx, in.ID, s.Now())
}

// VerificationEvidence is what a verification rests on.
type VerificationEvidence struct {
	signing.Material
	Trust []string `json:"trust" doc:"SHA-256 fingerprints of the certificates that were trusted then"`
}

type evidenceOutput struct {
	Body VerificationEvidence
}

func (s *Handler) getVerificationEvidence(ctx context.Context, in *verificationInput) (*evidenceOutput, error) {
	one, err := s.Verifications.Verification(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	material, err := s.Verifications.Material(ctx, in.ID)
	return &evidenceOutput{VerificationEvidence{material, one.Trust}}, err
}

type reportInput struct {
	ID     string `path:"id" maxLength:"64"`
	Format string `query:"format" enum:"pdf,json" default:"pdf"`
}

func (s *Handler) getVerificationReport(ctx context.Context, in *reportInput) (*huma.StreamResponse, error) {
	one, err := s.Verifications.Verification(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body, media, name := []byte(nil), kernel.PDFType, kernel.FileName(one.Name, "-verification")
	if in.Format == "json" {
		media, name = "application/json", name+".json"
		body, err = json.Marshal(VerificationRecord{keptVerification(one), one.Report})
	} else {
		body, err = s.PDF.Report(one)
	}
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", media)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Header().Set("Content-Disposition", kernel.Attachment(name))
		_, _ = w.Write(body) // the peer may be gone
	}}, nil
}
