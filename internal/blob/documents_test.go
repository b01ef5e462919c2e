package blob_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"kyso/internal/blob"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/vault"
)

// grown is a document of an upload and two increments.
func grown(t *testing.T, b *blob.Blobs, sealed bool) (signing.Upload, []byte) {
	t.Helper()
	data := pdf(300_000)
	doc, err := blob.Upload(t.Context(), b, "x.pdf", bytes.NewReader(data), 1<<20, sealed)
	must(t, err)
	for _, more := range []string{"first increment", "second increment"} {
		s, err := b.Append(t.Context(), doc, []byte(more))
		must(t, err)
		again, err := b.Append(t.Context(), doc, []byte(more))
		must(t, err)
		if s != again || s.Sealed() != sealed {
			t.Errorf("an increment is %+v, then %+v", s, again)
		}
		read, err := b.ReadSegment(t.Context(), doc, s)
		must(t, err)
		if string(read) != more {
			t.Errorf("an increment comes back as %q", read)
		}
		doc.Segments, doc.Size, data = append(doc.Segments, s), doc.Size+s.Length, append(data, more...)
	}
	return doc, data
}

func wantDocument(t *testing.T, b *blob.Blobs, doc signing.Upload, want []byte) {
	t.Helper()
	src, err := blob.OpenDocument(t.Context(), b, doc)
	must(t, err)
	got, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d; %v", len(got), len(want), err)
	}
}

// TestEveryChangedByteIsNoticed flips one byte at a time in each stored file and reads the whole document, a range with
// the byte, and the segment.
func TestEveryChangedByteIsNoticed(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		for _, sealed := range []bool{true, false} {
			doc, data := grown(t, b, sealed)
			wantDocument(t, b, doc, data)
			for _, s := range doc.Segments {
				raw := get(t, b, s.Key, 0, -1)
				for _, at := range []int{0, len(raw) / 2, len(raw) - 1} {
					broken := bytes.Clone(raw)
					broken[at] ^= 0x40
					must(t, b.Put(t.Context(), s.Key, bytes.NewReader(broken)))
					wantMismatch(t, b, doc, s)
				}
				must(t, b.Put(t.Context(), s.Key, bytes.NewReader(raw[:len(raw)-1])))
				wantMismatch(t, b, doc, s)
				must(t, b.Put(t.Context(), s.Key, bytes.NewReader(raw)))
			}
			wantDocument(t, b, doc, data)
		}
	})
}

// TestMovedSealedFilesDoNotOpen moves stored files and parts of them, each whole in itself: segments of one document that are
// equally long, chunks within one, files of another document, a file cut between two chunks, one that is gone.
func TestMovedSealedFilesDoNotOpen(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		const chunk = vault.ChunkSize
		build := func() (signing.Upload, [][]byte) {
			doc, err := blob.Upload(t.Context(), b, "x.pdf", bytes.NewReader(pdf(3*chunk)), 1<<20, true)
			must(t, err)
			for _, letter := range []string{"a", "b"} {
				s, err := b.Append(t.Context(), doc, bytes.Repeat([]byte(letter), 3*chunk))
				must(t, err)
				doc.Segments, doc.Size = append(doc.Segments, s), doc.Size+s.Length
			}
			raw := [][]byte{}
			for _, s := range doc.Segments {
				raw = append(raw, get(t, b, s.Key, 0, -1))
			}
			return doc, raw
		}
		doc, raw := build()
		_, others := build()
		const part = chunk + 16
		swapped := slices.Concat(raw[1][part:2*part], raw[1][:part], raw[1][2*part:])
		for name, files := range map[string][]([]byte){
			"increments swapped":           {raw[0], raw[2], raw[1]},
			"upload and increment swapped": {raw[1], raw[0], raw[2]},
			"chunks swapped":               {raw[0], swapped, raw[2]},
			"another document's upload":    {others[0], raw[1], raw[2]},
			"another document's increment": {raw[0], others[1], raw[2]},
			"cut between two chunks":       {raw[0], raw[1], raw[2][:2*part]},
			"emptied":                      {raw[0], raw[1], {}},
			"the final segment gone":       {raw[0], raw[1], nil},
		} {
			var touched []signing.Segment
			for i, s := range doc.Segments {
				if files[i] == nil {
					must(t, b.Delete(t.Context(), s.Key))
				} else {
					must(t, b.Put(t.Context(), s.Key, bytes.NewReader(files[i])))
				}
				if !bytes.Equal(files[i], raw[i]) {
					touched = append(touched, s)
				}
			}
			t.Log(name)
			for _, s := range touched {
				wantMismatch(t, b, doc, s)
			}
			if len(touched) == 0 {
				t.Error("nothing was changed")
			}
		}
		for i, s := range doc.Segments {
			must(t, b.Put(t.Context(), s.Key, bytes.NewReader(raw[i])))
		}
		short := doc
		short.Segments = doc.Segments[:2] // the record lost its final segment
		_, err := blob.OpenDocument(t.Context(), b, short)
		wantCode(t, err, problem.DigestMismatch)
	})
}

func wantMismatch(t *testing.T, b *blob.Blobs, doc signing.Upload, s signing.Segment) {
	t.Helper()
	_, err := b.ReadSegment(t.Context(), doc, s)
	wantCode(t, err, problem.DigestMismatch)
	src, err := blob.OpenDocument(t.Context(), b, doc)
	if err == nil {
		_, err = io.Copy(io.Discard, io.NewSectionReader(src, 0, src.Size()))
	}
	wantCode(t, err, problem.DigestMismatch)
}

func TestSealedDocumentsNeedTheirKey(t *testing.T) {
	b := open(t, "file://"+t.TempDir())
	doc, _ := grown(t, b, true)
	for _, key := range [][]byte{nil, vault.NewKey()} {
		doc.Key = key
		_, err := io.ReadAll(blob.Stream(t.Context(), b, doc, 0, -1))
		wantCode(t, err, problem.DigestMismatch)
	}
}

// TestDocumentsOfEarlierReleasesAreSealed seals one that lies in clear, twice, as a loop that was killed does.
func TestDocumentsOfEarlierReleasesAreSealed(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		doc, data := grown(t, b, false)
		wantDocument(t, b, doc, data)
		doc.KeyID, doc.Key = doc.ID, vault.NewKey()
		for range 2 {
			segments, err := blob.SealDocument(t.Context(), b, doc)
			must(t, err)
			after := doc
			after.Segments = segments
			wantDocument(t, b, after, data)
			for i, s := range segments {
				raw := get(t, b, s.Key, 0, -1)
				if !s.Sealed() || s.SHA256 != doc.Segments[i].SHA256 || bytes.Contains(raw, []byte("increment")) || bytes.Contains(raw, []byte("%PDF")) {
					t.Errorf("%+v is not sealed", s)
				}
			}
		}
		must(t, b.Put(t.Context(), doc.Segments[1].Key, bytes.NewReader([]byte("first incremenT"))))
		_, err := blob.SealDocument(t.Context(), b, doc)
		wantCode(t, err, problem.DigestMismatch)
	})
}

func TestBlobsAreListedAndDeleted(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		list := func(folder string) []string {
			var keys []string
			must(t, b.List(t.Context(), folder, func(key string, written time.Time) error {
				if age := time.Since(written); age < -time.Minute || age > time.Hour {
					t.Errorf("%s was written at %s", key, written)
				}
				keys = append(keys, key)
				return nil
			}))
			return keys
		}
		if got := list("sealed"); len(got) != 0 {
			t.Errorf("an empty store holds %v", got)
		}
		doc, _ := grown(t, b, true)
		other, data := grown(t, b, true)
		if got := list("sealed/" + doc.KeyID); len(got) != 3 {
			t.Errorf("the document's folder holds %v", got)
		}
		for _, key := range append(list("sealed/"+doc.KeyID), "sealed/none/x") {
			must(t, b.Delete(t.Context(), key))
			must(t, b.Delete(t.Context(), key))
		}
		if got := list("sealed"); len(got) != 3 {
			t.Errorf("after one document was deleted: %v", got)
		}
		wantDocument(t, b, other, data)
		_, err := io.ReadAll(blob.Stream(t.Context(), b, doc, 0, -1))
		wantCode(t, err, problem.DigestMismatch)
		stop := errors.New("stop")
		if err := b.List(t.Context(), "sealed", func(string, time.Time) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("the listing went on: %v", err)
		}
		wantCode(t, b.Delete(t.Context(), "../x"), problem.Invalid)
	})
}
