package blob

import (
	"errors"
	"io"
	"sync/atomic"

	"kyso/internal/problem"
)

const (
	chunkSize = 512 << 10
	chunks    = 4 // in flight between source, hash and disk
)

// chunk is a run of bytes that the writer and the hash read at the same time.
type chunk struct {
	buffer []byte
	data   []byte // what of buffer is filled
	users  atomic.Int32
}

// source cuts a reader into chunks, from a fixed set of buffers.
type source struct {
	r    io.Reader
	max  int64
	size int64       // bytes that came so far
	free chan *chunk // unused chunks
	err  error       // what ended the reader
}

func newSource(r io.Reader, maxSize int64) *source {
	s := &source{r: r, max: maxSize, free: make(chan *chunk, chunks)}
	for range chunks {
		s.free <- &chunk{}
	}
	return s
}

// next reads a chunk, which two users release. io.EOF at the end, problem.TooLarge above the limit.
func (s *source) next() (*chunk, error) {
	if s.err != nil {
		return nil, s.err
	}
	c := <-s.free
	if c.buffer == nil {
		c.buffer = make([]byte, chunkSize)
	}
	n, err := io.ReadFull(s.r, c.buffer)
	s.size += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if s.size > s.max {
		err = problem.New(problem.TooLarge, "the file is larger than %d bytes", s.max)
	}
	s.err = err
	if err != nil && (n == 0 || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	c.data = c.buffer[:n]
	c.users.Store(2)
	return c, nil
}

// release gives a chunk back when both users are done with it.
func (s *source) release(c *chunk) {
	if c.users.Add(-1) == 0 {
		s.free <- c
	}
}

// feed gives the chunks of a source to a writer, and each one to the hash before the writer sees its first byte.
type feed struct {
	source *source
	toHash chan<- *chunk
	first  *chunk // was read already; nil once it is the current one
	chunk  *chunk // the current one
	rest   []byte // what of it the writer has not seen
}

// advance makes the next chunk the current one.
func (f *feed) advance() error {
	if f.chunk != nil {
		f.source.release(f.chunk)
		f.chunk = nil
	}
	next := f.first
	f.first = nil
	if next == nil {
		var err error
		if next, err = f.source.next(); err != nil {
			return err
		}
	}
	f.chunk, f.rest = next, next.data
	f.toHash <- next
	return nil
}

// Read implements io.Reader.
func (f *feed) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if err := f.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: io.Copy then writes whole chunks without another copy.
func (f *feed) WriteTo(w io.Writer) (total int64, err error) {
	for {
		n, err := w.Write(f.rest)
		total += int64(n)
		f.rest = f.rest[n:]
		if err != nil {
			return total, err
		}
		if err := f.advance(); errors.Is(err, io.EOF) {
			return total, nil
		} else if err != nil {
			return total, err
		}
	}
}
