package pdfchild

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/wire"
)

// talk is the exchange with a child over one operation.
type talk struct {
	child   *process
	src     pades.Source
	wall    *stopwatch
	failed  *wire.Failure // the child's own verdict
	readErr error         // of src
	frame   []byte        // of the range that was read last
}

// verdict is the error of an operation that the child survived. Storage that failed is our trouble, whatever the
// child made of it.
func (t *talk) verdict() error {
	switch {
	case t.readErr != nil:
		return fmt.Errorf("reading the document: %w", t.readErr)
	case t.failed != nil:
		return t.failed.Err()
	}
	return nil
}

// run sends the call and answers the child's questions until it has a result. An error means that the child is
// dead or makes no sense.
func (t *talk) run(call []byte) ([]byte, error) {
	if err := wire.Write(t.child.in, wire.FrameCall, call); err != nil {
		return nil, err
	}
	for {
		kind, payload, err := wire.Read(t.child.out, wire.MaxResult)
		if err != nil {
			return nil, err
		}
		switch kind {
		case wire.FrameRead:
			if err := t.answerRead(payload); err != nil {
				return nil, err
			}
		case wire.FrameResult:
			return payload, nil
		case wire.FrameFail:
			var f wire.Failure
			if err := json.Unmarshal(payload, &f); err != nil {
				return nil, err
			}
			t.failed = &f
			return nil, nil
		default:
			return nil, fmt.Errorf("frame %q", kind)
		}
	}
}

// answerRead reads a range for the child. The child's clock stands still meanwhile: slow storage is not the
// document's fault.
func (t *talk) answerRead(payload []byte) error {
	if len(payload) != 12 {
		return errors.New("malformed read")
	}
	off, length := binary.BigEndian.Uint64(payload), binary.BigEndian.Uint32(payload[8:])
	if size := uint64(t.src.Size()); length > wire.MaxRead || off > size || uint64(length) > size-off {
		return errors.New("read outside the document")
	}
	if cap(t.frame) < wire.HeaderSize+int(length) {
		t.frame = make([]byte, wire.HeaderSize+length)
	}
	frame := t.frame[:wire.HeaderSize+length]
	t.wall.pause()
	n, err := t.src.ReadAt(frame[wire.HeaderSize:], int64(off))
	t.wall.resume()
	if n < int(length) {
		t.readErr = orDefault(err, io.ErrUnexpectedEOF)
		return wire.Write(t.child.in, wire.FrameNoData, nil)
	}
	return wire.WriteFramed(t.child.in, wire.FrameData, frame)
}

// stopwatch calls expire after a time during which it was not paused.
type stopwatch struct {
	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	since   time.Time
	expired bool
}

func newStopwatch(d time.Duration, expire func()) *stopwatch {
	w := &stopwatch{left: d, since: time.Now()}
	w.timer = time.AfterFunc(d, func() {
		w.mu.Lock()
		w.expired = true
		w.mu.Unlock()
		expire()
	})
	return w
}

func (w *stopwatch) pause() {
	if w.timer.Stop() {
		w.left -= time.Since(w.since)
	}
}

func (w *stopwatch) resume() {
	w.since = time.Now()
	w.timer.Reset(max(w.left, 0))
}

func (w *stopwatch) stop() { w.timer.Stop() }

func (w *stopwatch) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.expired
}
