package layers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"kyso/internal/api/kernel"
	"kyso/internal/problem"
)

// observed is the outermost layer: it names the request, sets the headers that every answer has, and logs one
// line with the route's pattern. Paths, queries, addresses and bodies hold personal data or secrets and are not
// logged.
func (s *Layers) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		_, pattern := s.mux.Handler(r)
		info := &kernel.RequestInfo{ID: newRequestID(), Pattern: pattern, Route: s.served[pattern]}
		setCommonHeaders(w.Header(), info.ID)
		observer := &responseObserver{ResponseWriter: w, control: http.NewResponseController(w), stall: s.Limits.Stall}
		info.Sent = func() bool { return observer.status != 0 }
		observer.extend()
		defer func() { // also when the answer is cut
			s.noteRequest(r, info, observer.statusOr200(), w.Header().Get(kernel.ReplayedHeader) != "")
		}()
		next.ServeHTTP(observer, r.WithContext(kernel.WithInfo(r.Context(), info)))
		s.log(r.Context(), info, pattern, observer, time.Since(started))
	})
}

func (s *Layers) log(ctx context.Context, info *kernel.RequestInfo, pattern string, seen *responseObserver, took time.Duration) {
	if pattern == "" {
		pattern = "unknown route"
	}
	attributes := []slog.Attr{slog.String("request_id", info.ID), slog.String("route", pattern),
		slog.Int("status", seen.statusOr200()), slog.Int64("bytes", seen.bytes), slog.Int64("ms", took.Milliseconds())}
	level := slog.LevelInfo
	if info.Code != "" {
		attributes = append(attributes, slog.String("code", string(info.Code)))
	}
	if info.Cause != nil {
		level = slog.LevelError
		attributes = append(attributes, slog.String("error", info.Cause.Error()))
	}
	s.Logger.LogAttrs(ctx, level, "http request", attributes...)
	requestSeconds().Record(context.WithoutCancel(ctx), took.Seconds(), metric.WithAttributes(attribute.String("route", pattern),
		attribute.Int("status", seen.statusOr200()), attribute.String("code", string(info.Code))))
}

// requestSeconds is how long requests took, by route and answer. Streams count with their whole life.
var requestSeconds = sync.OnceValue(func() metric.Float64Histogram {
	h, err := otel.Meter("kyso/internal/api").Float64Histogram("kyso_http_request_seconds", metric.WithDescription("Requests to the API by route, status and problem code"))
	if err != nil { // a mistake in the name; a test sees it
		otel.Handle(err)
	}
	return h
})

func newRequestID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails, says its documentation
	return hex.EncodeToString(id[:])
}

func setCommonHeaders(h http.Header, requestID string) {
	h.Set("X-Request-Id", requestID)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// responseObserver remembers status and size, and moves the write deadline with every write: an answer may take
// as long as its reader goes on taking it.
type responseObserver struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	status  int
	bytes   int64
}

// extend gives the peer another while; a writer without deadlines (a test's recorder) has none to move.
func (o *responseObserver) extend() { _ = o.control.SetWriteDeadline(time.Now().Add(o.stall)) }

// WriteHeader implements http.ResponseWriter.
func (o *responseObserver) WriteHeader(status int) {
	if o.status == 0 && status >= http.StatusOK {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (o *responseObserver) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	o.extend()
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (o *responseObserver) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func (o *responseObserver) statusOr200() int {
	if o.status == 0 {
		return http.StatusOK
	}
	return o.status
}

// knownHost turns away requests under a foreign name; see Options.Hosts.
func (s *Layers) knownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.hostAllowed(r.Host) || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		kernel.WriteProblem(w, r, &kernel.Refusal{Code: problem.Denied, Status: http.StatusMisdirectedRequest, Detail: "the API does not answer under this host name"})
	})
}

func (s *Layers) hostAllowed(hostport string) bool {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if len(s.Hosts) > 0 {
		return slices.ContainsFunc(s.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// sameOrigin refuses writes that a page of another origin made a browser send.
func (s *Layers) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kernel.WriteProblem(w, r, problem.New(problem.Denied, "writes from a page of another origin are refused"))
	}))
	return protection.Handler(next)
}

// recovered turns a panic into a logged 500. It stands inside the idempotency layer, which so learns of it.
func (s *Layers) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if what == http.ErrAbortHandler { //nolint:errorlint // the identity is the contract of net/http
				panic(what)
			}
			err := fmt.Errorf("panic: %v\n%s", what, debug.Stack())
			if info := kernel.InfoOf(r.Context()); info.Sent() { // too late for a status: cut, so that no reader takes it for whole
				s.Logger.ErrorContext(r.Context(), "http answer cut", "request_id", info.ID, "error", err.Error())
				panic(http.ErrAbortHandler)
			}
			kernel.WriteProblem(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}

// route calls the handler of the request's route, and answers unknown routes and methods with a problem.
func (s *Layers) route(w http.ResponseWriter, r *http.Request) {
	handler, pattern := s.mux.Handler(r)
	if pattern == "" {
		s.noRoute(w, r, handler)
		return
	}
	if at := kernel.InfoOf(r.Context()).Route; at == nil || !at.Lasts() {
		ctx, cancel := context.WithTimeout(r.Context(), s.Limits.Request)
		defer cancel()
		r = r.WithContext(ctx)
	}
	s.mux.ServeHTTP(w, r)
}

// noRoute lets the mux's own handler say whether it is the path or the method that is unknown.
func (s *Layers) noRoute(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	probe := &headerProbe{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	for _, name := range []string{"Allow", "Location"} {
		if value := probe.header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	if probe.status < http.StatusBadRequest {
		w.WriteHeader(probe.status)
		return
	}
	if s.Missing != nil && probe.status == http.StatusNotFound && asksForPage(r) {
		s.Missing.ServeHTTP(w, r)
		return
	}
	kernel.WriteProblem(w, r, &kernel.Refusal{Code: kernel.CodeOfStatus(probe.status), Status: probe.status, Detail: "no such path or method; see /docs"})
}

// asksForPage reports whether a person in a browser asks, and not for something of the API.
func asksForPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html") &&
		!strings.HasPrefix(r.URL.Path, "/v1/") && !strings.HasPrefix(r.URL.Path, "/assets/")
}

// headerProbe is a ResponseWriter that keeps nothing but status and header.
type headerProbe struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (p *headerProbe) Header() http.Header { return p.header }

// Write implements http.ResponseWriter.
func (p *headerProbe) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (p *headerProbe) WriteHeader(status int) { p.status = status }
