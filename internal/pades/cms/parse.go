package cms

import (
	"bytes"
	"crypto"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// SignedData is a CMS SignedData with one signer.
type SignedData struct {
	ContentType  asn1.ObjectIdentifier
	Content      []byte // nil when detached
	Certificates []*x509.Certificate
	Unreadable   [][]byte // certificates that crypto/x509 cannot read
	OCSPs, CRLs  [][]byte // from the crls field (RFC 5940) and adbe-revocationInfoArchival
	Signer       Signer
}

// Signer is the one SignerInfo.
type Signer struct {
	issuer, keyID   []byte // either issuer and serial, or the subject key identifier
	serial          *big.Int
	DigestAlgorithm crypto.Hash
	Algorithm       Algorithm
	SignedAttrs     []byte // DER SET OF, tag 0x31: the bytes that are signed; nil when there are none
	Signature       []byte
	Timestamps      [][]byte // signature time-stamp tokens among the unsigned attributes

	Attributes
}

// Parse reads a ContentInfo that holds a SignedData (RFC 5652 §3, §5) with exactly one signer. What is well formed and not known
// here is Unsupported. It returns the bytes that follow it.
func Parse(b []byte) (sd *SignedData, rest []byte, err error) {
	der, rest, err := firstElement(b)
	if err != nil {
		return nil, nil, err
	}
	sd, err = parseContentInfo(der)
	if err == nil {
		return sd, rest, nil
	}
	// BER may also hide inside an element of definite length.
	if normal, _, berErr := berToDER(der, 0); berErr == nil && !bytes.Equal(normal, der) {
		sd, err = parseContentInfo(normal)
	}
	return sd, rest, err
}

func parseContentInfo(der []byte) (*SignedData, error) {
	var body, content cryptobyte.String
	var oid asn1.ObjectIdentifier
	in := cryptobyte.String(der)
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1ObjectIdentifier(&oid) ||
		!body.ReadASN1(&content, explicitTag(0)) || !body.Empty() {
		return nil, notCMS.Err()
	}
	if !oid.Equal(oidSignedData) {
		return nil, notSignedData.Err("oid", oid)
	}
	return parseSignedData(content)
}

func parseSignedData(in cryptobyte.String) (*SignedData, error) {
	var body, digests, encap, certs, crls, signers cryptobyte.String
	var version int
	var hasCerts, hasCRLs bool
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Integer(&version) ||
		!body.ReadASN1(&digests, cbasn1.SET) || !body.ReadASN1(&encap, cbasn1.SEQUENCE) ||
		!body.ReadOptionalASN1(&certs, &hasCerts, explicitTag(0)) ||
		!body.ReadOptionalASN1(&crls, &hasCRLs, explicitTag(1)) ||
		!body.ReadASN1(&signers, cbasn1.SET) || !body.Empty() {
		return nil, signedDataMalformed.Err()
	}
	if version < 1 || version > 5 {
		return nil, signedDataVersion.Err("version", version)
	}
	sd := &SignedData{}
	if err := sd.readContent(encap); err != nil {
		return nil, err
	}
	sd.readCertificates(certs)
	sd.readRevocation(crls)
	var signer cryptobyte.String
	if !signers.ReadASN1(&signer, cbasn1.SEQUENCE) {
		return nil, noSigner.Err()
	}
	if !signers.Empty() {
		return nil, unsupported(severalSigners)
	}
	if err := sd.Signer.read(signer); err != nil {
		return nil, err
	}
	if !lists(digests, sd.Signer.DigestAlgorithm) {
		return nil, digestNotListed.Err()
	}
	sd.OCSPs = append(sd.OCSPs, sd.Signer.ocsps...)
	sd.CRLs = append(sd.CRLs, sd.Signer.crls...)
	return sd, nil
}

// lists reports whether a digest algorithm is among digestAlgorithms; verifiers may insist on it (RFC 5652 §5.1).
func lists(digests cryptobyte.String, want crypto.Hash) bool {
	found := false
	for !digests.Empty() {
		var element cryptobyte.String
		if !digests.ReadASN1Element(&element, cbasn1.SEQUENCE) {
			return false
		}
		if h, err := readHash(&element); err == nil && h == want {
			found = true
		}
	}
	return found
}

// readContent reads EncapsulatedContentInfo.
func (sd *SignedData) readContent(encap cryptobyte.String) error {
	var wrapped, content cryptobyte.String
	var present bool
	if !encap.ReadASN1ObjectIdentifier(&sd.ContentType) ||
		!encap.ReadOptionalASN1(&wrapped, &present, explicitTag(0)) || !encap.Empty() {
		return contentMalformed.Err()
	}
	if present {
		if !wrapped.ReadASN1(&content, cbasn1.OCTET_STRING) || !wrapped.Empty() {
			return contentMalformed.Err()
		}
		sd.Content = append([]byte{}, content...)
	}
	return nil
}

// readCertificates keeps what crypto/x509 can read. Others (attribute certificates, broken ones) cannot help
// a verifier and do no harm.
func (sd *SignedData) readCertificates(in cryptobyte.String) {
	for !in.Empty() {
		var element cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1Element(&element, &tag) {
			return
		}
		if tag != cbasn1.SEQUENCE {
			continue
		}
		cert, err := ParseCertificate(element)
		if err != nil {
			sd.Unreadable = append(sd.Unreadable, element)
			continue
		}
		sd.Certificates = append(sd.Certificates, cert)
	}
}

// WhyUnreadable says why the signer's certificate cannot be read, when it is there: in the SignedData or in extra. It is nil when
// none of the unreadable ones is the signer's.
func (sd *SignedData) WhyUnreadable(extra [][]byte) error {
	for _, list := range [][][]byte{sd.Unreadable, extra} {
		for _, der := range list {
			issuer, serial := issuerAndSerial(der)
			if sd.Signer.serial == nil || serial == nil || !bytes.Equal(issuer, sd.Signer.issuer) || serial.Cmp(sd.Signer.serial) != 0 {
				continue
			}
			if _, err := ParseCertificate(der); err != nil {
				return whyUnreadable(err)
			}
		}
	}
	return nil
}

// issuerAndSerial reads the beginning of a certificate (RFC 5280, 4.1); serial is nil when it has none.
func issuerAndSerial(der []byte) (issuer []byte, serial *big.Int) {
	in := cryptobyte.String(der)
	var cert, tbs, algorithm, name cryptobyte.String
	number := new(big.Int)
	if !in.ReadASN1(&cert, cbasn1.SEQUENCE) || !cert.ReadASN1(&tbs, cbasn1.SEQUENCE) || !tbs.SkipOptionalASN1(explicitTag(0)) ||
		!tbs.ReadASN1Integer(number) || !tbs.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !tbs.ReadASN1Element(&name, cbasn1.SEQUENCE) {
		return nil, nil
	}
	return name, number
}

// readRevocation reads RevocationInfoChoices: CRLs, and OCSP answers as in RFC 5940 §2.1.
func (sd *SignedData) readRevocation(in cryptobyte.String) {
	oidOCSP := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2}
	for !in.Empty() {
		var element cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1Element(&element, &tag) {
			return
		}
		if tag == cbasn1.SEQUENCE {
			sd.CRLs = append(sd.CRLs, element)
			continue
		}
		var body cryptobyte.String
		var oid asn1.ObjectIdentifier
		if tag == explicitTag(1) && element.ReadASN1(&body, tag) && body.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidOCSP) {
			sd.OCSPs = append(sd.OCSPs, body)
		}
	}
}

// read reads SignerInfo (RFC 5652 §5.3).
func (s *Signer) read(in cryptobyte.String) error {
	var version int
	if !in.ReadASN1Integer(&version) {
		return signerMalformed.Err()
	}
	if err := s.readID(&in); err != nil {
		return err
	}
	if version != 1 && version != 3 {
		return signerVersion.Err("version", version)
	}
	var err error
	if s.DigestAlgorithm, err = readHash(&in); err != nil {
		return err
	}
	var attrs, signature, unsigned cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&attrs, &present, explicitTag(0)) {
		return attributesMalformed.Err()
	}
	signed := present
	if s.Algorithm, err = readAlgorithm(&in, s.DigestAlgorithm); err != nil {
		return err
	}
	if !in.ReadASN1(&signature, cbasn1.OCTET_STRING) ||
		!in.ReadOptionalASN1(&unsigned, &present, explicitTag(1)) || !in.Empty() {
		return valueMalformed.Err()
	}
	s.Signature = signature
	if err := s.readUnsigned(unsigned); err != nil || !signed {
		return err
	}
	s.SignedAttrs = append(derHeader(0x31, len(attrs)), attrs...) // §5.4: SET OF tag, not the IMPLICIT [0]
	s.Attributes, err = ParseSignedAttrs(s.SignedAttrs)
	return err
}

// readID reads SignerIdentifier.
func (s *Signer) readID(in *cryptobyte.String) error {
	var body, issuer cryptobyte.String
	if in.PeekASN1Tag(cbasn1.SEQUENCE) {
		s.serial = new(big.Int)
		if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Element(&issuer, cbasn1.SEQUENCE) ||
			!body.ReadASN1Integer(s.serial) || !body.Empty() {
			return signerIDMalformed.Err()
		}
		s.issuer = issuer
		return nil
	}
	if !in.ReadASN1(&body, cbasn1.Tag(0).ContextSpecific()) || body.Empty() {
		return signerIDMalformed.Err()
	}
	s.keyID = body
	return nil
}

func (s *Signer) readUnsigned(in cryptobyte.String) error {
	attrs, err := readAttributes(in)
	if err != nil {
		return unsignedMalformed.Err()
	}
	for _, a := range attrs {
		if a.oid.Equal(oidTimeStamp) {
			s.Timestamps = append(s.Timestamps, a.values...)
		}
	}
	return nil
}

// Verify checks the signature value over the signed attributes with the key of cert. A signer without signed
// attributes does not verify: CAdES demands them (EN 319 122-1 §5.1).
func (s *Signer) Verify(cert *x509.Certificate) error {
	if s.SignedAttrs == nil {
		return noAttributes.Err()
	}
	if err := s.fits(cert); err != nil {
		return err
	}
	return s.Algorithm.Verify(cert.PublicKey, s.SignedAttrs, s.Signature)
}

// VerifyContent checks the signature value of a signer without signed attributes, as ISO 32000 allows it: over the content, of
// which the digest is given.
func (s *Signer) VerifyContent(cert *x509.Certificate, sum []byte) error {
	if s.SignedAttrs != nil {
		return overAttributes.Err()
	}
	if err := s.fits(cert); err != nil {
		return err
	}
	return s.Algorithm.VerifyDigest(cert.PublicKey, sum, s.Signature)
}

// Names reports whether the signer identifier names cert.
func (s *Signer) Names(cert *x509.Certificate) bool {
	if s.serial != nil {
		return bytes.Equal(s.issuer, cert.RawIssuer) && s.serial.Cmp(cert.SerialNumber) == 0
	}
	return len(cert.SubjectKeyId) > 0 && bytes.Equal(s.keyID, cert.SubjectKeyId)
}

// Certificate returns the signer's certificate: named by the signer identifier and, when there is a
// signing-certificate attribute, by that too. It looks in the SignedData and then in extra.
func (sd *SignedData) Certificate(extra []*x509.Certificate) *x509.Certificate {
	for _, list := range [][]*x509.Certificate{sd.Certificates, extra} {
		for _, cert := range list {
			if sd.Signer.Names(cert) && (!sd.Signer.HasSigningCertificate() || sd.Signer.IsSigningCertificate(cert)) {
				return cert
			}
		}
	}
	return nil
}

// SameDigest compares digests.
func SameDigest(a, b []byte) bool { return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1 }

func explicitTag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// IsData reports whether the content type is id-data, as it must be for a signature over a file.
func (sd *SignedData) IsData() bool { return sd.ContentType.Equal(oidData) }
