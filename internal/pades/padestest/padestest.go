// Package padestest makes files that others have signed, for tests of what kyso does with them.
package padestest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms/cmstest"
)

// Signed returns a file with the signature of a stranger, at B-B.
func Signed(t testing.TB, data []byte, change func(*pades.PrepareOptions)) []byte {
	t.Helper()
	now := time.Now()
	signer := cmstest.New(t, now).Signer(cmstest.RSAKey(t, "signer", 2048), nil)
	h := sha256.New()
	h.Write(data)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	opt := pades.PrepareOptions{Certificate: signer.Cert, SigningTime: now}
	if change != nil {
		change(&opt)
	}
	prepared, err := pades.Prepare(bytes.NewReader(data), opt)
	if err != nil {
		t.Fatal(err)
	}
	value, err := signer.Key.Sign(rand.Reader, prepared.H3[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pades.Embed(pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: state, Certificate: signer.Cert, Value: value})
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(data), out.Increment...)
}
