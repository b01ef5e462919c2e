// Package cms builds and reads the Cryptographic Message Syntax (RFC 5652) as far as PDF signatures need it:
// detached SignedData with one signer, RFC 3161 time-stamp tokens, and the OCSP answers and CRLs that stand
// next to them. The signature value may come from elsewhere, minutes or days after the attributes were fixed.
//
// It knows no network, no clock and no PDF, and imports the standard library, golang.org/x/crypto/cryptobyte and
// internal/problem.
package cms

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // only to read old signatures; reported as weak
	"crypto/sha256"
	_ "crypto/sha3"   // of foreign signatures, as the next
	_ "crypto/sha512" // SHA-384 and SHA-512 of foreign signatures
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"kyso/internal/finding"
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12} // ESS v1, RFC 2634
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47} // ESS v2, RFC 5035
	oidTimeStamp     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14} // id-aa-signatureTimeStampToken
	oidRevocation    = asn1.ObjectIdentifier{1, 2, 840, 113583, 1, 1, 8}         // adbe-revocationInfoArchival

	oidSHA1   = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}

	oidSHA3x256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 8}
	oidSHA3x384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 9}
	oidSHA3x512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 10}
)

// hashes are the digest algorithms that are known.
var hashes = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{oidSHA256, crypto.SHA256},
	{oidSHA384, crypto.SHA384},
	{oidSHA512, crypto.SHA512},
	{oidSHA3x256, crypto.SHA3_256},
	{oidSHA3x384, crypto.SHA3_384},
	{oidSHA3x512, crypto.SHA3_512},
	{oidSHA1, crypto.SHA1},
}

// Unsupported is the reason why a signature cannot be judged here, which says nothing against it.
type Unsupported struct{ Cause error }

// NotSupported makes an Unsupported of a clause.
func NotSupported(clause *finding.Kind, params ...any) error {
	return Unsupported{clause.Err(params...)}
}

// Error implements error.
func (u Unsupported) Error() string { return u.Cause.Error() }

// Unwrap returns the finding.
func (u Unsupported) Unwrap() error { return u.Cause }

func unsupported(clause *finding.Kind, params ...any) error { return NotSupported(clause, params...) }

// SignedAttrs returns the signed attributes of a PAdES signature (EN 319 142-1 §6.3) as the DER SET OF whose
// SHA-256 is signed: content-type, message-digest and signing-certificate-v2. There is no signing-time: in PAdES
// the claimed time stands in /M.
//
// The bytes must be stored: the signature covers these bytes and no others.
func SignedAttrs(messageDigest []byte, cert *x509.Certificate) ([]byte, error) {
	if len(messageDigest) != sha256.Size {
		return nil, fmt.Errorf("message digest has %d bytes, want %d", len(messageDigest), sha256.Size)
	}
	if cert == nil || len(cert.Raw) == 0 {
		return nil, fmt.Errorf("no certificate")
	}
	certHash := sha256.Sum256(cert.Raw)
	attrs := make([][]byte, 0, 3)
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value func(*cryptobyte.Builder)
	}{
		{oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }},
		{oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(messageDigest) }},
		{oidSigningCertV2, func(b *cryptobyte.Builder) { addSigningCertificateV2(b, cert, certHash[:]) }},
	} {
		der, err := attribute(a.oid, a.value)
		if err != nil {
			return nil, fmt.Errorf("encoding signed attribute %v: %w", a.oid, err)
		}
		attrs = append(attrs, der)
	}
	return setOf(attrs)
}

// addSigningCertificateV2 writes SigningCertificateV2 of RFC 5035 §3 with one ESSCertIDv2. SHA-256 is the DEFAULT
// of hashAlgorithm and so must be left out in DER.
func addSigningCertificateV2(b *cryptobyte.Builder, cert *x509.Certificate, certHash []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // SigningCertificateV2
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // certs
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // ESSCertIDv2
				b.AddASN1OctetString(certHash)
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // IssuerSerial
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // GeneralNames
						b.AddASN1(cbasn1.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
							b.AddBytes(cert.RawIssuer) // directoryName; explicit, because Name is a CHOICE
						})
					})
					b.AddASN1BigInt(cert.SerialNumber)
				})
			})
		})
	})
}

// attribute encodes Attribute ::= SEQUENCE { type, SET OF value } with one value.
func attribute(oid asn1.ObjectIdentifier, value func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1(cbasn1.SET, value)
	})
	return b.Bytes()
}

// setOf encodes a SET OF in DER order (X.690 §11.6).
func setOf(elements [][]byte) ([]byte, error) {
	slices.SortFunc(elements, bytes.Compare)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
		for _, e := range elements {
			b.AddBytes(e)
		}
	})
	return b.Bytes()
}

// hashByOID returns the digest algorithm that an OID names, zero when it is not one we know.
func hashByOID(oid asn1.ObjectIdentifier) crypto.Hash {
	for _, known := range hashes {
		if oid.Equal(known.oid) {
			return known.hash
		}
	}
	return 0
}

func oidByHash(h crypto.Hash) asn1.ObjectIdentifier {
	for _, known := range hashes {
		if h == known.hash {
			return known.oid
		}
	}
	return oidSHA1
}

// digest hashes data; the hash must be one that hashByOID returns.
func digest(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}
