package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"kyso/internal/blob"
	"kyso/internal/problem"
)

// onBothBackends runs the test on a directory and on an S3 server that lives in the test.
func onBothBackends(t *testing.T, run func(t *testing.T, b *blob.Blobs)) {
	t.Run("file", func(t *testing.T) { run(t, open(t, "file://"+filepath.Join(t.TempDir(), "made", "by", "open"))) })
	t.Run("s3", func(t *testing.T) { run(t, open(t, fakeS3(t))) })
}

func open(t testing.TB, address string) *blob.Blobs {
	t.Helper()
	b, err := blob.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func fakeS3(t *testing.T) string {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	memory := s3mem.New()
	if err := memory.CreateBucket("documents"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(memory).Server())
	t.Cleanup(server.Close)
	query := url.Values{"endpoint": {server.URL}, "region": {"ap-southeast-1"}, "s3ForcePathStyle": {"true"}}
	return "s3://documents?" + query.Encode()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code problem.Code) {
	t.Helper()
	if problem.CodeOf(err) != code {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func get(t *testing.T, b *blob.Blobs, key string, offset, length int64) []byte {
	t.Helper()
	r, err := b.ReadRange(t.Context(), key, offset, length)
	must(t, err)
	data, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	return data
}

// pattern returns n bytes that repeat nowhere near.
func pattern(n int) []byte {
	data := make([]byte, n)
	state := uint32(1)
	for i := range data {
		state = state*1664525 + 1013904223
		data[i] = byte(state >> 24)
	}
	return data
}

func TestRoundTripAndRanges(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		// Larger than one part of a multipart upload.
		for name, data := range map[string][]byte{"empty": {}, "small": []byte("%PDF-1.7"), "large": pattern(11 << 20)} {
			key := "uploads/" + name
			must(t, b.Put(t.Context(), key, bytes.NewReader(data)))
			must(t, b.Put(t.Context(), key, bytes.NewReader(data))) // the same bytes again
			if !bytes.Equal(get(t, b, key, 0, -1), data) {
				t.Errorf("%s: other bytes came back", name)
			}
		}
		large := pattern(11 << 20)
		for _, at := range [][2]int64{{0, 1}, {5, 100}, {6 << 20, 3 << 20}, {11<<20 - 4, 4}, {11<<20 - 4, -1}, {7, 0}} {
			want := large[at[0]:]
			if at[1] >= 0 {
				want = want[:at[1]]
			}
			if !bytes.Equal(get(t, b, "uploads/large", at[0], at[1]), want) {
				t.Errorf("range %v: other bytes came back", at)
			}
		}
	})
}

func TestMissingBlob(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		_, err := b.ReadRange(t.Context(), "uploads/none", 0, -1)
		wantCode(t, err, problem.NotFound)
	})
}

func TestKeysAreChecked(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		for _, key := range []string{"", "/", "/etc/passwd", "..", "a/../b", "../a", "a//b", "a/", ".incoming/x", "a/.b",
			"a\\b", "a b", "a\x00", "hợp-đồng", "a%2f", strings.Repeat("a", 201)} {
			wantCode(t, b.Put(t.Context(), key, strings.NewReader("x")), problem.Invalid)
			_, err := b.ReadRange(t.Context(), key, 0, -1)
			wantCode(t, err, problem.Invalid)
		}
		_, err := b.ReadRange(t.Context(), "a", -1, 2)
		wantCode(t, err, problem.Invalid)
		_, err = b.ReadRange(t.Context(), "a", 0, -2)
		wantCode(t, err, problem.Invalid)
	})
}

func TestFailedPutLeavesNothing(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		gone := errors.New("the connection is gone")
		broken := io.MultiReader(bytes.NewReader(pattern(6<<20)), iotest.ErrReader(gone))
		if err := b.Put(t.Context(), "uploads/x", broken); !errors.Is(err, gone) {
			t.Errorf("got %v, want the error of the reader", err)
		}
		_, err := b.ReadRange(t.Context(), "uploads/x", 0, -1)
		wantCode(t, err, problem.NotFound)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Put(ctx, "uploads/y", bytes.NewReader(pattern(1<<20))); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		_, err = b.ReadRange(t.Context(), "uploads/y", 0, -1)
		wantCode(t, err, problem.NotFound)
	})
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, address := range []string{"", "/var/lib", "file://relative/path", "file:", "ftp://x", "mem://", "::"} {
		_, err := blob.Open(t.Context(), address)
		wantCode(t, err, problem.Invalid)
	}
}

func TestDirectoryKeepsNoRemains(t *testing.T) {
	root := t.TempDir()
	incoming := filepath.Join(root, ".incoming")
	b := open(t, "file://"+root)
	must(t, b.Put(t.Context(), "uploads/a", strings.NewReader("x")))
	if err := b.Put(t.Context(), "uploads/b", iotest.ErrReader(errors.New("gone"))); err == nil {
		t.Error("a broken reader was stored")
	}
	if left, err := os.ReadDir(incoming); err != nil || len(left) != 0 {
		t.Errorf("%d temporary files left, %v", len(left), err)
	}

	// What a killed process left behind goes at the next start; what another one is writing stays.
	for name, age := range map[string]time.Duration{"put-old": 25 * time.Hour, "put-new": time.Minute} {
		path := filepath.Join(incoming, name)
		must(t, os.WriteFile(path, []byte("half"), 0o600))
		must(t, os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
	}
	open(t, "file://"+root)
	left, err := os.ReadDir(incoming)
	must(t, err)
	if len(left) != 1 || left[0].Name() != "put-new" {
		t.Errorf("after the next start: %v", left)
	}
	for path, mode := range map[string]os.FileMode{"uploads": 0o700, "uploads/a": 0o600} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}
