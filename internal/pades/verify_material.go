package pades

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
)

// material is what the verdicts rest on: the certificates of signers, authorities and responders with the chains that were found for
// them, and the statements that they were judged by.
func (v *verifier) material() *Evidence {
	m := &Evidence{}
	seen := map[[32]byte]bool{}
	add := func(cert *x509.Certificate) {
		for ; cert != nil && !seen[sha256.Sum256(cert.Raw)]; cert = v.pool.issuerOf(cert) {
			seen[sha256.Sum256(cert.Raw)] = true
			m.Certificates = append(m.Certificates, cert.Raw)
		}
	}
	for _, cert := range v.looked {
		add(cert)
	}
	for _, ocsp := range v.pool.ocsps {
		if v.pool.spoke[sha256.Sum256(ocsp.Raw)] {
			m.OCSPs = append(m.OCSPs, ocsp.Raw)
			for _, cert := range ocsp.Certificates {
				add(cert)
			}
		}
	}
	for _, crl := range v.pool.crls {
		if v.pool.spoke[sha256.Sum256(crl.Raw)] {
			m.CRLs = append(m.CRLs, crl.Raw)
		}
	}
	return m
}

// looksAt notes certificates that a verdict rests on.
func (v *verifier) looksAt(certs ...*x509.Certificate) {
	for _, cert := range certs {
		if !slices.ContainsFunc(v.looked, cert.Equal) {
			v.looked = append(v.looked, cert)
		}
	}
}
