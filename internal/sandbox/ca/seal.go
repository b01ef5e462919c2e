package ca

import (
	"crypto"
	"fmt"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// sealTaxID is the tax number of the organisation that every seal belongs to. It belongs to no organisation.
const sealTaxID = "0000000000"

// IssueSeal certifies a key of kyso's own as the seal of an organisation: the issuing CA names it by its tax number.
// The key stays with the caller. The chain holds the issuing CA, not the root.
func (c *CA) IssueSeal(public crypto.PublicKey, commonName string) (certDER []byte, chain [][]byte, err error) {
	return c.IssueSealOf(pki.FirstIssuer, public, commonName)
}

// IssueSealOf does it at one of the CAs.
func (c *CA) IssueSealOf(code string, public crypto.PublicKey, commonName string) (certDER []byte, chain [][]byte, err error) {
	of, ok := pki.IssuerCalled(code)
	if !ok {
		return nil, nil, fmt.Errorf("%w: issuer %q", kernel.ErrInvalid, code)
	}
	issuer, err := c.pki.Authority(of.Issuing)
	if err != nil {
		return nil, nil, err
	}
	template, err := c.pki.SubscriberTemplate(of.Issuing, public, 10*time.Minute, 3*365*24*time.Hour)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the key of a seal: %w", err)
	}
	template.RawSubject = pki.DistinguishedName("VN", "HÀ NỘI", "", commonName, commonName, "MST:"+sealTaxID)
	certDER, err = issuer.Certify(template, public)
	if err != nil {
		return nil, nil, fmt.Errorf("issuing a seal: %w", err)
	}
	c.pki.Register(pki.SerialHex(template.SerialNumber), pki.Issued{Issuer: of.Issuing}, "seal issued")
	return certDER, [][]byte{issuer.Cert.Raw}, c.k.Flush()
}
