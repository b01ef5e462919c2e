package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"kyso/internal/pades/dss"
)

// Chain finds a chain to a root, at a moment or, when the certificate was not valid then, at the nearest one
// when it was: whether the moment fits is judged apart.
func (p *Pool) Chain(cert *x509.Certificate, at time.Time, to Anchors) ([]*x509.Certificate, error) {
	if at.After(cert.NotAfter) {
		at = cert.NotAfter
	}
	if at.Before(cert.NotBefore) {
		at = cert.NotBefore
	}
	intermediates := x509.NewCertPool()
	for _, c := range p.Certs {
		intermediates.AddCert(c)
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: to.roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, err
	}
	for _, chain := range chains {
		if !slices.ContainsFunc(chain[1:], to.distrusts) {
			p.LookAt(chain...)
			return chain, nil
		}
	}
	return nil, ErrRemoved
}

// ErrRemoved means that chains to a root exist, and each leads through a CA that was removed.
var ErrRemoved = errors.New("a CA was removed")

// Anchors are the roots that chains may end at, and the CAs that they may not lead through.
type Anchors struct {
	roots           *x509.CertPool
	listed, removed []*x509.Certificate
	None            bool
}

// NewAnchors trusts the roots. No chain may lead through a removed CA, nor through another certificate of its key that is neither
// a root nor one of the intermediates.
func NewAnchors(roots, intermediates, removed []*x509.Certificate) Anchors {
	a := Anchors{roots: x509.NewCertPool(), listed: slices.Concat(roots, intermediates), removed: removed, None: len(roots) == 0}
	for _, root := range roots {
		a.roots.AddCert(root)
	}
	return a
}

// distrusts reports whether no chain may lead through a certificate.
func (a Anchors) distrusts(c *x509.Certificate) bool {
	sameKey := func(r *x509.Certificate) bool {
		return bytes.Equal(r.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	}
	return slices.ContainsFunc(a.removed, sameKey) && !slices.ContainsFunc(a.listed, c.Equal)
}

// Material is what the verdicts rest on: the certificates of signers, authorities and responders with the chains that were found for
// them, and the statements that they were judged by.
func (p *Pool) Material() *dss.Evidence {
	m := &dss.Evidence{}
	seen := map[[32]byte]bool{}
	add := func(cert *x509.Certificate) {
		for ; cert != nil && !seen[sha256.Sum256(cert.Raw)]; cert = p.IssuerOf(cert) {
			seen[sha256.Sum256(cert.Raw)] = true
			m.Certificates = append(m.Certificates, cert.Raw)
		}
	}
	for _, cert := range p.looked {
		add(cert)
	}
	for _, ocsp := range p.ocsps {
		if p.spoke[sha256.Sum256(ocsp.Raw)] {
			m.OCSPs = append(m.OCSPs, ocsp.Raw)
			for _, cert := range ocsp.Certificates {
				add(cert)
			}
		}
	}
	for _, crl := range p.crls {
		if p.spoke[sha256.Sum256(crl.Raw)] {
			m.CRLs = append(m.CRLs, crl.Raw)
		}
	}
	return m
}

// LookAt notes certificates that a verdict rests on.
func (p *Pool) LookAt(certs ...*x509.Certificate) {
	for _, cert := range certs {
		if !slices.ContainsFunc(p.looked, cert.Equal) {
			p.looked = append(p.looked, cert)
		}
	}
}
