package pades_test

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"

	"kyso/internal/pades"
)

// TestARemovedAuthorityLeadsNowhere: a chain through a CA that was removed is no chain, though its root is trusted and the file
// carries the CA's certificate. It is INDETERMINATE: nothing was changed.
func TestARemovedAuthorityLeadsNowhere(t *testing.T) {
	w := newWorld(t)
	file := w.signLT(onePage("", ""), w.Now)
	judge := func(removed, listed []*x509.Certificate) pades.SignatureReport {
		t.Helper()
		opt := w.options(w.evidence(w.Now), w.Now)
		opt.Removed, opt.Intermediates = removed, listed
		v, err := pades.Verify(bytes.NewReader(file), opt)
		if err != nil {
			t.Fatal(err)
		}
		return v.Signatures[0]
	}
	ca := []*x509.Certificate{w.CA.Cert}
	if r := judge(nil, nil); r.Verdict != pades.TotalPassed {
		t.Fatalf("%+v", r)
	}
	r := judge(ca, nil)
	if r.Verdict != pades.Indeterminate || r.SubIndication != "NO_CERTIFICATE_CHAIN_FOUND" || r.ChainTrusted || !r.Intact || !strings.Contains(strings.Join(r.Problems, " "), "removed") {
		t.Errorf("removed: %+v", r)
	}
	if r := judge([]*x509.Certificate{w.signer.Cert}, nil); r.Verdict != pades.TotalPassed { // a signer is no authority
		t.Errorf("a signer: %+v", r)
	}
	if r := judge(ca, ca); r.Verdict != pades.TotalPassed { // another certificate of its key is listed
		t.Errorf("listed again: %+v", r)
	}
}
