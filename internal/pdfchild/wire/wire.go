// Package wire is what a program of kyso and its PDF processes say to each other over two pipes.
//
// It imports internal/pades, internal/problem and the standard library.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"kyso/internal/problem"
)

// The kinds of frames. A frame is one byte of kind, four bytes of length (big endian) and the payload.
const (
	FrameCall   = 'C' // parent: an encoded Call
	FrameData   = 'D' // parent: the bytes of a range
	FrameNoData = 'N' // parent: the range could not be read; the parent knows why
	FrameRead   = 'R' // child: offset (8 bytes) and length (4 bytes)
	FrameResult = 'S' // child: a result as JSON
	FrameFail   = 'F' // child: Failure as JSON
	FrameHello  = 'H' // child, once: Hello as JSON, when it is ready
	FrameRest   = 'E' // child, after each result or failure: what the operation left behind, as RestSize bytes
)

// HeaderSize is the size of a frame's header.
const HeaderSize = 5

// PageSize is the size of the pieces that a child reads a document in, in bytes.
const PageSize = 64 << 10

// The limits of payloads.
const (
	MaxRead   = 1 << 20  // bytes of one range
	MaxResult = 64 << 20 // bytes of a result; increments with images and evidence stay far below
	MaxCall   = 64 << 20 // bytes of a request, the image of a signature and evidence included
)

// Call asks a child for one operation.
type Call struct {
	Op         string          `json:"op"`
	Size       int64           `json:"size"` // of the document
	MemoryMB   int             `json:"memory_mb"`
	CPUSeconds uint64          `json:"cpu_seconds"`
	Args       json.RawMessage `json:"-"` // follow the rest: within it, each side would read them once more
}

// Encode writes a call: the length of the rest (four bytes, big endian), the rest as JSON, the arguments.
func (c Call) Encode() ([]byte, error) {
	rest, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(rest)+len(c.Args)), uint32(len(rest)))
	return append(append(out, rest...), c.Args...), nil
}

// DecodeCall reads it. The arguments are a part of in.
func DecodeCall(in []byte) (Call, error) {
	var c Call
	if len(in) < 4 || uint64(binary.BigEndian.Uint32(in)) > uint64(len(in)-4) {
		return c, fmt.Errorf("a call of %d bytes", len(in))
	}
	end := 4 + int(binary.BigEndian.Uint32(in))
	err := json.Unmarshal(in[4:end], &c)
	c.Args = in[end:]
	return c, err
}

// Rest is what a child says of itself when it has forgotten a document and is ready for the next one.
type Rest struct {
	Broken bool          // a panic or a goroutine may have left the reader in disorder
	Memory uint64        // mapped by the process, in bytes
	CPU    time.Duration // of the operation, and of forgetting the one before it
}

// RestSize is that of an encoded Rest.
const RestSize = 17

// Encode returns RestSize bytes.
func (r Rest) Encode() []byte {
	var out [RestSize]byte
	if r.Broken {
		out[0] = 1
	}
	binary.BigEndian.PutUint64(out[1:], r.Memory)
	binary.BigEndian.PutUint64(out[9:], uint64(r.CPU))
	return out[:]
}

// DecodeRest reads them.
func DecodeRest(in []byte) (Rest, error) {
	if len(in) != RestSize {
		return Rest{}, fmt.Errorf("a rest of %d bytes", len(in))
	}
	return Rest{in[0] != 0, binary.BigEndian.Uint64(in[1:]), time.Duration(binary.BigEndian.Uint64(in[9:]))}, nil
}

// Failure is an error on its way to the parent.
type Failure struct {
	Code  problem.Code `json:"code"`
	Text  string       `json:"text"`
	Field string       `json:"field,omitempty"`
	VI    string       `json:"vi,omitempty"`
}

// FailureOf takes from an error what crosses the pipe.
func FailureOf(err error) Failure {
	code := problem.CodeOf(err)
	f := Failure{Code: code, Text: strings.Replace(err.Error(), string(code)+": ", "", 1)}
	if e, ok := errors.AsType[*problem.Error](err); ok && e.Field != "" {
		f.Text, f.Field, f.VI = e.Message, e.Field, e.VI
	}
	return f
}

// Err makes an error of it again. Only a known code is taken; anything else is an unknown error.
func (f Failure) Err() error {
	if f.Code == problem.Internal || f.Code.Kind() == problem.KindInternal {
		return errors.New(f.Text)
	}
	return problem.OfField(f.Code, f.Field, f.Text, f.VI)
}

// Write writes a frame.
func Write(w io.Writer, kind byte, payload []byte) error {
	frame := make([]byte, HeaderSize+len(payload))
	copy(frame[HeaderSize:], payload)
	return WriteFramed(w, kind, frame)
}

// WriteFramed writes a frame whose payload stands in its place already, after HeaderSize bytes.
func WriteFramed(w io.Writer, kind byte, frame []byte) error {
	frame[0] = kind
	binary.BigEndian.PutUint32(frame[1:], uint32(len(frame)-HeaderSize))
	_, err := w.Write(frame)
	return err
}

// ErrTooLong is a frame that says to be longer than it may.
var ErrTooLong = errors.New("the frame is too long")

// Read reads a frame of at most limit bytes of payload.
func Read(r io.Reader, limit uint32) (kind byte, payload []byte, err error) {
	var header [HeaderSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(header[1:])
	if length > limit {
		return 0, nil, ErrTooLong
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, fmt.Errorf("in the middle of a frame: %w", err)
	}
	return header[0], payload, nil
}
