package pades

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"time"

	"kyso/internal/pades/cms"
)

// pool is everything at hand for a validation: certificates and revocation data, from the file and from the caller.
type pool struct {
	certs  []*x509.Certificate
	ocsps  []pooledOCSP
	crls   []pooledCRL
	held   map[[32]byte]bool
	inFile map[[32]byte]bool // certificates that the file itself carries

	unreadable [][]byte // certificates; kept to say why, when one of them is a signer's

	issuers map[[32]byte]*x509.Certificate
	spoke   map[[32]byte]bool // statements that a certificate was judged by
}

type pooledOCSP struct {
	*cms.OCSP
	inFile bool
}

type pooledCRL struct {
	*x509.RevocationList
	inFile bool
}

// knownStatus is a verified statement and where it came from.
type knownStatus struct {
	cms.Status
	inFile bool
}

// clockSkew is how far the clocks of a responder, a time-stamp authority and ours may differ.
const clockSkew = 5 * time.Minute

// maxPoolItems bounds certificates and revocation data each; a chain search tries them against each other.
const maxPoolItems = 1024

// ParseCertificate is x509.ParseCertificate for keys that are for RSASSA-PSS only, too.
func ParseCertificate(der []byte) (*x509.Certificate, error) { return cms.ParseCertificate(der) }

func newPool() *pool {
	return &pool{held: map[[32]byte]bool{}, inFile: map[[32]byte]bool{}, issuers: map[[32]byte]*x509.Certificate{}, spoke: map[[32]byte]bool{}}
}

// add takes evidence in. What does not parse is of no use to anybody and left out.
func (p *pool) add(ev Evidence, inFile bool) {
	for _, der := range ev.Certificates {
		if cert, err := cms.ParseCertificate(der); err == nil {
			p.addCertificate(cert, inFile)
		} else if len(p.unreadable) < maxPoolItems {
			p.unreadable = append(p.unreadable, der)
		}
	}
	for _, der := range ev.OCSPs {
		if p.fresh(der) && len(p.ocsps) < maxPoolItems {
			if ocsp, err := cms.ParseOCSP(der); err == nil {
				p.ocsps = append(p.ocsps, pooledOCSP{ocsp, inFile})
				for _, cert := range ocsp.Certificates {
					p.addCertificate(cert, inFile)
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

func (p *pool) addSignedData(sd *cms.SignedData) {
	for _, cert := range sd.Certificates {
		p.addCertificate(cert, true)
	}
	p.add(Evidence{OCSPs: sd.OCSPs, CRLs: sd.CRLs}, true)
}

func (p *pool) addCertificate(cert *x509.Certificate, inFile bool) {
	if inFile {
		p.inFile[sha256.Sum256(cert.Raw)] = true
	}
	if len(p.certs) < maxPoolItems && p.fresh(cert.Raw) {
		p.certs = append(p.certs, cert)
		clear(p.issuers)
	}
}

// fresh reports whether der is seen for the first time.
func (p *pool) fresh(der []byte) bool {
	sum := sha256.Sum256(der)
	known := p.held[sum]
	p.held[sum] = true
	return !known
}

// issuerOf returns a certificate whose key signed cert, nil when there is none.
func (p *pool) issuerOf(cert *x509.Certificate) *x509.Certificate {
	key := sha256.Sum256(cert.Raw)
	if issuer, ok := p.issuers[key]; ok {
		return issuer
	}
	var found *x509.Certificate
	for _, candidate := range p.certs {
		if bytes.Equal(candidate.RawSubject, cert.RawIssuer) && cert.CheckSignatureFrom(candidate) == nil {
			found = candidate
			break
		}
	}
	p.issuers[key] = found
	return found
}

// statuses returns every verified statement about cert.
func (p *pool) statuses(cert, issuer *x509.Certificate) []knownStatus {
	var list []knownStatus
	for _, ocsp := range p.ocsps {
		if st, err := ocsp.Status(cert, issuer); err == nil {
			list = append(list, knownStatus{*st, ocsp.inFile})
			p.spoke[sha256.Sum256(ocsp.Raw)] = true
		}
	}
	for _, crl := range p.crls {
		if st, err := cms.CRLStatus(crl.RevocationList, cert, issuer); err == nil {
			list = append(list, knownStatus{*st, crl.inFile})
			p.spoke[sha256.Sum256(crl.Raw)] = true
		}
	}
	return list
}

func selfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawSubject, cert.RawIssuer) }
