package wire

import (
	"crypto/x509"

	"kyso/internal/pades"
)

// The operations, by the name that crosses the pipe.
const (
	Inspect = "inspect"
	Prepare = "prepare"
	Extend  = "extend"
	Needs   = "needs"
	Verify  = "verify"
	Place   = "place"
	Archive = "archive"
)

// PrepareArgs are pades.PrepareOptions with the certificate as DER: the outer field hides the inner one from
// encoding/json, and an option added later crosses by itself.
type PrepareArgs struct {
	pades.PrepareOptions
	Certificate []byte
}

// VerifyArgs are pades.VerifyOptions, likewise.
type VerifyArgs struct {
	pades.VerifyOptions
	Roots         [][]byte
	Intermediates [][]byte
	Removed       [][]byte
}

// ExtendArgs are the arguments of pades.Extend.
type ExtendArgs struct {
	Evidence  pades.Evidence
	HashState []byte
}

// NeedResult is a pades.Need with certificates as DER.
type NeedResult struct {
	Certificate []byte
	Issuer      []byte
	Anchored    bool
}

// ParseAll reads certificates.
func ParseAll(list [][]byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for _, der := range list {
		c, err := pades.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, c)
	}
	return certificates, nil
}
