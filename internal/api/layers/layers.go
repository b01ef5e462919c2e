// Package layers is what a request passes before its handler, and its answer afterwards: the name and log line of the request, host and
// origin, legible text, the caller and the rates, strict reading, turns, idempotency, and the audit log. A layer learns what a route
// requires from the route itself, by kernel.InfoOf.
package layers

import (
	"context"
	"net/http"
	"net/netip"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/audit"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Answers keeps the answers to requests with an Idempotency-Key; see signing.Desk.
type Answers interface {
	Remember(ctx context.Context, key, requestDigest string) (stored *signing.Answer, err error)
	Answered(ctx context.Context, key string, a signing.Answer) error
}

// Ports are what the layers need besides the kernel. All but TrustedProxies and Hosts are required.
type Ports struct {
	Answers        Answers
	Audit          *audit.Recorder
	Counter        limit.Counter
	Rate           int // reads of one caller in a minute; zero means no limit
	TrustedProxies []netip.Prefix
	Hosts          []string
	Missing        http.Handler // what a browser gets for an address that is none; nil means a problem
}

// Layers stand around the handlers of a mux.
type Layers struct {
	*kernel.Kernel
	Ports
	mux     *http.ServeMux
	served  map[string]*kernel.Served // by pattern
	limiter *limiter
	turns   turns
	trail   *trail
}

// New returns the layers around a mux, whose routes need not be registered yet.
func New(k *kernel.Kernel, ports Ports, mux *http.ServeMux) *Layers {
	return &Layers{Kernel: k, Ports: ports, mux: mux, limiter: &limiter{rate: ports.Rate, counter: ports.Counter},
		turns: newTurns(k.Limits), trail: &trail{keys: map[string]int64{}}}
}

// Around returns the handler of the whole, once the routes are registered.
func (s *Layers) Around(served map[string]*kernel.Served) http.Handler {
	s.served = served
	var handler http.Handler = http.HandlerFunc(s.route)
	handler = s.recovered(handler)
	handler = s.idempotent(handler)
	handler = s.inTurn(handler)
	handler = s.strict(handler)
	handler = s.guarded(handler)
	handler = s.legible(handler)
	handler = s.sameOrigin(handler)
	handler = s.knownHost(handler)
	return s.observed(handler)
}

// guarded lets a request through when its route and its caller fit. It stands before the idempotency layer, so that
// no caller is given another's answer.
func (s *Layers) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := kernel.InfoOf(r.Context())
		at := info.Route
		if at == nil { // pages, their files and health ask no other system, and no store
			next.ServeHTTP(w, r)
			return
		}
		who, err := s.Identify(r)
		from := s.ClientAddress(r)
		if err := s.limiter.admit(r.Context(), w.Header(), at.Class(), who, from, s.Now()); err != nil {
			kernel.WriteProblem(w, r, err)
			return
		}
		s.noteCaller(who, err)
		if who != nil {
			info.Owner = who.Owner
		}
		if full := s.Audit.Room(); full != nil {
			kernel.WriteProblem(w, r, full)
			return
		}
		if !at.Access.Open {
			if err == nil {
				err = s.Check(r.Context(), who, at.Access, kernel.ObjectID(at.At, r.URL.Path))
			}
			if err != nil {
				if problem.CodeOf(err) == problem.Unauthenticated {
					w.Header().Set("WWW-Authenticate", `Bearer realm="kyso"`)
				}
				kernel.WriteProblem(w, r, err)
				return
			}
		}
		info.Passed = true
		ctx := limit.WithAddress(kernel.WithCaller(r.Context(), who), from)
		next.ServeHTTP(w, r.WithContext(access.WithActor(ctx, info.Owner)))
	})
}
