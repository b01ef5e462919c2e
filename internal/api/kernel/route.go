package kernel

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/access"
)

// Headers of requests that act once, and how long their keys are.
const (
	KeyHeader      = "Idempotency-Key"
	ReplayedHeader = "Idempotency-Replayed"
	MaxKeyLength   = 255
)

// KeyUse is what an Idempotency-Key does on a route.
type KeyUse int

const (
	keyByMethod KeyUse = iota // see Route.KeyUse
	// KeyActs is for writes: the same key again acts once.
	KeyActs
	// KeyRefused is for what a key cannot make happen once: a verification that is not kept creates nothing; what opens, changes or ends the session of a browser is done once by
	// whoever holds a password, a code or the session, and its answer is a cookie, which is not kept.
	KeyRefused
	// KeyNeedless is for what needs none: reading changes nothing; and a party that comes through an open route proves itself in the handler,
	// where a natural key (the request id, the transaction, the digest of the event) makes a repetition harmless. How
	// parties write is theirs, so a header too many is not refused.
	KeyNeedless
)

// IsRead reports whether a method changes nothing.
func IsRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// Final reports whether an answer is given again as it is.
func Final(status int) bool {
	return status < http.StatusInternalServerError && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// Class is a class of requests that are counted together.
type Class struct {
	Name  string
	Share int // the whole rate is divided by it
}

// What a request costs us decides its class: heavy ones read whole PDF files. Entering is where a stranger becomes a caller:
// secrets could be tried out there, and guests are made.
var (
	classRead  = Class{"read", 1}
	classWrite = Class{"write", 5}
	ClassHeavy = Class{"heavy", 10}
	ClassEnter = Class{"enter", 20}
)

// Route is one operation of the API, whole: what the contract says of it, who may use it, what it costs, what makes it happen
// once, what of it is secret, and which handler answers. Routes stand next to their handlers; each room offers its own, and Serve registers them all.
type Route struct {
	ID      string // operationId: its name in generated clients and in the audit log
	At      string // METHOD /path, a pattern of http.ServeMux
	Tag     string
	Summary string
	Text    string // what a caller has to know beyond the summary
	Status  int    // of a good answer; 200 when left out

	Access   Rule
	Cost     Class                    // what it counts as for the rate; left out: a read or a write, by its method
	Key      KeyUse                   // what an Idempotency-Key does; left out: it acts on a write of a known caller
	Creates  func(*http.Request) bool // whether this very request creates something, which a key acts on; nil means always
	Secret   bool                     // its answer holds a secret, which is kept for a quarter of an hour only
	Body     BodyKind
	Answer   AnswerKind
	Reveals  bool   // it gives out documents or what a dossier holds, which the audit log notes
	Proves   bool   // a person proves himself by a code, a password or both: what it refuses is a failed log-in
	Party    string // the actor of an open route, whom its handler proves; or the wildcard in braces that names it
	Foreign  bool   // it is written as an outside party writes: unknown and repeated names are none of our business
	Problems []int  // the problems that it answers with, besides those of every route
	With     []OperationOption

	register func(huma.API, huma.Operation)
}

// BodyKind is how the body of a request is read.
type BodyKind int

// The ways to read a body.
const (
	BodyJSON BodyKind = iota // whole, before the handler
	BodyFile                 // as it streams in, by the handler; a place for uploads is taken
	BodyOwn                  // by the handler, with limits of its own
)

// AnswerKind is what the body of a good answer is.
type AnswerKind int

// The kinds of answers.
const (
	answerJSON   AnswerKind = iota
	AnswerFile              // a file, with ranges, for as long as the peer takes it
	AnswerEvents            // server-sent events; a place for streams is taken
)

// On is a route with its handler.
func On[I, O any](handler func(context.Context, *I) (*O, error), r Route) Route {
	r.register = func(api huma.API, op huma.Operation) { huma.Register(api, op, handler) }
	return r
}

func (r *Route) method() string {
	method, _, _ := strings.Cut(r.At, " ")
	return method
}

func (r *Route) path() string {
	_, path, _ := strings.Cut(r.At, " ")
	return path
}

// Class is what a request of the route counts as. Outside parties may come in crowds, and prove themselves in the handler.
func (r *Route) Class() Class {
	switch {
	case r.Cost != Class{}:
		return r.Cost
	case r.Access.Open || IsRead(r.method()):
		return classRead
	}
	return classWrite
}

// KeyUse is what an Idempotency-Key does on the route.
func (r *Route) KeyUse() KeyUse {
	switch {
	case r.Key != keyByMethod:
		return r.Key
	case r.Access.Open || IsRead(r.method()):
		return KeyNeedless
	}
	return KeyActs
}

// Lasts reports whether a request may take as long as its peer goes on; all others have Limits.Request.
func (r *Route) Lasts() bool { return r.Body == BodyFile || r.Answer != answerJSON }

// Served is a route with what the description knows of it.
type Served struct {
	Route
	Described *huma.Operation
	Queries   []string // names of the parameters in the query
}

// Serve registers the routes and returns them by their pattern. It panics when one says nothing of who may use it.
func Serve(api huma.API, routes []Route) map[string]*Served {
	all := map[string]*Served{}
	for _, r := range routes {
		if !r.Access.says() {
			panic("api: nothing says who may use " + r.At)
		}
		op := r.operation(api.OpenAPI().Components.Schemas)
		r.register(api, op)
		described := operationOf(api.OpenAPI(), r.method(), r.path())
		r.describe(described)
		if !r.Access.Open {
			described.Security = []map[string][]string{{"key": {}}, {"session": {}}}
		}
		s := &Served{Route: r, Described: described}
		for _, p := range described.Parameters {
			if p.In == "query" {
				s.Queries = append(s.Queries, p.Name)
			}
		}
		all[r.At] = s
	}
	return all
}

// operation is the route as huma takes it.
func (r *Route) operation(schemas huma.Registry) huma.Operation {
	op := huma.Operation{Method: r.method(), OperationID: r.ID, Path: r.path(), Summary: r.Summary, Description: r.Text, Tags: []string{r.Tag}, DefaultStatus: r.Status,
		MaxBodyBytes:    -1, // bounded before, see Limits.JSONBytes
		BodyReadTimeout: -1, // likewise; a deadline left in place would cancel slow handlers
	}
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	if r.Answer == AnswerFile {
		WithFile()(&op, schemas)
	}
	for _, option := range r.With {
		option(&op, schemas)
	}
	return op
}

func operationOf(openapi *huma.OpenAPI, method, path string) *huma.Operation {
	item := openapi.Paths[path]
	return map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete}[method]
}

// OperationOption describes what the types of a handler do not say.
type OperationOption func(*huma.Operation, huma.Registry)

// Rule says who may use a route; one that says nothing does not start. Only their owner reads documents and signed files,
// operators included. A route that hands on or uses what a citizen may do has no all: an officer or operator with a citizen's
// reach could approve what it wrote itself.
type Rule struct {
	Open   bool           // all callers: the handler proves the sender by a signature, or there is nothing to protect
	Own    []access.Scope // one of these reaches what belongs to the caller
	All    []access.Scope // one of these reaches what belongs to all
	Object access.Kind    // what {id} in the path names; empty when the route is about no single thing

	Account bool // the session of a citizen who logged in, besides own
	Admin   bool // own, and the administrator for all: the audit log names it
}

// says reports whether a rule lets any caller in.
func (r Rule) says() bool { return r.Open || r.Admin || len(r.Own)+len(r.All) > 0 }

func (r Rule) wanted() string {
	var words []string
	for _, s := range append(append([]access.Scope{}, r.Own...), r.All...) {
		words = append(words, string(s))
	}
	return strings.Join(words, " or ")
}

// What routes ask for: one of these scopes.
var (
	Signings      = []access.Scope{access.Signings}
	Registrations = []access.Scope{access.Registrations}
	AllScopes     = access.Scopes()
	Officers      = []access.Scope{access.Officer}
	Operators     = []access.Scope{access.Operator}
	Keepers       = []access.Scope{access.Keys}
	Programs      = []access.Scope{access.Webhooks}
	Trustees      = []access.Scope{access.Trust}
	TrustReaders  = []access.Scope{access.Trust, access.Operator}
	Readers       = []access.Scope{access.Officer, access.Operator}
)

// ObjectID is the part of a path that {id} names.
func ObjectID(pattern, path string) string { return PathPart(pattern, path, "{id}") }

// PathPart is the part of a path that a wildcard of its pattern names; empty when there is no such wildcard.
func PathPart(pattern, path, wildcard string) string {
	_, pattern, _ = strings.Cut(pattern, " ")
	parts := strings.Split(path, "/")
	for i, name := range strings.Split(pattern, "/") {
		if name == wildcard && i < len(parts) {
			return parts[i]
		}
	}
	return ""
}
