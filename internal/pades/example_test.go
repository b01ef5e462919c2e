package pades_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding"
	"fmt"
	"math/big"
	"time"

	"kyso/internal/pades"
)

var exampleTime = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)

// exampleKey is a key with a certificate that it signed itself. In production the key stays with the provider.
func exampleKey() (crypto.Signer, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Nguyễn Văn A"},
		NotBefore: exampleTime.AddDate(-1, 0, 0), NotAfter: exampleTime.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return key, cert
}

// exampleSigned prepares a file, has the digest signed by a local key, and embeds the value.
func exampleSigned(file []byte) (signed []byte, cert *x509.Certificate, err error) {
	key, cert := exampleKey()
	prepared, err := pades.Prepare(bytes.NewReader(file), pades.PrepareOptions{
		Certificate: cert, SigningTime: exampleTime, Reason: "Đồng ý",
		Box: pades.Box{Page: 1, X: 72, Y: 72, Width: 200, Height: 64},
	})
	if err != nil {
		return nil, nil, err
	}
	value, err := key.Sign(rand.Reader, prepared.H3[:], crypto.SHA256) // may take hours, on a phone
	if err != nil {
		return nil, nil, err
	}
	hash := sha256.New()
	hash.Write(file)
	state, err := hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, nil, err
	}
	embedded, err := pades.Embed(pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(file)), HashState: state,
		Value: value, Certificate: cert})
	if err != nil {
		return nil, nil, err
	}
	return append(bytes.Clone(file), embedded.Increment...), cert, nil
}

func ExampleInspect() {
	report, err := pades.Inspect(bytes.NewReader(onePage("", "")), pades.Policy{RefuseActiveContent: true})
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println(report.Pages, "page,", report.Signatures, "signatures")
	// Output: 1 page, 0 signatures
}

func ExamplePrepare() {
	_, cert := exampleKey()
	prepared, err := pades.Prepare(bytes.NewReader(onePage("", "")), pades.PrepareOptions{Certificate: cert, SigningTime: exampleTime})
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println(prepared.Field, "on page", prepared.Page)
	fmt.Println(sha256.Sum256(prepared.SignedAttrs) == prepared.H3, "H3 is what is signed")
	// Output:
	// Signature1 on page 1
	// true H3 is what is signed
}

func ExampleEmbed() {
	file := onePage("", "")
	signed, _, err := exampleSigned(file)
	fmt.Println(bytes.HasPrefix(signed, file), err)
	// Output: true <nil>
}

func ExampleVerify() {
	signed, cert, err := exampleSigned(onePage("", ""))
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := pades.Verify(bytes.NewReader(signed), pades.VerifyOptions{Roots: []*x509.Certificate{cert}, Now: exampleTime})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range found.Signatures {
		fmt.Println(s.Signer, s.Verdict, s.Level, s.Intact)
	}
	// Output: Nguyễn Văn A TOTAL_PASSED B-B true
}
