package eseal_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyso/internal/eseal"
	"kyso/internal/forms"
	"kyso/internal/keytest"
	"kyso/internal/pades"
	"kyso/internal/party/revocation"
	"kyso/internal/party/tsa"
	"kyso/internal/pdfchild"
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/problem"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/internal/verification"
)

const sealName = "CÔNG TY CỔ PHẦN CHỨNG THỰC THỬ NGHIỆM"

// sealWorld is the outside world of a seal.
type sealWorld struct {
	*sandbox.World
	url string
}

func newSealWorld(t *testing.T) sealWorld {
	t.Helper()
	world, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(world.Parties())
	t.Cleanup(func() {
		server.Close()
		if err := world.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := world.SetBaseURL(server.URL); err != nil {
		t.Fatal(err)
	}
	return sealWorld{world, server.URL}
}

// sealer makes a sealer from files, as a worker does.
func (w sealWorld) sealer(t *testing.T, key crypto.Signer) *eseal.Sealer {
	t.Helper()
	der, chain, err := w.IssueSeal(key.Public(), sealName)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, certificateFile := writeSeal(t, key, append([][]byte{der}, chain...)...)
	signer, certificates, err := eseal.Settings{KeyFile: keyFile, CertificateFile: certificateFile}.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &eseal.Sealer{Key: signer, Certificate: certificates[0], Chain: certificates[1:], TSA: &tsa.Client{URLs: []string{w.url + "/tsa"}},
		Revocation: &revocation.Client{AllowPrivate: true}, Now: time.Now}
	var trust signing.Trust
	s.Trust = func(context.Context) (signing.Trust, error) { return trust, nil }
	if trust.Roots, err = w.Roots(); err != nil {
		t.Fatal(err)
	}
	return s
}

// writeSeal writes key and certificates to files.
func writeSeal(t *testing.T, key crypto.Signer, certificates ...[]byte) (keyFile, certificateFile string) {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var bundle []byte
	for _, der := range certificates {
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	dir := t.TempDir()
	keyFile, certificateFile = filepath.Join(dir, "seal.key"), filepath.Join(dir, "seal.pem")
	for path, data := range map[string][]byte{
		keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), certificateFile: bundle,
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return keyFile, certificateFile
}

func sealKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func paper(t *testing.T) []byte {
	t.Helper()
	pdf, err := forms.Sample(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

func trustNow(t *testing.T, s *eseal.Sealer) signing.Trust {
	t.Helper()
	trust, err := s.Trust(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// sealBox is anywhere.
var sealBox = [5]float64{1, 72, 200, 180, 60}

// TestSealIsJudgedByOthers seals with both kinds of keys and every scheme, and asks poppler, MuPDF, OpenSSL, and kyso's
// verifier as a relying party on the network.
func TestSealIsJudgedByOthers(t *testing.T) {
	w := newSealWorld(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key       crypto.Signer
		scheme    eseal.RSAScheme
		algorithm string
	}{
		"RSA":        {rsaKey, "", "RSASSA-PSS with SHA-256"},
		"RSA, older": {rsaKey, eseal.SchemePKCS1, "RSASSA-PKCS1-v1_5 with SHA-256"},
		"ECDSA":      {sealKey(t), eseal.SchemePSS, "ECDSA with SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.sealer(t, c.key)
			s.RSA = c.scheme
			file := paper(t)
			result, err := s.Seal(t.Context(), file, "Bên cung cấp dịch vụ ký hợp đồng", sealBox)
			if err != nil || !result.Archived {
				t.Fatal(result.Archived, err)
			}
			sealed := result.PDF
			if !bytes.HasPrefix(sealed, file) {
				t.Error("the paper was rewritten")
			}
			found, err := verification.Verify(t.Context(), &pdfchild.Runner{Program: pdftest.Program(t)}, bytes.NewReader(sealed), trustNow(t, s), s.Revocation, time.Now())
			if err != nil || len(found.Findings) != 0 || len(found.Signatures) != 2 {
				t.Fatalf("%+v, %v", found, err)
			}
			if r := found.Signatures[0]; r.Verdict != pades.TotalPassed || r.LaterChanges != "validation-data" || r.Level != "B-LTA" || r.Signer != sealName || r.TimestampTime.IsZero() || r.Algorithm != c.algorithm {
				t.Errorf("the seal is %+v", r)
			}
			asPopplerSeesIt(t, sealed)
			asOthersSeeIt(t, sealed, c.algorithm, found.Signatures[0].ByteRange, found.Signatures[1].ByteRange, trustNow(t, s).Roots)
		})
	}
}

// asOthersSeeIt asks MuPDF about the file, and OpenSSL about the bytes that are signed and the CMS over them.
func asOthersSeeIt(t *testing.T, sealed []byte, algorithm string, signed, stamped [4]int64, roots []*x509.Certificate) {
	t.Helper()
	dir := t.TempDir()
	value := func(of [4]int64) []byte {
		hole := sealed[of[1]+1 : of[2]-1]
		der := make([]byte, len(hole)/2)
		if _, err := hex.Decode(der, hole); err != nil {
			t.Fatal(err)
		}
		var element asn1.RawValue
		if _, err := asn1.Unmarshal(der, &element); err != nil {
			t.Fatal(err)
		}
		return element.FullBytes
	}
	covered := func(of [4]int64) []byte {
		return append(bytes.Clone(sealed[:of[1]]), sealed[of[2]:of[2]+of[3]]...)
	}
	var bundle []byte
	for _, root := range roots {
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})...)
	}
	for name, data := range map[string][]byte{"sealed.pdf": sealed, "cms.der": value(signed), "roots.pem": bundle, "content": covered(signed),
		"token.der": value(stamped), "stamped": covered(stamped)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		command []string
		want    string
	}{
		{[]string{"openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "cms.der", "-content", "content", "-CAfile", "roots.pem", "-purpose", "any", "-out", "out"}, "successful"},
		{[]string{"openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "stamped", "-CAfile", "roots.pem"}, "Verification: OK"},
		{[]string{"mutool", "sign", "-v", "sealed.pdf"}, "The signature is valid but there have been edits since signing"},
		{[]string{"qpdf", "--check", "sealed.pdf"}, "No syntax or stream encoding errors"},
	} {
		if strings.Contains(algorithm, "PSS") && c.command[0] == "mutool" {
			continue // 1.21 cannot read it
		}
		if _, err := exec.LookPath(c.command[0]); err != nil && os.Getenv("CI") != "true" {
			t.Skipf("%s is missing", c.command[0])
		}
		cmd := exec.CommandContext(t.Context(), c.command[0], c.command[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if c.command[0] != "mutool" && err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", strings.Join(c.command, " "), err, out)
		}
	}
}

func asPopplerSeesIt(t *testing.T, sealed []byte) {
	t.Helper()
	if _, err := exec.LookPath("pdfsig"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pdfsig (Debian package poppler-utils) is missing")
		}
		t.Skip("pdfsig (Debian package poppler-utils) is missing")
	}
	path := filepath.Join(t.TempDir(), "sealed.pdf")
	if err := os.WriteFile(path, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdfsig", "-nocert", path).CombinedOutput()
	if err != nil {
		t.Errorf("pdfsig: %v", err)
	}
	for _, want := range []string{"Signature is Valid", "Total document signed", "ETSI.CAdES.detached", sealName} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

// TestSealStandsWhereItBelongs looks for the widget's rectangle.
func TestSealStandsWhereItBelongs(t *testing.T) {
	s := newSealWorld(t).sealer(t, sealKey(t))
	sealed, err := s.Seal(t.Context(), paper(t), "", sealBox)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/Rect[72 200 252 260]"; !strings.Contains(strings.ReplaceAll(string(sealed.PDF), "/Rect [", "/Rect["), want) {
		t.Errorf("the seal is not at %s", want)
	}
}

// stampsOnce is an authority that is away after its first time-stamp.
type stampsOnce struct {
	signing.TimestampAuthority
	asked int
}

// Stamp implements signing.TimestampAuthority.
func (s *stampsOnce) Stamp(ctx context.Context, digest [32]byte) ([]byte, error) {
	if s.asked++; s.asked > 1 {
		return nil, problem.New(problem.ProviderUnavailable, "away")
	}
	return s.TimestampAuthority.Stamp(ctx, digest)
}

// A seal waits for no archive time-stamp that cannot be had now. The file is archived later, and then again.
func TestSealIsArchivedLater(t *testing.T) {
	w := newSealWorld(t)
	s := w.sealer(t, sealKey(t))
	authority := s.TSA
	s.TSA = &stampsOnce{TimestampAuthority: authority}
	sealed, err := s.Seal(t.Context(), paper(t), "", sealBox)
	if err != nil || sealed.Archived {
		t.Fatalf("archived %v, %v", sealed.Archived, err)
	}
	s.TSA = authority
	file := sealed.PDF
	for round, level := range []string{"B-T", "B-LTA", "B-LTA"} {
		found, err := verification.Verify(t.Context(), &pdfchild.Runner{Program: pdftest.Program(t)}, bytes.NewReader(file), trustNow(t, s), s.Revocation, time.Now())
		if err != nil || len(found.Findings) != 0 || len(found.Signatures) != round+1 {
			t.Fatalf("round %d: %+v, %v", round, found, err)
		}
		for _, r := range found.Signatures {
			if r.Verdict != pades.TotalPassed {
				t.Errorf("round %d: %s is %s %s %v", round, r.Field, r.Verdict, r.SubIndication, r.Problems)
			}
		}
		if found.Signatures[0].Level != level {
			t.Errorf("round %d: the seal is at %s, want %s", round, found.Signatures[0].Level, level)
		}
		before := file
		if file, err = s.Archive(t.Context(), file); err != nil || !bytes.HasPrefix(file, before) {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// TestNothingIsSealedInVain wants no file from a seal that others would refuse.
func TestNothingIsSealedInVain(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(sealWorld, *eseal.Sealer) error
		want problem.Code
	}{
		"revoked": {func(w sealWorld, s *eseal.Sealer) error {
			return w.Revoke(hex.EncodeToString(s.Certificate.SerialNumber.Bytes()), 1, time.Now().Add(-time.Minute))
		}, problem.CertificateRevoked},
		"no status": {func(w sealWorld, _ *eseal.Sealer) error {
			return w.SetSettings(sandbox.Settings{OCSP: "down", CRL: "down"})
		}, problem.RevocationUnknown},
		"no time-stamp": {func(w sealWorld, _ *eseal.Sealer) error {
			return w.SetSettings(sandbox.Settings{TSA: "down"})
		}, problem.ProviderUnavailable},
		"expired": {func(_ sealWorld, s *eseal.Sealer) error {
			s.Now = func() time.Time { return s.Certificate.NotAfter.Add(time.Second) }
			return nil
		}, problem.CertificateExpired},
		"not trusted": {func(_ sealWorld, s *eseal.Sealer) error {
			s.Trust = func(context.Context) (signing.Trust, error) { return signing.Trust{}, nil }
			return nil
		}, problem.CertificateInvalid},
		"another key": {func(_ sealWorld, s *eseal.Sealer) error {
			s.Key = sealKey(t)
			return nil
		}, problem.SignatureInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSealWorld(t)
			s := w.sealer(t, sealKey(t))
			if err := c.do(w, s); err != nil {
				t.Fatal(err)
			}
			sealed, err := s.Seal(context.Background(), paper(t), "", sealBox)
			if problem.CodeOf(err) != c.want || sealed.PDF != nil {
				t.Errorf("%d bytes, %v; want %s", len(sealed.PDF), err, c.want)
			}
		})
	}
}

func TestKeyAndCertificateOfTheSealBelongTogether(t *testing.T) {
	cert, key := keytest.Certificate(t, "seal", nil, nil)
	keyFile, certificateFile := writeSeal(t, key, cert.Raw)
	if _, _, err := (eseal.Settings{KeyFile: keyFile, CertificateFile: certificateFile}).Open(); err != nil {
		t.Errorf("a pair: %v", err)
	}
	otherKey, _ := writeSeal(t, sealKey(t))
	for name, files := range map[string][2]string{
		"another key":         {otherKey, certificateFile},
		"a certificate twice": {certificateFile, certificateFile},
		"no certificate":      {keyFile, os.DevNull},
		"the key twice":       {keyFile, keyFile},
	} {
		if _, _, err := (eseal.Settings{KeyFile: files[0], CertificateFile: files[1]}).Open(); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%s: %v, want %s", name, err, problem.Invalid)
		}
	}
}
