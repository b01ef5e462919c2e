// Package sandbox is the outside world of kyso in one value. Each party has a folder of its own, named as its client's,
// with its state, its lock, its wire, its pages and its switches; what they share is the kernel (clock, ledger, faults,
// control, the file), the PKI, and the people. No party imports another: this package makes all of them and hands each
// what it needs of another. They speak the real wire over HTTP with real keys, certificates and signatures, and
// misbehave only when told to.
//
// NOT FOR PRODUCTION. Its certificates have no legal value, its phone asks for no PIN, and its control
// handler obeys every caller. Serving it on loopback addresses only is the caller's duty.
//
// It is a second implementation of those wires, with types of its own: it imports the standard library only, and
// never kyso's providers, domain or PDF code. A mistake made there is not made again here.
package sandbox

import (
	"cmp"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"time"

	"kyso/internal/sandbox/ca"
	"kyso/internal/sandbox/esms"
	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
	"kyso/internal/sandbox/revocation"
	"kyso/internal/sandbox/rssp769"
	"kyso/internal/sandbox/tsa"
	"kyso/internal/sandbox/vneid"
	"kyso/internal/sandbox/vnpay"
)

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
	// Keys draws the RSA keys of authorities and people, each time another one; nil draws fresh ones. It is for tests that make
	// many worlds.
	Keys func() (*rsa.PrivateKey, error)
	// OnPush is called after a request was put on a phone and saved, before the provider answers. It may call
	// any method of the World.
	OnPush func(PhoneRequest)
}

// World is all outside parties. What each can do beyond its wire is a method of its own; all of them are the World's, too.
// Make one with New.
type World struct {
	*kernel.Kernel
	*pki.PKI
	*ca.CA
	*rssp769.Provider
	*tsa.TSA
	*revocation.Responder
	*vneid.App
	*vnpay.Gateway
	*esms.Inbox

	start Settings // of a new world: everything works, and the parties know where kyso is
}

// New makes a world, or wakes the one kept in Options.Dir.
func New(opts Options) (*World, error) {
	k, err := kernel.New(kernel.Options{Clock: opts.Clock, Dir: opts.Dir, Logger: opts.Logger, Client: opts.Client, Seed: opts.Seed})
	if err != nil {
		return nil, err
	}
	w := &World{Kernel: k, start: Settings{WebhookURL: opts.WebhookURL, IPNURL: opts.IPNURL, KysoURL: opts.KysoURL, HandoffURL: opts.HandoffURL}}
	w.PKI = pki.New(k, opts.Keys)
	w.Provider = rssp769.New(k, w.PKI, rssp769.Options{SPID: opts.SPID, SPPassword: opts.SPPassword, OnPush: opts.OnPush})
	w.CA = ca.New(k, w.PKI, rssp769.KeyService{Provider: w.Provider})
	w.TSA = tsa.New(k, w.PKI)
	w.Responder = revocation.New(k, w.PKI)
	w.App = vneid.New(k, pki.Codes())
	w.Gateway = vnpay.New(k, vnpay.Options{TmnCode: opts.TmnCode, Secret: opts.VNPaySecret})
	w.Inbox = esms.New(k)

	if err := k.Join(w.registry()...); err != nil {
		return nil, err
	}
	err = w.UpdateSettings(func(s *Settings) {
		s.WebhookURL, s.IPNURL = cmp.Or(opts.WebhookURL, s.WebhookURL), cmp.Or(opts.IPNURL, s.IPNURL)
		s.KysoURL, s.HandoffURL = cmp.Or(opts.KysoURL, s.KysoURL), cmp.Or(opts.HandoffURL, s.HandoffURL)
	})
	if err != nil {
		return nil, err
	}
	return w, k.Start()
}

// registry is every outside party. Another one is a folder and a line, toy.New(w.Kernel).Party() for a folder toy. The order is that
// of the locks: a party may call those after it while it holds its own. The CA calls the provider, and all call the PKI.
func (w *World) registry() []kernel.Party {
	return []kernel.Party{
		w.CA.Party(),
		w.Provider.Party(),
		w.TSA.Party(),
		w.Responder.Party(),
		w.App.Party(),
		w.Gateway.Party(),
		w.Inbox.Party(),
		w.PKI.Party(),
	}
}

// Parties serves what kyso calls: the signing provider, the time-stamp authority, the certification authority with its
// key service, OCSP and CRLs, VNPay, the SMS gateway, and what VNeID takes.
func (w *World) Parties() http.Handler { return w.ServeParties() }

// Phone serves what lies on a person's phone: the app of the signing provider, under /api the same acts as JSON, the
// inbox, and VNeID. A page of another site cannot post to it.
func (w *World) Phone() http.Handler { return w.ServePhone() }

// PhoneOf returns the mobile number of a citizen, or nothing when there is no such citizen.
func (w *World) PhoneOf(idNumber string) string {
	c, err := w.Citizen(idNumber)
	if err != nil {
		return ""
	}
	return c.Phone
}
