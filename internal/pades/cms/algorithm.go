package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Scheme is a family of signature algorithms.
type Scheme int

// The schemes.
const (
	PKCS1v15 Scheme = iota + 1 // RSASSA-PKCS1-v1_5
	PSS                        // RSASSA-PSS
	ECDSA                      // value as DER SEQUENCE of r and s
	Ed25519                    // over the message itself (RFC 8419); Hash is that of the content
)

// Algorithm is a signature algorithm with everything needed to verify a value.
type Algorithm struct {
	Scheme     Scheme
	Hash       crypto.Hash
	SaltLength int // of PSS
}

var (
	oidRSA        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidMGF1       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidPSS        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidSHA1RSA    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	oidSHA256RSA  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidSHA384RSA  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidSHA512RSA  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidECDSASHA1  = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	oidECDSASHA2a = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSASHA2b = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSASHA2c = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
	oidEd25519    = asn1.ObjectIdentifier{1, 3, 101, 112}

	// Those with SHA-3 stand in one row: ECDSA from 10, RSASSA-PKCS1-v1_5 from 14, each with 256, 384 and 512 bits.
	oidECDSASHA3a = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 10}
	oidECDSASHA3b = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 11}
	oidECDSASHA3c = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 12}
	oidSHA3aRSA   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 14}
	oidSHA3bRSA   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 15}
	oidSHA3cRSA   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 16}
)

// fixedAlgorithms are the algorithm identifiers whose parameters are absent or NULL.
var fixedAlgorithms = []struct {
	oid       asn1.ObjectIdentifier
	algorithm Algorithm
}{
	{oidSHA256RSA, Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA256}},
	{oidSHA384RSA, Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA384}},
	{oidSHA512RSA, Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA512}},
	{oidSHA1RSA, Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA1}},
	{oidECDSASHA2a, Algorithm{Scheme: ECDSA, Hash: crypto.SHA256}},
	{oidECDSASHA2b, Algorithm{Scheme: ECDSA, Hash: crypto.SHA384}},
	{oidECDSASHA2c, Algorithm{Scheme: ECDSA, Hash: crypto.SHA512}},
	{oidECDSASHA1, Algorithm{Scheme: ECDSA, Hash: crypto.SHA1}},
	{oidECDSASHA3a, Algorithm{Scheme: ECDSA, Hash: crypto.SHA3_256}},
	{oidECDSASHA3b, Algorithm{Scheme: ECDSA, Hash: crypto.SHA3_384}},
	{oidECDSASHA3c, Algorithm{Scheme: ECDSA, Hash: crypto.SHA3_512}},
	{oidSHA3aRSA, Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA3_256}},
	{oidSHA3bRSA, Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA3_384}},
	{oidSHA3cRSA, Algorithm{Scheme: PKCS1v15, Hash: crypto.SHA3_512}},
}

// String names the algorithm as reports show it, such as "RSASSA-PKCS1-v1_5 with SHA-256".
func (a Algorithm) String() string {
	name := "unknown"
	switch a.Scheme {
	case PKCS1v15:
		name = "RSASSA-PKCS1-v1_5"
	case PSS:
		name = "RSASSA-PSS"
	case ECDSA:
		name = "ECDSA"
	case Ed25519:
		return "Ed25519"
	}
	return name + " with " + a.Hash.String()
}

// Verify checks that signature is the algorithm's value over message under the public key.
func (a Algorithm) Verify(key crypto.PublicKey, message, signature []byte) error {
	if a.Scheme != Ed25519 {
		return a.VerifyDigest(key, digest(a.Hash, message), signature)
	}
	if key, ok := key.(ed25519.PublicKey); !ok || !ed25519.Verify(key, message, signature) {
		return valueWrong.Err()
	}
	return nil
}

// VerifyDigest is Verify over a message of which the digest is given.
func (a Algorithm) VerifyDigest(key crypto.PublicKey, sum, signature []byte) error {
	if a.Scheme == Ed25519 {
		return unsupported(ed25519Bare)
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch a.Scheme {
		case PKCS1v15:
			return wrong(rsa.VerifyPKCS1v15(key, a.Hash, sum, signature))
		case PSS:
			return wrong(rsa.VerifyPSS(key, a.Hash, sum, signature, &rsa.PSSOptions{SaltLength: a.SaltLength, Hash: a.Hash}))
		}
	case *ecdsa.PublicKey:
		if a.Scheme == ECDSA {
			if !ecdsa.VerifyASN1(key, sum, signature) {
				return valueWrong.Err()
			}
			return nil
		}
	}
	return keyWrong.Err("algorithm", a)
}

// add writes the AlgorithmIdentifier.
func (a Algorithm) add(b *cryptobyte.Builder) {
	if a.Scheme == PSS {
		a.addPSS(b)
		return
	}
	if a.Scheme == Ed25519 {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidEd25519) })
		return
	}
	for _, f := range fixedAlgorithms {
		if f.algorithm != a {
			continue
		}
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(f.oid)
			if a.Scheme == PKCS1v15 {
				b.AddASN1NULL() // RFC 4055 §5: MUST be NULL; RFC 5758 §3.2 for ECDSA: absent
			}
		})
		return
	}
	b.SetError(fmt.Errorf("no algorithm identifier for %s", a))
}

// addPSS writes id-RSASSA-PSS with explicit parameters (RFC 4055 §3.1); trailerField 1 is the DEFAULT.
func (a Algorithm) addPSS(b *cryptobyte.Builder) {
	explicit := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }
	hash := func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidByHash(a.Hash))
			b.AddASN1NULL()
		})
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidPSS)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(explicit(0), hash)
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidMGF1)
					hash(b)
				})
			})
			b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(a.SaltLength)) })
		})
	})
}

// readAlgorithm reads the signature AlgorithmIdentifier of a signer. digestHash is the digest algorithm stated
// next to it, which gives the hash when the identifier is plain rsaEncryption and must agree otherwise.
func readAlgorithm(s *cryptobyte.String, digestHash crypto.Hash) (Algorithm, error) {
	oid, params, err := readAlgorithmIdentifier(s)
	if err != nil {
		return Algorithm{}, err
	}
	switch {
	case oid.Equal(oidRSA):
		if digestHash == 0 || !absentOrNull(params) {
			return Algorithm{}, algorithmParameters.Err()
		}
		return Algorithm{Scheme: PKCS1v15, Hash: digestHash}, nil
	case oid.Equal(oidPSS):
		a, err := readPSS(params)
		if err == nil && digestHash != 0 && a.Hash != digestHash {
			err = algorithmsDiffer.Err()
		}
		return a, err
	case oid.Equal(oidEd25519):
		if !params.Empty() {
			return Algorithm{}, algorithmParameters.Err()
		}
		return Algorithm{Scheme: Ed25519, Hash: digestHash}, nil
	}
	for _, f := range fixedAlgorithms {
		if !f.oid.Equal(oid) {
			continue
		}
		if !absentOrNull(params) {
			return Algorithm{}, algorithmParameters.Err()
		}
		if digestHash != 0 && digestHash != f.algorithm.Hash {
			return Algorithm{}, algorithmsDiffer.Err()
		}
		return f.algorithm, nil
	}
	return Algorithm{}, unsupported(algorithmUnsupported, "oid", oid)
}

// readPSS reads RSASSA-PSS-params. Go verifies MGF1 with the hash of the message only, which is what RFC 4055
// recommends and all do.
func readPSS(params cryptobyte.String) (Algorithm, error) {
	malformed := pssMalformed.Err()
	a := Algorithm{Scheme: PSS, Hash: crypto.SHA1, SaltLength: 20}
	mgfHash := crypto.SHA1
	if params.Empty() {
		return a, nil
	}
	var body, field cryptobyte.String
	if !params.ReadASN1(&body, cbasn1.SEQUENCE) || !params.Empty() {
		return a, malformed
	}
	explicit := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }
	var present bool
	if !body.ReadOptionalASN1(&field, &present, explicit(0)) {
		return a, malformed
	}
	var err error
	if present {
		if a.Hash, err = readHash(&field); err != nil {
			return a, err
		}
	}
	if !body.ReadOptionalASN1(&field, &present, explicit(1)) {
		return a, malformed
	}
	if present {
		oid, inner, err := readAlgorithmIdentifier(&field)
		if err != nil || !oid.Equal(oidMGF1) {
			return a, malformed
		}
		if mgfHash, err = readHash(&inner); err != nil {
			return a, err
		}
	}
	var trailer int
	if !body.ReadOptionalASN1Integer(&a.SaltLength, explicit(2), 20) ||
		!body.ReadOptionalASN1Integer(&trailer, explicit(3), 1) || !body.Empty() {
		return a, malformed
	}
	if a.SaltLength < 0 {
		return a, malformed
	}
	if trailer != 1 || mgfHash != a.Hash {
		return a, unsupported(pssUnsupported)
	}
	return a, nil
}

// readHash reads a digest AlgorithmIdentifier with absent or NULL parameters.
func readHash(s *cryptobyte.String) (crypto.Hash, error) {
	oid, params, err := readAlgorithmIdentifier(s)
	if err != nil {
		return 0, err
	}
	h := hashByOID(oid)
	for _, f := range fixedAlgorithms { // a known slip: the signature algorithm in the place of its digest algorithm
		if h == 0 && f.oid.Equal(oid) {
			h = f.algorithm.Hash
		}
	}
	if h == 0 {
		return 0, unsupported(digestUnsupported, "oid", oid)
	}
	if !absentOrNull(params) {
		return 0, digestParameters.Err("oid", oid)
	}
	return h, nil
}

// readAlgorithmIdentifier returns the OID and the DER of the parameters, empty when absent.
func readAlgorithmIdentifier(s *cryptobyte.String) (asn1.ObjectIdentifier, cryptobyte.String, error) {
	var body cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&oid) {
		return nil, nil, algorithmMalformed.Err()
	}
	return oid, body, nil
}

func absentOrNull(params cryptobyte.String) bool {
	var null cryptobyte.String
	return params.Empty() || params.ReadASN1(&null, cbasn1.NULL) && null.Empty() && params.Empty()
}
