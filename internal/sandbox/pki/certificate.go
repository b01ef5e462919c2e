package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"kyso/internal/sandbox/kernel"
)

// Object identifiers of certificates. Enterprise number 32473 is reserved for documentation (RFC 5612).
var (
	oidCertificatePolicy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 769, 1}
	OIDTimestampPolicy   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 769, 2}
	OIDUID               = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidOCSPNoCheck       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidExtKeyUsage       = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidKPTimeStamping    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
)

// DistinguishedName encodes a name in the order of Vietnamese CAs: C, ST, L, O, CN, UID. All but the country are
// UTF8String (TCVN 6909). Empty parts are left out.
func DistinguishedName(country, province, locality, organisation, commonName, uid string) []byte {
	var name pkix.RDNSequence
	for _, part := range []struct {
		oid   asn1.ObjectIdentifier
		value string
	}{
		{asn1.ObjectIdentifier{2, 5, 4, 6}, country},
		{asn1.ObjectIdentifier{2, 5, 4, 8}, province},
		{asn1.ObjectIdentifier{2, 5, 4, 7}, locality},
		{asn1.ObjectIdentifier{2, 5, 4, 10}, organisation},
		{asn1.ObjectIdentifier{2, 5, 4, 3}, commonName},
		{OIDUID, uid},
	} {
		if part.value == "" {
			continue
		}
		value := asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(part.value)}
		if part.value == country {
			value.Tag = asn1.TagPrintableString
		}
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: part.oid, Value: value}})
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		panic(err) // names of fixed shape always encode
	}
	return der
}

// Template has what every certificate has. Its life starts sinceAgo before now.
func (p *PKI) Template(public crypto.PublicKey, sinceAgo, life time.Duration) (*x509.Certificate, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	id := sha1.Sum(info.Key.Bytes) // RFC 5280 section 4.2.1.2, method 1
	from := p.k.Now().Add(-sinceAgo)
	return &x509.Certificate{
		SerialNumber: NewSerial(), NotBefore: from, NotAfter: from.Add(life), SubjectKeyId: id[:],
		BasicConstraintsValid: true, SignatureAlgorithm: x509.SHA256WithRSA,
	}, nil
}

// addAddresses names where the issuer's certificate, OCSP responder and CRL are.
func (p *PKI) addAddresses(template *x509.Certificate, issuer string) {
	var base string
	kernel.Locked(&p.mu, func() { base = p.state.BaseURL })
	if base == "" {
		return
	}
	template.IssuingCertificateURL = []string{base + "/ca/" + issuer + ".crt"}
	template.CRLDistributionPoints = []string{base + "/crl/" + issuer + ".crl"}
	if len(template.ExtKeyUsage) == 0 { // a responder's own status is not asked for: nocheck
		template.OCSPServer = []string{base + "/ocsp"}
	}
}

// NewSerial is two fixed bytes, so that it is positive and reads like those of live CAs, and 16 random ones.
func NewSerial() *big.Int {
	serial := make([]byte, 18)
	serial[0], serial[1] = 0x54, 0x01
	rand.Read(serial[2:]) // never fails
	return new(big.Int).SetBytes(serial)
}

// SerialHex is a serial number as the provider and the ledger write it.
func SerialHex(serial *big.Int) string { return hex.EncodeToString(serial.Bytes()) }

// ParseKey reads a private key (PKCS #8).
func ParseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, nil
}

// SubscriberTemplate is Template with what makes a certificate one for signatures, issued by a role.
func (p *PKI) SubscriberTemplate(issuer string, public crypto.PublicKey, sinceAgo, life time.Duration) (*x509.Certificate, error) {
	template, err := p.Template(public, sinceAgo, life)
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	template.PolicyIdentifiers = []asn1.ObjectIdentifier{oidCertificatePolicy}
	p.addAddresses(template, issuer)
	return template, nil
}

// Certify signs a certificate.
func (a *Authority) Certify(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	return x509.CreateCertificate(rand.Reader, template, a.Cert, public, a.Key)
}
