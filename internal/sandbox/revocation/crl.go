package revocation

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

const crlLife = 24 * time.Hour

// serveIssuer answers /ca/root.crt and /ca/issuing.crt with DER.
func (s *Responder) serveIssuer(rw http.ResponseWriter, r *http.Request) {
	role, ok := strings.CutSuffix(r.PathValue("name"), ".crt")
	if !ok || pki.Responders[role] == "" || s.settings().AIA == "down" {
		http.NotFound(rw, r)
		return
	}
	a, err := s.pki.Authority(role)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/pkix-cert")
	_, _ = rw.Write(a.Cert.Raw) //nolint:gosec // DER with a content type of its own; no browser takes it for a page
}

// serveCRL answers /crl/root.crl and /crl/issuing.crl with a list made now.
func (s *Responder) serveCRL(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	role, ok := strings.CutSuffix(name, ".crl")
	if !ok || pki.Responders[role] == "" {
		http.NotFound(rw, r)
		return
	}
	mode := s.settings().CRL
	if mode == "down" {
		http.Error(rw, "CRL server is down", http.StatusServiceUnavailable)
		return
	}
	if s.k.FailsBefore(name, rw, r) {
		return
	}
	der, saying, err := s.makeCRL(role, mode == "stale")
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	// The list is made anew for each question. Whether it says something new is what its tag tells (RFC 9110 §8.8.3).
	tag := fmt.Sprintf("%q", hex.EncodeToString(saying))
	rw.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		s.k.Record(kernel.Effect{Kind: kernel.EffectCRL, Key: name, Detail: "not-modified"})
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	s.k.Record(kernel.Effect{Kind: kernel.EffectCRL, Key: name, Detail: mode})
	rw.Header().Set("Content-Type", "application/pkix-crl")
	_, _ = rw.Write(der) //nolint:gosec // DER with a content type of its own; no browser takes it for a page
}

// makeCRL lists what is revoked now. A stale list is one that was not renewed: it was made ten days ago, ended
// three days ago, and knows only what was revoked by then. saying is a digest of what the list says: two lists of the same
// entries differ when half of the first one's life is over.
func (s *Responder) makeCRL(role string, stale bool) (der, saying []byte, err error) {
	issuer, err := s.pki.Authority(role)
	if err != nil {
		return nil, nil, err
	}
	made := s.k.Now().Truncate(time.Second)
	life := crlLife
	if stale {
		made, life = made.Add(-10*24*time.Hour), 7*24*time.Hour
	}
	template := &x509.RevocationList{
		Number: big.NewInt(made.UnixMilli()), ThisUpdate: made, NextUpdate: made.Add(life),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	if template.RevokedCertificateEntries, err = s.pki.RevokedBy(role, made); err != nil {
		return nil, nil, err
	}
	h := sha256.New()
	_, _ = fmt.Fprintln(h, role, stale, made.Truncate(crlLife/2)) // a hash takes everything
	for _, e := range template.RevokedCertificateEntries {
		_, _ = fmt.Fprintln(h, e.SerialNumber, e.RevocationTime, e.ReasonCode)
	}
	der, err = x509.CreateRevocationList(rand.Reader, template, issuer.Cert, issuer.Key)
	return der, h.Sum(nil), err
}
