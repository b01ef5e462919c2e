package cms

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Token is an RFC 3161 time-stamp token.
type Token struct {
	SignedData *SignedData
	Policy     asn1.ObjectIdentifier
	Serial     *big.Int
	Time       time.Time // genTime
	Hash       crypto.Hash
	Imprint    []byte
	Nonce      *big.Int // nil when absent
}

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

// ParseToken reads a TimeStampToken and returns the bytes that follow it.
func ParseToken(b []byte) (token *Token, rest []byte, err error) {
	sd, rest, err := Parse(b)
	if err != nil {
		return nil, nil, err
	}
	if !sd.ContentType.Equal(oidTSTInfo) || sd.Content == nil {
		return nil, nil, notToken.Err()
	}
	token = &Token{SignedData: sd}
	if err := token.readInfo(sd.Content); err != nil {
		return nil, nil, err
	}
	return token, rest, nil
}

// readInfo reads TSTInfo (RFC 3161 §2.4.2).
func (t *Token) readInfo(content cryptobyte.String) error {
	var body, imprint cryptobyte.String
	var version int
	t.Serial = new(big.Int)
	if !content.ReadASN1(&body, cbasn1.SEQUENCE) || !content.Empty() || !body.ReadASN1Integer(&version) ||
		!body.ReadASN1ObjectIdentifier(&t.Policy) || !body.ReadASN1(&imprint, cbasn1.SEQUENCE) ||
		!body.ReadASN1Integer(t.Serial) {
		return tokenMalformed.Err()
	}
	if version != 1 {
		return tokenVersion.Err("version", version)
	}
	var err error
	if t.Hash, err = readHash(&imprint); err != nil {
		return err
	}
	if !imprint.ReadASN1Bytes(&t.Imprint, cbasn1.OCTET_STRING) || len(t.Imprint) != t.Hash.Size() || !imprint.Empty() {
		return tokenMalformed.Err()
	}
	if t.Time, err = readGeneralizedTime(&body); err != nil {
		return err
	}
	return t.readInfoOptions(body)
}

// readInfoOptions reads accuracy, ordering, nonce, tsa and extensions. No extension is known, so a critical one
// is an error; the others change nothing.
func (t *Token) readInfoOptions(body cryptobyte.String) error {
	var skipped, extensions cryptobyte.String
	var ordering, present bool
	ok := body.ReadOptionalASN1(&skipped, &present, cbasn1.SEQUENCE) // accuracy
	if ok && body.PeekASN1Tag(cbasn1.BOOLEAN) {
		ok = body.ReadASN1Boolean(&ordering)
	}
	if ok && body.PeekASN1Tag(cbasn1.INTEGER) {
		t.Nonce = new(big.Int)
		ok = body.ReadASN1Integer(t.Nonce)
	}
	if !ok || !body.ReadOptionalASN1(&skipped, &present, explicitTag(0)) ||
		!body.ReadOptionalASN1(&extensions, &present, explicitTag(1)) || !body.Empty() {
		return tokenMalformed.Err()
	}
	for !extensions.Empty() {
		ext, err := readExtension(&extensions)
		if err != nil {
			return err
		}
		if ext.Critical {
			return tokenExtension.Err("oid", ext.Id)
		}
	}
	return nil
}

// VerifyMessage checks the token over a message, such as a signature value. See VerifyDigest.
func (t *Token) VerifyMessage(message []byte, extra []*x509.Certificate) (*x509.Certificate, error) {
	return t.VerifyDigest(digest(t.Hash, message), extra)
}

// VerifyDigest checks everything inside the token: the imprint is digest (made with t.Hash), the content is what
// the attributes say, the value verifies, and the certificate is named by an ESS attribute of either version and
// is for time-stamping only (RFC 3161 §2.3). It returns that certificate, found in the token or in extra; whether
// to trust it, and whether it was valid at t.Time, is for the caller.
func (t *Token) VerifyDigest(messageDigest []byte, extra []*x509.Certificate) (*x509.Certificate, error) {
	s := &t.SignedData.Signer
	if !SameDigest(t.Imprint, messageDigest) {
		return nil, because(ErrDigest, imprintDiffers)
	}
	if s.SignedAttrs != nil && !SameDigest(s.MessageDigest, digest(s.DigestAlgorithm, t.SignedData.Content)) {
		return nil, because(ErrDigest, tokenChanged)
	}
	if !s.SignedContentType.Equal(oidTSTInfo) || !s.HasSigningCertificate() {
		return nil, because(ErrAttributes, tokenUnnamed)
	}
	cert := t.SignedData.Certificate(extra)
	if cert == nil {
		return nil, ErrNoAuthority
	}
	if err := s.Verify(cert); err != nil {
		return nil, err
	}
	if err := checkTimeStamping(cert); err != nil {
		return nil, err
	}
	return cert, nil
}

func checkTimeStamping(cert *x509.Certificate) error {
	only := len(cert.ExtKeyUsage) == 1 && cert.ExtKeyUsage[0] == x509.ExtKeyUsageTimeStamping &&
		len(cert.UnknownExtKeyUsage) == 0
	for _, ext := range cert.Extensions {
		if only && ext.Critical && ext.Id.Equal(oidExtKeyUsage) {
			return nil
		}
	}
	return ErrNotForStamps
}

// What can be wrong with a token, besides its signature value.
var (
	ErrDigest       = errors.New("digests differ")
	ErrAttributes   = errors.New("signed attributes are missing")
	ErrNoAuthority  = authorityMissing.Err()
	ErrNotForStamps = notForStamps.Err()
)

// readGeneralizedTime reads a GeneralizedTime in UTC, with or without a fraction of a second.
func readGeneralizedTime(s *cryptobyte.String) (time.Time, error) {
	var text cryptobyte.String
	if !s.ReadASN1(&text, cbasn1.GeneralizedTime) {
		return time.Time{}, tokenMalformed.Err()
	}
	at, err := time.Parse("20060102150405Z", string(text)) // accepts a fraction after the seconds
	if err != nil {
		return time.Time{}, tokenMalformed.Err()
	}
	return at.UTC(), nil
}
