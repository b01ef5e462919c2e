// Package documents is the PDF files: upload, inspection, download, and the verification of signatures.
package documents

import (
	"context"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Handler answers what is about files.
type Handler struct {
	*kernel.Kernel
	*kernel.Files
	// Upload stores r and returns its record, not yet saved in the Desk.
	Upload func(ctx context.Context, name string, r io.Reader) (signing.Upload, error)
	// Discard removes the bytes of an upload whose record was refused; nil leaves them to a sweep.
	Discard       func(ctx context.Context, upload signing.Upload) error
	GuestBytes    int64                 // see signing.Quotas; zero means no quota
	Verifications signing.Verifications // nil keeps none
}

// Routes are the routes of the room.
func (s *Handler) Routes() []kernel.Route {
	list := s.documentRoutes()
	if s.PDF != nil {
		list = append(list, s.pdfRoutes()...)
	}
	if s.PDF != nil && s.Verifications != nil {
		list = append(list, s.verificationRoutes()...)
	}
	return list
}

const uploadPath = "/v1/documents"

const (
	maxNameLength = 200 // characters
	unnamed       = "document.pdf"
)

func (s *Handler) documentRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.createDocument, kernel.Route{ID: "createDocument", At: "POST /v1/documents", Tag: kernel.TagDocuments, Status: http.StatusCreated,
			Summary: "Upload a PDF",
			Text:    "The file is stored as it streams in, sealed, and belongs to the caller. Its name comes from name or from Content-Disposition. A document that no signing takes is deleted after a while.",
			Access:  kernel.Rule{Own: kernel.Signings}, Cost: kernel.ClassHeavy, Body: kernel.BodyFile,
			Problems: []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout}, With: []kernel.OperationOption{kernel.WithBody(kernel.PDFType, "The file; it is stored as it streams in")}}),
		kernel.On(s.getDocument, kernel.Route{ID: "getDocument", At: "GET /v1/documents/{id}", Tag: kernel.TagDocuments,
			Summary: "Show a document",
			Text:    "Name, size and SHA-256 of an uploaded or signed file.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Document}, Reveals: true,
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.getDocumentContent, kernel.Route{ID: "getDocumentContent", At: "GET /v1/documents/{id}/content", Tag: kernel.TagDocuments,
			Summary: "Download a document",
			Text:    "Streams the file. Ranges and conditional requests work; the ETag is the SHA-256.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Document}, Reveals: true, Answer: kernel.AnswerFile,
			Problems: []int{http.StatusNotFound}}),
	}
}

// DocumentBody is an uploaded or signed file.
type DocumentBody struct {
	ID        string    `json:"id"`
	Self      string    `json:"self" doc:"Path of this document"`
	Name      string    `json:"name" doc:"File name as given, in Unicode NFC, without folders"`
	Size      int64     `json:"size" doc:"Bytes"`
	SHA256    string    `json:"sha256" doc:"Hex"`
	CreatedAt time.Time `json:"created_at"`
}

func documentBody(u signing.Upload) DocumentBody {
	return DocumentBody{ID: u.ID, Self: uploadPath + "/" + u.ID, Name: u.Name, Size: u.Size, SHA256: u.SHA256, CreatedAt: u.CreatedAt.UTC()}
}

type uploadInput struct {
	Key         string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again gives the first answer; the file must be the same"`
	Name        string `query:"name" maxLength:"1000" doc:"File name; else the one in Content-Disposition"`
	Disposition string `header:"Content-Disposition" maxLength:"4000" doc:"attachment with filename or filename*"`
	ContentType string `header:"Content-Type" hidden:"true"` // OpenAPI names it with the body

	request *http.Request
	writer  http.ResponseWriter
}

// Resolve implements huma.Resolver: it keeps the connection, because the body is streamed and not decoded.
func (in *uploadInput) Resolve(ctx huma.Context) []error {
	in.request, in.writer = humago.Unwrap(ctx)
	return nil
}

type documentOutput struct {
	Location string `header:"Location"`
	Body     DocumentBody
}

func (s *Handler) createDocument(ctx context.Context, in *uploadInput) (*documentOutput, error) {
	if err := checkUploadType(in.ContentType); err != nil {
		return nil, err
	}
	if in.request.ContentLength > s.Limits.UploadBytes {
		return nil, kernel.InBody(&http.MaxBytesError{Limit: s.Limits.UploadBytes})
	}
	body := s.UploadBody(in.writer, in.request)
	upload, err := s.Upload(ctx, uploadName(in.Name, in.Disposition), body)
	if body.Err != nil { // says more than what the storing made of it
		return nil, body.Err
	}
	if err != nil {
		return nil, err
	}
	kernel.InfoOf(ctx).Object = upload.ID
	if err := s.Desk.KeepUpload(ctx, upload, s.uploader(ctx)); err != nil {
		s.discard(ctx, upload)
		return nil, kernel.InBody(err)
	}
	out := documentBody(upload)
	return &documentOutput{Location: out.Self, Body: out}, nil
}

// uploader is who an upload counts for.
func (s *Handler) uploader(ctx context.Context) signing.Uploader {
	by := signing.Uploader{Owner: kernel.OwnerOf(ctx)}
	if s.GuestBytes > 0 && !kernel.IsProgram(kernel.CallerOf(ctx)) {
		by.Quotas = signing.Quotas(by.Owner, limit.Network(limit.AddressOf(ctx)), s.GuestBytes)
	}
	return by
}

// discard removes the bytes of an upload that was refused, also when the caller has gone meanwhile.
func (s *Handler) discard(ctx context.Context, upload signing.Upload) {
	if s.Discard == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.Request)
	defer cancel()
	if err := s.Discard(ctx, upload); err != nil {
		s.Logger.WarnContext(ctx, "a refused upload is left to the sweep", "request_id", kernel.InfoOf(ctx).ID, "error", err.Error())
	}
}

func checkUploadType(contentType string) error {
	if contentType == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != kernel.PDFType && media != "application/octet-stream" {
		return &kernel.Refusal{Code: problem.Invalid, Status: http.StatusUnsupportedMediaType, Detail: "the body must be " + kernel.PDFType}
	}
	return nil
}

// uploadName takes the name from the query or the Content-Disposition header and cleans it.
func uploadName(query, disposition string) string {
	name := query
	if name == "" && disposition != "" {
		if _, params, err := mime.ParseMediaType(disposition); err == nil {
			name = params["filename"]
		}
	}
	return cleanName(name)
}

// cleanName keeps the last element of a path in NFC, without control characters and without the marks that change
// the direction of text: they can make "fdp.exe" look like "exe.pdf".
func cleanName(name string) string {
	name = path.Base(strings.ReplaceAll(norm.NFC.String(strings.ToValidUTF8(name, "")), `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name))
	if name == "" || name == "." || name == ".." || name == "/" {
		return unnamed
	}
	if runes := []rune(name); len(runes) > maxNameLength {
		name = string(runes[:maxNameLength-4]) + ".pdf"
	}
	return kernel.FileName(name, "")
}

type documentInput struct {
	ID string `path:"id" maxLength:"64"`
}

type getDocumentOutput struct {
	Body DocumentBody
}

func (s *Handler) getDocument(ctx context.Context, in *documentInput) (*getDocumentOutput, error) {
	upload, err := s.Desk.Upload(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &getDocumentOutput{Body: documentBody(upload)}, nil
}

func (s *Handler) getDocumentContent(ctx context.Context, in *documentInput) (*huma.StreamResponse, error) {
	upload, err := s.Desk.Upload(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.Content(ctx, upload, upload.Name)
}

// keptByRequest reports whether a verification is to be kept.
func keptByRequest(r *http.Request) bool {
	keep, err := strconv.ParseBool(r.URL.Query().Get("keep"))
	return err == nil && keep
}
