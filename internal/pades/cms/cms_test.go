package cms_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

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

func TestMatchValueKnowsEveryForm(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	for _, kind := range cmstest.ValueKinds(t) {
		t.Run(kind.Name, func(t *testing.T) {
			signer := pki.Signer(kind.Key, nil)
			attrs, _ := prepared(t, signer.Cert)
			match, err := cms.MatchValue(signer.Cert, attrs, kind.Value(t, signer, attrs, content))
			if err != nil {
				t.Fatal(err)
			}
			if match.Algorithm.String() != kind.Algorithm {
				t.Errorf("algorithm %s, want %s", match.Algorithm, kind.Algorithm)
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
	good := cmstest.Sign(t, rsaKey, h3, crypto.SHA256)
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
		"by another key":               {signer.Cert, attrs, cmstest.Sign(t, other.Key, h3, crypto.SHA256)},
		"hashed twice":                 {signer.Cert, attrs, cmstest.Sign(t, rsaKey, doubleHash[:], crypto.SHA256)},
		"without DigestInfo":           {signer.Cert, attrs, noDigestInfo},
		"the document instead":         {signer.Cert, attrs, cmstest.Sign(t, rsaKey, sum(content), crypto.SHA256)},
		"cms over another document":    {signer.Cert, attrs, cmstest.Wrapped(t, signer, otherAttrs, nil)},
		"cms naming a sibling":         {signer.Cert, attrs, cmstest.Foreign(t, sibling, nil, content)},
		"cms and one more byte":        {signer.Cert, attrs, append(cmstest.Foreign(t, signer, nil, content), 0)},
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
	attrs, _ := prepared(t, signer.Cert)
	der := cmstest.Wrapped(t, signer, attrs, nil)
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
