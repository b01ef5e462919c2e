package blob

import (
	"container/list"
	"context"
	"errors"
	"io"
	"sync"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/vault"
)

const (
	pageSize = 64 << 10
	maxPages = 128 // 8 MiB
)

// SegmentReader reads a document of several segments as one, by range. Small reads go through a bounded cache of
// pages, because a PDF is read as many objects that lie close together; a read of a page or more goes past it.
// It is safe for concurrent use.
type SegmentReader struct {
	ctx   context.Context // io.ReaderAt has none
	blobs signing.Blobs
	doc   signing.Upload
	size  int64

	mu     sync.Mutex
	pages  map[int64]*list.Element // by page number
	recent *list.List              // of *page, most recently used first
}

type page struct {
	number int64
	data   []byte
}

// NewSegmentReader returns a reader over the segments of a document. It reads until ctx is done.
func NewSegmentReader(ctx context.Context, blobs signing.Blobs, doc signing.Upload) *SegmentReader {
	r := &SegmentReader{ctx: ctx, blobs: blobs, doc: doc, pages: map[int64]*list.Element{}, recent: list.New()}
	for _, s := range doc.Segments {
		r.size += s.Length
	}
	return r
}

// Size returns the length of the document.
func (r *SegmentReader) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt.
func (r *SegmentReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("reading a document at a negative offset")
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), r.size-off)
	n, err := r.read(p[:want], off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (r *SegmentReader) read(p []byte, off int64) (int, error) {
	if len(p) >= pageSize {
		return r.fetch(p, off)
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		data, err := r.page(at / pageSize)
		if err != nil {
			return done, err
		}
		done += copy(p[done:], data[at%pageSize:])
	}
	return done, nil
}

// page returns a page from the cache or fetches it.
func (r *SegmentReader) page(number int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.pages[number]; ok {
		r.recent.MoveToFront(found)
		return found.Value.(*page).data, nil
	}
	start := number * pageSize
	data := make([]byte, min(pageSize, r.size-start))
	if _, err := r.fetch(data, start); err != nil {
		return nil, err
	}
	if r.recent.Len() == maxPages {
		oldest := r.recent.Remove(r.recent.Back()).(*page)
		delete(r.pages, oldest.number)
	}
	r.pages[number] = r.recent.PushFront(&page{number, data})
	return data, nil
}

// fetch fills p from the blobs.
func (r *SegmentReader) fetch(p []byte, off int64) (int, error) {
	stream := Stream(r.ctx, r.blobs, r.doc, off, int64(len(p)))
	n, err := io.ReadFull(stream, p)
	return n, errors.Join(err, stream.Close())
}

// Stream returns length bytes of a document from offset, segment by segment and without a cache; length -1 means
// to the end. A segment that is shorter than its record, or a sealed one that does not open, is
// problem.DigestMismatch, never a silent gap.
func Stream(ctx context.Context, blobs signing.Blobs, doc signing.Upload, offset, length int64) io.ReadCloser {
	if length < 0 {
		length = 1<<63 - 1
	}
	return &stream{ctx: ctx, blobs: blobs, key: doc.Key, segments: doc.Segments, skip: offset, left: length}
}

type stream struct {
	ctx      context.Context
	blobs    signing.Blobs
	key      []byte            // of the document
	segments []signing.Segment // those that were not opened yet
	skip     int64             // bytes of them before the first wanted one
	left     int64             // bytes wanted

	current     io.ReadCloser // of the open segment
	currentLeft int64         // bytes wanted from it
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.currentLeft == 0 {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > s.currentLeft {
		p = p[:s.currentLeft]
	}
	n, err := s.current.Read(p)
	s.currentLeft -= int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if s.currentLeft > 0 {
			err = problem.Wrap(problem.DigestMismatch, io.ErrUnexpectedEOF, "a segment ends %d bytes early", s.currentLeft)
		}
	}
	if errors.Is(err, vault.ErrSealed) {
		err = problem.Wrap(problem.DigestMismatch, err, "the stored bytes of a document are not those that were stored")
	}
	return n, err
}

// open goes to the next segment that has wanted bytes; io.EOF when none has.
func (s *stream) open() error {
	if err := s.Close(); err != nil {
		return err
	}
	for len(s.segments) > 0 && s.skip >= s.segments[0].Length {
		s.skip -= s.segments[0].Length
		s.segments = s.segments[1:]
	}
	if len(s.segments) == 0 || s.left == 0 {
		return io.EOF
	}
	next := s.segments[0]
	want := min(next.Length-s.skip, s.left)
	opened, err := openSegment(s.ctx, s.blobs, s.key, next, s.skip, want)
	if code := problem.CodeOf(err); code == problem.NotFound || code == problem.Invalid {
		err = problem.Wrap(problem.DigestMismatch, err, "a segment is not where its record says")
	}
	if err != nil {
		return err
	}
	s.current, s.currentLeft = opened, want
	s.segments, s.skip, s.left = s.segments[1:], 0, s.left-want
	return nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	if s.current == nil {
		return nil
	}
	err := s.current.Close()
	s.current = nil
	return err
}

// openSegment reads want bytes of a segment from offset.
func openSegment(ctx context.Context, blobs signing.Blobs, key []byte, s signing.Segment, offset, want int64) (io.ReadCloser, error) {
	if !s.Sealed() {
		return blobs.ReadRange(ctx, s.Key, offset, want)
	}
	sealed, err := vault.NewStream(key, s.Key)
	if err != nil {
		return nil, problem.Wrap(problem.DigestMismatch, err, "a sealed segment of a document without its key")
	}
	run := vault.RangeOf(s.Length, offset, want)
	raw, err := blobs.ReadRange(ctx, s.Key, run.From, run.Size)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{sealed.Open(raw, run), raw}, nil
}
