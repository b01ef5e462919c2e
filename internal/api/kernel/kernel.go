// Package kernel is what the rooms of the API stand on: a route as one value, the caller and the information of a request, problems
// and fields that are wrong, decisions, words, pages of lists, and the streaming of files. It knows no room, and serves nothing by
// itself.
package kernel

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"kyso/internal/access"
	"kyso/internal/decision"
	"kyso/internal/signing"
)

// Kernel is what the handlers of every room use.
type Kernel struct {
	// Access says who may do what.
	Access access.Desk
	// Decisions keeps what callers decide about processes.
	Decisions decision.Records
	// Providers are the remote signing providers that may be asked for; the first is the default.
	Providers []signing.Provider
	// OfPerson reports whether something belongs to the person of a caller's account; nil where citizens do not log in.
	OfPerson  func(ctx context.Context, who *Caller, object access.Object) (bool, error)
	AdminKey  string // a secret that may do everything; empty means none
	PublicURL string // where browsers reach the API, without a slash at the end
	Limits    Limits
	Now       func() time.Time
	Logger    *slog.Logger
}

// Limits bound what a caller may take. Zero values mean the defaults.
type Limits struct {
	UploadBytes     int64         // of one document; default 256 MiB
	JSONBytes       int64         // of a JSON body; default 256 KiB
	WebhookBytes    int64         // of a webhook; default 1 MiB
	Request         time.Duration // for everything but uploads, downloads and events; default 60 s
	Stall           time.Duration // how long a peer may send or take nothing; default 30 s
	EventPoll       time.Duration // between looks into the store for all event streams of a process; default 500 ms
	KeepAlive       time.Duration // between comments on a quiet event stream; default 15 s
	IdempotencyWait time.Duration // how long a repeated request waits for the first one; default 5 s

	// What a process does at the same time, and of it for one caller. A guest counts for its network, too.
	Uploads, UploadsEach         int           // bodies of whole files; default 64 and 8
	Streams, StreamsEach         int           // event streams; default 2000 and 100, and 20 of one guest
	Inspections, InspectionsEach int           // files that are read in child processes; default 4 and 2
	PlaceWait                    time.Duration // that an inspection or upload waits for its turn; default 10 s
}

// SetDefaults fills in what is left out.
func (l *Limits) SetDefaults() {
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

type stopKey struct{}

// WithStop is a context of a server that closes stop when it shuts down.
func WithStop(ctx context.Context, stop <-chan struct{}) context.Context {
	return context.WithValue(ctx, stopKey{}, stop)
}

// Stopping is closed when the server of NewServer shuts down; nil, and so never, under another server.
func Stopping(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(stopKey{}).(<-chan struct{})
	return stop
}

// StartWait bounds how long an accepted request waits for Temporal: what it is about is stored by then, and the
// relay starts what was not started.
const StartWait = 10 * time.Second

// Provider finds a remote signing provider by name.
func (s *Kernel) Provider(name string) (signing.Provider, bool) {
	i := slices.IndexFunc(s.Providers, func(p signing.Provider) bool { return p.Name == name })
	if i < 0 {
		return signing.Provider{}, false
	}
	return s.Providers[i], true
}
