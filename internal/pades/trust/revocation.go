package trust

import (
	"crypto/x509"
	"time"

	"kyso/internal/pades/cms"
)

// noNextUpdate is how long an OCSP answer without nextUpdate counts: it says that newer information is always to
// be had (RFC 6960 §4.2.2.1), so it speaks for the moment only.
const noNextUpdate = time.Hour

// Standing is what the evidence says of a certificate at one moment.
type Standing struct {
	Status CertificateStatus
	Reason int       // of a revocation
	InFile bool      // the file itself carries the statement
	made   time.Time // thisUpdate of the statement; zero when there is none
}

// StatusAt says what is known of cert at a moment, seen from now (EN 319 102-1 §5.2.6, kept simple):
//
//   - a statement counts for a moment that lies before it was made, or between thisUpdate and nextUpdate;
//   - revoked before the moment is revoked for good, however old the statement;
//   - revoked after the moment is good at the moment;
//   - good from after the certificate's end is no statement, because issuers may drop expired certificates.
func (p *Pool) StatusAt(cert, issuer *x509.Certificate, at, now time.Time) Standing {
	best := Standing{Status: CertificateUnknown}
	var bestTime time.Time
	for _, st := range p.Statuses(cert, issuer) {
		if st.ThisUpdate.After(now.Add(ClockSkew)) || p.responderRevoked(st.Responder, issuer, now) {
			continue
		}
		revoked := st.State == cms.StateRevoked && !st.RevokedAt.After(at)
		if revoked && st.Reason != cms.ReasonHold {
			return Standing{CertificateRevoked, st.Reason, st.inFile, st.ThisUpdate}
		}
		tooLate := st.State == cms.StateGood && st.ThisUpdate.After(cert.NotAfter)
		if st.State == cms.StateUnknown || tooLate || !countsAt(&st.Status, at) {
			continue
		}
		if !closer(st.ThisUpdate, bestTime, at) && best.Status != CertificateUnknown {
			best.InFile = best.InFile || st.inFile && !revoked && best.Status == CertificateGood
			continue
		}
		status := CertificateGood
		if revoked {
			status = CertificateOnHold
		}
		inFile := st.inFile || status == CertificateGood && best.Status == CertificateGood && best.InFile
		best, bestTime = Standing{status, st.Reason, inFile, st.ThisUpdate}, st.ThisUpdate
	}
	return best
}

// countsAt reports whether a statement may be used for a moment.
func countsAt(st *cms.Status, at time.Time) bool {
	if !st.ThisUpdate.Before(at) {
		return true
	}
	until := st.NextUpdate
	if until.IsZero() {
		until = st.ThisUpdate.Add(noNextUpdate)
	}
	return !at.After(until.Add(ClockSkew))
}

// closer reports whether a statement made at a says more about a moment than one made at b: the first after it,
// else the last before it.
func closer(a, b, at time.Time) bool {
	aAfter, bAfter := !a.Before(at), !b.Before(at)
	if aAfter != bAfter {
		return aAfter
	}
	if aAfter {
		return a.Before(b)
	}
	return a.After(b)
}

// responderRevoked reports whether a delegated responder is known to be revoked. A verifier does not look for the status of one
// with id-pkix-ocsp-nocheck, and only the issuer's own word is asked here, so that responders cannot vouch for
// themselves.
func (p *Pool) responderRevoked(responder, issuer *x509.Certificate, now time.Time) bool {
	if responder == nil || cms.NoCheck(responder) {
		return false
	}
	for _, st := range p.Statuses(responder, issuer) {
		if st.Responder == nil && st.State == cms.StateRevoked && !st.RevokedAt.After(now) {
			return true
		}
	}
	return false
}

// StatusNow is StatusAt for now, with the validity period of the certificate. made is when the statement was made that says so:
// one in the file may be older than the question, and readers have to see that.
func (p *Pool) StatusNow(cert, issuer *x509.Certificate, now time.Time) (status CertificateStatus, made time.Time) {
	found := Standing{Status: CertificateUnknown}
	if issuer != nil {
		found = p.StatusAt(cert, issuer, now, now)
	}
	switch {
	case found.Status == CertificateRevoked:
		return CertificateRevoked, found.made
	case now.Before(cert.NotBefore):
		return CertificateNotYetValid, time.Time{}
	case now.After(cert.NotAfter):
		return CertificateExpired, time.Time{}
	}
	return found.Status, found.made
}

// CertificateStatus is what is known of a certificate at some time.
type CertificateStatus string

// The certificate statuses.
const (
	CertificateGood        CertificateStatus = "good"
	CertificateRevoked     CertificateStatus = "revoked"
	CertificateOnHold      CertificateStatus = "on-hold"
	CertificateExpired     CertificateStatus = "expired"
	CertificateNotYetValid CertificateStatus = "not-yet-valid"
	CertificateUnknown     CertificateStatus = "unknown"
)
