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
			got, err := blob.Upload(t.Context(), b, "Hợp đồng.pdf", bytes.NewReader(data), int64(size))
			must(t, err)
			wantUpload(t, got, data)
			if !bytes.Equal(get(t, b, got.Segments[0].Key, 0, -1), data) {
				t.Errorf("%d bytes: others are stored", size)
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
	got, err := blob.Upload(t.Context(), b, decomposed, bytes.NewReader(pdf(10)), 100)
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
			_, err := blob.Upload(t.Context(), b, "x.pdf", c.r, 3<<20)
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
	_, err := blob.Upload(t.Context(), b, "x.pdf", bytes.NewReader(pdf(3<<20)), 2<<20)
	wantCode(t, err, problem.TooLarge)
	filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			t.Errorf("left behind: %s, %v", path, err)
		}
		return nil
	})
}

// BenchmarkUpload sets storing a file beside reading and hashing the same file once.
func BenchmarkUpload(b *testing.B) {
	for _, mib := range []int{1, 10, 100} {
		path := filepath.Join(b.TempDir(), "in.pdf")
		must(b, os.WriteFile(path, pdf(mib<<20), 0o600))
		run := func(name string, act func(file *os.File) error) {
			b.Run(fmt.Sprintf("%dMiB/%s", mib, name), func(b *testing.B) {
				b.SetBytes(int64(mib << 20))
				b.ReportAllocs()
				for b.Loop() {
					file, err := os.Open(path)
					must(b, err)
					must(b, errors.Join(act(file), file.Close()))
				}
			})
		}
		run("read-and-hash", func(file *os.File) error {
			_, err := io.CopyBuffer(struct{ io.Writer }{sha256.New()}, struct{ io.Reader }{file}, make([]byte, 1<<20))
			return err
		})
		root := b.TempDir()
		blobs := open(b, "file://"+root)
		run("upload", func(file *os.File) error {
			u, err := blob.Upload(b.Context(), blobs, "in.pdf", file, 1<<40)
			if err != nil {
				return err
			}
			return os.Remove(filepath.Join(root, u.Segments[0].Key))
		})
	}
}
