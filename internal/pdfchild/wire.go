package pdfchild

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

// A frame is one byte of kind, four bytes of length (big endian) and the payload.
const (
	frameCall   = 'C' // parent: request as JSON
	frameData   = 'D' // parent: the bytes of a range
	frameNoData = 'N' // parent: the range could not be read; the parent knows why
	frameRead   = 'R' // child: offset (8 bytes) and length (4 bytes)
	frameResult = 'S' // child: result as JSON
	frameFail   = 'F' // child: failure as JSON
	frameRest   = 'E' // child, after each result or failure: what the operation left behind, as restSize bytes
)

// headerSize is the size of a frame's header.
const headerSize = 5

const (
	maxRead   = 1 << 20  // bytes of one range
	maxResult = 64 << 20 // bytes of a result; increments with images and evidence stay far below
	maxCall   = 64 << 20 // bytes of a request, the image of a signature and evidence included
)

// request asks a child for one operation.
type request struct {
	Op         string          `json:"op"`
	Size       int64           `json:"size"` // of the document
	MemoryMB   int             `json:"memory_mb"`
	CPUSeconds uint64          `json:"cpu_seconds"`
	Args       json.RawMessage `json:"args"`
}

// rest is what a child says of itself when it has forgotten a document and is ready for the next one.
type rest struct {
	Broken bool          // a panic or a goroutine may have left the reader in disorder
	Memory uint64        // mapped by the process, in bytes
	CPU    time.Duration // of the operation, and of forgetting the one before it
}

const restSize = 17

func (r rest) encode() []byte {
	var out [restSize]byte
	if r.Broken {
		out[0] = 1
	}
	binary.BigEndian.PutUint64(out[1:], r.Memory)
	binary.BigEndian.PutUint64(out[9:], uint64(r.CPU))
	return out[:]
}

func decodeRest(in []byte) (rest, error) {
	if len(in) != restSize {
		return rest{}, fmt.Errorf("a rest of %d bytes", len(in))
	}
	return rest{in[0] != 0, binary.BigEndian.Uint64(in[1:]), time.Duration(binary.BigEndian.Uint64(in[9:]))}, nil
}

// failure is an error on its way to the parent.
type failure struct {
	Code  problem.Code `json:"code"`
	Text  string       `json:"text"`
	Field string       `json:"field,omitempty"`
	VI    string       `json:"vi,omitempty"`
}

func failureOf(err error) failure {
	code := problem.CodeOf(err)
	f := failure{Code: code, Text: strings.Replace(err.Error(), string(code)+": ", "", 1)}
	if e, ok := errors.AsType[*problem.Error](err); ok && e.Field != "" {
		f.Text, f.Field, f.VI = e.Message, e.Field, e.VI
	}
	return f
}

// err makes an error of it again. Only a known code is taken; anything else is an unknown error.
func (f failure) err() error {
	if f.Code == problem.Internal || f.Code.Kind() == problem.KindInternal {
		return errors.New(f.Text)
	}
	return problem.OfField(f.Code, f.Field, f.Text, f.VI)
}

func writeFrame(w io.Writer, kind byte, payload []byte) error {
	frame := make([]byte, headerSize, headerSize+len(payload))
	frame[0] = kind
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	_, err := w.Write(append(frame, payload...))
	return err
}

// errTooLong is a frame that says to be longer than it may.
var errTooLong = errors.New("the frame is too long")

func readFrame(r io.Reader, limit uint32) (kind byte, payload []byte, err error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(header[1:])
	if length > limit {
		return 0, nil, errTooLong
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, fmt.Errorf("in the middle of a frame: %w", err)
	}
	return header[0], payload, nil
}
