package sandbox

import (
	"fmt"
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

// Parties serves the signing provider, the time-stamp authority, the certification authority with its key service,
// VNPay, the SMS gateway, and what VNeID takes from kyso.
func (w *World) Parties() http.Handler {
	mux := http.NewServeMux()
	w.routeRSSP(mux)
	w.routePKI(mux)
	w.routeCA(mux)
	w.routePartner(mux)
	w.routeSMS(mux)
	w.routeVNPay(mux)
	mux.HandleFunc("POST /tsa", w.serveTSA)
	return w.logged(mux)
}

// Requests returns the latest requests to Parties, oldest first.
func (w *World) Requests() []RequestRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// logged keeps the request log and marks every answer as what it is.
func (w *World) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rec := &statusWriter{ResponseWriter: rw}
		defer func() { // also when a fault cuts the connection by panicking
			w.mu.Lock()
			defer w.mu.Unlock()
			w.requests = append(w.requests, RequestRecord{At: w.now(), Method: r.Method, Path: r.URL.Path, Status: rec.status})
			if extra := len(w.requests) - requestLogSize; extra > 0 {
				w.requests = slices.Delete(w.requests, 0, extra)
			}
		}()
		w.marked(next).ServeHTTP(rec, r)
	})
}

// marked sets the header that keeps anybody from taking this for the real thing. A panic below it is logged and answered
// with 500; http.ErrAbortHandler is how a fault cuts the connection, and passes.
func (w *World) marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil {
				if fault == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
					panic(fault)
				}
				w.log.Error("a handler panicked", "path", r.URL.Path, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
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
