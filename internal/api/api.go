// Package api is kyso's door over HTTP: JSON under /v1 with an OpenAPI 3.1 description, problems as RFC 9457 says,
// server-sent events for progress, and webhooks in. It is the face over its rooms: it takes the options, makes a handler of each
// room, registers their routes, and puts the layers around them. A handler decodes, asks the workflow client or the store, and
// encodes; it decides nothing about a signing.
//
// The rooms are accounts, documents, operations, registrations, signings and webhooks. They do not know each other; kernel and view
// are what they stand on, and layers is what a request passes before it reaches them. None touches the store, blobs, PDF code or a
// provider directly: what the API needs of them comes in through Options.
package api

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/access"
	"kyso/internal/api/accounts"
	"kyso/internal/api/documents"
	"kyso/internal/api/kernel"
	"kyso/internal/api/layers"
	"kyso/internal/api/operations"
	"kyso/internal/api/registrations"
	"kyso/internal/api/signings"
	"kyso/internal/api/view"
	"kyso/internal/api/webhooks"
	"kyso/internal/audit"
	"kyso/internal/decision"
	"kyso/internal/incident"
	"kyso/internal/limit"
	"kyso/internal/signing"
	"kyso/internal/webhook"
)

// Version is the version of the HTTP interface, as the OpenAPI description names it.
const Version = "1.0.0"

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
	// Missing answers a browser that asks for a page that is none; nil has it get the problem that programs get.
	Missing http.Handler
	// Registration serves registrations of certificates; nil serves none of their routes.
	Registration *RegistrationOptions
	// People lets citizens log in to their accounts; nil serves none of their routes.
	People *PeopleOptions
}

// What the options are made of, from the rooms that need it.
type (
	// Workflows is what the API asks of signings.
	Workflows = signings.Workflows
	// Source is a stored file that is read by range.
	Source = kernel.Source
	// PDF is what the API has done with the inside of PDF files.
	PDF = kernel.PDF
	// Look is what a visible signature shows.
	Look = kernel.Look
	// Limits bound what a caller may take.
	Limits = kernel.Limits
	// RegistrationOptions is what registering certificates needs besides the rest of Options.
	RegistrationOptions = registrations.Options
	// RegistrationWorkflows is what the API asks of registrations.
	RegistrationWorkflows = registrations.Workflows
	// Accounts makes and checks one-time codes and accounts.
	Accounts = registrations.Accounts
	// PeopleOptions is what log-ins need.
	PeopleOptions = accounts.People
)

// New returns the handler of the whole API. It panics when a required option is missing, which is a mistake of the
// program and shows at its start.
func New(options Options) http.Handler {
	_, handler := assemble(options)
	return handler
}

// assemble makes the rooms, registers their routes, and puts the layers around them.
func assemble(options Options) (map[string]*kernel.Served, http.Handler) {
	options.check()
	k := &kernel.Kernel{Access: options.Access, Decisions: options.Decisions, Providers: options.Providers, AdminKey: options.AdminKey, PublicURL: options.PublicURL,
		Limits: options.Limits, Now: options.Now, Logger: options.Logger}
	k.Limits.SetDefaults()
	if k.Now == nil {
		k.Now = time.Now
	}
	if k.Logger == nil {
		k.Logger = slog.Default()
	}
	mux := http.NewServeMux()
	around := layers.New(k, layers.Ports{Answers: options.Desk, Audit: options.Audit, Counter: options.Counter, Rate: options.Rate,
		TrustedProxies: options.TrustedProxies, Hosts: options.Hosts, Missing: options.Missing}, mux)
	files := &kernel.Files{Desk: options.Desk, Open: options.Open, PDF: options.PDF, Turn: around.TurnToRead}
	config := configuration(k.CookieName())
	served := kernel.Serve(humago.New(mux, config), rooms(options, k, files))
	components(config.OpenAPI)
	describeEvents(config.OpenAPI)
	(&pages{options: options, logger: k.Logger, mux: mux}).register(config.OpenAPI)
	return served, around.Around(served)
}

// check panics when a required option is missing.
func (o *Options) check() {
	if o.Desk == nil || o.Workflows == nil || o.Upload == nil || o.Open == nil || o.HandOver == nil || o.Access == nil || o.Parked == nil || o.Audit == nil || o.Decisions == nil || o.Counter == nil || len(o.Providers) == 0 {
		panic("api: Desk, Workflows, Upload, Open, HandOver, Parked, Access, Audit, Decisions, Counter and Providers are required")
	}
	if o.Registration != nil && !o.Registration.Complete() {
		panic("api: every field of Registration is required")
	}
}

// rooms are the routes of /v1 that these options serve.
func rooms(o Options, k *kernel.Kernel, files *kernel.Files) []kernel.Route {
	views := &view.Views{Kernel: k}
	people := &accounts.Handler{Kernel: k, Views: views, Desk: o.Desk, People: o.People, Parties: o.Parties}
	operators := &operations.Handler{Kernel: k, Parked: o.Parked, Books: o.Books, Audit: o.Audit, Trust: o.Trust}
	var registering []kernel.Route
	if o.Registration != nil {
		room := &registrations.Handler{Kernel: k, Files: files, Views: views, Options: o.Registration}
		people.Registrations, operators.RepairParked, registering = o.Registration.Records, room.RepairParked, room.Routes()
	}
	if o.People != nil {
		k.OfPerson = people.OfPerson
	}
	return slices.Concat(
		(&documents.Handler{Kernel: k, Files: files, Upload: o.Upload, Discard: o.Discard, GuestBytes: o.GuestBytes, Verifications: o.Verifications}).Routes(),
		(&signings.Handler{Kernel: k, Files: files, Views: views, Workflows: o.Workflows, Held: o.Held, PushBudget: o.PushBudget}).Routes(),
		people.Routes(),
		operators.Routes(),
		(&webhooks.Handler{Kernel: k, Desk: o.Desk, HandOver: o.HandOver, Endpoints: o.Endpoints, PlainEndpoints: o.PlainEndpoints}).Routes(),
		registering,
	)
}

// configuration is what huma is told before the routes. cookie is the name of the session's.
func configuration(cookie string) huma.Config {
	config := huma.DefaultConfig("kyso", Version)
	introduce(&config)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // own pages, see pages.go
	config.CreateHooks = nil                                             // no $schema fields in answers
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":     {Type: "http", Scheme: "bearer", Description: "An API key, kyso_…; see POST /v1/keys"},
		"session": {Type: "apiKey", In: "cookie", Name: cookie, Description: "A browser's session; see POST /v1/session"},
	}
	return config
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
			return kernel.WithStop(context.Background(), stop)
		},
	}
	server.RegisterOnShutdown(sync.OnceFunc(func() { close(stop) }))
	return server
}
