package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"
)

// sealTaxID is the tax number of the organisation that every seal belongs to. It is nobody's.
const sealTaxID = "0000000000"

// IssueSeal certifies a key of kyso's own as the seal of an organisation: the issuing CA names it by its tax number.
// The key stays with the caller. The chain holds the issuing CA, not the root.
func (w *World) IssueSeal(public crypto.PublicKey, commonName string) (certDER []byte, chain [][]byte, err error) {
	return w.IssueSealOf(FirstIssuer, public, commonName)
}

// IssueSealOf does it at one of the CAs.
func (w *World) IssueSealOf(code string, public crypto.PublicKey, commonName string) (certDER []byte, chain [][]byte, err error) {
	h, ok := houseCalled(code)
	if !ok {
		return nil, nil, fmt.Errorf("%w: issuer %q", ErrInvalid, code)
	}
	issuer, err := w.authority(h.issuing)
	if err != nil {
		return nil, nil, err
	}
	template, err := w.template(public, 10*time.Minute, 3*365*24*time.Hour)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the key of a seal: %w", err)
	}
	template.RawSubject = distinguishedName("VN", "HÀ NỘI", "", commonName, commonName, "MST:"+sealTaxID)
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	template.PolicyIdentifiers = []asn1.ObjectIdentifier{oidCertificatePolicy}
	w.addAddresses(template, h.issuing)
	certDER, err = x509.CreateCertificate(rand.Reader, template, issuer.cert, public, issuer.key)
	if err != nil {
		return nil, nil, fmt.Errorf("issuing a seal: %w", err)
	}
	serial := serialHex(template.SerialNumber)
	w.locked(func() {
		w.state.Issued[serial] = &issued{Issuer: h.issuing}
		w.record(Effect{Kind: EffectCertificate, Key: serial, Detail: "seal issued"})
		w.changed()
	})
	return certDER, [][]byte{issuer.cert.Raw}, w.flush()
}
