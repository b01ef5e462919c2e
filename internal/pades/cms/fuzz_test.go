package cms_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/cms/cmstest"
)

var fuzzTime = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

// FuzzCMSParse: no bytes make a reader of CMS, OCSP or CRL panic, and no value is matched that does not verify.
func FuzzCMSParse(f *testing.F) {
	pki := cmstest.Fixed(f, fuzzTime)
	signer := pki.Signer(cmstest.FixedKey(f, "signer"), nil)
	attrs, _ := prepared(f, signer.Cert)
	signed := cmstest.Wrapped(f, signer, attrs, nil)
	f.Add(signed)
	f.Add(cmstest.Foreign(f, signer, nil, content))
	f.Add(pki.Stamp([]byte("x"), fuzzTime))
	f.Add(pki.CRL(pki.CA, fuzzTime))
	f.Add(append([]byte{0x30, 0x80}, signed...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if sd, rest, err := cms.Parse(b); err == nil {
			if len(rest) > len(b) {
				t.Fatal("more bytes are left than were given")
			}
			if cert := sd.Certificate([]*x509.Certificate{signer.Cert}); cert != nil {
				_ = sd.Signer.Verify(cert)
			}
		}
		if crl, err := cms.ParseCRL(b); err == nil {
			_, _ = cms.CRLStatus(crl, signer.Cert, pki.CA.Cert)
		}
		if match, err := cms.MatchValue(signer.Cert, attrs, b); err == nil {
			if err := match.Algorithm.Verify(signer.Cert.PublicKey, match.SignedAttrs, match.Signature); err != nil {
				t.Fatal("a value that does not verify was matched")
			}
		}
	})
}

// FuzzOCSP changes answers: what is still believed says the same about the same certificate at the same time.
func FuzzOCSP(f *testing.F) {
	pki := cmstest.Fixed(f, fuzzTime)
	signer := pki.Signer(cmstest.FixedKey(f, "signer"), nil)
	other := pki.Signer(cmstest.FixedKey(f, "another signer"), nil)
	revoked := fuzzTime.Add(-24 * time.Hour)
	f.Add(pki.OCSP(signer.Cert, fuzzTime, revoked, 1))
	f.Add(pki.OCSPBy(pki.CA, signer.Cert, fuzzTime, revoked, 1))
	f.Add(pki.OCSP(other.Cert, fuzzTime, time.Time{}, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		answer, err := cms.ParseOCSP(b)
		if err != nil {
			return
		}
		status, err := answer.Status(signer.Cert, pki.CA.Cert)
		if err != nil {
			return
		}
		if status.State != cms.StateRevoked || !status.RevokedAt.Equal(revoked) || !status.ThisUpdate.Equal(fuzzTime) {
			t.Fatalf("a changed answer is believed: %+v", status)
		}
	})
}

// FuzzTimestamp changes tokens: what still verifies proves the same time for the same message.
func FuzzTimestamp(f *testing.F) {
	pki := cmstest.Fixed(f, fuzzTime)
	message := []byte("what was there")
	sum := sha256.Sum256(message)
	f.Add(pki.Stamp(message, fuzzTime))
	f.Add(append(pki.Stamp(message, fuzzTime), 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		token, rest, err := cms.ParseToken(b)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(b, rest) {
			t.Fatal("what is left is not the end of what was given")
		}
		if cert, err := token.VerifyDigest(sum[:], []*x509.Certificate{pki.TSA.Cert}); err == nil {
			if !bytes.Equal(cert.RawSubjectPublicKeyInfo, pki.TSA.Cert.RawSubjectPublicKeyInfo) || !token.Time.Equal(fuzzTime) {
				t.Fatalf("a changed token is believed: %s at %s", cert.Subject, token.Time)
			}
		}
		if _, err := token.VerifyMessage([]byte("what was not"), []*x509.Certificate{pki.TSA.Cert}); err == nil {
			t.Fatal("a token proves another message")
		}
	})
}
