package cms_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/cms/cmstest"
	"kyso/internal/problem"
)

var content = []byte("nội dung được ký")

// prepared returns the signed attributes over content and their SHA-256.
func prepared(t testing.TB, cert *x509.Certificate) (attrs, h3 []byte) {
	t.Helper()
	h2 := sha256.Sum256(content)
	attrs, err := cms.SignedAttrs(h2[:], cert)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(attrs)
	return attrs, sum[:]
}

func TestSignedAttrsAreSortedDER(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	signer := pki.Signer(cmstest.ECKey(t, elliptic.P256()), nil)
	attrs, _ := prepared(t, signer.Cert)
	var set []asn1.RawValue
	if rest, err := asn1.UnmarshalWithParams(attrs, &set, "set"); err != nil || len(rest) > 0 {
		t.Fatalf("not a SET: %v", err)
	}
	if len(set) != 3 {
		t.Fatalf("%d attributes, want content-type, message-digest and signing-certificate-v2", len(set))
	}
	for i := 1; i < len(set); i++ {
		if bytes.Compare(set[i-1].FullBytes, set[i].FullBytes) >= 0 {
			t.Error("the SET is not in DER order")
		}
	}
	parsed, err := cms.ParseSignedAttrs(attrs)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(content); !bytes.Equal(parsed.MessageDigest, sum[:]) {
		t.Error("message-digest is not that of the content")
	}
	if !parsed.HasSigningCertificateV2() || !parsed.IsSigningCertificate(signer.Cert) || parsed.IsSigningCertificate(pki.CA.Cert) {
		t.Error("signing-certificate-v2 does not name exactly the signer")
	}
}

func TestSignedAttrsRefusesBadInput(t *testing.T) {
	if _, err := cms.SignedAttrs([]byte("short"), &x509.Certificate{Raw: []byte{1}}); err == nil {
		t.Error("a digest of the wrong length was taken")
	}
	if _, err := cms.SignedAttrs(make([]byte, 32), nil); err == nil {
		t.Error("no certificate was taken")
	}
}

// valueKind is one way in which a provider may answer.
type valueKind struct {
	name  string
	key   crypto.Signer
	value func(t testing.TB, id *cmstest.Identity, attrs, h3 []byte) []byte
	want  string
}

func valueKinds(t testing.TB) []valueKind {
	rsaKey := cmstest.RSAKey(t, "signer", 2048)
	pkcs1 := func(t testing.TB, id *cmstest.Identity, _, h3 []byte) []byte {
		return signWith(t, id.Key, h3, crypto.SHA256)
	}
	pss := func(salt int) func(testing.TB, *cmstest.Identity, []byte, []byte) []byte {
		return func(t testing.TB, id *cmstest.Identity, _, h3 []byte) []byte {
			return signWith(t, id.Key, h3, &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256})
		}
	}
	joined := func(t testing.TB, id *cmstest.Identity, _, h3 []byte) []byte {
		key := id.Key.(*ecdsa.PrivateKey)
		r, s, err := ecdsa.Sign(rand.Reader, key, h3)
		if err != nil {
			t.Fatal(err)
		}
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
	const v15, vPSS, vEC = "RSASSA-PKCS1-v1_5 with SHA-256", "RSASSA-PSS with SHA-256", "ECDSA with SHA-256"
	return []valueKind{
		{"rsa pkcs1", rsaKey, pkcs1, v15},
		{"rsa pss", rsaKey, pss(32), vPSS},
		{"rsa pss salt 20", rsaKey, pss(20), vPSS},
		{"rsa pss longest salt", rsaKey, pss(256 - 32 - 2), vPSS},
		{"rsa 3072", cmstest.RSAKey(t, "signer3072", 3072), pkcs1, v15},
		{"p256 der", cmstest.ECKey(t, elliptic.P256()), pkcs1, vEC},
		{"p256 joined", cmstest.ECKey(t, elliptic.P256()), joined, vEC},
		{"p384 der", cmstest.ECKey(t, elliptic.P384()), pkcs1, vEC},
		{"p384 joined", cmstest.ECKey(t, elliptic.P384()), joined, vEC},
		{"p521 joined", cmstest.ECKey(t, elliptic.P521()), joined, vEC},
		{"cms over our attributes", rsaKey, wrapped, v15},
		{"cms over its own attributes", rsaKey, foreign, v15},
	}
}

func signWith(t testing.TB, key crypto.Signer, digest []byte, opts crypto.SignerOpts) []byte {
	t.Helper()
	value, err := key.Sign(rand.Reader, digest, opts)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// wrapped is a CMS around a value over our attributes.
func wrapped(t testing.TB, id *cmstest.Identity, attrs, h3 []byte) []byte {
	t.Helper()
	der, err := cms.Assemble(cms.Parts{SignedAttrs: attrs, Signature: signWith(t, id.Key, h3, crypto.SHA256),
		Algorithm: cms.Algorithm{Scheme: cms.PKCS1v15, Hash: crypto.SHA256}, Certificate: id.Cert})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// foreign is a CMS by another library with signed attributes of its own (signing-time among them).
func foreign(t testing.TB, id *cmstest.Identity, _, _ []byte) []byte {
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

func TestMatchValueKnowsEveryForm(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	for _, kind := range valueKinds(t) {
		t.Run(kind.name, func(t *testing.T) {
			signer := pki.Signer(kind.key, nil)
			attrs, h3 := prepared(t, signer.Cert)
			match, err := cms.MatchValue(signer.Cert, attrs, kind.value(t, signer, attrs, h3))
			if err != nil {
				t.Fatal(err)
			}
			if match.Algorithm.String() != kind.want {
				t.Errorf("algorithm %s, want %s", match.Algorithm, kind.want)
			}
			der, err := cms.Assemble(cms.Parts{SignedAttrs: match.SignedAttrs, Signature: match.Signature,
				Algorithm: match.Algorithm, Certificate: signer.Cert, Certificates: []*x509.Certificate{pki.CA.Cert}})
			if err != nil {
				t.Fatal(err)
			}
			checkAssembled(t, der, signer.Cert)
			judgeWithOpenSSL(t, pki, der)
		})
	}
}

func checkAssembled(t *testing.T, der []byte, cert *x509.Certificate) {
	t.Helper()
	sd, rest, err := cms.Parse(append(der, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(rest, []byte{0, 0}) {
		t.Errorf("%d bytes follow, want the two of the padding", len(rest))
	}
	if found := sd.Certificate(nil); found == nil || !found.Equal(cert) {
		t.Fatal("the signer's certificate was not found")
	}
	if err := sd.Signer.Verify(cert); err != nil {
		t.Error(err)
	}
}

func TestMatchValueRefuses(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	rsaKey := cmstest.RSAKey(t, "signer", 2048)
	signer := pki.Signer(rsaKey, nil)
	attrs, h3 := prepared(t, signer.Cert)
	good := signWith(t, rsaKey, h3, crypto.SHA256)
	flipped := bytes.Clone(good)
	flipped[100] ^= 1
	other := pki.Signer(cmstest.RSAKey(t, "other", 2048), nil)
	sibling := pki.Signer(rsaKey, nil) // the same key, another certificate
	doubleHash := sha256.Sum256(h3)
	noDigestInfo, err := rsa.SignPKCS1v15(nil, rsaKey, 0, h3)
	if err != nil {
		t.Fatal(err)
	}
	otherDocument := sha256.Sum256([]byte("another"))
	otherAttrs, _ := cms.SignedAttrs(otherDocument[:], signer.Cert)
	otherSum := sha256.Sum256(otherAttrs)
	ec := pki.Signer(cmstest.ECKey(t, elliptic.P256()), nil)
	ecAttrs, _ := prepared(t, ec.Cert)
	for name, c := range map[string]struct {
		cert         *x509.Certificate
		attrs, value []byte
	}{
		"empty":                        {signer.Cert, attrs, nil},
		"one bit off":                  {signer.Cert, attrs, flipped},
		"cut":                          {signer.Cert, attrs, good[:255]},
		"longer":                       {signer.Cert, attrs, append(bytes.Clone(good), 0)},
		"by another key":               {signer.Cert, attrs, signWith(t, other.Key, h3, crypto.SHA256)},
		"hashed twice":                 {signer.Cert, attrs, signWith(t, rsaKey, doubleHash[:], crypto.SHA256)},
		"without DigestInfo":           {signer.Cert, attrs, noDigestInfo},
		"the document instead":         {signer.Cert, attrs, signWith(t, rsaKey, sum(content), crypto.SHA256)},
		"cms over another document":    {signer.Cert, attrs, wrapped(t, signer, otherAttrs, otherSum[:])},
		"cms naming a sibling":         {signer.Cert, attrs, foreign(t, sibling, nil, nil)},
		"cms and one more byte":        {signer.Cert, attrs, append(foreign(t, signer, nil, nil), 0)},
		"ecdsa zero":                   {ec.Cert, ecAttrs, make([]byte, 64)},
		"ecdsa value for another cert": {ec.Cert, ecAttrs, good},
	} {
		if _, err := cms.MatchValue(c.cert, c.attrs, c.value); problem.CodeOf(err) != problem.SignatureInvalid {
			t.Errorf("%s: got %v, want %s", name, err, problem.SignatureInvalid)
		}
	}
}

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

func TestParseReadsBER(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	signer := pki.Signer(cmstest.RSAKey(t, "signer", 2048), nil)
	attrs, h3 := prepared(t, signer.Cert)
	der := wrapped(t, signer, attrs, h3)
	for name, ber := range map[string][]byte{
		"indefinite at the outside": indefinite(t, der, 1),
		"indefinite in depth":       indefinite(t, der, 3),
		"long form of length":       append([]byte{0x30, 0x84}, append(big.NewInt(int64(len(body(t, der))) | 1<<40).Bytes()[2:], body(t, der)...)...),
	} {
		sd, rest, err := cms.Parse(append(bytes.Clone(ber), 0, 0, 0))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(rest, []byte{0, 0, 0}) {
			t.Errorf("%s: %d bytes follow, want 3", name, len(rest))
		}
		if err := sd.Signer.Verify(signer.Cert); err != nil || !bytes.Equal(sd.Signer.SignedAttrs, attrs) {
			t.Errorf("%s: the signature does not survive: %v", name, err)
		}
	}
}

func body(t *testing.T, der []byte) []byte {
	t.Helper()
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		t.Fatal(err)
	}
	return v.Bytes
}

// indefinite rewrites the constructed elements down to a depth with indefinite length.
func indefinite(t *testing.T, der []byte, depth int) []byte {
	t.Helper()
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		t.Fatal(err)
	}
	if depth == 0 || !v.IsCompound {
		return der
	}
	out := []byte{der[0], 0x80}
	for rest := v.Bytes; len(rest) > 0; {
		var child asn1.RawValue
		next, err := asn1.Unmarshal(rest, &child)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, indefinite(t, child.FullBytes, depth-1)...)
		rest = next
	}
	return append(out, 0, 0)
}

func TestParseRefusesBombs(t *testing.T) {
	deep := bytes.Repeat([]byte{0x30, 0x80}, 100_000)
	long := []byte{0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}
	for name, b := range map[string][]byte{
		"nothing": nil, "one byte": {0x30}, "deep": deep, "long": long,
		"huge": make([]byte, 9<<20), "primitive indefinite": {0x04, 0x80, 0, 0},
	} {
		if _, _, err := cms.Parse(b); err == nil {
			t.Errorf("%s was parsed", name)
		}
	}
}
