package cms

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Parts are the pieces of a detached signature.
type Parts struct {
	SignedAttrs  []byte // DER SET OF, exactly the bytes that were signed
	Signature    []byte
	Algorithm    Algorithm
	Certificate  *x509.Certificate   // the signer's
	Certificates []*x509.Certificate // issuers to put next to it
	Timestamp    []byte              // DER TimeStampToken over Signature; nil for none
}

// Assemble returns the DER ContentInfo. The same parts give the same bytes.
func Assemble(p Parts) ([]byte, error) {
	attrs := cryptobyte.String(p.SignedAttrs)
	var attrsBody cryptobyte.String
	if !attrs.ReadASN1(&attrsBody, cbasn1.SET) || !attrs.Empty() {
		return nil, errors.New("signed attributes are not a DER SET")
	}
	certs, err := certificateSet(p.Certificate, p.Certificates)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, 1024+len(p.Timestamp)+len(certs)))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // ContentInfo
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(explicitTag(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // SignedData
				b.AddASN1Int64(1) // version 1: id-data and issuerAndSerialNumber (RFC 5652 §5.1)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { p.addDigestAlgorithm(b) })
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) })
				b.AddASN1(explicitTag(0), func(b *cryptobyte.Builder) { b.AddBytes(certs) })
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { p.addSigner(b, attrsBody) })
			})
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding SignedData: %w", err)
	}
	return der, nil
}

func (p Parts) addDigestAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidByHash(p.Algorithm.Hash)) // RFC 5754 §2: parameters absent
	})
}

// addSigner writes SignerInfo. The signed attributes are [0] IMPLICIT here, which changes only the first octet.
func (p Parts) addSigner(b *cryptobyte.Builder, attrsBody []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(p.Certificate.RawIssuer)
			b.AddASN1BigInt(p.Certificate.SerialNumber)
		})
		p.addDigestAlgorithm(b)
		b.AddASN1(explicitTag(0), func(b *cryptobyte.Builder) { b.AddBytes(attrsBody) })
		p.Algorithm.add(b)
		b.AddASN1OctetString(p.Signature)
		if len(p.Timestamp) == 0 {
			return
		}
		b.AddASN1(explicitTag(1), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidTimeStamp)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(p.Timestamp) })
			})
		})
	})
}

// certificateSet returns the contents of CertificateSet in DER order, each certificate once.
func certificateSet(signer *x509.Certificate, others []*x509.Certificate) ([]byte, error) {
	if signer == nil {
		return nil, errors.New("no certificate")
	}
	list := [][]byte{signer.Raw}
	for _, cert := range others {
		known := false
		for _, raw := range list {
			known = known || bytes.Equal(raw, cert.Raw)
		}
		if !known {
			list = append(list, cert.Raw)
		}
	}
	set, err := setOf(list)
	if err != nil {
		return nil, fmt.Errorf("encoding certificates: %w", err)
	}
	body := cryptobyte.String(set)
	var content cryptobyte.String
	if !body.ReadASN1(&content, cbasn1.SET) {
		return nil, errors.New("encoding certificates")
	}
	return content, nil
}
