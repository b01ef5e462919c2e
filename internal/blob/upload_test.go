package blob_test

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"kyso/internal/blob"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

func hexSum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// pdf returns n bytes that begin like a PDF.
func pdf(n int) []byte {
	data := pattern(n)
	copy(data, "%PDF-1.7\n")
	return data
}

func TestUpload(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		for _, size := range []int{8, 1<<20 - 1, 1 << 20, 1<<20 + 1, 7<<20 + 5} {
			data := pdf(size)
			for _, sealed := range []bool{false, true} {
				got, err := blob.Upload(t.Context(), b, "Hợp đồng.pdf", bytes.NewReader(data), int64(size), sealed)
				must(t, err)
				wantUpload(t, got, data)
				src, err := blob.OpenDocument(t.Context(), b, got)
				must(t, err)
				if read, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size())); err != nil || !bytes.Equal(read, data) {
					t.Errorf("%d bytes, sealed %v: others are stored, %v", size, sealed, err)
				}
				raw := get(t, b, got.Segments[0].Key, 0, -1)
				if sealed == bytes.Contains(raw, data[:8]) || sealed != got.Segments[0].Sealed() {
					t.Errorf("%d bytes, sealed %v: %q lies there", size, sealed, raw[:8])
				}
			}
		}
	})
}

func wantUpload(t *testing.T, got signing.Upload, data []byte) {
	t.Helper()
	digest := hexSum(data)
	if got.Size != int64(len(data)) || got.SHA256 != digest || got.CreatedAt.IsZero() || got.Name != "Hợp đồng.pdf" {
		t.Errorf("%d bytes: %+v", len(data), got)
	}
	want := signing.Segment{Key: got.Segments[0].Key, Length: int64(len(data)), SHA256: digest}
	if len(got.Segments) != 1 || got.Segments[0] != want || !strings.HasSuffix(want.Key, got.ID) {
		t.Errorf("segments: %+v", got.Segments)
	}
	// The state goes on where the bytes ended.
	state := sha256.New()
	must(t, state.(encoding.BinaryUnmarshaler).UnmarshalBinary(got.HashState))
	state.Write([]byte("increment"))
	if hex.EncodeToString(state.Sum(nil)) != hexSum(append(data, "increment"...)) {
		t.Error("the kept hash state is not that of the bytes")
	}
}

func TestUploadNormalisesTheName(t *testing.T) {
	b := open(t, "file://"+t.TempDir())
	decomposed := "Ho\u031b\u0323p \u0111o\u0302\u0300ng.pdf"
	got, err := blob.Upload(t.Context(), b, decomposed, bytes.NewReader(pdf(10)), 100, true)
	must(t, err)
	if got.Name != "Hợp đồng.pdf" {
		t.Errorf("the name is %q", got.Name)
	}
}

func TestUploadRefusals(t *testing.T) {
	gone := errors.New("the connection is gone")
	late := append(bytes.Repeat([]byte(" "), 1019), "%PDF-1.4"...)
	tooLate := append(bytes.Repeat([]byte(" "), 1020), "%PDF-1.4"...)
	cases := []struct {
		name string
		r    io.Reader
		want problem.Code
	}{
		{"empty", strings.NewReader(""), problem.DocumentBroken},
		{"a picture", strings.NewReader("\x89PNG\r\n"), problem.DocumentBroken},
		{"header after junk", bytes.NewReader(late), ""},
		{"header too late", bytes.NewReader(tooLate), problem.DocumentBroken},
		{"at the limit", bytes.NewReader(pdf(3 << 20)), ""},
		{"one byte too many", bytes.NewReader(pdf(3<<20 + 1)), problem.TooLarge},
		{"far too many", io.MultiReader(bytes.NewReader(pdf(9)), endless{}), problem.TooLarge},
		{"broken at once", iotest.ErrReader(gone), problem.Internal},
		{"broken later", io.MultiReader(bytes.NewReader(pdf(2<<20)), iotest.ErrReader(gone)), problem.Internal},
		{"byte by byte", iotest.OneByteReader(bytes.NewReader(pdf(3000))), ""},
	}
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		for _, c := range cases {
			if seeker, ok := c.r.(io.Seeker); ok {
				seeker.Seek(0, io.SeekStart)
			} else if strings.HasSuffix(t.Name(), "s3") {
				continue // the reader was used up on the first backend
			}
			_, err := blob.Upload(t.Context(), b, "x.pdf", c.r, 3<<20, true)
			if problem.CodeOf(err) != c.want {
				t.Errorf("%s: got %v, want code %q", c.name, err, c.want)
			}
			if c.want == problem.Internal && !errors.Is(err, gone) {
				t.Errorf("%s: the cause is lost: %v", c.name, err)
			}
		}
	})
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestRefusedUploadLeavesNothing(t *testing.T) {
	root := t.TempDir()
	b := open(t, "file://"+root)
	_, err := blob.Upload(t.Context(), b, "x.pdf", bytes.NewReader(pdf(3<<20)), 2<<20, true)
	wantCode(t, err, problem.TooLarge)
	filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			t.Errorf("left behind: %s, %v", path, err)
		}
		return nil
	})
}

// BenchmarkUpload sets storing a file beside the two things that it cannot do without, in turn, so that all three
// meet the same machine: reading and hashing the file once, and bringing its bytes to the disk. The two overlap:
// an upload should cost little more than the slower of them.
func BenchmarkUpload(b *testing.B) {
	for _, kib := range []int{50, 1 << 10, 10 << 10, 100 << 10, 200 << 10} {
		b.Run(fmt.Sprintf("%dKiB/sealed", kib), func(b *testing.B) { benchmarkUpload(b, kib<<10, true) })
		b.Run(fmt.Sprintf("%dKiB/clear", kib), func(b *testing.B) { benchmarkUpload(b, kib<<10, false) })
	}
}

func benchmarkUpload(b *testing.B, size int, sealed bool) {
	data, root := pdf(size), b.TempDir()
	path := filepath.Join(b.TempDir(), "in.pdf")
	must(b, os.WriteFile(path, data, 0o600))
	blobs := open(b, "file://"+root)
	var hashing, writing, uploading time.Duration
	for b.Loop() {
		hashing += timed(b, func() error {
			return withFile(path, func(file io.Reader) error {
				_, err := io.CopyBuffer(struct{ io.Writer }{sha256.New()}, file, make([]byte, 1<<20))
				return err
			})
		})
		writing += timed(b, func() error { return blobs.Put(b.Context(), "plain", bytes.NewReader(data)) })
		must(b, os.Remove(filepath.Join(root, "plain")))
		var u signing.Upload
		uploading += timed(b, func() error {
			return withFile(path, func(file io.Reader) (err error) {
				u, err = blob.Upload(b.Context(), blobs, "in.pdf", file, int64(size), sealed)
				return err
			})
		})
		must(b, os.Remove(filepath.Join(root, u.Segments[0].Key)))
	}
	b.ReportMetric(0, "ns/op") // the sum means nothing
	for unit, total := range map[string]time.Duration{"ms-hash": hashing, "ms-write": writing, "ms-upload": uploading} {
		b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), unit)
	}
	b.ReportMetric(float64(uploading)/float64(max(hashing, writing)), "upload/slower")
	b.ReportMetric(float64(uploading)/float64(hashing), "upload/hash")
}

func timed(b *testing.B, act func() error) time.Duration {
	b.Helper()
	start := time.Now()
	must(b, act())
	return time.Since(start)
}

// withFile hides that it is a file: no copy may go past the reader.
func withFile(path string, act func(file io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(act(struct{ io.Reader }{file}), file.Close())
}
