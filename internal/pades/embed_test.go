package pades_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/cms/cmstest"
	"kyso/internal/problem"
)

func TestEmbedIsDeterministic(t *testing.T) {
	w := newWorld(t)
	data := onePage("", "")
	in := w.prepare(data, pades.Box{Page: 1})
	in.Value = w.value(&in.Prepared)
	before := bytes.Clone(in.Prepared.Increment)
	first, second := w.embed(data, in), w.embed(data, in)
	if !bytes.Equal(first, second) {
		t.Error("the same input gave other bytes")
	}
	if !bytes.Equal(before, in.Prepared.Increment) {
		t.Error("Embed changed the stored increment")
	}
	if !bytes.HasPrefix(first, data) {
		t.Error("the original is not a prefix of the signed file")
	}
}

// TestEmbedNoticesWhatChanged changes each thing that was stored since the preparation.
func TestEmbedNoticesWhatChanged(t *testing.T) {
	w := newWorld(t)
	data := onePage("", "")
	other := w.Signer(cmstest.RSAKey(t, "signer", 2048), nil) // the same key in another certificate
	cases := map[string]struct {
		change func(*pades.EmbedInput)
		want   problem.Code
	}{
		"increment before the hole": {func(in *pades.EmbedInput) { in.Prepared.Increment[20] ^= 1 }, problem.DigestMismatch},
		"increment behind the hole": {func(in *pades.EmbedInput) { in.Prepared.Increment[len(in.Prepared.Increment)-20] ^= 1 }, problem.DigestMismatch},
		"the hole itself":           {func(in *pades.EmbedInput) { in.Prepared.Increment[in.Prepared.HoleOffset+9] = '1' }, problem.DigestMismatch},
		"hole offset":               {func(in *pades.EmbedInput) { in.Prepared.HoleOffset++ }, problem.DigestMismatch},
		"hole outside":              {func(in *pades.EmbedInput) { in.Prepared.HoleOffset = 1 << 62 }, problem.DigestMismatch},
		"hole length":               {func(in *pades.EmbedInput) { in.Prepared.HoleLength -= 2 }, problem.DigestMismatch},
		"ByteRange":                 {func(in *pades.EmbedInput) { in.Prepared.ByteRange[2]++ }, problem.DigestMismatch},
		"source size":               {func(in *pades.EmbedInput) { in.SourceSize++ }, problem.DigestMismatch},
		"source":                    {func(in *pades.EmbedInput) { in.HashState = hashState(t, append([]byte("x"), data[1:]...)) }, problem.DigestMismatch},
		"H1":                        {func(in *pades.EmbedInput) { in.Prepared.H1[0] ^= 1 }, problem.DigestMismatch},
		"H2":                        {func(in *pades.EmbedInput) { in.Prepared.H2[0] ^= 1 }, problem.DigestMismatch},
		"H3":                        {func(in *pades.EmbedInput) { in.Prepared.H3[0] ^= 1 }, problem.DigestMismatch},
		"signed attributes":         {func(in *pades.EmbedInput) { in.Prepared.SignedAttrs[40] ^= 1 }, problem.DigestMismatch},
		"certificate":               {func(in *pades.EmbedInput) { in.Certificate = other.Cert }, problem.DigestMismatch},
		"no certificate":            {func(in *pades.EmbedInput) { in.Certificate = nil }, problem.Invalid},
		"hash state":                {func(in *pades.EmbedInput) { in.HashState = []byte("garbage") }, problem.Invalid},
		"value":                     {func(in *pades.EmbedInput) { in.Value[7] ^= 1 }, problem.SignatureInvalid},
		"no value":                  {func(in *pades.EmbedInput) { in.Value = nil }, problem.SignatureInvalid},
		"time-stamp of another":     {func(in *pades.EmbedInput) { in.Timestamp = w.Stamp([]byte("other"), w.Now) }, problem.VerificationFailed},
		"garbage as time-stamp":     {func(in *pades.EmbedInput) { in.Timestamp = []byte{0x30, 0} }, problem.VerificationFailed},
	}
	for name, c := range cases {
		in := w.prepare(data, pades.Box{Page: 1})
		in.Value = w.value(&in.Prepared)
		c.change(&in)
		if _, err := pades.Embed(in); problem.CodeOf(err) != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// TestEmbedChecksAttributesAgainstDigests stores attributes that agree with H3 but not with the file.
func TestEmbedChecksAttributesAgainstDigests(t *testing.T) {
	w := newWorld(t)
	data := onePage("", "")
	in, another := w.prepare(data, pades.Box{Page: 1}), w.prepare(onePage("/Rotate 90", ""), pades.Box{Page: 1})
	in.Prepared.SignedAttrs, in.Prepared.H3 = another.Prepared.SignedAttrs, another.Prepared.H3
	in.Value = w.value(&in.Prepared)
	if _, err := pades.Embed(in); problem.CodeOf(err) != problem.DigestMismatch {
		t.Errorf("got %v, want %s", err, problem.DigestMismatch)
	}
}

func TestEmbedTooLargeForTheHole(t *testing.T) {
	w := newWorld(t)
	data := onePage("", "")
	state := hashState(t, data)
	prepared, err := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Box: pades.Box{Invisible: true},
		Certificate: w.signer.Cert, SigningTime: w.Now, HashState: state, HoleSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	in := pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: state, Value: w.value(prepared), Certificate: w.signer.Cert}
	if _, err := pades.Embed(in); err != nil {
		t.Fatalf("B-B must fit: %v", err)
	}
	for range 6 {
		in.Chain = append(in.Chain, w.Signer(cmstest.RSAKey(t, "signer", 2048), nil).Cert)
	}
	if _, err := pades.Embed(in); problem.CodeOf(err) != problem.TooLarge {
		t.Errorf("got %v, want %s", err, problem.TooLarge)
	}
}

func TestSignatureValueIsWhatEmbedPutsIn(t *testing.T) {
	w := newWorld(t)
	data := onePage("", "")
	in := w.prepare(data, pades.Box{Page: 1})
	in.Value = w.value(&in.Prepared)
	value, algorithm, err := pades.SignatureValue(&in.Prepared, in.Certificate, in.Value)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pades.Embed(in)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(value, out.SignatureValue) || algorithm != out.Algorithm || algorithm != "RSASSA-PKCS1-v1_5 with SHA-256" {
		t.Errorf("%s and %s", algorithm, out.Algorithm)
	}
	if !bytes.Contains(out.Increment, []byte(hex.EncodeToString(value))) {
		t.Error("the value does not stand in the increment")
	}
}
