package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kyso/internal/access"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

const (
	pdfType       = "application/pdf"
	maxNameLength = 200 // characters
	unnamed       = "document.pdf"
)

func (s *server) documentRoutes() []route {
	return []route{
		on(s.createDocument, route{id: "createDocument", at: "POST /v1/documents", tag: tagDocuments, status: http.StatusCreated,
			summary: "Upload a PDF",
			text:    "The file is stored as it streams in, sealed, and belongs to the caller. Its name comes from name or from Content-Disposition. A document that no signing takes is deleted after a while.",
			access:  rule{own: signings}, cost: classHeavy, body: bodyFile,
			problems: []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout}, with: []operationOption{withBody(pdfType, "The file; it is stored as it streams in")}}),
		on(s.getDocument, route{id: "getDocument", at: "GET /v1/documents/{id}", tag: tagDocuments,
			summary: "Show a document",
			text:    "Name, size and SHA-256 of an uploaded or signed file.",
			access:  rule{own: signings, object: access.Document}, reveals: true,
			problems: []int{http.StatusNotFound}}),
		on(s.getDocumentContent, route{id: "getDocumentContent", at: "GET /v1/documents/{id}/content", tag: tagDocuments,
			summary: "Download a document",
			text:    "Streams the file. Ranges and conditional requests work; the ETag is the SHA-256.",
			access:  rule{own: signings, object: access.Document}, reveals: true, answer: answerFile,
			problems: []int{http.StatusNotFound}}),
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

func (s *server) createDocument(ctx context.Context, in *uploadInput) (*documentOutput, error) {
	if err := checkUploadType(in.ContentType); err != nil {
		return nil, err
	}
	if in.request.ContentLength > s.Limits.UploadBytes {
		return nil, inBody(&http.MaxBytesError{Limit: s.Limits.UploadBytes})
	}
	body := s.uploadBody(in.writer, in.request)
	upload, err := s.Upload(ctx, uploadName(in.Name, in.Disposition), body)
	if body.err != nil { // says more than what the storing made of it
		return nil, body.err
	}
	if err != nil {
		return nil, err
	}
	infoOf(ctx).object = upload.ID
	if err := s.Desk.KeepUpload(ctx, upload, s.uploader(ctx)); err != nil {
		s.discard(ctx, upload)
		return nil, inBody(err)
	}
	out := documentBody(upload)
	return &documentOutput{Location: out.Self, Body: out}, nil
}

// uploader is who an upload counts for.
func (s *server) uploader(ctx context.Context) signing.Uploader {
	by := signing.Uploader{Owner: ownerOf(ctx)}
	if s.GuestBytes > 0 && !isProgram(callerOf(ctx)) {
		by.Quotas = signing.Quotas(by.Owner, limit.Network(limit.AddressOf(ctx)), s.GuestBytes)
	}
	return by
}

// discard removes the bytes of an upload that was refused, also when the caller has gone meanwhile.
func (s *server) discard(ctx context.Context, upload signing.Upload) {
	if s.Discard == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Limits.Request)
	defer cancel()
	if err := s.Discard(ctx, upload); err != nil {
		s.Logger.WarnContext(ctx, "a refused upload is left to the sweep", "request_id", infoOf(ctx).id, "error", err.Error())
	}
}

func checkUploadType(contentType string) error {
	if contentType == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != pdfType && media != "application/octet-stream" {
		return &refusal{problem.Invalid, http.StatusUnsupportedMediaType, "the body must be " + pdfType}
	}
	return nil
}

// uploadReader bounds a streamed body and gives its sender a while for each piece, not for the whole.
type uploadReader struct {
	body    io.Reader
	control *http.ResponseController
	stall   time.Duration
	err     error
}

func (s *server) uploadBody(w http.ResponseWriter, r *http.Request) *uploadReader {
	return &uploadReader{body: http.MaxBytesReader(w, r.Body, s.Limits.UploadBytes),
		control: http.NewResponseController(w), stall: s.Limits.Stall}
}

// Read implements io.Reader.
func (u *uploadReader) Read(p []byte) (int, error) {
	_ = u.control.SetReadDeadline(time.Now().Add(u.stall)) // a test's recorder has none
	n, err := u.body.Read(p)
	if err == io.EOF { // see bufferedBody
		_ = u.control.SetReadDeadline(time.Time{})
	} else if err != nil {
		u.err = bodyError(err)
	}
	return n, err
}

// bodyError says why a body could not be read: too large, too slow or cut off.
func bodyError(err error) error {
	var maxBytes *http.MaxBytesError
	switch {
	case errors.As(err, &maxBytes):
		return maxBytes
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{problem.Invalid, http.StatusRequestTimeout, "the body came too slowly"}
	}
	return &refusal{problem.Invalid, http.StatusRequestTimeout, "the body ended before it was complete"}
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
	return fileName(name, "")
}

// maxFileName is how many bytes a name may have in the usual file systems. People count letters, file systems bytes.
const maxFileName = 255

// fileName puts a word behind the name of a PDF file. A name that gets too long loses letters at its end, whole ones.
func fileName(name, word string) string {
	stem, extension := name, path.Ext(name)
	switch {
	case strings.EqualFold(extension, ".pdf"):
		stem = strings.TrimSuffix(name, extension)
	case word != "" || len(name) > maxFileName:
		extension = ".pdf"
	default:
		return name
	}
	for len(stem)+len(word)+len(extension) > maxFileName {
		_, last := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-last]
	}
	return stem + word + extension
}

type documentInput struct {
	ID string `path:"id" maxLength:"64"`
}

type getDocumentOutput struct {
	Body DocumentBody
}

func (s *server) getDocument(ctx context.Context, in *documentInput) (*getDocumentOutput, error) {
	upload, err := s.Desk.Upload(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &getDocumentOutput{Body: documentBody(upload)}, nil
}

func (s *server) getDocumentContent(ctx context.Context, in *documentInput) (*huma.StreamResponse, error) {
	upload, err := s.Desk.Upload(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.content(ctx, upload, upload.Name)
}

// content streams a stored file; ranges and conditional requests are net/http's.
func (s *server) content(ctx context.Context, upload signing.Upload, name string) (*huma.StreamResponse, error) {
	source, err := s.Open(ctx, upload)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		if closer, ok := source.(io.Closer); ok {
			defer func() { _ = closer.Close() }() // read only: nothing is lost
		}
		r, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", pdfType)
		w.Header().Set("Content-Disposition", attachment(name))
		w.Header().Set("ETag", `"`+upload.SHA256+`"`)
		w.Header().Set("Cache-Control", "private, no-cache") // the bytes never change, but who may read them does
		if strings.Contains(r.Header.Get("Range"), ",") {    // many small parts would cost more than the file (RFC 9110, 17.15)
			r.Header.Del("Range")
		}
		answer := &rangeAnswer{ResponseWriter: w, r: r}
		stored := &storedBytes{ReadSeeker: io.NewSectionReader(source, 0, source.Size()), size: source.Size(), digest: upload.SHA256, sum: sha256.New()}
		http.ServeContent(answer, r, "", upload.CreatedAt, stored)
		answer.end(stored.err)
	}}, nil
}

// storedBytes keeps what went wrong in reading a stored file. A file that is read from its beginning to its end is compared
// with the digest of its record: each of its segments may be whole and stand in another's place. The last bytes of one that
// differs are not given out.
type storedBytes struct {
	io.ReadSeeker
	err    error
	size   int64
	digest string
	at     int64
	summed int64 // bytes from the beginning that are in sum
	sum    hash.Hash
}

// Seek implements io.Seeker.
func (s *storedBytes) Seek(offset int64, whence int) (int64, error) {
	at, err := s.ReadSeeker.Seek(offset, whence)
	s.at = at
	return at, err
}

// Read implements io.Reader.
func (s *storedBytes) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if s.at == s.summed {
		s.sum.Write(p[:n])
		s.summed += int64(n)
	}
	s.at += int64(n)
	if n > 0 && s.summed == s.size && hex.EncodeToString(s.sum.Sum(nil)) != s.digest {
		n, err = 0, problem.New(problem.DigestMismatch, "the stored file is not the one of its record")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// rangeAnswer makes a problem of the plain text with which net/http refuses a range. It sends the status with the first
// byte, so that a file whose beginning cannot be read is answered with a problem, too.
type rangeAnswer struct {
	http.ResponseWriter
	r       *http.Request
	refused bool
	status  int // to be sent; 0 once it was
}

// WriteHeader implements http.ResponseWriter.
func (a *rangeAnswer) WriteHeader(status int) {
	if a.refused = status == http.StatusRequestedRangeNotSatisfiable; !a.refused {
		a.status = status
		return
	}
	a.refuse(&refusal{problem.Invalid, status, "the range lies outside the file or is malformed"})
}

// refuse takes back the headers of the file.
func (a *rangeAnswer) refuse(err error) {
	for _, name := range []string{"Content-Disposition", "Content-Length", "Content-Range", "Accept-Ranges", "Last-Modified", "ETag"} {
		if name != "Content-Range" || !a.refused { // a refused range says how long the file is
			a.Header().Del(name)
		}
	}
	writeProblem(a.ResponseWriter, a.r, err)
}

// Write implements http.ResponseWriter.
func (a *rangeAnswer) Write(b []byte) (int, error) {
	if a.refused {
		return len(b), nil
	}
	a.send()
	return a.ResponseWriter.Write(b)
}

func (a *rangeAnswer) send() {
	if a.status != 0 {
		a.ResponseWriter.WriteHeader(a.status)
		a.status = 0
	}
}

// end ends an answer. Once bytes were sent, a failure can only cut the connection: the bytes so far are right ones.
func (a *rangeAnswer) end(err error) {
	switch {
	case err != nil && a.status != 0:
		a.refuse(err)
	case err != nil && !a.refused:
		panic(http.ErrAbortHandler)
	default:
		a.send()
	}
}

// attachment is a Content-Disposition of RFC 6266: an ASCII name for old readers, the true one in UTF-8 (RFC 8187).
// It is never inline, so that a browser does not show foreign content under our name.
func attachment(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	return `attachment; filename="` + ascii + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// signedName is the name of the signed file made from the name of the original.
func signedName(name string) string {
	return fileName(name, "-signed")
}
