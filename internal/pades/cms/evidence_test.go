package cms_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/cms/cmstest"
)

func TestToken(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	message := []byte("signature value")
	der := pki.Stamp(message, now())
	judgeTokenWithOpenSSL(t, pki, der, message)
	token, rest, err := cms.ParseToken(der)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	if !token.Time.Equal(now()) && now().Sub(token.Time) > time.Minute {
		t.Errorf("genTime %v", token.Time)
	}
	cert, err := token.VerifyMessage(message, nil)
	if err != nil || !cert.Equal(pki.TSA.Cert) {
		t.Fatalf("verifying: %v", err)
	}
	if _, err := token.VerifyMessage([]byte("other"), nil); err == nil {
		t.Error("the token was accepted over another message")
	}
	accepted := 0
	for i := range der { // a token lies outside the signed bytes: every bit of it must count or change nothing
		bad := bytes.Clone(der)
		bad[i] ^= 1
		changed, rest, err := cms.ParseToken(bad)
		if err != nil || len(rest) > 0 {
			continue
		}
		if _, err := changed.VerifyMessage(message, nil); err == nil {
			accepted++
			if !changed.Time.Equal(token.Time) || !bytes.Equal(changed.Imprint, token.Imprint) {
				t.Fatalf("byte %d: the token says something else and is accepted", i)
			}
		}
	}
	if accepted > len(der)/2 {
		t.Errorf("%d of %d changes went unnoticed", accepted, len(der))
	}
}

func TestTokenByWrongCertificate(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	message := []byte("signature value")
	signer := pki.Signer(cmstest.RSAKey(t, "signer", 2048), nil)
	notCritical := pki.Issue(pki.CA, cmstest.RSAKey(t, "false tsa", 2048), pki.Template("TSA", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	}))
	for name, id := range map[string]*cmstest.Identity{"a signer": signer, "not critical": notCritical} {
		token, _, err := cms.ParseToken(pki.StampBy(id, message, now()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := token.VerifyMessage(message, nil); err == nil {
			t.Errorf("%s: accepted as time-stamp authority", name)
		}
	}
}

func TestOCSP(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	signer := pki.Signer(cmstest.ECKey(t, elliptic.P256()), nil)
	other := pki.Signer(cmstest.ECKey(t, elliptic.P256()), nil)
	at, revoked := now(), now().Add(-time.Hour)
	good := parseOCSP(t, pki.OCSP(signer.Cert, at, time.Time{}, 0))
	st, err := good.Status(signer.Cert, pki.CA.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if st.State != cms.StateGood || !st.ThisUpdate.Equal(at) || !st.NextUpdate.Equal(at.Add(24*time.Hour)) {
		t.Errorf("good: %+v", st)
	}
	if st.Responder == nil || !st.Responder.Equal(pki.Responder.Cert) || !cms.NoCheck(st.Responder) {
		t.Error("the delegated responder was not told")
	}
	if _, err := good.Status(other.Cert, pki.CA.Cert); err == nil {
		t.Error("an answer about one certificate was taken for another")
	}
	if _, err := good.Status(signer.Cert, pki.Root.Cert); err == nil {
		t.Error("an answer was taken for another issuer")
	}
	st, err = parseOCSP(t, pki.OCSPBy(pki.CA, signer.Cert, at, revoked, 1)).Status(signer.Cert, pki.CA.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if st.State != cms.StateRevoked || !st.RevokedAt.Equal(revoked) || st.Reason != 1 || st.Responder != nil {
		t.Errorf("revoked: %+v", st)
	}
}

func TestOCSPByStrangers(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	signer := pki.Signer(cmstest.ECKey(t, elliptic.P256()), nil)
	noUsage := pki.Issue(pki.CA, cmstest.ECKey(t, elliptic.P256()), pki.Template("Nobody", nil))
	usage := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }
	byRoot := pki.Issue(pki.Root, cmstest.ECKey(t, elliptic.P256()), pki.Template("Of the root", usage))
	expired := pki.Issue(pki.CA, cmstest.ECKey(t, elliptic.P256()), pki.Template("Expired", func(c *x509.Certificate) {
		usage(c)
		c.NotAfter = now().Add(-time.Hour)
	}))
	for name, id := range map[string]*cmstest.Identity{
		"without the key usage": noUsage, "of another issuer": byRoot, "expired": expired, "the signer": signer,
	} {
		ocsp := parseOCSP(t, pki.OCSPBy(id, signer.Cert, now(), time.Time{}, 0))
		if _, err := ocsp.Status(signer.Cert, pki.CA.Cert); err == nil {
			t.Errorf("an answer by a responder %s was accepted", name)
		}
	}
	der := pki.OCSP(signer.Cert, now(), time.Time{}, 0)
	for i := range der {
		bad := bytes.Clone(der)
		bad[i] ^= 0x10
		changed, err := cms.ParseOCSP(bad)
		if err != nil {
			continue
		}
		if st, err := changed.Status(signer.Cert, pki.CA.Cert); err == nil && (st.State != cms.StateGood || st.NextUpdate.IsZero()) {
			t.Fatalf("byte %d: a changed answer says something else and is accepted", i)
		}
	}
}

func parseOCSP(t *testing.T, der []byte) *cms.OCSP {
	t.Helper()
	ocsp, err := cms.ParseOCSP(der)
	if err != nil {
		t.Fatal(err)
	}
	return ocsp
}

func TestCRL(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	signer := pki.Signer(cmstest.ECKey(t, elliptic.P256()), nil)
	at, revoked := now(), now().Add(-time.Hour)
	status := func(der []byte, cert, issuer *x509.Certificate) (*cms.Status, error) {
		t.Helper()
		crl, err := cms.ParseCRL(der)
		if err != nil {
			t.Fatal(err)
		}
		return cms.CRLStatus(crl, cert, issuer)
	}
	if st, err := status(pki.CRL(pki.CA, at), signer.Cert, pki.CA.Cert); err != nil || st.State != cms.StateGood {
		t.Errorf("empty list: %+v, %v", st, err)
	}
	held := pki.CRL(pki.CA, at, x509.RevocationListEntry{SerialNumber: signer.Cert.SerialNumber, RevocationTime: revoked, ReasonCode: cms.ReasonHold})
	st, err := status(held, signer.Cert, pki.CA.Cert)
	if err != nil || st.State != cms.StateRevoked || st.Reason != cms.ReasonHold || !st.RevokedAt.Equal(revoked) {
		t.Errorf("suspended: %+v, %v", st, err)
	}
	if _, err := status(pki.CRL(pki.Root, at), signer.Cert, pki.CA.Cert); err == nil {
		t.Error("a list of another issuer was accepted")
	}
	impostor := cmstest.New(t, time.Now())
	impostor.CA = impostor.Issue(impostor.Root, cmstest.RSAKey(t, "impostor", 2048), impostor.Template("Kyso Test CA", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCRLSign
	}))
	if _, err := status(impostor.CRL(impostor.CA, at), signer.Cert, pki.CA.Cert); err == nil {
		t.Error("a list by another key was accepted")
	}
}

func TestCRLScope(t *testing.T) {
	pki := cmstest.New(t, time.Now())
	const mine, theirs = "http://crl.example/1", "http://crl.example/2"
	signer := pki.Signer(cmstest.ECKey(t, elliptic.P256()), func(c *x509.Certificate) { c.CRLDistributionPoints = []string{mine} })
	point := func(uri string) []byte { // [0] distributionPoint { [0] fullName { [6] URI } }
		name := append([]byte{0x86, byte(len(uri))}, uri...)
		full := append([]byte{0xa0, byte(len(name))}, name...)
		return append([]byte{0xa0, byte(len(full))}, full...)
	}
	sequence := func(b []byte) []byte { return append([]byte{0x30, byte(len(b))}, b...) }
	for name, c := range map[string]struct {
		value []byte
		id    asn1.ObjectIdentifier
		want  bool
	}{
		"my part":      {sequence(point(mine)), asn1.ObjectIdentifier{2, 5, 29, 28}, true},
		"another part": {sequence(point(theirs)), asn1.ObjectIdentifier{2, 5, 29, 28}, false},
		"users only":   {sequence([]byte{0x81, 1, 0xff}), asn1.ObjectIdentifier{2, 5, 29, 28}, true},
		"CAs only":     {sequence([]byte{0x82, 1, 0xff}), asn1.ObjectIdentifier{2, 5, 29, 28}, false},
		"indirect":     {sequence([]byte{0x84, 1, 0xff}), asn1.ObjectIdentifier{2, 5, 29, 28}, false},
		"some reasons": {sequence([]byte{0x83, 2, 7, 0x80}), asn1.ObjectIdentifier{2, 5, 29, 28}, false},
		"delta":        {[]byte{2, 1, 1}, asn1.ObjectIdentifier{2, 5, 29, 27}, false},
		"unknown":      {[]byte{5, 0}, asn1.ObjectIdentifier{1, 2, 3, 4}, false},
	} {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: now(), NextUpdate: now().Add(time.Hour),
			ExtraExtensions: []pkix.Extension{{Id: c.id, Critical: true, Value: c.value}},
		}, pki.CA.Cert, pki.CA.Key)
		if err != nil {
			t.Fatal(err)
		}
		crl, err := cms.ParseCRL(der)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cms.CRLStatus(crl, signer.Cert, pki.CA.Cert); (err == nil) != c.want {
			t.Errorf("%s: %v, want accepted %v", name, err, c.want)
		}
	}
}
