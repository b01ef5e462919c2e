package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

const crlLife = 24 * time.Hour

// routePKI adds what certificates point at.
func (w *World) routePKI(mux *http.ServeMux) {
	mux.HandleFunc("POST /ocsp", w.serveOCSP)
	mux.HandleFunc("GET /ocsp/{request...}", w.serveOCSP)
	mux.HandleFunc("GET /crl/{name}", w.serveCRL)
	mux.HandleFunc("GET /ca/{name}", w.serveIssuer)
}

// serveIssuer answers /ca/root.crt and /ca/issuing.crt with DER.
func (w *World) serveIssuer(rw http.ResponseWriter, r *http.Request) {
	role, ok := strings.CutSuffix(r.PathValue("name"), ".crt")
	if !ok || responders[role] == "" || w.Settings().AIA == "down" {
		http.NotFound(rw, r)
		return
	}
	a, err := w.authority(role)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/pkix-cert")
	_, _ = rw.Write(a.cert.Raw) // the client is gone; nothing to do about it
}

// serveCRL answers /crl/root.crl and /crl/issuing.crl with a list made now.
func (w *World) serveCRL(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	role, ok := strings.CutSuffix(name, ".crl")
	if !ok || responders[role] == "" {
		http.NotFound(rw, r)
		return
	}
	mode := w.Settings().CRL
	if mode == "down" {
		http.Error(rw, "CRL server is down", http.StatusServiceUnavailable)
		return
	}
	if w.pkiFault(rw, r) {
		return
	}
	der, saying, err := w.makeCRL(role, mode == "stale")
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	// The list is made anew for each question. Whether it says something new is what its tag tells (RFC 9110 §8.8.3).
	tag := fmt.Sprintf("%q", hex.EncodeToString(saying))
	rw.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.note(Effect{Kind: EffectCRL, Key: name, Detail: "not-modified"})
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	w.note(Effect{Kind: EffectCRL, Key: name, Detail: mode})
	rw.Header().Set("Content-Type", "application/pkix-crl")
	_, _ = rw.Write(der) //nolint:gosec // DER with a content type of its own; no browser takes it for a page
}

// makeCRL lists what is revoked now. A stale list is one that nobody has renewed: it was made ten days ago, ended
// three days ago, and knows only what was revoked by then. saying is a digest of what the list says: two lists of the same
// entries differ when half of the first one's life is over.
func (w *World) makeCRL(role string, stale bool) (der, saying []byte, err error) {
	issuer, err := w.authority(role)
	if err != nil {
		return nil, nil, err
	}
	made := w.now().Truncate(time.Second)
	life := crlLife
	if stale {
		made, life = made.Add(-10*24*time.Hour), 7*24*time.Hour
	}
	template := &x509.RevocationList{
		Number: big.NewInt(made.UnixMilli()), ThisUpdate: made, NextUpdate: made.Add(life),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	if template.RevokedCertificateEntries, err = w.revokedBy(role, made); err != nil {
		return nil, nil, err
	}
	h := sha256.New()
	_, _ = fmt.Fprintln(h, role, stale, made.Truncate(crlLife/2)) // a hash takes everything
	for _, e := range template.RevokedCertificateEntries {
		_, _ = fmt.Fprintln(h, e.SerialNumber, e.RevocationTime, e.ReasonCode)
	}
	der, err = x509.CreateRevocationList(rand.Reader, template, issuer.cert, issuer.key)
	return der, h.Sum(nil), err
}

// revokedBy lists what an issuer had revoked by a time.
func (w *World) revokedBy(role string, at time.Time) ([]x509.RevocationListEntry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var entries []x509.RevocationListEntry
	for serial, record := range w.state.Issued {
		if record.Issuer != role || record.Revoked == nil || record.Revoked.At.After(at) {
			continue
		}
		number, ok := new(big.Int).SetString(serial, 16)
		if !ok {
			return nil, fmt.Errorf("serial number %q is not hex", serial)
		}
		entries = append(entries, x509.RevocationListEntry{
			SerialNumber: number, RevocationTime: record.Revoked.At.UTC(), ReasonCode: record.Revoked.Reason})
	}
	slices.SortFunc(entries, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	return entries, nil
}

// Revoke revokes a certificate for good with a reason of RFC 5280 section 5.3.1, at a time that may lie ahead; the
// zero time is now.
func (w *World) Revoke(serial string, reason int, at time.Time) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	return w.setRevocation(serial, "revoked", func(now time.Time) *revocation {
		if at.IsZero() {
			at = now
		}
		return &revocation{At: at, Reason: reason}
	})
}

// checkReason takes the reasons of a revocation for good.
func checkReason(reason int) error {
	if reason < 0 || reason > 10 || reason == 7 || reason == reasonHold || reason == 8 {
		return fmt.Errorf("%w: revocation reason %d", ErrInvalid, reason)
	}
	return nil
}

// Suspend puts a certificate on hold; Restore takes that back.
func (w *World) Suspend(serial string) error {
	return w.setRevocation(serial, "suspended", func(now time.Time) *revocation {
		return &revocation{At: now, Reason: reasonHold}
	})
}

// Restore ends a suspension. A revocation stays.
func (w *World) Restore(serial string) error {
	return w.setRevocation(serial, "restored", func(time.Time) *revocation { return nil })
}

func (w *World) setRevocation(serial, word string, change func(now time.Time) *revocation) error {
	serial = strings.ToLower(serial)
	var err error
	w.locked(func() {
		record := w.state.Issued[serial]
		now := w.now()
		switch {
		case record == nil:
			err = fmt.Errorf("certificate %q: %w", serial, ErrNotFound)
		case record.Revoked != nil && record.Revoked.Reason != reasonHold && !record.Revoked.At.After(now):
			err = fmt.Errorf("%w: certificate %s is revoked, which is final", ErrInvalid, serial)
		default:
			record.Revoked = change(now)
			w.record(Effect{Kind: EffectCertificate, Key: serial, User: record.User, Detail: word})
		}
	})
	if err != nil {
		return err
	}
	return w.flush()
}

// Serials returns the serial numbers of a user's certificates, which are issued if need be.
func (w *World) Serials(userID string) ([]string, error) {
	u, err := w.subscriber(userID)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fmt.Errorf("user %q: %w", userID, ErrNotFound)
	}
	var serials []string
	for _, c := range u.Certificates {
		serials = append(serials, c.Serial)
	}
	return serials, w.flush()
}
