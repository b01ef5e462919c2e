// Package trust holds what a certificate is judged by: the certificates and revocation data at hand, the chains that they make to
// trusted roots, and what they say of a certificate at a moment (ETSI EN 319 102-1, 5.2.5 and 5.2.6). It decides no verdict.
//
// It imports the standard library, and of internal/pades cms and dss only.
package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"time"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/dss"
)

// Pool is everything at hand for a validation: certificates and revocation data, from the file and from the caller.
type Pool struct {
	Certs  []*x509.Certificate
	ocsps  []pooledOCSP
	crls   []pooledCRL
	held   map[[32]byte]bool
	inFile map[[32]byte]bool // certificates that the file itself carries

	Unreadable [][]byte // certificates; kept to say why, when one of them is a signer's

	issuers map[[32]byte]*x509.Certificate
	spoke   map[[32]byte]bool   // statements that a certificate was judged by
	looked  []*x509.Certificate // what verdicts rest on
}

type pooledOCSP struct {
	*cms.OCSP
	inFile bool
}

type pooledCRL struct {
	*x509.RevocationList
	inFile bool
}

// Statement is a verified statement and where it came from.
type Statement struct {
	cms.Status
	inFile bool
}

// ClockSkew is how far the clocks of a responder, a time-stamp authority and ours may differ.
const ClockSkew = 5 * time.Minute

// maxPoolItems bounds certificates and revocation data each; a chain search tries them against each other.
const maxPoolItems = 1024

// NewPool returns an empty pool.
func NewPool() *Pool {
	return &Pool{held: map[[32]byte]bool{}, inFile: map[[32]byte]bool{}, issuers: map[[32]byte]*x509.Certificate{}, spoke: map[[32]byte]bool{}}
}

// Add takes evidence in. What does not parse is of no use and left out.
func (p *Pool) Add(ev dss.Evidence, inFile bool) {
	for _, der := range ev.Certificates {
		if cert, err := cms.ParseCertificate(der); err == nil {
			p.AddCertificate(cert, inFile)
		} else if len(p.Unreadable) < maxPoolItems {
			p.Unreadable = append(p.Unreadable, der)
		}
	}
	for _, der := range ev.OCSPs {
		if p.fresh(der) && len(p.ocsps) < maxPoolItems {
			if ocsp, err := cms.ParseOCSP(der); err == nil {
				p.ocsps = append(p.ocsps, pooledOCSP{ocsp, inFile})
				for _, cert := range ocsp.Certificates {
					p.AddCertificate(cert, inFile)
				}
			}
		}
	}
	for _, der := range ev.CRLs {
		if p.fresh(der) && len(p.crls) < maxPoolItems {
			if crl, err := cms.ParseCRL(der); err == nil {
				p.crls = append(p.crls, pooledCRL{crl, inFile})
			}
		}
	}
}

// AddSignedData takes in what a signature or a time-stamp of the file carries.
func (p *Pool) AddSignedData(sd *cms.SignedData) {
	for _, cert := range sd.Certificates {
		p.AddCertificate(cert, true)
	}
	p.Add(dss.Evidence{OCSPs: sd.OCSPs, CRLs: sd.CRLs}, true)
}

// AddCertificate takes a certificate in.
func (p *Pool) AddCertificate(cert *x509.Certificate, inFile bool) {
	if inFile {
		p.inFile[sha256.Sum256(cert.Raw)] = true
	}
	if len(p.Certs) < maxPoolItems && p.fresh(cert.Raw) {
		p.Certs = append(p.Certs, cert)
		clear(p.issuers)
	}
}

// fresh reports whether der is seen for the first time.
func (p *Pool) fresh(der []byte) bool {
	sum := sha256.Sum256(der)
	known := p.held[sum]
	p.held[sum] = true
	return !known
}

// IssuerOf returns a certificate whose key signed cert, nil when there is none.
func (p *Pool) IssuerOf(cert *x509.Certificate) *x509.Certificate {
	key := sha256.Sum256(cert.Raw)
	if issuer, ok := p.issuers[key]; ok {
		return issuer
	}
	var found *x509.Certificate
	for _, candidate := range p.Certs {
		if bytes.Equal(candidate.RawSubject, cert.RawIssuer) && cert.CheckSignatureFrom(candidate) == nil {
			found = candidate
			break
		}
	}
	p.issuers[key] = found
	return found
}

// Statuses returns every verified statement about cert.
func (p *Pool) Statuses(cert, issuer *x509.Certificate) []Statement {
	var list []Statement
	for _, ocsp := range p.ocsps {
		if st, err := ocsp.Status(cert, issuer); err == nil {
			list = append(list, Statement{*st, ocsp.inFile})
			p.spoke[sha256.Sum256(ocsp.Raw)] = true
		}
	}
	for _, crl := range p.crls {
		if st, err := cms.CRLStatus(crl.RevocationList, cert, issuer); err == nil {
			list = append(list, Statement{*st, crl.inFile})
			p.spoke[sha256.Sum256(crl.Raw)] = true
		}
	}
	return list
}

// SelfIssued reports whether a certificate names itself as its issuer.
func SelfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawSubject, cert.RawIssuer) }

// Carried reports whether the file itself carries a certificate.
func (p *Pool) Carried(cert *x509.Certificate) bool { return p.inFile[sha256.Sum256(cert.Raw)] }
