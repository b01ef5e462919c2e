package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"kyso/internal/problem"
)

// Match is what a provider's value turned out to be.
type Match struct {
	Algorithm   Algorithm
	Signature   []byte // as it stands in a SignerInfo: ECDSA is DER
	SignedAttrs []byte // what it signs: ours, or the provider's own

	Foreign *SignedData // the CMS that the value was, when the provider signed attributes of its own
}

// MatchValue finds out what a remote signing provider sent and accepts nothing that does not verify with the key
// of cert. Providers differ (and contradict their documents), so these are tried in turn:
//
//   - a bare value over our signed attributes with SHA-256: RSASSA-PKCS1-v1_5, RSASSA-PSS with any salt length,
//     ECDSA as DER or as r‖s;
//   - a CMS whose signer's value is such a value;
//   - a CMS with signed attributes of its own, when their message-digest is ours, they name cert, and the value
//     verifies.
//
// Anything else is problem.SignatureInvalid, an empty value too.
func MatchValue(cert *x509.Certificate, signedAttrs, value []byte) (*Match, error) {
	if len(value) == 0 {
		return nil, problem.New(problem.SignatureInvalid, "the signature value is empty")
	}
	if m := matchRaw(cert.PublicKey, signedAttrs, value); m != nil {
		return m, nil
	}
	if value[0] == 0x30 {
		if sd, rest, err := Parse(value); err == nil && len(rest) == 0 {
			return matchCMS(cert, signedAttrs, sd)
		}
	}
	return nil, problem.New(problem.SignatureInvalid,
		"the value of %d bytes verifies in no known form with the key of the certificate", len(value))
}

func matchCMS(cert *x509.Certificate, signedAttrs []byte, sd *SignedData) (*Match, error) {
	if m := matchRaw(cert.PublicKey, signedAttrs, sd.Signer.Signature); m != nil {
		return m, nil
	}
	ours, err := ParseSignedAttrs(signedAttrs)
	if err != nil {
		return nil, problem.Wrap(problem.Internal, err, "stored signed attributes")
	}
	s := &sd.Signer
	switch {
	case sd.Content != nil:
		return nil, problem.New(problem.SignatureInvalid, "the provider's CMS carries content")
	case s.DigestAlgorithm != crypto.SHA256 || !SameDigest(s.MessageDigest, ours.MessageDigest):
		return nil, problem.New(problem.SignatureInvalid, "the provider's CMS is over another document")
	case !s.SignedContentType.Equal(oidData):
		return nil, problem.New(problem.SignatureInvalid, "the provider's CMS signs another content type")
	case !s.Names(cert) || !s.IsSigningCertificate(cert):
		return nil, problem.New(problem.SignatureInvalid, "the provider's CMS does not name the chosen certificate")
	}
	if err := s.Verify(cert); err != nil {
		return nil, problem.Wrap(problem.SignatureInvalid, err, "the provider's CMS")
	}
	return &Match{Algorithm: s.Algorithm, Signature: s.Signature, SignedAttrs: s.SignedAttrs, Foreign: sd}, nil
}

// matchRaw tries value as a bare signature value; nil when it is none.
func matchRaw(key crypto.PublicKey, message, value []byte) *Match {
	found := func(a Algorithm, signature []byte) *Match {
		return &Match{Algorithm: a, Signature: signature, SignedAttrs: message}
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		if len(value) != key.Size() {
			return nil
		}
		a := Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA256}
		if a.Verify(key, message, value) == nil {
			return found(a, value)
		}
		if salt, ok := pssSaltLength(key, message, value); ok {
			return found(Algorithm{Scheme: PSS, Hash: crypto.SHA256, SaltLength: salt}, value)
		}
	case *ecdsa.PublicKey:
		a := Algorithm{Scheme: ECDSA, Hash: crypto.SHA256}
		if a.Verify(key, message, value) == nil {
			return found(a, value)
		}
		if der, ok := joinedToDER(key, value); ok && a.Verify(key, message, der) == nil {
			return found(a, der)
		}
	}
	return nil
}

// pssSaltLength verifies an RSASSA-PSS value and finds its salt length, which the parameters must state. The
// length of the digest is nearly always right and tried first.
func pssSaltLength(key *rsa.PublicKey, message, value []byte) (int, bool) {
	sum := digest(crypto.SHA256, message)
	try := func(salt int) bool {
		return rsa.VerifyPSS(key, crypto.SHA256, sum, value, &rsa.PSSOptions{SaltLength: salt}) == nil
	}
	if try(len(sum)) {
		return len(sum), true
	}
	if !try(rsa.PSSSaltLengthAuto) {
		return 0, false
	}
	for salt := 1; salt <= key.Size()-len(sum)-2; salt++ {
		if try(salt) {
			return salt, true
		}
	}
	return 0, true // some length fits and it is none of the others
}

// joinedToDER turns r‖s of fixed length (IEEE P1363) into the DER that CMS requires.
func joinedToDER(key *ecdsa.PublicKey, value []byte) ([]byte, bool) {
	size := (key.Curve.Params().BitSize + 7) / 8
	if len(value) != 2*size {
		return nil, false
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(value[:size]))
		b.AddASN1BigInt(new(big.Int).SetBytes(value[size:]))
	})
	der, err := b.Bytes()
	return der, err == nil
}
