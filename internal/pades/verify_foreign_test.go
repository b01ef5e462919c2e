package pades_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms/cmstest"
)

// rawCertificate is a certificate in parts, so that one can be made that crypto/x509 would not make.
type rawCertificate struct {
	Version    int `asn1:"optional,explicit,default:0,tag:0"`
	Serial     *big.Int
	Algorithm  asn1.RawValue
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	Key        publicKey
	Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
}

type publicKey struct {
	Algorithm algorithm
	Key       asn1.BitString
}

type algorithm struct {
	OID        asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// bend makes another certificate of one and has its issuer sign it again.
func bend(t *testing.T, of *x509.Certificate, issuer *cmstest.Identity, change func(*rawCertificate)) []byte {
	t.Helper()
	var c rawCertificate
	if _, err := asn1.Unmarshal(of.RawTBSCertificate, &c); err != nil {
		t.Fatal(err)
	}
	change(&c)
	tbs, err := asn1.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(tbs)
	value, err := issuer.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS, Algorithm asn1.RawValue
		Value          asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, c.Algorithm, asn1.BitString{Bytes: value, BitLength: 8 * len(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// odd are certificates of the makes that are met and that crypto/x509 may not read.
func odd(t *testing.T) map[string]func(*rawCertificate) {
	must := func(v any) []byte {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	modulus := new(big.Int).Lsh(big.NewInt(3), 2046)
	return map[string]func(*rawCertificate){
		"a negative serial number": func(c *rawCertificate) { c.Serial = new(big.Int).Neg(c.Serial) },
		"no serial number":         func(c *rawCertificate) { c.Serial = new(big.Int) },
		"a long serial number":     func(c *rawCertificate) { c.Serial = new(big.Int).Lsh(c.Serial, 256) },
		"an unknown critical extension": func(c *rawCertificate) {
			c.Extensions = append(c.Extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
		},
		"an extension that stands twice": func(c *rawCertificate) { c.Extensions = append(c.Extensions, c.Extensions[0]) },
		"a broken extension":             func(c *rawCertificate) { c.Extensions[0].Value = []byte{0x30, 0x80} },
		"version 1":                      func(c *rawCertificate) { c.Version, c.Extensions = 0, nil },
		"version 9":                      func(c *rawCertificate) { c.Version = 8 },
		"a huge RSA exponent": func(c *rawCertificate) {
			key := must(struct{ N, E *big.Int }{modulus, new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 200), big.NewInt(1))})
			c.Key = publicKey{algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, asn1.NullRawValue}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}}
		},
		"explicit curve parameters": func(c *rawCertificate) {
			point := append([]byte{4}, make([]byte, 64)...)
			c.Key = publicKey{algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.RawValue{FullBytes: must(struct{ Version int }{1})}}, asn1.BitString{Bytes: point, BitLength: 8 * len(point)}}
		},
		"a key of an unknown kind": func(c *rawCertificate) { c.Key.Algorithm = algorithm{OID: asn1.ObjectIdentifier{1, 2, 3, 5}} },
		"dates in a wrong form":    func(c *rawCertificate) { c.Validity = asn1.RawValue{FullBytes: []byte{0x30, 4, 0x17, 0, 0x17, 0}} },
	}
}

// TestForeignCertificates: a certificate that cannot be read fails nothing but itself, wherever it lies: beside the signer's in the
// CMS, in the security store, among what the caller knows.
func TestForeignCertificates(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	oddOnes := [][]byte{w.signer.Cert.Raw[:40], append(bytes.Clone(w.CA.Cert.Raw), 0, 1, 2)}
	for _, change := range odd(t) {
		oddOnes = append(oddOnes, bend(t, w.signer.Cert, w.CA, change), bend(t, w.CA.Cert, w.Root, change))
	}
	long := w.extend(w.signT(onePage("", ""), w.Now), pades.Evidence{Certificates: oddOnes, OCSPs: [][]byte{oddOnes[3]}, CRLs: oddOnes})
	v := w.verify(w.extend(long, ev), pades.Evidence{Certificates: oddOnes, CRLs: oddOnes, OCSPs: oddOnes})
	want(t, v, pades.TotalPassed, "", "B-LT")
}

// TestOddSigners: a signer's certificate that cannot be read is no sign of forgery. The reason is named. One that can be read though
// its number is negative is judged like every other (RFC 5280, 4.1.2.2).
func TestOddSigners(t *testing.T) {
	w := newWorld(t)
	for name, change := range odd(t) {
		der := bend(t, w.signer.Cert, w.CA, change)
		var raw rawCertificate
		cert := &x509.Certificate{Raw: der, RawIssuer: w.signer.Cert.RawIssuer, PublicKey: w.signer.Key.Public(), PublicKeyAlgorithm: x509.RSA, NotAfter: w.Now.Add(time.Hour)}
		change(func() *rawCertificate {
			if _, err := asn1.Unmarshal(w.signer.Cert.RawTBSCertificate, &raw); err != nil {
				t.Fatal(err)
			}
			return &raw
		}())
		cert.SerialNumber = raw.Serial
		data := onePage("", "")
		state := hashState(t, data)
		prepared, err := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Certificate: cert, SigningTime: w.Now, HashState: state, SignerName: "x"})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := pades.Embed(pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: state, Value: w.value(prepared), Certificate: cert})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v := w.verify(append(bytes.Clone(data), signed.Increment...), pades.Evidence{OCSPs: [][]byte{w.OCSP(cert, w.Now, time.Time{}, 0)}, CRLs: [][]byte{w.CRL(w.Root, w.Now)}, Certificates: [][]byte{w.CA.Cert.Raw}})
		s := v.Signatures[0]
		t.Logf("%s: %s %s, intact %v: %q", name, s.Verdict, s.SubIndication, s.Intact, s.Problems)
		switch parsed, err := x509.ParseCertificate(der); {
		case err != nil && (s.Verdict != pades.Indeterminate || s.SubIndication != "NO_SIGNING_CERTIFICATE_FOUND" || !strings.Contains(strings.Join(s.Problems, " "), "cannot be read: ")):
			t.Errorf("%s: %s %s: %q", name, s.Verdict, s.SubIndication, s.Problems)
		case err == nil && parsed.PublicKey != nil && !s.Intact, s.Verdict == pades.TotalFailed:
			t.Errorf("%s: %s %s: %q", name, s.Verdict, s.SubIndication, s.Problems)
		case strings.Contains(name, "negative") && s.Verdict != pades.TotalPassed:
			t.Errorf("%s: %s %s: %q", name, s.Verdict, s.SubIndication, s.Problems)
		}
	}
}
