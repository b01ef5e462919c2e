package cms

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Attributes are the signed attributes that matter for a signature in a PDF.
type Attributes struct {
	SignedContentType asn1.ObjectIdentifier
	MessageDigest     []byte

	certHash    crypto.Hash // of the ESS signing-certificate attribute; zero when there is none
	certDigest  []byte
	essV2       bool
	ocsps, crls [][]byte
}

type attributeValues struct {
	oid    asn1.ObjectIdentifier
	values [][]byte // DER elements
}

// ParseSignedAttrs reads signed attributes given as DER SET OF. content-type and message-digest must be there
// (RFC 5652 §5.3); no attribute may come twice and those that are read have one value.
func ParseSignedAttrs(der []byte) (Attributes, error) {
	var a Attributes
	in := cryptobyte.String(der)
	var body cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SET) || !in.Empty() {
		return a, attributesMalformed.Err()
	}
	list, err := readAttributes(body)
	if err != nil {
		return a, attributesMalformed.Err()
	}
	seen := make(map[string]bool, len(list))
	for _, attr := range list {
		if seen[attr.oid.String()] {
			return a, attributeTwice.Err("oid", attr.oid)
		}
		seen[attr.oid.String()] = true
		if err := a.read(attr); err != nil {
			return a, inAttribute(attr, err)
		}
	}
	if a.SignedContentType == nil || a.MessageDigest == nil {
		return a, attributesLack.Err()
	}
	return a, nil
}

func (a *Attributes) read(attr attributeValues) error {
	known := []asn1.ObjectIdentifier{oidContentType, oidMessageDigest, oidSigningCert, oidSigningCertV2, oidRevocation}
	isKnown := false
	for _, oid := range known {
		isKnown = isKnown || attr.oid.Equal(oid)
	}
	if !isKnown {
		return nil
	}
	if len(attr.values) != 1 {
		return errMalformed
	}
	value := cryptobyte.String(attr.values[0])
	switch {
	case attr.oid.Equal(oidContentType):
		if !value.ReadASN1ObjectIdentifier(&a.SignedContentType) || !value.Empty() {
			return errMalformed
		}
	case attr.oid.Equal(oidMessageDigest):
		if !value.ReadASN1Bytes(&a.MessageDigest, cbasn1.OCTET_STRING) || !value.Empty() {
			return errMalformed
		}
	case attr.oid.Equal(oidSigningCertV2):
		return a.readSigningCertificate(value, true)
	case attr.oid.Equal(oidSigningCert):
		if a.essV2 { // with both, the newer one counts (RFC 5035 §5)
			return nil
		}
		return a.readSigningCertificate(value, false)
	default:
		a.readRevocationArchival(value) // luggage: what cannot be read is missing as evidence
	}
	return nil
}

// readSigningCertificate reads the first ESSCertID or ESSCertIDv2, which names the signer's certificate; others
// name its issuers (RFC 5035 §5.4.1).
func (a *Attributes) readSigningCertificate(value cryptobyte.String, v2 bool) error {
	var outer, list, id cryptobyte.String
	if !value.ReadASN1(&outer, cbasn1.SEQUENCE) || !value.Empty() ||
		!outer.ReadASN1(&list, cbasn1.SEQUENCE) || !list.ReadASN1(&id, cbasn1.SEQUENCE) {
		return errMalformed
	}
	a.certHash, a.essV2 = crypto.SHA1, v2
	if v2 {
		a.certHash = crypto.SHA256
		if id.PeekASN1Tag(cbasn1.SEQUENCE) {
			h, err := readHash(&id)
			if err != nil {
				return err
			}
			a.certHash = h
		}
	}
	if !id.ReadASN1Bytes(&a.certDigest, cbasn1.OCTET_STRING) || len(a.certDigest) != a.certHash.Size() {
		return errMalformed
	}
	return nil
}

// readRevocationArchival reads RevocationInfoArchival of ISO 32000-2 §12.8.3.3.2 as far as it can be read.
func (a *Attributes) readRevocationArchival(value cryptobyte.String) {
	var body, wrapped, list cryptobyte.String
	if !value.ReadASN1(&body, cbasn1.SEQUENCE) {
		return
	}
	for n, target := range []*[][]byte{&a.crls, &a.ocsps} {
		var present bool
		if !body.ReadOptionalASN1(&wrapped, &present, explicitTag(uint8(n))) || present && !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) {
			return
		}
		for present && !list.Empty() {
			var element cryptobyte.String
			if !list.ReadASN1Element(&element, cbasn1.SEQUENCE) {
				break
			}
			*target = append(*target, element)
		}
	}
}

// HasSigningCertificate reports whether a signing-certificate attribute of either version is there.
func (a Attributes) HasSigningCertificate() bool { return a.certHash != 0 }

// HasSigningCertificateV2 reports whether the attribute is the one that PAdES requires for anything but SHA-1.
func (a Attributes) HasSigningCertificateV2() bool { return a.essV2 }

// IsSigningCertificate reports whether the signing-certificate attribute names cert by its digest.
func (a Attributes) IsSigningCertificate(cert *x509.Certificate) bool {
	return a.certHash != 0 && SameDigest(a.certDigest, digest(a.certHash, cert.Raw))
}

// readAttributes reads the elements of a SET OF Attribute.
func readAttributes(in cryptobyte.String) ([]attributeValues, error) {
	var list []attributeValues
	for !in.Empty() {
		var body, set cryptobyte.String
		var attr attributeValues
		if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&attr.oid) ||
			!body.ReadASN1(&set, cbasn1.SET) || !body.Empty() {
			return nil, errMalformed
		}
		for !set.Empty() {
			var element cryptobyte.String
			var tag cbasn1.Tag
			if !set.ReadAnyASN1Element(&element, &tag) {
				return nil, errMalformed
			}
			attr.values = append(attr.values, element)
		}
		list = append(list, attr)
	}
	return list, nil
}
