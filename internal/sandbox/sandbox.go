// Package sandbox is the outside world of kyso in one value: a remote signing provider with its phone app, a
// certification authority with OCSP and CRLs, and a time-stamp authority. They speak the real wire over HTTP with
// real keys, certificates and signatures, and misbehave only when told to.
//
// NOT FOR PRODUCTION. Its certificates have no legal value, its phone asks nobody for a PIN, and its control
// handler lets anybody do anything. Serving it on loopback addresses only is the caller's duty.
//
// It is a second implementation of those wires, with types of its own: it imports the standard library only, and
// never kyso's providers, domain or PDF code. A mistake made there is not made again here.
package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"
)

// The account that the signing provider knows, unless Options says otherwise.
const (
	DefaultSPID       = "5a4d-000000000000000001.apps.sandbox.invalid"
	DefaultSPPassword = "sandbox-only"
)

// DefaultWindow is how long the owner of a key has to answer.
const DefaultWindow = 300 * time.Second

// Options configures a World. The zero value is a well-behaved world in memory with fresh keys.
type Options struct {
	// Clock is the time of everything: certificates, windows, stamps. When nil it is the real time, and what
	// falls due (automatic answers, expiry, late webhooks) happens by itself. With a clock of the caller's own,
	// it happens at the next request of any party or when Settle is called.
	Clock func() time.Time
	// Dir keeps the state in Dir/sandbox.json, so that the world survives a crash; it holds private keys. Empty
	// means memory only.
	Dir string
	// Logger gets what a person running the sandbox should see; nil discards it.
	Logger *slog.Logger
	// SPID and SPPassword are the account of the signing portal.
	SPID, SPPassword string
	// WebhookURL is where the provider tells about final decisions. This and the three below are the start values of
	// the settings of the same name; PUT /settings goes back to them.
	WebhookURL string
	// KysoURL is where VNeID posts requests; HandoffURL is the page that it sends citizens to.
	KysoURL, HandoffURL string
	// TmnCode and VNPaySecret are the merchant's account at VNPay.
	TmnCode, VNPaySecret string
	// IPNURL is where VNPay tells about payments.
	IPNURL string
	// Client posts webhooks and IPNs; nil means a client with a time-out of five seconds.
	Client *http.Client
	// Seed makes the random faults of Settings.FaultRate repeatable.
	Seed uint64
	// OnPush is called after a request was put on a phone and saved, before the provider answers. It may call
	// any method of the World.
	OnPush func(PhoneRequest)
}

// World is all outside parties with their state. Make one with New.
type World struct {
	opts   Options
	log    *slog.Logger
	client *http.Client

	pkiMu       sync.Mutex // taken before mu, never after it
	authorities map[string]*authority

	mu           sync.Mutex
	state        *state
	open         map[string]*transaction // with something still to happen, by tran_code
	byID         map[string]*transaction // by the portal's and by the provider's transaction_id
	openPayments map[string]*payment     // with an IPN still to send, by vnp_TxnRef
	requests     []RequestRecord
	random       *rand.Rand
	dirty        uint64 // counts changes
	saveTimer    *time.Timer
	closed       bool

	saveMu sync.Mutex
	saved  uint64 // the change count that is on disk
	posts  sync.WaitGroup
}

// New makes a world, or wakes the one kept in Options.Dir.
func New(opts Options) (*World, error) {
	w := &World{
		opts: opts, log: opts.Logger, client: opts.Client,
		state: newState(), open: map[string]*transaction{}, byID: map[string]*transaction{}, openPayments: map[string]*payment{},
		random:      rand.New(rand.NewPCG(opts.Seed, 769)), //nolint:gosec // faults that can be repeated, no secret
		authorities: map[string]*authority{},
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.client == nil {
		w.client = &http.Client{Timeout: 5 * time.Second}
	}
	if w.opts.SPID == "" {
		w.opts.SPID, w.opts.SPPassword = DefaultSPID, DefaultSPPassword
	}
	if w.opts.TmnCode == "" {
		w.opts.TmnCode, w.opts.VNPaySecret = DefaultTmnCode, DefaultVNPaySecret
	}
	if opts.Dir != "" {
		if err := w.load(filepath.Join(opts.Dir, stateFile)); err != nil {
			return nil, fmt.Errorf("loading the sandbox: %w", err)
		}
	}
	for _, start := range []struct{ value, setting *string }{
		{&opts.WebhookURL, &w.state.Settings.WebhookURL}, {&opts.IPNURL, &w.state.Settings.IPNURL},
		{&opts.KysoURL, &w.state.Settings.KysoURL}, {&opts.HandoffURL, &w.state.Settings.HandoffURL},
	} {
		if *start.value != "" {
			*start.setting = *start.value
		}
	}
	w.locked(func() {
		for _, tx := range w.state.Transactions {
			w.index(tx)
		}
		for _, p := range w.state.Payments {
			w.indexPayment(p)
		}
	})
	return w, w.flush()
}

// startSettings are the settings of a new world: everything works, and the parties know where kyso is.
func (w *World) startSettings() Settings {
	return Settings{WebhookURL: w.opts.WebhookURL, IPNURL: w.opts.IPNURL, KysoURL: w.opts.KysoURL, HandoffURL: w.opts.HandoffURL}
}

// Close saves the state and waits for webhooks and IPNs that are being sent.
func (w *World) Close() error {
	w.locked(func() { w.closed = true })
	w.posts.Wait()
	return w.flush()
}

// locked runs do with w.mu held. The lock is free afterwards whatever do does: a panic in it must not stop the world.
func (w *World) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// background runs what nobody waits for. A panic in it is logged: it must not end the program that the world is part of.
func (w *World) background(do func()) {
	defer func() {
		if fault := recover(); fault != nil {
			w.log.Error("the sandbox panicked", "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
		}
	}()
	do()
}

func (w *World) now() time.Time {
	if w.opts.Clock != nil {
		return w.opts.Clock().UTC()
	}
	return time.Now().UTC()
}

// Errors of the phone and control methods.
var (
	ErrNotFound = errors.New("no such thing in the sandbox")
	ErrDecided  = errors.New("the request was decided before, or its time is over")
	ErrInvalid  = errors.New("the sandbox does not understand")
)
