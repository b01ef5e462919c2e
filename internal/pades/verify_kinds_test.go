package pades_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/pdf"
)

// opensslSigner makes signatures of kinds that we do not write.
type opensslSigner struct {
	t    *testing.T
	dir  string
	Cert *x509.Certificate
}

func newOpenSSL(t *testing.T, keyOptions ...string) *opensslSigner {
	t.Helper()
	needTools(t, "openssl")
	s := &opensslSigner{t: t, dir: t.TempDir()}
	s.run(append([]string{"genpkey", "-out", "key.pem"}, keyOptions...)...)
	s.run("req", "-x509", "-new", "-key", "key.pem", "-subj", "/CN=Foreign", "-days", "3", "-out", "cert.pem", "-addext", "keyUsage=critical,digitalSignature,keyCertSign")
	data, err := os.ReadFile(filepath.Join(s.dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if s.Cert, err = cms.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *opensslSigner) run(args ...string) {
	s.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

// cms signs content.
func (s *opensslSigner) cms(content []byte, options ...string) []byte {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "content"), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.run(append([]string{"cms", "-sign", "-binary", "-in", "content", "-signer", "cert.pem", "-inkey", "key.pem", "-outform", "DER", "-out", "cms.der"}, options...)...)
	der, err := os.ReadFile(filepath.Join(s.dir, "cms.der"))
	if err != nil {
		s.t.Fatal(err)
	}
	return der
}

// TestKindsOfSignatures: what others sign with is verified, also when it is old or weak; what is not known here is not called
// forged; and a changed byte is found in each.
func TestKindsOfSignatures(t *testing.T) {
	rsaKey := []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}
	const passed, weak, unknown = "", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "GENERIC"
	w := newWorld(t)
	for _, c := range []struct {
		name, filter string
		key, options []string
		sub          string // of what stands as it was signed
		changed      string // of a changed byte
		algorithm    string
	}{
		{"PSS key", "adbe.pkcs7.detached", []string{"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}, []string{"-md", "sha256", "-keyopt", "rsa_padding_mode:pss"}, passed, "HASH_FAILURE", "RSASSA-PSS with SHA-256"},
		{"without attributes", "adbe.pkcs7.detached", rsaKey, []string{"-md", "sha256", "-noattr"}, passed, "SIG_CRYPTO_FAILURE", "RSASSA-PKCS1-v1_5 with SHA-256"},
		{"without attributes, PSS", "adbe.pkcs7.detached", rsaKey, []string{"-md", "sha512", "-noattr", "-keyopt", "rsa_padding_mode:pss"}, passed, "SIG_CRYPTO_FAILURE", "RSASSA-PSS with SHA-512"},
		{"without attributes, PAdES", "ETSI.CAdES.detached", rsaKey, []string{"-md", "sha256", "-noattr"}, "SIG_CONSTRAINTS_FAILURE", "SIG_CRYPTO_FAILURE", "RSASSA-PKCS1-v1_5 with SHA-256"},
		{"SHA3-256", "adbe.pkcs7.detached", rsaKey, []string{"-md", "sha3-256"}, passed, "HASH_FAILURE", "RSASSA-PKCS1-v1_5 with SHA3-256"},
		{"SHA3-512", "adbe.pkcs7.detached", rsaKey, []string{"-md", "sha3-512", "-noattr"}, passed, "SIG_CRYPTO_FAILURE", "RSASSA-PKCS1-v1_5 with SHA3-512"},
		{"SHA-1", "adbe.pkcs7.detached", rsaKey, []string{"-md", "sha1"}, weak, "HASH_FAILURE", "RSASSA-PKCS1-v1_5 with SHA-1"},
		{"SHA-224", "adbe.pkcs7.detached", rsaKey, []string{"-md", "sha224"}, unknown, unknown, ""},
		{"MD5", "adbe.pkcs7.detached", rsaKey, []string{"-md", "md5"}, unknown, unknown, ""},
		{"two signers", "adbe.pkcs7.detached", rsaKey, []string{"-md", "sha256", "-nocerts", "-signer", "cert.pem", "-inkey", "key.pem"}, unknown, unknown, ""},
		{"another handler", "Kyso.unknown", rsaKey, []string{"-md", "sha256"}, unknown, unknown, ""},
		{"a digest signed", "adbe.pkcs7.sha1", rsaKey, []string{"-md", "sha256", "-nodetach"}, weak, "HASH_FAILURE", "RSASSA-PKCS1-v1_5 with SHA-256"},
		{"a digest signed without attributes", "adbe.pkcs7.sha1", rsaKey, []string{"-md", "sha1", "-nodetach", "-noattr"}, weak, "HASH_FAILURE", "RSASSA-PKCS1-v1_5 with SHA-1"},
	} {
		foreign := newOpenSSL(t, c.key...)
		value := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name(c.filter))
		file := w.appendField(onePage("", ""), value, func(signed []byte) []byte {
			if c.filter == "adbe.pkcs7.sha1" {
				sum := sha1.Sum(signed)
				signed = sum[:]
			}
			return foreign.cms(signed, c.options...)
		})
		checkKind(t, c.name, file, foreign.Cert, c.sub, c.changed, c.algorithm)
	}
}

// checkKind verifies a file as it is and with a byte changed.
func checkKind(t *testing.T, name string, file []byte, root *x509.Certificate, sub, changed, algorithm string) {
	t.Helper()
	verify := func(data []byte) pades.SignatureReport {
		v, err := pades.Verify(bytes.NewReader(data), pades.VerifyOptions{Roots: []*x509.Certificate{root}, Now: time.Now()})
		if err != nil || len(v.Signatures) != 1 {
			t.Fatalf("%s: %+v, %v", name, v, err)
		}
		return v.Signatures[0]
	}
	s := verify(file)
	verdict := pades.Indeterminate
	if sub == "" {
		verdict = pades.TotalPassed
	}
	if s.Verdict != verdict || s.SubIndication != sub || s.Algorithm != algorithm || s.Intact != (sub != "GENERIC") || sub != "" && s.WhyVI == "" {
		t.Errorf("%s: %s %s, intact %v, %q: %q", name, s.Verdict, s.SubIndication, s.Intact, s.Algorithm, s.Problems)
	}
	s = verify(bytes.Replace(file, []byte("Noi dung"), []byte("Noi dunh"), 1))
	if s.SubIndication != changed || s.Intact || s.Verdict != pades.TotalFailed && changed != "GENERIC" {
		t.Errorf("%s: with a byte changed %s %s, intact %v: %q", name, s.Verdict, s.SubIndication, s.Intact, s.Problems)
	}
}

// TestRawValues: adbe.x509.rsa_sha1 holds a bare PKCS #1 value and the certificates next to it.
func TestRawValues(t *testing.T) {
	w := newWorld(t)
	key := w.signer.Key.(*rsa.PrivateKey)
	raw := func(h crypto.Hash, sum func([]byte) []byte) func([]byte) []byte {
		return func(signed []byte) []byte {
			value, err := rsa.SignPKCS1v15(rand.Reader, key, h, sum(signed))
			if err != nil {
				t.Fatal(err)
			}
			der, err := asn1.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			return der
		}
	}
	sum1 := func(b []byte) []byte { s := sha1.Sum(b); return s[:] }
	sum256 := func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
	sum512 := func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }
	own := pdf.String(w.signer.Cert.Raw)
	for name, c := range map[string]struct {
		cert      pdf.Object
		contents  func([]byte) []byte
		sub       string
		algorithm string
	}{
		"SHA-1":               {own, raw(crypto.SHA1, sum1), "CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "RSASSA-PKCS1-v1_5 with SHA-1"},
		"SHA-256":             {pdf.Array{own, pdf.String(w.CA.Cert.Raw)}, raw(crypto.SHA256, sum256), "TRY_LATER", "RSASSA-PKCS1-v1_5 with SHA-256"},
		"SHA-512":             {pdf.Array{own, pdf.String(w.CA.Cert.Raw), pdf.String("x")}, raw(crypto.SHA512, sum512), "TRY_LATER", "RSASSA-PKCS1-v1_5 with SHA-512"},
		"no certificate":      {nil, raw(crypto.SHA1, sum1), "FORMAT_FAILURE", ""},
		"another certificate": {pdf.String(w.CA.Cert.Raw), raw(crypto.SHA1, sum1), "SIG_CRYPTO_FAILURE", "RSASSA-PKCS1-v1_5 with SHA-1"},
		"an unreadable one":   {pdf.String("x"), raw(crypto.SHA1, sum1), "GENERIC", ""},
		"no value":            {own, func([]byte) []byte { return w.CA.Cert.Raw }, "FORMAT_FAILURE", ""},
	} {
		value := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("adbe.x509.rsa_sha1"), "Cert", c.cert)
		s := w.verify(w.appendField(onePage("", ""), value, c.contents), pades.Evidence{Certificates: [][]byte{w.CA.Cert.Raw}}).Signatures[0]
		if s.SubIndication != c.sub || s.Algorithm != "" && s.Algorithm != c.algorithm {
			t.Errorf("%s: %s %s %q %q", name, s.Verdict, s.SubIndication, s.Algorithm, s.Problems)
		}
	}
}

// TestEd25519: such a signature is over the signed attributes themselves.
func TestEd25519(t *testing.T) {
	w := newWorld(t)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := w.Signer(key, nil)
	for name, c := range map[string]struct {
		message func(attrs []byte) []byte
		sub     string
	}{
		"the attributes": {func(attrs []byte) []byte { return attrs }, ""},
		"their digest":   {func(attrs []byte) []byte { sum := sha512.Sum512(attrs); return sum[:] }, "SIG_CRYPTO_FAILURE"},
	} {
		value := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.CAdES.detached"))
		file := w.appendField(onePage("", ""), value, func(signed []byte) []byte {
			sum := sha256.Sum256(signed)
			attrs, err := cms.SignedAttrs(sum[:], signer.Cert)
			if err != nil {
				t.Fatal(err)
			}
			der, err := cms.Assemble(cms.Parts{SignedAttrs: attrs, Signature: ed25519.Sign(key, c.message(attrs)),
				Algorithm: cms.Algorithm{Scheme: cms.Ed25519, Hash: crypto.SHA256}, Certificate: signer.Cert, Certificates: []*x509.Certificate{w.CA.Cert}})
			if err != nil {
				t.Fatal(err)
			}
			return der
		})
		ev := w.evidence(w.Now)
		ev.OCSPs = append(ev.OCSPs, w.OCSP(signer.Cert, w.Now, time.Time{}, 0))
		s := w.verify(file, ev).Signatures[0]
		if s.SubIndication != c.sub || s.Algorithm != "Ed25519" {
			t.Errorf("%s: %s %s %q", name, s.Verdict, s.SubIndication, s.Problems)
		}
	}
}
