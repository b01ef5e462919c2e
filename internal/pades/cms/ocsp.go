package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// State is what revocation data says of a certificate.
type State int

// The states. StateUnknown is an answer of its own in OCSP: the responder does not know the certificate.
const (
	StateGood State = iota + 1
	StateRevoked
	StateUnknown
)

// ReasonHold is certificateHold of RFC 5280 §5.3.1, the only reason that can be lifted again.
const ReasonHold = 6

// Status is a verified statement about one certificate.
type Status struct {
	State      State
	RevokedAt  time.Time
	Reason     int // CRLReason; 0 is unspecified
	ThisUpdate time.Time
	NextUpdate time.Time         // zero when the source does not say
	Responder  *x509.Certificate // delegated OCSP responder; nil when the issuer signed itself
}

// OCSP is a parsed basic OCSP response (RFC 6960 §4.2.1). Nothing in it is verified before Status.
type OCSP struct {
	Raw          []byte
	ProducedAt   time.Time
	Certificates []*x509.Certificate

	tbs, signature []byte
	algorithm      Algorithm
	responderName  []byte // either name or key hash
	responderKey   []byte
	answers        []ocspAnswer
}

type ocspAnswer struct {
	hash              crypto.Hash
	nameHash, keyHash []byte
	serial            *big.Int
	status            Status
}

var (
	oidOCSPBasic   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidOCSPNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
)

// ParseOCSP reads a successful OCSPResponse.
func ParseOCSP(der []byte) (*OCSP, error) {
	in := cryptobyte.String(der)
	var body, wrapped, response, basicDER, basic cryptobyte.String
	var status int
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Enum(&status) {
		return nil, errors.New("malformed OCSP response")
	}
	if status != 0 {
		return nil, fmt.Errorf("OCSP response with status %d", status)
	}
	if !body.ReadASN1(&wrapped, explicitTag(0)) || !body.Empty() || !wrapped.ReadASN1(&response, cbasn1.SEQUENCE) ||
		!response.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(oidOCSPBasic) ||
		!response.ReadASN1(&basicDER, cbasn1.OCTET_STRING) ||
		!basicDER.ReadASN1(&basic, cbasn1.SEQUENCE) || !basicDER.Empty() {
		return nil, errors.New("malformed OCSP response")
	}
	o := &OCSP{Raw: der}
	if err := o.readBasic(basic); err != nil {
		return nil, fmt.Errorf("reading OCSP response: %w", err)
	}
	return o, nil
}

func (o *OCSP) readBasic(basic cryptobyte.String) error {
	var tbs, wrapped, certs cryptobyte.String
	var err error
	if !basic.ReadASN1Element(&tbs, cbasn1.SEQUENCE) {
		return errors.New("malformed response data")
	}
	o.tbs = tbs
	if o.algorithm, err = readAlgorithm(&basic, 0); err != nil {
		return err
	}
	var present bool
	if !basic.ReadASN1BitStringAsBytes(&o.signature) ||
		!basic.ReadOptionalASN1(&wrapped, &present, explicitTag(0)) || !basic.Empty() {
		return errors.New("malformed signature")
	}
	if present {
		if !wrapped.ReadASN1(&certs, cbasn1.SEQUENCE) || !wrapped.Empty() {
			return errors.New("malformed certificates")
		}
		for !certs.Empty() {
			var element cryptobyte.String
			if !certs.ReadASN1Element(&element, cbasn1.SEQUENCE) {
				return errors.New("malformed certificates")
			}
			if cert, err := ParseCertificate(element); err == nil {
				o.Certificates = append(o.Certificates, cert)
			}
		}
	}
	return o.readData(tbs)
}

// readData reads ResponseData.
func (o *OCSP) readData(tbs cryptobyte.String) error {
	var data, field, answers cryptobyte.String
	var present bool
	if !tbs.ReadASN1(&data, cbasn1.SEQUENCE) || !data.ReadOptionalASN1(&field, &present, explicitTag(0)) {
		return errors.New("malformed response data")
	}
	switch {
	case data.PeekASN1Tag(explicitTag(1)):
		if !data.ReadASN1(&field, explicitTag(1)) {
			return errors.New("malformed responder name")
		}
		o.responderName = field
	case data.ReadASN1(&field, explicitTag(2)):
		if !field.ReadASN1Bytes(&o.responderKey, cbasn1.OCTET_STRING) {
			return errors.New("malformed responder key")
		}
	default:
		return errors.New("responder is not named")
	}
	var err error
	if o.ProducedAt, err = readGeneralizedTime(&data); err != nil {
		return err
	}
	if !data.ReadASN1(&answers, cbasn1.SEQUENCE) {
		return errors.New("malformed answers")
	}
	for !answers.Empty() {
		answer, err := readAnswer(&answers)
		if err != nil {
			return err
		}
		o.answers = append(o.answers, answer)
	}
	return rejectCritical(data, explicitTag(1))
}

// readAnswer reads SingleResponse.
func readAnswer(in *cryptobyte.String) (ocspAnswer, error) {
	var body, id, next cryptobyte.String
	a := ocspAnswer{serial: new(big.Int)}
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&id, cbasn1.SEQUENCE) {
		return a, errors.New("malformed answer")
	}
	var err error
	if a.hash, err = readHash(&id); err != nil {
		return a, err
	}
	if !id.ReadASN1Bytes(&a.nameHash, cbasn1.OCTET_STRING) || !id.ReadASN1Bytes(&a.keyHash, cbasn1.OCTET_STRING) ||
		!id.ReadASN1Integer(a.serial) || !id.Empty() {
		return a, errors.New("malformed certificate id")
	}
	if err := a.status.readState(&body); err != nil {
		return a, err
	}
	if a.status.ThisUpdate, err = readGeneralizedTime(&body); err != nil {
		return a, err
	}
	var present bool
	if !body.ReadOptionalASN1(&next, &present, explicitTag(0)) {
		return a, errors.New("malformed nextUpdate")
	}
	if present {
		if a.status.NextUpdate, err = readGeneralizedTime(&next); err != nil {
			return a, err
		}
	}
	return a, rejectCritical(body, explicitTag(1))
}

// readState reads CertStatus.
func (st *Status) readState(in *cryptobyte.String) error {
	var body, wrapped cryptobyte.String
	var tag cbasn1.Tag
	if !in.ReadAnyASN1(&body, &tag) {
		return errors.New("malformed status")
	}
	switch tag {
	case cbasn1.Tag(0).ContextSpecific():
		st.State = StateGood
	case cbasn1.Tag(2).ContextSpecific():
		st.State = StateUnknown
	case explicitTag(1):
		st.State = StateRevoked
		var err error
		if st.RevokedAt, err = readGeneralizedTime(&body); err != nil {
			return err
		}
		var present bool
		if !body.ReadOptionalASN1(&wrapped, &present, explicitTag(0)) || present && !wrapped.ReadASN1Enum(&st.Reason) {
			return errors.New("malformed revocation reason")
		}
	default:
		return errors.New("malformed status")
	}
	return nil
}

// Status returns what the response says of cert. The response must be signed by issuer, or by a responder that
// issuer certified for id-kp-OCSPSigning (RFC 6960 §4.2.2.2), and name cert with issuer's name and key.
func (o *OCSP) Status(cert, issuer *x509.Certificate) (*Status, error) {
	answer := o.find(cert, issuer)
	if answer == nil {
		return nil, errors.New("OCSP response is about other certificates")
	}
	for _, signer := range append([]*x509.Certificate{issuer}, o.Certificates...) {
		if !o.namesResponder(signer) || !o.mayAnswer(signer, issuer) {
			continue
		}
		if err := o.algorithm.Verify(signer.PublicKey, o.tbs, o.signature); err != nil {
			continue
		}
		st := answer.status
		if !signer.Equal(issuer) {
			st.Responder = signer
		}
		return &st, nil
	}
	return nil, errors.New("OCSP response is not signed by the issuer or its responder")
}

func (o *OCSP) find(cert, issuer *x509.Certificate) *ocspAnswer {
	key := publicKeyBits(issuer)
	for i, a := range o.answers {
		if a.serial.Cmp(cert.SerialNumber) == 0 && SameDigest(a.nameHash, digest(a.hash, cert.RawIssuer)) &&
			SameDigest(a.keyHash, digest(a.hash, key)) {
			return &o.answers[i]
		}
	}
	return nil
}

func (o *OCSP) namesResponder(signer *x509.Certificate) bool {
	if o.responderName != nil {
		return bytes.Equal(o.responderName, signer.RawSubject)
	}
	return SameDigest(o.responderKey, digest(crypto.SHA1, publicKeyBits(signer)))
}

func (o *OCSP) mayAnswer(signer, issuer *x509.Certificate) bool {
	if signer.Equal(issuer) {
		return true
	}
	return slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) &&
		!o.ProducedAt.Before(signer.NotBefore) && !o.ProducedAt.After(signer.NotAfter) &&
		bytes.Equal(signer.RawIssuer, issuer.RawSubject) && signer.CheckSignatureFrom(issuer) == nil
}

// NoCheck reports whether a responder certificate carries id-pkix-ocsp-nocheck: its issuer asks verifiers not to look
// for its revocation (RFC 6960 §4.2.2.2.1).
func NoCheck(responder *x509.Certificate) bool {
	return slices.ContainsFunc(responder.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidOCSPNoCheck) })
}

// publicKeyBits returns the BIT STRING contents of subjectPublicKey, which OCSP hashes.
func publicKeyBits(cert *x509.Certificate) []byte {
	in := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var body, skipped cryptobyte.String
	var bits []byte
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1(&skipped, cbasn1.SEQUENCE) ||
		!body.ReadASN1BitStringAsBytes(&bits) {
		return nil
	}
	return bits
}
