package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"kyso/internal/blob"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// counted counts what is read through it.
type counted struct {
	signing.Blobs
	mu    sync.Mutex
	reads int
	bytes int64
}

func (c *counted) ReadRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	c.bytes += length
	return c.Blobs.ReadRange(ctx, key, offset, length)
}

// stored cuts data into segments of these lengths and stores them.
func stored(t *testing.T, b signing.Blobs, data []byte, lengths ...int) signing.Upload {
	t.Helper()
	var doc signing.Upload
	for i, n := range lengths {
		s := signing.Segment{Key: fmt.Sprintf("d/%d", i), Length: int64(n)}
		must(t, b.Put(t.Context(), s.Key, bytes.NewReader(data[:n])))
		doc.Segments = append(doc.Segments, s)
		data = data[n:]
	}
	if len(data) > 0 {
		t.Fatalf("%d bytes are in no segment", len(data))
	}
	return doc
}

func TestSegmentReaderReadsAsOne(t *testing.T) {
	onBothBackends(t, func(t *testing.T, b *blob.Blobs) {
		const size = 300_000
		data := pattern(size)
		r := blob.NewSegmentReader(t.Context(), b, stored(t, b, data, 100_000, 1, 65_536, 0, 134_463))
		if r.Size() != size {
			t.Fatalf("size is %d", r.Size())
		}
		must(t, iotest.TestReader(io.NewSectionReader(r, 0, size), data))
		random := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			off, n := random.IntN(size), random.IntN(150_000)
			p := make([]byte, n)
			got, err := r.ReadAt(p, int64(off))
			want := data[off:min(off+n, size)]
			if !bytes.Equal(p[:got], want) || (err == io.EOF) != (len(want) < n) || (err != nil && err != io.EOF) {
				t.Fatalf("%d bytes at %d: %d bytes, %v", n, off, got, err)
			}
		}
		for off, want := range map[int64]error{size: io.EOF, size + 1: io.EOF} {
			if n, err := r.ReadAt(make([]byte, 1), off); n != 0 || err != want {
				t.Errorf("at %d: %d, %v", off, n, err)
			}
		}
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
			t.Errorf("at -1: %v", err)
		}
	})
}

func TestStreamGivesEveryRange(t *testing.T) {
	b := open(t, "file://"+t.TempDir())
	data := pattern(40)
	doc := stored(t, b, data, 10, 1, 0, 20, 9)
	for from := range 42 {
		for length := -1; length < 42; length++ {
			want := data[min(from, 40):]
			if length >= 0 {
				want = want[:min(length, len(want))]
			}
			s := blob.Stream(t.Context(), b, doc, int64(from), int64(length))
			got, err := io.ReadAll(iotest.OneByteReader(s))
			if err = errors.Join(err, s.Close()); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes from %d: %d bytes, %v", length, from, len(got), err)
			}
		}
	}
}

func TestSmallReadsAreCachedInBoundedMemory(t *testing.T) {
	b := &counted{Blobs: open(t, "file://"+t.TempDir())}
	const size = 20 << 20 // of which the cache keeps 8 MiB
	r := blob.NewSegmentReader(t.Context(), b, stored(t, b, pattern(size), size))
	p := make([]byte, 100)
	for i := range 1000 {
		_, err := r.ReadAt(p, int64(i*60))
		must(t, err)
	}
	if b.reads != 1 || b.bytes > 64<<10 {
		t.Errorf("1000 reads in one page: %d range requests, %d bytes", b.reads, b.bytes)
	}
	for off := int64(0); off < size; off += 64 << 10 {
		_, err := r.ReadAt(p, off)
		must(t, err)
	}
	before := b.reads
	_, err := r.ReadAt(p, size-200)
	must(t, err)
	if b.reads != before {
		t.Error("the page read last was not kept")
	}
	_, err = r.ReadAt(p, 0)
	must(t, err)
	if b.reads != before+1 {
		t.Error("the page read first was kept: the cache is not bounded")
	}
}

func TestLargeReadsGoPastTheCache(t *testing.T) {
	b := &counted{Blobs: open(t, "file://"+t.TempDir())}
	data := pattern(3 << 20)
	r := blob.NewSegmentReader(t.Context(), b, stored(t, b, data, 1<<20, 2<<20))
	p := make([]byte, 3<<20)
	if n, err := r.ReadAt(p, 0); n != len(p) || err != nil || !bytes.Equal(p, data) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if b.reads != 2 || b.bytes != 3<<20 {
		t.Errorf("%d range requests, %d bytes", b.reads, b.bytes)
	}
}

func TestShortOrMissingSegmentIsNoticed(t *testing.T) {
	b := open(t, "file://"+t.TempDir())
	must(t, b.Put(t.Context(), "short", strings.NewReader("12345")))
	doc := signing.Upload{Segments: []signing.Segment{{Key: "short", Length: 6}, {Key: "missing", Length: 3}}}
	r := blob.NewSegmentReader(t.Context(), b, doc)
	if _, err := r.ReadAt(make([]byte, 6), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short segment: %v", err)
	}
	missing := signing.Upload{Segments: doc.Segments[1:]}
	_, err := blob.NewSegmentReader(t.Context(), b, missing).ReadAt(make([]byte, 3), 0)
	wantCode(t, err, problem.DigestMismatch)
	if _, err := io.ReadAll(blob.Stream(t.Context(), b, doc, 0, -1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short segment in a stream: %v", err)
	}
}

func TestSegmentReaderIsSafeForConcurrentUse(t *testing.T) {
	b := open(t, "file://"+t.TempDir())
	data := pattern(1 << 20)
	r := blob.NewSegmentReader(t.Context(), b, stored(t, b, data, 1<<20))
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			p := make([]byte, 1000)
			for range 300 {
				off := random.IntN(len(data) - len(p))
				if _, err := r.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, data[off:off+len(p)]) {
					t.Errorf("at %d: %v", off, err)
					return
				}
			}
		})
	}
	group.Wait()
}
