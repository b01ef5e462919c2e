// Package revocation answers what certificates point at: OCSP (RFC 6960), revocation lists (RFC 5280) and the
// certificates of issuers.
package revocation

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// Responder tells how certificates stand. Make one with New.
type Responder struct {
	k   *kernel.Kernel
	pki *pki.PKI

	mu    sync.Mutex
	state state
}

type state struct {
	Settings Settings `json:"settings"`
}

// Settings are the switches of the services.
type Settings struct {
	// OCSP is empty, down, unauthorized, stale, or bad-signature.
	OCSP string `json:"ocsp,omitempty"`
	// CRL is empty, down or stale.
	CRL string `json:"crl,omitempty"`
	// AIA is empty or down: the addresses of issuer certificates answer 404.
	AIA string `json:"aia,omitempty"`
}

func (s Settings) check() error {
	return errors.Join(kernel.OneOf("ocsp", s.OCSP, "down", "unauthorized", "stale", "bad-signature"),
		kernel.OneOf("crl", s.CRL, "down", "stale"), kernel.OneOf("aia", s.AIA, "down"))
}

// New makes the services.
func New(k *kernel.Kernel, ground *pki.PKI) *Responder { return &Responder{k: k, pki: ground} }

const name = "revocation"

// Party is what the kernel knows of them.
func (s *Responder) Party() kernel.Party {
	return kernel.Party{Name: name, Lock: &s.mu, State: &s.state,
		Settings: kernel.SettingsAt(&s.state.Settings, Settings.check),
		Parties: func(mux *http.ServeMux) {
			mux.HandleFunc("POST /ocsp", s.serveOCSP)
			mux.HandleFunc("GET /ocsp/{request...}", s.serveOCSP)
			mux.HandleFunc("GET /crl/{name}", s.serveCRL)
			mux.HandleFunc("GET /ca/{name}", s.serveIssuer)
		},
		Control: []kernel.Verb{
			{Pattern: "POST /certificates/{serial}/{act}", Help: "POST /certificates/{serial}/revoke|suspend|restore", Do: s.act},
			{Pattern: "GET /trust.pem", Do: s.getTrust},
		}}
}

func (s *Responder) settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Settings
}

// act changes how a certificate stands, for people behind the stage.
func (s *Responder) act(rw http.ResponseWriter, r *http.Request) {
	serial := r.PathValue("serial")
	var err error
	switch r.PathValue("act") {
	case "revoke":
		body := struct {
			At     time.Time `json:"at"`
			Reason int       `json:"reason"`
		}{}
		var raw []byte
		if raw, err = kernel.ReadBody(rw, r); err == nil && len(raw) > 0 {
			err = kernel.DecodeStrictly(raw, &body)
		}
		if err == nil {
			err = s.pki.Revoke(serial, body.Reason, body.At)
		}
	case "suspend":
		err = s.pki.Suspend(serial)
	case "restore":
		err = s.pki.Restore(serial)
	default:
		err = kernel.ErrNotFound
	}
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, map[string]string{"serial_number": serial, "done": r.PathValue("act")})
}

func (s *Responder) getTrust(rw http.ResponseWriter, _ *http.Request) {
	pem, err := s.pki.TrustPEM()
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	rw.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = rw.Write(pem) // the client is gone; nothing to do about it
}
