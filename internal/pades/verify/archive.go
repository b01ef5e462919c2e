package verify

import (
	"crypto/x509"
	"io"
	"time"

	"kyso/internal/pades/dss"
	"kyso/internal/pades/pdf"
	"kyso/internal/pades/trust"
)

// archived reports whether a trusted document time-stamp covers the signature together with everything that is needed to
// judge its certificate (B-LTA; EN 319 142-1, 6.3).
func (v *verifier) archived(s *signature, at time.Time) bool {
	chain, err := v.pool.Chain(s.cert, at, v.anchors)
	if err != nil {
		return false
	}
	for _, proof := range v.poes {
		if proof.end > s.end && v.carries(proof.end, chain, at) {
			return true
		}
	}
	return false
}

// carries reports whether the first end bytes of the file hold the certificates of a chain and what is known of them.
func (v *verifier) carries(end int64, chain []*x509.Certificate, at time.Time) bool {
	earlier, err := pdf.Open(io.NewSectionReader(v.src, 0, end), end, pdf.Limits{})
	if err != nil {
		return false
	}
	store, err := dss.Read(earlier)
	if err != nil {
		return false
	}
	held := trust.NewPool()
	held.Add(store, true)
	for _, other := range v.signatures {
		if other.cms != nil && other.end <= end {
			held.AddSignedData(other.cms)
		}
	}
	for i, cert := range chain[:len(chain)-1] {
		if !held.Carried(cert) || !held.StatusAt(cert, chain[i+1], at, v.now).InFile {
			return false
		}
	}
	return true
}
