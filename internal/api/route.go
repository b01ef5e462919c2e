package api

import (
	"context"
	"net/http"
	"strings"

	"kyso/internal/access"

	"github.com/danielgtaylor/huma/v2"
)

// route is one operation of the API, whole: what the contract says of it, who may use it, what it costs, what makes it happen
// once, what of it is secret, and which handler answers. Routes stand next to their handlers; New registers them all.
type route struct {
	id      string // operationId: its name in generated clients and in the audit log
	at      string // METHOD /path, a pattern of http.ServeMux
	tag     string
	summary string
	text    string // what a caller has to know beyond the summary
	status  int    // of a good answer; 200 when left out

	access   rule
	cost     class                    // what it counts as for the rate; left out: a read or a write, by its method
	key      keyUse                   // what an Idempotency-Key does; left out: it acts on a write of a known caller
	creates  func(*http.Request) bool // whether this very request creates something, which a key acts on; nil means always
	secret   bool                     // its answer holds a secret, which is kept for secretLife only
	body     body
	answer   answer
	reveals  bool   // it gives out documents or what a dossier holds, which the audit log notes
	proves   bool   // a person proves himself by a code, a password or both: what it refuses is a failed log-in
	party    string // the actor of an open route, whom its handler proves; or the wildcard in braces that names it
	foreign  bool   // it is written as an outside party writes: unknown and repeated names are none of our business
	problems []int  // the problems that it answers with, besides those of every route
	with     []operationOption

	register func(huma.API, huma.Operation)
}

// body is how the body of a request is read.
type body int

const (
	bodyJSON body = iota // whole, before the handler
	bodyFile             // as it streams in, by the handler; a place for uploads is taken
	bodyOwn              // by the handler, with limits of its own
)

// answer is what the body of a good answer is.
type answer int

const (
	answerJSON   answer = iota
	answerFile          // a file, with ranges, for as long as the peer takes it
	answerEvents        // server-sent events; a place for streams is taken
)

// on is a route with its handler.
func on[I, O any](handler func(context.Context, *I) (*O, error), r route) route {
	r.register = func(api huma.API, op huma.Operation) { huma.Register(api, op, handler) }
	return r
}

func (r *route) method() string {
	method, _, _ := strings.Cut(r.at, " ")
	return method
}

func (r *route) path() string {
	_, path, _ := strings.Cut(r.at, " ")
	return path
}

// class is what a request of the route counts as. Outside parties may come in crowds, and prove themselves in the handler.
func (r *route) class() class {
	switch {
	case r.cost != class{}:
		return r.cost
	case r.access.open || isRead(r.method()):
		return classRead
	}
	return classWrite
}

// keyUse is what an Idempotency-Key does on the route.
func (r *route) keyUse() keyUse {
	switch {
	case r.key != keyByMethod:
		return r.key
	case r.access.open || isRead(r.method()):
		return keyNeedless
	}
	return keyActs
}

// lasts reports whether a request may take as long as its peer goes on; all others have Limits.Request.
func (r *route) lasts() bool { return r.body == bodyFile || r.answer != answerJSON }

// served is a route with what the description knows of it.
type served struct {
	route
	described *huma.Operation
	queries   []string // names of the parameters in the query
}

// serve registers the routes and returns them by their pattern. It panics when one says nothing of who may use it.
func serve(api huma.API, routes []route) map[string]*served {
	all := map[string]*served{}
	for _, r := range routes {
		if !r.access.says() {
			panic("api: nothing says who may use " + r.at)
		}
		op := r.operation(api.OpenAPI().Components.Schemas)
		r.register(api, op)
		described := operationOf(api.OpenAPI(), r.method(), r.path())
		r.describe(described)
		if !r.access.open {
			described.Security = []map[string][]string{{"key": {}}, {"session": {}}}
		}
		s := &served{route: r, described: described}
		for _, p := range described.Parameters {
			if p.In == "query" {
				s.queries = append(s.queries, p.Name)
			}
		}
		all[r.at] = s
	}
	return all
}

// operation is the route as huma takes it.
func (r *route) operation(schemas huma.Registry) huma.Operation {
	op := huma.Operation{Method: r.method(), OperationID: r.id, Path: r.path(), Summary: r.summary, Description: r.text, Tags: []string{r.tag}, DefaultStatus: r.status,
		MaxBodyBytes:    -1, // bounded before, see bufferedBody
		BodyReadTimeout: -1, // likewise; a deadline left in place would cancel slow handlers
	}
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	if r.answer == answerFile {
		withFile()(&op, schemas)
	}
	for _, option := range r.with {
		option(&op, schemas)
	}
	return op
}

func operationOf(openapi *huma.OpenAPI, method, path string) *huma.Operation {
	item := openapi.Paths[path]
	return map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete}[method]
}

// operationOption describes what the types of a handler do not say.
type operationOption func(*huma.Operation, huma.Registry)

// rule says who may use a route; one that says nothing does not start. Only their owner reads documents and signed files,
// operators included. A route that hands on or uses what a citizen may do has no all: an officer or operator with a citizen's
// reach could approve what it wrote itself.
type rule struct {
	open   bool           // all callers: the handler proves the sender by a signature, or there is nothing to protect
	own    []access.Scope // one of these reaches what belongs to the caller
	all    []access.Scope // one of these reaches what belongs to all
	object access.Kind    // what {id} in the path names; empty when the route is about no single thing

	account bool // the session of a citizen who logged in, besides own
	admin   bool // own, and the administrator for all: the audit log names it
}

// says reports whether a rule lets any caller in.
func (r rule) says() bool { return r.open || r.admin || len(r.own)+len(r.all) > 0 }

func (r rule) wanted() string {
	var words []string
	for _, s := range append(append([]access.Scope{}, r.own...), r.all...) {
		words = append(words, string(s))
	}
	return strings.Join(words, " or ")
}

var (
	signings      = []access.Scope{access.Signings}
	registrations = []access.Scope{access.Registrations}
	allScopes     = access.Scopes()
	officers      = []access.Scope{access.Officer}
	operators     = []access.Scope{access.Operator}
	keepers       = []access.Scope{access.Keys}
	programs      = []access.Scope{access.Webhooks}
	trustees      = []access.Scope{access.Trust}
	trustReaders  = []access.Scope{access.Trust, access.Operator}
	readers       = []access.Scope{access.Officer, access.Operator}
)

// objectID is the part of a path that {id} names.
func objectID(pattern, path string) string { return pathPart(pattern, path, "{id}") }

// pathPart is the part of a path that a wildcard of its pattern names; empty when there is no such wildcard.
func pathPart(pattern, path, wildcard string) string {
	_, pattern, _ = strings.Cut(pattern, " ")
	parts := strings.Split(path, "/")
	for i, name := range strings.Split(pattern, "/") {
		if name == wildcard && i < len(parts) {
			return parts[i]
		}
	}
	return ""
}
