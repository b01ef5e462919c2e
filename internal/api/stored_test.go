package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/api"
	"kyso/internal/blob"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// TestDamagedFilesAreNotGivenOut flips one byte of a stored file and asks every route that reads it: sealed or in clear, the
// answer is digest-mismatch, or it is cut before the first wrong byte.
func TestDamagedFilesAreNotGivenOut(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		blobs, err := blob.Open(t.Context(), "file://"+t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = blobs.Close() })
		look := func(_ context.Context, src api.Source) (json.RawMessage, error) {
			_, err := io.Copy(io.Discard, io.NewSectionReader(src, 0, src.Size()))
			return json.RawMessage(`{}`), err
		}
		var stored signing.Upload
		b := newBench(t, func(o *api.Options) {
			o.PDF = &api.PDF{Inspect: look, Verify: look}
			o.Limits.UploadBytes = 4 << 20
			o.Upload = func(ctx context.Context, name string, r io.Reader) (signing.Upload, error) {
				var err error
				stored, err = blob.Upload(ctx, blobs, name, r, 4<<20, sealed)
				return stored, err
			}
			o.Open = func(ctx context.Context, u signing.Upload) (api.Source, error) {
				return blob.OpenDocument(ctx, blobs, u)
			}
		})
		data := pdf + strings.Repeat("x", 3<<20)
		var doc api.DocumentBody
		b.do(http.MethodPost, "/v1/documents?name=x.pdf", data, "Content-Type", "application/pdf").into(t, &doc)
		wantStatus(t, b.get(doc.Self+"/content"), http.StatusOK)
		r, err := blobs.ReadRange(t.Context(), stored.Segments[0].Key, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{100, len(raw) - 5} {
			broken := bytes.Clone(raw)
			broken[at] ^= 1
			if err := blobs.Put(t.Context(), stored.Segments[0].Key, bytes.NewReader(broken)); err != nil {
				t.Fatal(err)
			}
			b.wantDamaged(doc.Self, data, at == 100 || !sealed)
		}
		must(t, blobs.Delete(t.Context(), stored.Segments[0].Key))
		b.wantDamaged(doc.Self, data, true)
	}
}

// wantDamaged asks every route that reads a document. early says that the damage is noticed before a byte is given out.
func (b *testBench) wantDamaged(self, data string, early bool) {
	b.t.Helper()
	for _, route := range []string{"/inspection", "/verification"} {
		b.wantProblem(b.get(self+route), http.StatusInternalServerError, problem.DigestMismatch)
	}
	if early {
		b.wantProblem(b.get(self+"/content", "Range", "bytes=0-9"), http.StatusInternalServerError, problem.DigestMismatch)
		got := b.get(self + "/content")
		b.wantProblem(got, http.StatusInternalServerError, problem.DigestMismatch)
		if got.header.Get("ETag")+got.header.Get("Content-Disposition") != "" {
			b.t.Errorf("a problem with the headers of a file: %v", got.header)
		}
		return
	}
	b.wantProblem(b.get(self+"/content", "Range", "bytes=-10"), http.StatusInternalServerError, problem.DigestMismatch)
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.server.URL+self+"/content", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+adminKey)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err == nil || len(got) >= len(data) || !strings.HasPrefix(data, string(got)) {
		b.t.Errorf("%d of %d bytes are given out, %v", len(got), len(data), err)
	}
}

// TestAnotherFileIsNotGivenOut: a signing that was made to name another file than the one that it holds the digest of gives out
// nothing and judges nothing.
func TestAnotherFileIsNotGivenOut(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "kyso.db")
	look := func(context.Context, api.Source) (json.RawMessage, error) { return json.RawMessage(`{}`), nil }
	b := newBenchOn(t, openStore(t, "sqlite:"+dsn), func(o *api.Options) { o.PDF = &api.PDF{Inspect: look, Verify: look} })
	created := b.signing()
	signed, other := b.files.keep("a.pdf", []byte(pdf+" signed")), b.files.keep("b.pdf", []byte(pdf+" of another"))
	must(t, b.store.SaveUpload(t.Context(), signed))
	must(t, b.store.SaveUpload(t.Context(), other))
	must(t, b.store.SaveSigned(t.Context(), created.ID, 0, signed.ID, signing.LevelT))
	b.move(created.ID, 1, signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval, signing.StatusCompleting, signing.StatusSigned)
	routes := []string{"/documents/0/content", "/documents/0/verification"}
	for _, route := range routes {
		wantStatus(t, b.get(created.Self+route), http.StatusOK)
	}
	db, err := sql.Open("sqlite", "file:"+dsn)
	must(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `UPDATE documents SET signed_id = ? WHERE signing_id = ?`, other.ID, created.ID)
	must(t, err)
	for _, route := range routes {
		b.wantProblem(b.get(created.Self+route), http.StatusInternalServerError, problem.DigestMismatch)
	}
}

// TestSegmentsInEachOthersPlaceAreNotGivenOut: the record of a document names its segments in another order, each of which opens.
// The download is cut before its end.
func TestSegmentsInEachOthersPlaceAreNotGivenOut(t *testing.T) {
	blobs, err := blob.Open(t.Context(), "file://"+t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	var stored signing.Upload
	b := newBench(t, func(o *api.Options) {
		o.Upload = func(ctx context.Context, name string, r io.Reader) (signing.Upload, error) {
			stored, err = blob.Upload(ctx, blobs, name, r, 4<<20, true)
			return stored, err
		}
		o.Open = func(ctx context.Context, u signing.Upload) (api.Source, error) {
			return blob.OpenDocument(ctx, blobs, u)
		}
	})
	b.do(http.MethodPost, "/v1/documents?name=x.pdf", pdf, "Content-Type", "application/pdf")
	stored.ID = "signed"
	for _, letter := range []string{"a", "b"} {
		s, err := blobs.Append(t.Context(), stored, []byte(strings.Repeat(letter, 100_000)))
		must(t, err)
		stored.Segments, stored.Size = append(stored.Segments, s), stored.Size+s.Length
	}
	file := []byte(pdf + strings.Repeat("a", 100_000) + strings.Repeat("b", 100_000))
	sum := sha256.Sum256(file)
	stored.SHA256 = hex.EncodeToString(sum[:])
	swapped := stored
	swapped.ID, swapped.Segments = "swapped", []signing.Segment{stored.Segments[0], stored.Segments[2], stored.Segments[1]}
	for _, u := range []signing.Upload{stored, swapped} {
		must(t, b.store.SaveUpload(t.Context(), u))
		created := b.signing()
		must(t, b.store.SaveSigned(t.Context(), created.ID, 0, u.ID, signing.LevelT))
		b.move(created.ID, 1, signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval, signing.StatusCompleting, signing.StatusSigned)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.server.URL+created.Self+"/documents/0/content", nil)
		must(t, err)
		request.Header.Set("Authorization", "Bearer "+adminKey)
		answer, err := http.DefaultClient.Do(request)
		must(t, err)
		got, err := io.ReadAll(answer.Body)
		must(t, answer.Body.Close())
		if whole := err == nil && bytes.Equal(got, file); whole != (u.ID == "signed") || !whole && len(got) >= len(file) {
			t.Errorf("%s: %d bytes of %d, %v", u.ID, len(got), len(file), err)
		}
	}
}
