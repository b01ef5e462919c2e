// Package api is kyso's door over HTTP: JSON under /v1 with an OpenAPI 3.1 description, problems as RFC 9457 says,
// server-sent events for progress, and webhooks in. A handler decodes, asks the workflow client or the store, and
// encodes; it decides nothing about a signing.
//
// It may import workflows, the domain, internal/problem and huma. It never touches the store, blobs, PDF code or a
// provider directly: what it needs of them comes in through Options.
package api

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/access"
	"kyso/internal/audit"
	"kyso/internal/decision"
	"kyso/internal/incident"
	"kyso/internal/limit"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/internal/webhook"
	"kyso/workflows"
)

// Version is the version of the HTTP interface, as the OpenAPI description names it.
const Version = "1.0.0"

// Workflows is what the API asks of the processes; *workflows.Client is the real one.
type Workflows interface {
	StartSigning(ctx context.Context, in workflows.SigningInput) error
	ChooseCertificate(ctx context.Context, signingID, updateID string, in workflows.ChooseCertificate) (workflows.SigningStatus, error)
	Place(ctx context.Context, signingID, updateID string, in workflows.Place) (workflows.SigningStatus, error)
	Cancel(ctx context.Context, signingID, updateID string, in workflows.Cancel) (workflows.SigningStatus, error)
	Repair(ctx context.Context, signingID, updateID string, in process.Repair) (workflows.RepairResult, error)
	Nudge(ctx context.Context, signingID string) error
	Ping(ctx context.Context) error
}

// Source is a stored file that is read by range.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Options is what the API is made of. Desk, Workflows, Upload, Open, HandOver, Parked, Access, Audit, Decisions, Counter and Providers are required.
type Options struct {
	Desk      signing.Desk
	Workflows Workflows
	// Upload stores r and returns its record, not yet saved in the Desk. It must not keep the file in memory.
	// Errors: problem.TooLarge, problem.DocumentBroken.
	Upload func(ctx context.Context, name string, r io.Reader) (signing.Upload, error)
	// Discard removes the bytes of an upload whose record was refused; nil leaves them to a sweep.
	Discard func(ctx context.Context, upload signing.Upload) error
	// GuestBytes is how many bytes of documents that no signing took yet a guest or a person may have, and a network ten times as
	// much; see signing.Quotas. Zero means no quota.
	GuestBytes int64
	// Open gives access to the bytes of an upload. A Source that is also an io.Closer is closed after use.
	Open func(ctx context.Context, upload signing.Upload) (Source, error)
	// PingBlobs reports whether the store of blobs answers; nil asks nothing.
	PingBlobs func(ctx context.Context) error
	// PDF looks into files; nil serves none of the routes that do.
	PDF *PDF
	// Providers are the remote signing providers that may be asked for; the first is the default.
	Providers []signing.Provider
	// Held reports whether a user has a certificate with a serial number at a provider. id names the question. nil asks
	// no party: the process finds out.
	Held func(ctx context.Context, provider, id, user, serial string) (bool, error)
	// HandOver tells the process that a committed webhook speaks of to look now, and closes the row.
	HandOver func(ctx context.Context, m signing.InboxMessage) error
	// Parked is what operators work with.
	Parked incident.Desk
	// Books compares records with processes; nil compares nothing.
	Books incident.Books
	// Access says who may do what.
	Access access.Desk
	// Decisions keeps what callers decide about processes.
	Decisions decision.Records
	// Audit keeps who did and read what. Its Run belongs to whoever serves.
	Audit *audit.Recorder
	// Endpoints tells programs of what happens; nil serves none of its routes.
	Endpoints webhook.Records
	// Trust is the list of trusted certification authorities; nil serves none of its routes.
	Trust *signing.TrustDesk
	// Verifications keeps verifications; nil keeps none.
	Verifications signing.Verifications
	// PlainEndpoints lets programs be told over http; for development.
	PlainEndpoints bool
	// AdminKey is a secret that may do everything, the first key of an installation; empty means none.
	AdminKey string
	// PublicURL is where browsers reach the API and its pages, without a slash at the end. With https the session's
	// cookie is bound to it.
	PublicURL string
	// Rate is how many reads one caller may make in a minute; writes, whole files and log-ins are a fifth, a tenth and a
	// twentieth of it. Guests and strangers of one network have ten times as much together, and no more log-ins than
	// one. Zero means no limit.
	Rate int
	// PushBudget bounds the requests to phones that all guests and people make together.
	PushBudget limit.Budget
	// Counter counts for Rate, in one place for all processes.
	Counter limit.Counter
	// Parties are the names of all outside parties that kyso can speak to: no owner of a key has one of them.
	Parties []string
	// TrustedProxies are our own proxies: what they add to X-Forwarded-For is where a request comes from.
	TrustedProxies []netip.Prefix
	// Hosts are the names, without port, under which the API may be called. Without Hosts only loopback names are
	// answered: a web page that points its own name at 127.0.0.1 (DNS rebinding) is turned away. /healthz and /readyz
	// answer under any name.
	Hosts  []string
	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default slog.Default
	Limits Limits
	// Pages are served on the same origin, by their pattern of http.ServeMux; nil serves none.
	Pages map[string]http.Handler
	// Registration serves registrations of certificates; nil serves none of their routes.
	Registration *RegistrationOptions
	// People lets citizens log in to their accounts; nil serves none of their routes.
	People *PeopleOptions
}

// Limits bound what a caller may take. Zero values mean the defaults.
type Limits struct {
	UploadBytes     int64         // of one document; default 256 MiB
	JSONBytes       int64         // of a JSON body; default 256 KiB
	WebhookBytes    int64         // of a webhook; default 1 MiB
	Request         time.Duration // for everything but uploads, downloads and events; default 60 s
	Stall           time.Duration // how long a peer may send or take nothing; default 30 s
	EventPoll       time.Duration // how often an event stream looks into the store; default 500 ms
	KeepAlive       time.Duration // between comments on a quiet event stream; default 15 s
	IdempotencyWait time.Duration // how long a repeated request waits for the first one; default 5 s

	// What a process does at the same time, and of it for one caller. A guest counts for its network, too.
	Uploads, UploadsEach         int           // bodies of whole files; default 64 and 8
	Streams, StreamsEach         int           // event streams; default 2000 and 100, and 20 of one guest
	Inspections, InspectionsEach int           // files that are read in child processes; default 4 and 2
	PlaceWait                    time.Duration // that an inspection or upload waits for its turn; default 10 s
}

func (l *Limits) setDefaults() {
	setDefault(&l.UploadBytes, 256<<20)
	setDefault(&l.JSONBytes, 256<<10)
	setDefault(&l.WebhookBytes, 1<<20)
	setDefault(&l.Request, 60*time.Second)
	setDefault(&l.Stall, 30*time.Second)
	setDefault(&l.EventPoll, 500*time.Millisecond)
	setDefault(&l.KeepAlive, 15*time.Second)
	setDefault(&l.IdempotencyWait, 5*time.Second)
	setDefault(&l.Uploads, 64)
	setDefault(&l.UploadsEach, 8)
	setDefault(&l.Streams, 2000)
	setDefault(&l.StreamsEach, 100)
	setDefault(&l.Inspections, 4)
	setDefault(&l.InspectionsEach, 2)
	setDefault(&l.PlaceWait, 10*time.Second)
}

func setDefault[T int | int64 | time.Duration](value *T, fallback T) {
	if *value == 0 {
		*value = fallback
	}
}

type server struct {
	Options
	mux     *http.ServeMux
	spec    func() []byte      // the OpenAPI description
	served  map[string]*served // by pattern
	limiter *limiter
	turns   turns
	trail   *trail
	asking  sync.Map // attempts to pay that the gateway is being asked about for a browser
}

// New returns the handler of the whole API. It panics when a required option is missing, which is a mistake of the
// program and shows at its start.
func New(options Options) http.Handler {
	s := newServer(options)
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

func newServer(options Options) *server {
	s := &server{Options: options, mux: http.NewServeMux(), limiter: &limiter{rate: options.Rate, counter: options.Counter}}
	if s.Desk == nil || s.Workflows == nil || s.Upload == nil || s.Open == nil || s.HandOver == nil || s.Access == nil || s.Parked == nil || s.Audit == nil || s.Decisions == nil || s.Counter == nil || len(s.Providers) == 0 {
		panic("api: Desk, Workflows, Upload, Open, HandOver, Parked, Access, Audit, Decisions, Counter and Providers are required")
	}
	if s.Registration != nil && !s.Registration.complete() {
		panic("api: every field of Registration is required")
	}
	s.Limits.setDefaults()
	s.turns = newTurns(s.Limits)
	s.PDF = s.takingTurns(s.PDF)
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
	config := huma.DefaultConfig("kyso", Version)
	introduce(&config)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // own pages, see pages.go
	config.CreateHooks = nil                                             // no $schema fields in answers
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":     {Type: "http", Scheme: "bearer", Description: "An API key, kyso_…; see POST /v1/keys"},
		"session": {Type: "apiKey", In: "cookie", Name: s.cookieName(), Description: "A browser's session; see POST /v1/session"},
	}
	s.served = serve(humago.New(s.mux, config), s.routes())
	components(config.OpenAPI)
	describeEvents(config.OpenAPI)
	s.trail = &trail{keys: map[string]int64{}}
	s.pages(config.OpenAPI)
	return s
}

// NewServer returns a server for the handler with the limits that belong to the connection. The handler moves the
// deadlines of bodies itself, so that a long download or event stream may go on as long as the peer takes it.
// Shutdown ends event streams at once and lets other requests finish.
func NewServer(handler http.Handler) *http.Server {
	stop := make(chan struct{})
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), stopKey{}, (<-chan struct{})(stop))
		},
	}
	server.RegisterOnShutdown(sync.OnceFunc(func() { close(stop) }))
	return server
}

type stopKey struct{}

// stopping is closed when the server of NewServer shuts down; nil, and so never, under another server.
func stopping(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(stopKey{}).(<-chan struct{})
	return stop
}
