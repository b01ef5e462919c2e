package pades_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/cms/cmstest"
)

// world is a signer with everything around: CA, time-stamp authority, OCSP responder.
type world struct {
	*cmstest.PKI
	signer *cmstest.Identity
}

func newWorld(t testing.TB) *world {
	t.Helper()
	pki := cmstest.New(t, time.Now())
	return &world{pki, pki.Signer(cmstest.RSAKey(t, "signer", 2048), nil)}
}

// value is what a provider would answer: RSASSA-PKCS1-v1_5 or ECDSA as DER.
func (w *world) value(p *pades.Prepared) []byte {
	w.T.Helper()
	return w.sign(w.T, p.H3)
}

// sign signs a digest. In a fuzz target t is that of the execution.
func (w *world) sign(t testing.TB, digest [32]byte) []byte {
	t.Helper()
	value, err := w.signer.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// prepare prepares data and returns what Embed needs but the value.
func (w *world) prepare(data []byte, box pades.Box) pades.EmbedInput {
	w.T.Helper()
	state := hashState(w.T, data)
	prepared, err := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Box: box, Certificate: w.signer.Cert,
		SigningTime: w.Now, Reason: "Đồng ý", Location: "Đà Nẵng", HashState: state})
	if err != nil {
		w.T.Fatal(err)
	}
	return pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: state,
		Certificate: w.signer.Cert, Chain: []*x509.Certificate{w.CA.Cert}}
}

// embed embeds and returns the signed file.
func (w *world) embed(data []byte, in pades.EmbedInput) []byte {
	w.T.Helper()
	out, err := pades.Embed(in)
	if err != nil {
		w.T.Fatal(err)
	}
	signed := append(bytes.Clone(data), out.Increment...)
	if sha256.Sum256(signed) != out.SHA256 || !bytes.Equal(hashState(w.T, signed), out.HashState) {
		w.T.Fatal("digest or hash state of the signed file is wrong")
	}
	return signed
}

// signB signs at B-B, signT at B-T, signLT at B-LT.
func (w *world) signB(data []byte) []byte {
	in := w.prepare(data, pades.Box{Page: 1})
	in.Value = w.value(&in.Prepared)
	return w.embed(data, in)
}

func (w *world) signT(data []byte, at time.Time) []byte {
	w.T.Helper()
	in := w.prepare(data, pades.Box{Page: 1})
	in.Value = w.value(&in.Prepared)
	return w.embed(data, w.stamped(in, at))
}

func (w *world) stamped(in pades.EmbedInput, at time.Time) pades.EmbedInput {
	w.T.Helper()
	value, _, err := pades.SignatureValue(&in.Prepared, in.Certificate, in.Value)
	if err != nil {
		w.T.Fatal(err)
	}
	in.Timestamp = w.Stamp(value, at)
	return in
}

func (w *world) signLT(data []byte, at time.Time) []byte {
	return w.extend(w.signT(data, at), w.evidence(at))
}

// evidence is what there is to know at a time, nothing revoked.
func (w *world) evidence(at time.Time) pades.Evidence {
	return pades.Evidence{
		Certificates: [][]byte{w.CA.Cert.Raw, w.TSA.Cert.Raw},
		OCSPs:        [][]byte{w.OCSP(w.signer.Cert, at, time.Time{}, 0), w.OCSP(w.TSA.Cert, at, time.Time{}, 0)},
		CRLs:         [][]byte{w.CRL(w.Root, at)},
	}
}

func (w *world) extend(signed []byte, ev pades.Evidence) []byte {
	w.T.Helper()
	out, err := pades.Extend(bytes.NewReader(signed), ev, hashState(w.T, signed))
	if err != nil {
		w.T.Fatal(err)
	}
	extended := append(bytes.Clone(signed), out.Increment...)
	if sha256.Sum256(extended) != out.SHA256 || !bytes.Equal(hashState(w.T, extended), out.HashState) {
		w.T.Fatal("digest or hash state of the extended file is wrong")
	}
	return extended
}

// verify verifies with the world's root at its time.
func (w *world) verify(file []byte, ev pades.Evidence) *pades.Verification {
	w.T.Helper()
	return w.verifyAt(file, ev, w.Now)
}

func (w *world) verifyAt(file []byte, ev pades.Evidence, now time.Time) *pades.Verification {
	w.T.Helper()
	result, err := pades.Verify(bytes.NewReader(file), w.options(ev, now))
	if err != nil {
		w.T.Fatal(err)
	}
	checkFindings(w.T, result)
	return result
}

// checkFindings holds every finding of a verification against what readers need: both languages, and nothing left open.
func checkFindings(t testing.TB, v *pades.Verification) {
	t.Helper()
	all := slices.Clone(v.Findings)
	for _, s := range v.Signatures {
		all = append(all, s.Findings...)
		if s.Verdict != pades.TotalPassed && len(s.Findings) == 0 {
			t.Errorf("%s %s says nothing more", s.Verdict, s.SubIndication)
		}
	}
	for _, f := range all {
		if f.Code == "" || f.VI == "" || f.VI == f.EN || strings.ContainsAny(f.VI+f.EN, "{}") || f.Cause == "unreadable" {
			t.Errorf("%+v", f)
		}
	}
}

func (w *world) options(ev pades.Evidence, now time.Time) pades.VerifyOptions {
	return pades.VerifyOptions{Roots: []*x509.Certificate{w.Root.Cert}, Now: now, Evidence: ev}
}

// want checks the first signature of a result.
func want(t *testing.T, v *pades.Verification, verdict pades.Verdict, sub, level string) *pades.SignatureReport {
	t.Helper()
	if len(v.Signatures) == 0 {
		t.Fatalf("no signature was found: %+v", v)
	}
	s := &v.Signatures[0]
	if s.Verdict != verdict || s.SubIndication != sub || s.Level != level {
		t.Fatalf("%s %s %s, want %s %s %s: %q", s.Verdict, s.SubIndication, s.Level, verdict, sub, level, s.Problems)
	}
	return s
}

// redigest makes the digests of a prepared file fit its increment again and signs it.
func (w *world) redigest(data []byte, in *pades.EmbedInput) {
	w.T.Helper()
	p := &in.Prepared
	p.H1 = sha256.Sum256(append(bytes.Clone(data), p.Increment...))
	p.H2 = sha256.Sum256(signedBytes(data, p))
	attrs, err := cms.SignedAttrs(p.H2[:], w.signer.Cert)
	if err != nil {
		w.T.Fatal(err)
	}
	p.SignedAttrs, p.H3 = attrs, sha256.Sum256(attrs)
	in.Value = w.value(p)
}
