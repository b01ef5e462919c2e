// Package ca is the certification authority that issues for registrations, with the wire of its key service. The signing
// provider holds the keys themselves; package sandbox hands it over as Keys.
package ca

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// The calls of the CA and its key service, as Fault.On names them.
const (
	callSearch   = "ca-search"
	callFind     = "ca-find"
	callKey      = "ca-key"
	callCSR      = "ca-csr"
	callIssue    = "ca-issue"
	callInstall  = "ca-install"
	callStart    = "ca-start"
	callState    = "ca-state"
	callActivate = "ca-activate"
	callRevoke   = "ca-revoke"
	callDestroy  = "ca-destroy"
)

// Keys is what a CA needs of the signing provider, which holds the keys of subscribers. Private keys stay there.
type Keys interface {
	// NewKey makes a key of a citizen, which keep keeps.
	NewKey(user, issuer string) (keep func() pki.Key, err error)
	Key(id string) (pki.Key, bool)
	// KeysOf are those of a citizen, oldest first.
	KeysOf(user string) []pki.Key
	// Locked reports whether a key is locked as after too many wrong PINs.
	Locked(key pki.Key) bool
	// RequestFor makes a PKCS #10 request of a key.
	RequestFor(id string, template *x509.CertificateRequest) ([]byte, error)
	// Certified gives a key its certificate, once.
	Certified(id, serial string, cert []byte) bool
	// Move brings a key from one state to another, from any when none is named, and returns the key after it.
	Move(id, to string, from ...string) pki.Key
}

// CA is made with New.
type CA struct {
	k    *kernel.Kernel
	pki  *pki.PKI
	keys Keys

	mu    sync.Mutex
	state state
}

// state is what survives a restart.
type state struct {
	Settings Settings          `json:"settings"`
	Knobs    map[string]Knobs  `json:"knobs"`     // by citizen number
	Writes   map[string]*write `json:"ca_writes"` // by call and request id
}

// Settings are the switches of the CA for all users.
type Settings struct {
	// CA is empty or down: the calls under /ca/v1 answer 503.
	CA string `json:"ca,omitempty"`
}

func (s Settings) check() error { return kernel.OneOf("ca", s.CA, "down") }

// Knobs are the switches of the CA for one user, by the bare citizen number.
type Knobs struct {
	// IssueAfterSeconds is how long the CA leaves a request for a certificate pending, by the clock.
	IssueAfterSeconds float64 `json:"issue_after_s,omitempty"`
	// IssueFails makes the CA refuse requests for a certificate (refused) or fail (500) while it is set.
	IssueFails string `json:"issue_fails,omitempty"`
	// IssueBent makes the CA issue something else than was ordered; see bends.
	IssueBent string `json:"issue_bent,omitempty"`
}

func (k Knobs) check() error {
	if k.IssueAfterSeconds < 0 {
		return fmt.Errorf("%w: a negative time", kernel.ErrInvalid)
	}
	if _, ok := bends[k.IssueBent]; !ok && k.IssueBent != "" {
		return fmt.Errorf("%w: issue_bent %q", kernel.ErrInvalid, k.IssueBent)
	}
	return kernel.OneOf("issue_fails", k.IssueFails, "refused", "500")
}

// New makes the CA.
func New(k *kernel.Kernel, ground *pki.PKI, keys Keys) *CA {
	return &CA{k: k, pki: ground, keys: keys, state: state{Knobs: map[string]Knobs{}, Writes: map[string]*write{}}}
}

// Party is what the kernel knows of it.
func (c *CA) Party() kernel.Party {
	p := kernel.Party{Name: "ca", Lock: &c.mu, State: &c.state, Parties: c.routes,
		Settings: kernel.SettingsAt(&c.state.Settings, Settings.check),
		Knobs: kernel.NewSwitches(func(user string) Knobs { return c.state.Knobs[user] },
			func(user string, k *Knobs) { kernel.Put(c.state.Knobs, user, k) }, Knobs.check)}
	for _, call := range c.calls() {
		p.Calls = append(p.Calls, kernel.Call{Name: call.name, Truncates: true})
	}
	return p
}

// call is one call of the wire.
type call struct {
	pattern, name string
	do            func(r *http.Request, body []byte) kernel.Answer
}

func (c *CA) calls() []call {
	return []call{
		{"POST /ca/v1/certificates/search", callSearch, c.search},
		{"POST /ca/v1/keys/search", callFind, c.find},
		{"POST /ca/v1/keys", callKey, c.createKey},
		{"POST /ca/v1/keys/{key_id}/csr", callCSR, c.csr},
		{"POST /ca/v1/certificates", callIssue, c.issue},
		{"POST /ca/v1/keys/{key_id}/install", callInstall, c.install},
		{"POST /ca/v1/keys/{key_id}/start-activation", callStart, c.start},
		{"GET /ca/v1/keys/{key_id}", callState, c.keyState},
		{"POST /ca/v1/keys/{key_id}/activate", callActivate, c.activate},
		{"POST /ca/v1/certificates/{serial}/revoke", callRevoke, c.revoke},
		{"POST /ca/v1/keys/{key_id}/destroy", callDestroy, c.destroy},
	}
}

// routes adds the calls at each of the CAs.
func (c *CA) routes(mux *http.ServeMux) {
	for _, one := range c.calls() {
		method, path, _ := strings.Cut(one.pattern, " ")
		for _, h := range houses {
			mux.HandleFunc(method+" "+h.path+path, func(rw http.ResponseWriter, r *http.Request) { c.serve(rw, atHouse(r, h), one) })
		}
	}
}

// serve serves one call: pick a fault, have the effect, save it, answer.
func (c *CA) serve(rw http.ResponseWriter, r *http.Request, one call) {
	body, err := kernel.ReadBody(rw, r)
	if c.settings().CA == "down" {
		kernel.Failed(http.StatusServiceUnavailable, "unavailable", "the CA is down").Write(rw)
		return
	}
	fault := c.k.TakeFault(c.owner(r, body), one.name)
	if fault.BeforeEffect() {
		kernel.Answer{}.WriteWithFault(rw, r, fault)
		return
	}
	var a kernel.Answer
	switch {
	case r.Header.Get("Authorization") != "Bearer "+houseOf(r).key:
		a = kernel.Failed(http.StatusUnauthorized, "unauthorized", "the bearer key")
	case err != nil:
		a = kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	default:
		a = one.do(r, body)
	}
	if err := c.k.Flush(); err != nil {
		a = kernel.Failed(http.StatusInternalServerError, "internal", err.Error())
	}
	a.WriteWithFault(rw, r, fault)
}

func (c *CA) settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Settings
}

// owner is the citizen that a call is about, for the faults of that user.
func (c *CA) owner(r *http.Request, body []byte) string {
	if key, ok := c.keys.Key(r.PathValue("key_id")); ok {
		return key.User
	}
	if record, ok := c.pki.Record(strings.ToLower(r.PathValue("serial"))); ok {
		return record.User
	}
	var fields struct {
		IDNumber  string `json:"id_number"`
		CSR       []byte `json:"csr"`
		RequestID string `json:"request_id"`
	}
	if json.Unmarshal(body, &fields) != nil {
		return "" // the call itself says what is wrong
	}
	if csr, err := x509.ParseCertificateRequest(fields.CSR); err == nil {
		return bareUID(csr)
	}
	if key, ok := c.keyMadeBy(fields.RequestID); ok && fields.IDNumber == "" {
		return key.User
	}
	return fields.IDNumber
}

// keyMadeBy returns the key that a request made.
func (c *CA) keyMadeBy(requestID string) (pki.Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.state.Writes[callKey+" "+requestID]; w != nil {
		return c.keys.Key(w.Key)
	}
	return pki.Key{}, false
}

// bareUID is the citizen number in the subject of a request.
func bareUID(csr *x509.CertificateRequest) string {
	for _, name := range csr.Subject.Names {
		if value, ok := name.Value.(string); ok && name.Type.Equal(pki.OIDUID) {
			return strings.TrimPrefix(value, "CCCD:")
		}
	}
	return ""
}

// write is what a request_id did. Ids count for each call by itself.
type write struct {
	Digest []byte    `json:"digest"` // of the decoded body
	Key    string    `json:"key,omitempty"`
	At     time.Time `json:"at"` // first seen; for an issue the start of the wait
}

// refusal is an answer instead of what was asked for.
type refusal struct{ kernel.Answer }

func (r refusal) Error() string { return fmt.Sprint(r.Body) }

// refused is why there is nothing else to answer.
func refused(err error) kernel.Answer {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.Answer
	}
	return kernel.Failed(http.StatusInternalServerError, "internal", err.Error())
}

// write finds or starts a write by its id. It refuses an id that is missing or was used for another body. The caller
// holds c.mu.
func (c *CA) write(call, requestID string, body any) (*write, error) {
	if requestID == "" {
		return nil, refusal{kernel.Failed(http.StatusBadRequest, "invalid", "request_id is required")}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(data)
	id := call + " " + requestID
	if old := c.state.Writes[id]; old != nil {
		if !bytes.Equal(old.Digest, digest[:]) {
			return nil, refusal{kernel.Failed(http.StatusConflict, "duplicate-mismatch", "request_id was used with another body")}
		}
		return old, nil
	}
	fresh := &write{Digest: digest[:], At: c.k.Now()}
	c.state.Writes[id] = fresh
	c.k.Changed()
	return fresh, nil
}
