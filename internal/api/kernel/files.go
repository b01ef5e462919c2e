package kernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Files gives out the bytes of stored files, and looks into them.
type Files struct {
	Desk signing.Desk
	// Open gives access to the bytes of an upload. A Source that is also an io.Closer is closed after use.
	Open func(ctx context.Context, upload signing.Upload) (Source, error)
	// PDF looks into files; nil looks into none.
	PDF *PDF
	// Turn waits until a file may be read for the caller; free ends the turn.
	Turn func(ctx context.Context) (free func(), err error)
}

// Source is a stored file that is read by range.
type Source interface {
	io.ReaderAt
	Size() int64
}

// PDFType is the media type of the files.
const PDFType = "application/pdf"

// UploadReader bounds a streamed body and gives its sender a while for each piece, not for the whole.
type UploadReader struct {
	Body    io.Reader
	Control *http.ResponseController
	Stall   time.Duration
	Err     error
}

// UploadBody is the body of a request that is a file, within Limits.UploadBytes and Limits.Stall.
func (s *Kernel) UploadBody(w http.ResponseWriter, r *http.Request) *UploadReader {
	return &UploadReader{Body: http.MaxBytesReader(w, r.Body, s.Limits.UploadBytes),
		Control: http.NewResponseController(w), Stall: s.Limits.Stall}
}

// Read implements io.Reader.
func (u *UploadReader) Read(p []byte) (int, error) {
	_ = u.Control.SetReadDeadline(time.Now().Add(u.Stall)) // a test's recorder has none
	n, err := u.Body.Read(p)
	if err == io.EOF { // a deadline left in place would cancel slow handlers
		_ = u.Control.SetReadDeadline(time.Time{})
	} else if err != nil {
		u.Err = BodyError(err)
	}
	return n, err
}

// BodyError says why a body could not be read: too large, too slow or cut off.
func BodyError(err error) error {
	var maxBytes *http.MaxBytesError
	switch {
	case errors.As(err, &maxBytes):
		return maxBytes
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Refusal{problem.Invalid, http.StatusRequestTimeout, "the body came too slowly"}
	}
	return &Refusal{problem.Invalid, http.StatusRequestTimeout, "the body ended before it was complete"}
}

// Content streams a stored file; ranges and conditional requests are net/http's.
func (s *Files) Content(ctx context.Context, upload signing.Upload, name string) (*huma.StreamResponse, error) {
	source, err := s.Open(ctx, upload)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		if closer, ok := source.(io.Closer); ok {
			defer func() { _ = closer.Close() }() // read only: nothing is lost
		}
		r, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", PDFType)
		w.Header().Set("Content-Disposition", Attachment(name))
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
	a.refuse(&Refusal{problem.Invalid, status, "the range lies outside the file or is malformed"})
}

// refuse takes back the headers of the file.
func (a *rangeAnswer) refuse(err error) {
	for _, name := range []string{"Content-Disposition", "Content-Length", "Content-Range", "Accept-Ranges", "Last-Modified", "ETag"} {
		if name != "Content-Range" || !a.refused { // a refused range says how long the file is
			a.Header().Del(name)
		}
	}
	WriteProblem(a.ResponseWriter, a.r, err)
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

// RawOutput is JSON that was written elsewhere.
type RawOutput struct {
	Body json.RawMessage
}

// Examine has a stored file looked into, which must have the digest unless that is empty.
func (s *Files) Examine(ctx context.Context, id, digest string, with func(context.Context, Source) (json.RawMessage, error)) (*RawOutput, error) {
	var report json.RawMessage
	err := s.Within(ctx, id, digest, func(source Source) (err error) {
		report, err = with(ctx, source)
		return err
	})
	return &RawOutput{report}, err
}

// Within has the inside of a stored file read when it is the caller's turn. The file is opened then and not before: who waits holds
// no connection to the store and no open file, and has nothing hashed.
func (s *Files) Within(ctx context.Context, id, digest string, read func(Source) error) error {
	upload, err := s.Recorded(ctx, id, digest)
	if err != nil {
		return err
	}
	free, err := s.Turn(ctx)
	if err != nil {
		return err
	}
	defer free()
	source, err := s.Open(ctx, upload)
	if err != nil {
		return err
	}
	if closer, ok := source.(io.Closer); ok {
		defer func() { _ = closer.Close() }() // read only: nothing is lost
	}
	return read(source)
}

// Recorded returns a stored file, which must be the one with the digest that a signing or registration holds.
func (s *Files) Recorded(ctx context.Context, id, digest string) (signing.Upload, error) {
	upload, err := s.Desk.Upload(ctx, id)
	if err == nil {
		err = upload.Has(digest)
	}
	return upload, err
}
