package cmstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"testing"

	"github.com/digitorus/pkcs7"

	"kyso/internal/pades/cms"
)

// ValueKind is one way in which a provider may answer.
type ValueKind struct {
	Name      string
	Key       crypto.Signer
	Algorithm string // as reports name it
	// Value answers for signed attributes over content.
	Value func(t testing.TB, id *Identity, attrs, content []byte) []byte
}

// ValueKinds lists the ways that were seen.
func ValueKinds(t testing.TB) []ValueKind {
	t.Helper()
	const v15, vPSS, vEC = "RSASSA-PKCS1-v1_5 with SHA-256", "RSASSA-PSS with SHA-256", "ECDSA with SHA-256"
	key := RSAKey(t, "signer", 2048)
	return []ValueKind{
		{"rsa pkcs1", key, v15, plain},
		{"rsa pss", key, vPSS, pss(32)},
		{"rsa pss salt 20", key, vPSS, pss(20)},
		{"rsa pss longest salt", key, vPSS, pss(256 - 32 - 2)},
		{"rsa 3072", RSAKey(t, "signer3072", 3072), v15, plain},
		{"p256 der", ECKey(t, elliptic.P256()), vEC, plain},
		{"p256 joined", ECKey(t, elliptic.P256()), vEC, joined},
		{"p384 der", ECKey(t, elliptic.P384()), vEC, plain},
		{"p384 joined", ECKey(t, elliptic.P384()), vEC, joined},
		{"p521 joined", ECKey(t, elliptic.P521()), vEC, joined},
		{"cms over our attributes", key, v15, Wrapped},
		{"cms over its own attributes", key, v15, Foreign},
	}
}

// Sign signs a digest.
func Sign(t testing.TB, key crypto.Signer, digest []byte, opts crypto.SignerOpts) []byte {
	t.Helper()
	value, err := key.Sign(rand.Reader, digest, opts)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func plain(t testing.TB, id *Identity, attrs, _ []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(attrs)
	return Sign(t, id.Key, sum[:], crypto.SHA256)
}

func pss(salt int) func(testing.TB, *Identity, []byte, []byte) []byte {
	return func(t testing.TB, id *Identity, attrs, _ []byte) []byte {
		t.Helper()
		sum := sha256.Sum256(attrs)
		return Sign(t, id.Key, sum[:], &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256})
	}
}

// joined is r‖s.
func joined(t testing.TB, id *Identity, attrs, _ []byte) []byte {
	t.Helper()
	key := id.Key.(*ecdsa.PrivateKey)
	sum := sha256.Sum256(attrs)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	size := (key.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// Wrapped is a CMS around an RSA value over our attributes.
func Wrapped(t testing.TB, id *Identity, attrs, _ []byte) []byte {
	t.Helper()
	der, err := cms.Assemble(cms.Parts{SignedAttrs: attrs, Signature: plain(t, id, attrs, nil),
		Algorithm: cms.Algorithm{Scheme: cms.PKCS1v15, Hash: crypto.SHA256}, Certificate: id.Cert})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Foreign is a CMS by another library with signed attributes of its own, signing-time among them.
func Foreign(t testing.TB, id *Identity, _, content []byte) []byte {
	t.Helper()
	type essCertID struct{ Hash []byte }
	sum := sha256.Sum256(id.Cert.Raw)
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	err = signed.AddSigner(id.Cert, id.Key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{{
		Type:  asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47},
		Value: struct{ Certs []essCertID }{[]essCertID{{sum[:]}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	signed.Detach()
	der, err := signed.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return der
}
