package pades_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding"
	"math/big"
	"testing"
	"time"

	"kyso/internal/pades"
)

// testSigner is a key with a self-made certificate, the part of the remote provider in these tests.
type testSigner struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

var testTime = time.Date(2026, 11, 20, 8, 4, 5, 0, time.UTC)

func newTestSigner(t testing.TB) *testSigner {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(20261120),
		Subject:   pkix.Name{CommonName: "Nguyễn Thị Ngọc Ánh", Country: []string{"VN"}},
		NotBefore: testTime.AddDate(-1, 0, 0), NotAfter: testTime.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &testSigner{key, cert}
}

// hashState returns the marshalled SHA-256 state after data, as an upload stores it.
func hashState(t testing.TB, data []byte) []byte {
	t.Helper()
	state, err := marshalledHash(data)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func marshalledHash(data []byte) ([]byte, error) {
	h := sha256.New()
	h.Write(data)
	return h.(encoding.BinaryMarshaler).MarshalBinary()
}

// value is what a provider answers for a prepared document.
func (s *testSigner) value(p *pades.Prepared) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, p.H3[:])
}

// sign goes through all phases and returns the signed file. Inspect's report is that of the file before.
func (s *testSigner) sign(data []byte, opt pades.PrepareOptions) ([]byte, *pades.Report, error) {
	src := bytes.NewReader(data)
	report, err := pades.Inspect(src, opt.Policy)
	if err != nil {
		return nil, nil, err
	}
	state, err := marshalledHash(data)
	if err != nil {
		return nil, nil, err
	}
	opt.Certificate, opt.SigningTime, opt.HashState = s.cert, testTime, state
	prepared, err := pades.Prepare(src, opt)
	if err != nil {
		return nil, nil, err
	}
	value, err := s.value(prepared)
	if err != nil {
		return nil, nil, err
	}
	embedded, err := pades.Embed(pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: state,
		Value: value, Certificate: s.cert})
	if err != nil {
		return nil, nil, err
	}
	signed := append(bytes.Clone(data), embedded.Increment...)
	if sha256.Sum256(signed) != embedded.SHA256 {
		panic("the digest of the signed file is wrong")
	}
	return signed, report, nil
}
