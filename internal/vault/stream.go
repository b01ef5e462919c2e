package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

const (
	// ChunkSize is how many bytes of a file are sealed together: a range costs at most two chunks more than it asks for.
	ChunkSize = 64 << 10
	// chunkOverhead is the tag of AES-GCM that follows each chunk.
	chunkOverhead = 16
	sealedChunk   = ChunkSize + chunkOverhead
	// batch is how many chunks are sealed before they are written.
	batch = 8
)

// Stream seals a file in chunks of ChunkSize, so that a range of it can be opened without the rest (STREAM of Hoang,
// Reyhanitabar, Rogaway and Vizár). Its key is derived from the document's key and the name of the file; the nonce of a
// chunk is its number and whether it is the last. So a chunk opens in its own file and at its own place only, and a file
// that was cut, even between two chunks, does not open.
//
// A name stands for the same bytes for ever: other bytes under the same key and name would repeat nonces.
type Stream struct{ aead cipher.AEAD }

// NewStream returns the Stream of one file. key has KeySize bytes.
func NewStream(key []byte, name string) (*Stream, error) {
	if len(key) != KeySize {
		return nil, ErrSealed
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "kyso sealed file 1\x00"+name, KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Stream{aead: aead}, err
}

// nonce is the chunk's number and, in the last byte, whether it is the last chunk.
func nonce(number int64, last bool) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n, uint64(number))
	if last {
		n[len(n)-1] = 1
	}
	return n
}

// chunksOf is how many chunks a file of length bytes has; an empty one has one.
func chunksOf(length int64) int64 { return max(1, (length+ChunkSize-1)/ChunkSize) }

// SealedLength is how long a file of length bytes is when it is sealed.
func SealedLength(length int64) int64 { return length + chunksOf(length)*chunkOverhead }

// Seal returns the sealed form of what r gives.
func (s *Stream) Seal(r io.Reader) io.Reader {
	return &sealing{stream: s, r: r}
}

// sealing reads one byte ahead of a batch, to know the last chunk when it comes.
type sealing struct {
	stream *Stream
	r      io.Reader
	in     []byte
	have   int // bytes of in that are filled
	out    []byte
	rest   []byte // of out
	number int64
	done   bool
	held   *buffers // in and out, from the pool; nil before and after
}

// buffers are taken once for each file, however small it is.
type buffers struct {
	in  [batch*ChunkSize + 1]byte
	out [batch * sealedChunk]byte
}

var pool = sync.Pool{New: func() any { return new(buffers) }}

// fill seals the next batch; io.EOF after the last.
func (s *sealing) fill() error {
	if s.done {
		if s.held != nil {
			pool.Put(s.held)
			s.held, s.in, s.out = nil, nil, nil
		}
		return io.EOF
	}
	if s.held == nil {
		s.held = pool.Get().(*buffers) //nolint:forcetypeassert // the pool holds nothing else
		s.in, s.out = s.held.in[:], s.held.out[:0]
	}
	n, err := io.ReadFull(s.r, s.in[s.have:])
	s.have += n
	if s.done = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !s.done {
		return err
	}
	plain := s.in[:s.have]
	if !s.done {
		plain = plain[:batch*ChunkSize]
	}
	s.out = s.out[:0]
	for first := true; first || len(plain) > 0; first = false {
		part := plain[:min(len(plain), ChunkSize)]
		plain = plain[len(part):]
		s.out = s.stream.aead.Seal(s.out, nonce(s.number, s.done && len(plain) == 0), part, nil)
		s.number++
	}
	s.rest = s.out
	if !s.done {
		s.in[0], s.have = s.in[batch*ChunkSize], 1
	}
	return nil
}

// Read implements io.Reader.
func (s *sealing) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: io.Copy then writes whole batches without another copy.
func (s *sealing) WriteTo(w io.Writer) (total int64, err error) {
	for {
		n, err := w.Write(s.rest)
		total += int64(n)
		if err != nil {
			return total, err
		}
		if err := s.fill(); errors.Is(err, io.EOF) {
			s.rest = nil
			return total, nil
		} else if err != nil {
			s.rest = nil
			return total, err
		}
	}
}

// Range is a run of bytes of a file, and where it lies in the sealed form.
type Range struct {
	From, Size int64 // of the sealed form, to be read for it

	first, last int64 // chunks of the file: the first of the run, the last of the file
	skip, want  int64
}

// RangeOf says what to read of a sealed file of length bytes for want bytes from offset, which must lie inside.
func RangeOf(length, offset, want int64) Range {
	r := Range{first: offset / ChunkSize, last: chunksOf(length) - 1, want: want}
	if want == 0 {
		r.first = min(r.first, r.last)
	}
	end := r.first
	if want > 0 {
		end = (offset + want - 1) / ChunkSize
	}
	r.skip = offset - r.first*ChunkSize
	r.From = r.first * sealedChunk
	r.Size = min((end+1)*sealedChunk, SealedLength(length)) - r.From
	return r
}

// Open returns the bytes of a range, given the sealed bytes that it names. ErrSealed when they are not what was sealed.
func (s *Stream) Open(sealed io.Reader, r Range) io.Reader {
	return &opening{stream: s, r: io.LimitReader(sealed, r.Size), run: r, number: r.first}
}

type opening struct {
	stream *Stream
	r      io.Reader
	run    Range
	number int64
	buffer []byte
	rest   []byte
}

// Read implements io.Reader.
func (o *opening) Read(p []byte) (int, error) {
	if o.run.want == 0 {
		return 0, io.EOF
	}
	if len(o.rest) == 0 {
		if err := o.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p[:min(int64(len(p)), o.run.want)], o.rest)
	o.rest = o.rest[n:]
	o.run.want -= int64(n)
	return n, nil
}

// next opens the next chunk.
func (o *opening) next() error {
	if o.buffer == nil {
		o.buffer = make([]byte, sealedChunk)
	}
	n, err := io.ReadFull(o.r, o.buffer)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	plain, err := o.stream.aead.Open(o.buffer[:0], nonce(o.number, o.number == o.run.last), o.buffer[:n], nil)
	if err != nil || int64(len(plain)) <= o.run.skip {
		return ErrSealed
	}
	o.rest, o.run.skip = plain[o.run.skip:], 0
	o.number++
	return nil
}
