package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

// TestAlgorithmsReadAsWritten: every signature algorithm is read as what it was written, and verifies what was signed with it and
// nothing else.
func TestAlgorithmsReadAsWritten(t *testing.T) {
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	list := []Algorithm{{Scheme: PSS, Hash: crypto.SHA3_256, SaltLength: 32}, {Scheme: PSS, Hash: crypto.SHA512, SaltLength: 20}}
	for _, f := range fixedAlgorithms {
		list = append(list, f.algorithm)
	}
	message := []byte("Hợp đồng")
	for _, a := range list {
		var b cryptobyte.Builder
		a.add(&b)
		der, err := b.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		in := cryptobyte.String(der)
		read, err := readAlgorithm(&in, a.Hash)
		if err != nil || read != a {
			t.Errorf("%s is read as %s, %v", a, read, err)
		}
		sum := digest(a.Hash, message)
		var key crypto.Signer = rsaKey
		var opts crypto.SignerOpts = a.Hash
		switch a.Scheme {
		case ECDSA:
			key = ecKey
		case PSS:
			opts = &rsa.PSSOptions{SaltLength: a.SaltLength, Hash: a.Hash}
		}
		value, err := key.Sign(rand.Reader, sum, opts)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		if err := read.Verify(key.Public(), message, value); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		if read.Verify(key.Public(), append(message, '.'), value) == nil {
			t.Errorf("%s verifies another message", a)
		}
	}
}
