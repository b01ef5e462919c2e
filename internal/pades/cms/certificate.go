package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ParseCertificate is x509.ParseCertificate for keys that are for RSASSA-PSS only (RFC 4055, 1.2), too. They read as RSA keys, which
// they are, so that chains through them can be checked.
func ParseCertificate(der []byte) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil || cert.PublicKey != nil {
		return cert, err
	}
	if key := pssKey(cert); key != nil {
		cert.PublicKey, cert.PublicKeyAlgorithm = key, x509.RSA
	}
	return cert, nil
}

// pssKey returns the key of a certificate whose key is for RSASSA-PSS only; nil for every other one.
func pssKey(cert *x509.Certificate) *rsa.PublicKey {
	info := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var body, numbers cryptobyte.String
	var bits []byte
	n, e := new(big.Int), 0
	if !info.ReadASN1(&body, cbasn1.SEQUENCE) {
		return nil
	}
	oid, _, err := readAlgorithmIdentifier(&body)
	if err != nil || !oid.Equal(oidPSS) || !body.ReadASN1BitStringAsBytes(&bits) {
		return nil
	}
	key := cryptobyte.String(bits)
	if !key.ReadASN1(&numbers, cbasn1.SEQUENCE) || !numbers.ReadASN1Integer(n) || !numbers.ReadASN1Integer(&e) || n.Sign() <= 0 || e < 3 {
		return nil
	}
	return &rsa.PublicKey{N: n, E: e}
}

// fits refuses a signature in another scheme than the key is for, and says of a key of a kind that is not known here that it is.
func (s *Signer) fits(cert *x509.Certificate) error {
	switch cert.PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return unsupported(keyUnsupported)
	}
	if s.Algorithm.Scheme != PSS && pssKey(cert) != nil {
		return keyForPSS.Err()
	}
	return nil
}

// FromRaw makes a SignedData of a bare PKCS #1 value, as adbe.x509.rsa_sha1 has it: a DER octet string, and the certificates next to
// it, the signer's first. It returns the bytes that follow the value. The digest algorithm stands inside the value: see SetHash.
func FromRaw(value []byte, certificates [][]byte) (sd *SignedData, rest []byte, err error) {
	in := cryptobyte.String(value)
	var signature cryptobyte.String
	if !in.ReadASN1(&signature, cbasn1.OCTET_STRING) {
		return nil, nil, valueMalformed.Err()
	}
	sd = &SignedData{ContentType: oidData}
	for _, der := range certificates {
		cert, err := ParseCertificate(der)
		if err != nil && len(sd.Certificates) == 0 {
			return nil, nil, unsupported(certificateUnreadable)
		}
		if err == nil {
			sd.Certificates = append(sd.Certificates, cert)
		}
	}
	if len(sd.Certificates) == 0 {
		return nil, nil, noCertificate.Err()
	}
	first := sd.Certificates[0]
	sd.Signer = Signer{issuer: first.RawIssuer, serial: first.SerialNumber, Signature: signature}
	return sd, in, sd.Signer.SetHash(crypto.SHA1)
}

// SetHash says with which digest algorithm a bare value is to be read.
func (s *Signer) SetHash(h crypto.Hash) error {
	if !h.Available() {
		return digestUnsupported.Err("oid", h)
	}
	s.DigestAlgorithm, s.Algorithm = h, Algorithm{Scheme: PKCS1v15, Hash: h}
	return nil
}
