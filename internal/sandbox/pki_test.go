package sandbox_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"

	"kyso/internal/sandbox"
)

// get fetches something that a certificate points at.
func get(t *testing.T, url string) []byte {
	t.Helper()
	res, err := http.Get(url)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode != 200 {
		t.Fatalf("GET %s: %d %s", url, res.StatusCode, body)
	}
	return body
}

func postBytes(t *testing.T, url, contentType string, body []byte) (int, []byte) {
	t.Helper()
	res, err := http.Post(url, contentType, bytes.NewReader(body))
	must(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, answer
}

func (b *bench) issuer() *x509.Certificate {
	b.t.Helper()
	list, err := b.Intermediates()
	must(b.t, err)
	return list[0]
}

func (b *bench) root() *x509.Certificate {
	b.t.Helper()
	list, err := b.Roots()
	must(b.t, err)
	return list[0]
}

func (b *bench) ocsp(cert, issuer *x509.Certificate) *ocsp.Response {
	b.t.Helper()
	req, err := ocsp.CreateRequest(cert, issuer, nil)
	must(b.t, err)
	_, body := postBytes(b.t, cert.OCSPServer[0], "application/ocsp-request", req)
	res, err := ocsp.ParseResponseForCert(body, cert, issuer)
	must(b.t, err)
	return res
}

func (b *bench) crl(cert, issuer *x509.Certificate) *x509.RevocationList {
	b.t.Helper()
	list, err := x509.ParseRevocationList(get(b.t, cert.CRLDistributionPoints[0]))
	must(b.t, err)
	must(b.t, list.CheckSignatureFrom(issuer))
	return list
}

func listed(list *x509.RevocationList, cert *x509.Certificate) (reason int, found bool) {
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return e.ReasonCode, true
		}
	}
	return 0, false
}

func TestCertificateProfile(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	leaf := b.leaf(minh)

	var subject []string
	for _, n := range leaf.Subject.Names {
		subject = append(subject, fmt.Sprintf("%s=%s", n.Type, n.Value))
	}
	want := []string{"2.5.4.6=VN", "2.5.4.8=THÀNH PHỐ HỒ CHÍ MINH", "2.5.4.3=NGUYỄN VĂN MINH", "0.9.2342.19200300.100.1.1=CCCD:079095012345"}
	for _, w := range want {
		if !slices.Contains(subject, w) {
			t.Errorf("the subject %q has no %q", subject, w)
		}
	}
	if !bytes.Contains(leaf.RawSubject, append([]byte{12, 17}, "CCCD:079095012345"...)) {
		t.Error("UID is not a UTF8String")
	}
	if leaf.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment {
		t.Errorf("key usage %b", leaf.KeyUsage)
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 3*366*24*time.Hour {
		t.Errorf("life of %s is above three years", life)
	}
	if leaf.SerialNumber.BitLen() < 128 || leaf.SerialNumber.BitLen() > 159 {
		t.Errorf("serial number of %d bits", leaf.SerialNumber.BitLen())
	}
	for _, url := range slices.Concat(leaf.OCSPServer, leaf.IssuingCertificateURL, leaf.CRLDistributionPoints) {
		if !strings.HasPrefix(url, b.url+"/") {
			t.Errorf("address %s is not under %s", url, b.url)
		}
	}
	issuer, err := x509.ParseCertificate(get(t, leaf.IssuingCertificateURL[0]))
	must(t, err)
	root, err := x509.ParseCertificate(get(t, issuer.IssuingCertificateURL[0]))
	must(t, err)
	if !root.Equal(b.root()) || !issuer.Equal(b.issuer()) {
		t.Error("caIssuers does not lead to the certificates in the trust bundle")
	}
}

func TestCertificateStates(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(b.root())
	intermediates.AddCert(b.issuer())
	verify := func(c *x509.Certificate) bool {
		_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil
	}
	for _, c := range []struct {
		user, code string
		chain      bool
		ocsp       int
		reason     int // in OCSP and CRL; -1 when not listed
	}{
		{minh, "VALID", true, ocsp.Good, -1},
		{"001095000010", "EXPIRED", false, ocsp.Good, -1},
		{"001095000011", "REVOKED", true, ocsp.Revoked, ocsp.KeyCompromise},
		{"001095000012", "SUSPENDED", true, ocsp.Revoked, ocsp.CertificateHold},
		{"001095000013", "VALID", false, ocsp.Unknown, -1},
		{"001095000020", "VALID", true, ocsp.Good, -1},
	} {
		leaf := b.leaf(c.user)
		if code := b.certificates(c.user).Data.Certificates[0].StatusCode; code != c.code {
			t.Errorf("%s: cert_status_code %s, want %s", c.user, code, c.code)
		}
		if verify(leaf) != c.chain {
			t.Errorf("%s: chain verifies: %v, want %v", c.user, !c.chain, c.chain)
		}
		if leaf.Issuer.String() != b.issuer().Subject.String() {
			t.Errorf("%s: issued by %s", c.user, leaf.Issuer)
		}
		res := b.ocsp(leaf, b.issuer())
		if res.Status != c.ocsp || (c.reason >= 0 && res.RevocationReason != c.reason) {
			t.Errorf("%s: OCSP status %d reason %d", c.user, res.Status, res.RevocationReason)
		}
		if reason, found := listed(b.crl(leaf, b.issuer()), leaf); found != (c.reason >= 0) || (found && reason != c.reason) {
			t.Errorf("%s: in CRL %v with reason %d", c.user, found, reason)
		}
	}
	chain := parseCert(t, b.certificates("001095000013").Data.Certificates[0].Chain.CA)
	if b.leaf("001095000013").CheckSignatureFrom(chain) != nil || chain.Equal(b.issuer()) {
		t.Error("the wrong chain is not the rogue CA's")
	}
}

func TestRevokeSuspendRestore(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := start(t, sandbox.Options{Clock: c.now})
	leaf := b.leaf(minh)
	serial := fmt.Sprintf("%x", leaf.SerialNumber)
	state := func() int { return b.ocsp(leaf, b.issuer()).Status }

	must(t, b.Suspend(serial))
	if state() != ocsp.Revoked {
		t.Error("suspended, but OCSP says good")
	}
	must(t, b.Restore(serial))
	if _, found := listed(b.crl(leaf, b.issuer()), leaf); found || state() != ocsp.Good {
		t.Error("restored, but still on the list")
	}
	must(t, b.Revoke(serial, 1, c.now().Add(time.Hour)))
	if state() != ocsp.Good {
		t.Error("revoked before the time came")
	}
	c.advance(2 * time.Hour)
	if res := b.ocsp(leaf, b.issuer()); res.Status != ocsp.Revoked || !res.ProducedAt.Equal(c.now()) {
		t.Errorf("status %d produced at %s, the clock says %s", res.Status, res.ProducedAt, c.now())
	}
	if err := b.Restore(serial); err == nil {
		t.Error("a revocation was taken back")
	}
	if err := b.Suspend("00"); err == nil {
		t.Error("an unknown certificate was suspended")
	}
}

func TestRevocationFaults(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	leaf := b.leaf(minh)
	req, err := ocsp.CreateRequest(leaf, b.issuer(), nil)
	must(t, err)
	ask := func() (int, []byte) { return postBytes(t, leaf.OCSPServer[0], "application/ocsp-request", req) }

	must(t, b.SetSettings(sandbox.Settings{OCSP: "down", CRL: "stale"}))
	if status, _ := ask(); status != 503 {
		t.Errorf("OCSP that is down answers %d", status)
	}
	if list := b.crl(leaf, b.issuer()); !list.NextUpdate.Before(time.Now()) {
		t.Error("the stale CRL is fresh")
	}
	must(t, b.SetSettings(sandbox.Settings{OCSP: "unauthorized"}))
	if _, body := ask(); !bytes.Equal(body, ocsp.UnauthorizedErrorResponse) {
		t.Errorf("unauthorized is % x", body)
	}
	must(t, b.SetSettings(sandbox.Settings{OCSP: "bad-signature"}))
	if _, body := ask(); len(body) > 0 {
		if _, err := ocsp.ParseResponseForCert(body, leaf, b.issuer()); err == nil {
			t.Error("the bad signature verifies")
		}
	}
	must(t, b.SetSettings(sandbox.Settings{OCSP: "stale"}))
	if res := b.ocsp(leaf, b.issuer()); !res.NextUpdate.Before(time.Now()) {
		t.Error("the stale OCSP answer is fresh")
	}
	if _, body := postBytes(t, leaf.OCSPServer[0], "application/ocsp-request", []byte("junk")); !bytes.Equal(body, ocsp.MalformedRequestErrorResponse) {
		t.Errorf("a malformed request is answered % x", body)
	}
	if err := b.SetSettings(sandbox.Settings{OCSP: "dwon"}); err == nil {
		t.Error("a setting with a typing mistake was taken")
	}
}

var hashes = map[string]crypto.Hash{"SHA-1": crypto.SHA1, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}

// stamp asks for a stamp and returns what came.
func (b *bench) stamp(req timestamp.Request) (*timestamp.Timestamp, error) {
	b.t.Helper()
	der, err := req.Marshal()
	must(b.t, err)
	status, body := postBytes(b.t, b.url+"/tsa", "application/timestamp-query", der)
	if status != 200 {
		return nil, fmt.Errorf("HTTP %d", status)
	}
	return timestamp.ParseResponse(body)
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := start(t, sandbox.Options{Clock: c.now})
	d256, d384, d512 := sha256.Sum256([]byte("x")), sha512.Sum384([]byte("x")), sha512.Sum512([]byte("x"))
	for _, digest := range [][]byte{d256[:], d384[:], d512[:]} {
		nonce, err := rand.Int(rand.Reader, big.NewInt(1<<62))
		must(t, err)
		hash := map[int]string{32: "SHA-256", 48: "SHA-384", 64: "SHA-512"}[len(digest)]
		ts, err := b.stamp(timestamp.Request{HashAlgorithm: hashes[hash], HashedMessage: digest, Certificates: true, Nonce: nonce})
		if err != nil {
			t.Fatalf("%s: %v", hash, err)
		}
		if !bytes.Equal(ts.HashedMessage, digest) || ts.Nonce.Cmp(nonce) != 0 || !ts.Time.Equal(c.now()) ||
			ts.Accuracy != time.Second || len(ts.Certificates) != 1 {
			t.Errorf("%s: stamp %+v", hash, ts)
		}
		if n := b.CountEffects(sandbox.EffectTimestamp, fmt.Sprintf("%x", digest)); n != 1 {
			t.Errorf("%s: %d effects", hash, n)
		}
		tsa := ts.Certificates[0]
		must(t, tsa.CheckSignatureFrom(b.root()))
		if b.ocsp(tsa, b.root()).Status != ocsp.Good {
			t.Error("the TSA's certificate is not good")
		}
	}
	plain := timestamp.Request{HashAlgorithm: hashes["SHA-256"], HashedMessage: d256[:]}
	if ts, err := b.stamp(plain); err != nil || len(ts.Certificates) != 0 {
		t.Errorf("without certReq: %v", err)
	}
	for _, bad := range []timestamp.Request{
		{HashAlgorithm: hashes["SHA-1"], HashedMessage: d256[:20]},
		{HashAlgorithm: hashes["SHA-256"], HashedMessage: d256[:31]},
		{HashAlgorithm: hashes["SHA-256"], HashedMessage: d256[:], TSAPolicyOID: []int{1, 2, 3}},
	} {
		if _, err := b.stamp(bad); err == nil || !strings.Contains(err.Error(), "rejected") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for mode, check := range map[string]func(*timestamp.Timestamp, error) bool{
		"down":   func(_ *timestamp.Timestamp, err error) bool { return err != nil && err.Error() == "HTTP 503" },
		"reject": func(_ *timestamp.Timestamp, err error) bool { return err != nil },
		"wrong-imprint": func(ts *timestamp.Timestamp, err error) bool {
			return err == nil && !bytes.Equal(ts.HashedMessage, d256[:])
		},
		"wrong-nonce": func(ts *timestamp.Timestamp, err error) bool { return err == nil && ts.Nonce != nil },
	} {
		must(t, b.SetSettings(sandbox.Settings{TSA: mode}))
		if ts, err := b.stamp(plain); !check(ts, err) {
			t.Errorf("mode %s: %v", mode, err)
		}
	}
}

// openssl runs the foreign judge. On a developer's machine it may be missing, in CI not.
func openssl(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func writePEM(t *testing.T, path, kind string, der []byte) string {
	t.Helper()
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func TestOpenSSLAgrees(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	dir := t.TempDir()
	root := writePEM(t, filepath.Join(dir, "root.pem"), "CERTIFICATE", b.root().Raw)
	issuer := writePEM(t, filepath.Join(dir, "issuer.pem"), "CERTIFICATE", b.issuer().Raw)
	good, revoked := b.leaf(minh), b.leaf("001095000011")
	leaf := writePEM(t, filepath.Join(dir, "leaf.pem"), "CERTIFICATE", good.Raw)
	gone := writePEM(t, filepath.Join(dir, "gone.pem"), "CERTIFICATE", revoked.Raw)
	crl := writePEM(t, filepath.Join(dir, "crl.pem"), "X509 CRL", get(t, good.CRLDistributionPoints[0]))

	openssl(t, "verify", "-x509_strict", "-CAfile", root, "-untrusted", issuer, "-crl_check", "-CRLfile", crl, leaf)
	out := openssl(t, "ocsp", "-CAfile", root, "-issuer", issuer, "-cert", leaf, "-cert", gone, "-url", b.url+"/ocsp", "-text")
	for _, want := range []string{"Response verify OK", "leaf.pem: good", "gone.pem: revoked", "Reason: keyCompromise"} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl ocsp does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "no nonce in response") {
		t.Error("the nonce was not answered")
	}

	data, query, reply := filepath.Join(dir, "data"), filepath.Join(dir, "q.tsq"), filepath.Join(dir, "r.tsr")
	must(t, os.WriteFile(data, []byte("Hợp đồng"), 0o600))
	openssl(t, "ts", "-query", "-data", data, "-sha256", "-cert", "-out", query)
	request, err := os.ReadFile(query)
	must(t, err)
	_, answer := postBytes(t, b.url+"/tsa", "application/timestamp-query", request)
	must(t, os.WriteFile(reply, answer, 0o600))
	if out := openssl(t, "ts", "-verify", "-queryfile", query, "-in", reply, "-CAfile", root); !strings.Contains(out, "Verification: OK") {
		t.Errorf("openssl ts says %s", out)
	}
}
