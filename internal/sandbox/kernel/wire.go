package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"time"
)

// RequestRecord is one line of the request log.
type RequestRecord struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Status int       `json:"status"` // 0 when the connection was cut
}

// requestLogSize is how many requests are remembered.
const requestLogSize = 2000

// ServeParties serves the wires of all parties.
func (k *Kernel) ServeParties() http.Handler {
	mux := http.NewServeMux()
	for _, p := range k.parties {
		if p.Parties != nil {
			p.Parties(mux)
		}
	}
	return k.logged(mux)
}

// ServePhone serves the pages of all parties that lie on a person's phone. A page of another site cannot post to it.
func (k *Kernel) ServePhone() http.Handler {
	mux := http.NewServeMux()
	for _, p := range k.parties {
		if p.Phone != nil {
			p.Phone(mux)
		}
	}
	ServeLook(mux, "")
	return k.Guarded(mux)
}

// Guarded marks every answer, and keeps pages of other sites from posting.
func (k *Kernel) Guarded(next http.Handler) http.Handler {
	return k.marked(http.NewCrossOriginProtection().Handler(next))
}

// Requests returns the latest requests to the parties, oldest first.
func (k *Kernel) Requests() []RequestRecord {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.requests)
}

// logged keeps the request log and marks every answer as what it is.
func (k *Kernel) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rec := &statusWriter{ResponseWriter: rw}
		defer func() { // also when a fault cuts the connection by panicking
			k.mu.Lock()
			defer k.mu.Unlock()
			k.requests = append(k.requests, RequestRecord{At: k.Now(), Method: r.Method, Path: r.URL.Path, Status: rec.status})
			if extra := len(k.requests) - requestLogSize; extra > 0 {
				k.requests = slices.Delete(k.requests, 0, extra)
			}
		}()
		k.marked(next).ServeHTTP(rec, r)
	})
}

// marked sets the header that says that this is not the real thing. A panic below it is logged and answered
// with 500; http.ErrAbortHandler is how a fault cuts the connection, and passes.
func (k *Kernel) marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil {
				if fault == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
					panic(fault)
				}
				k.Log.Error("a handler panicked", "path", r.URL.Path, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
				rw.WriteHeader(http.StatusInternalServerError)
			}
		}()
		rw.Header().Set("X-Sandbox", "NOT FOR PRODUCTION")
		rw.Header().Set("X-Content-Type-Options", "nosniff")
		rw.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(rw, r)
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the real writer.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Answer is an answer before a fault gets at it.
type Answer struct {
	Status int
	Body   any
}

// OK is the answer to a call that did what it should.
func OK(body any) Answer { return Answer{http.StatusOK, body} }

// Failed is an error in the form of kyso's own wires.
func Failed(status int, code, message string) Answer {
	return Answer{status, map[string]string{"error": code, "message": message}}
}

// Write writes an answer.
func (a Answer) Write(rw http.ResponseWriter) { WriteJSON(rw, a.Status, a.Body) }

// WriteWithFault writes an answer, or what a fault makes of it. For a fault before the effect the answer is of no
// matter.
func (a Answer) WriteWithFault(rw http.ResponseWriter, r *http.Request, f Fault) {
	if f.Do != "" {
		body, err := json.Marshal(a.Body)
		if err != nil {
			http.Error(rw, "encoding failed", http.StatusInternalServerError)
			return
		}
		AnswerFault(rw, r, f, body)
		if f.Do != "slow" {
			return
		}
	}
	a.Write(rw)
}

// DecodeStrictly refuses unknown fields: a misspelt knob is an error, not a knob that does nothing.
func DecodeStrictly(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// ReadBody reads a request of at most a mebibyte.
func ReadBody(rw http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return body, nil
}

// StatusOf is the HTTP status of an error.
func StatusOf(err error) int {
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrDecided):
		return http.StatusConflict
	case errors.Is(err, ErrInvalid):
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}

// WriteError says what went wrong, to people behind the stage.
func WriteError(rw http.ResponseWriter, err error) {
	WriteJSON(rw, StatusOf(err), map[string]string{"error": err.Error()})
}

// WriteJSON writes a value as people like to read it.
func WriteJSON(rw http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(rw, "encoding failed", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(append(body, '\n')) // the client is gone; nothing to do about it
}
