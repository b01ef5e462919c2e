package pades_test

import (
	"bytes"
	"reflect"
	"testing"

	"kyso/internal/pades"
)

// TestTheMaterialIsWhatTheVerdictRestsOn: with the material of a verification, and nothing else from outside, a later one comes to the
// same verdict; what has nothing to do with the file is not in it.
func TestTheMaterialIsWhatTheVerdictRestsOn(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	file := w.signT(onePage("", ""), w.Now)
	judge := func(ev pades.Evidence, material bool) *pades.Verification {
		t.Helper()
		opt := w.options(ev, w.Now)
		opt.Material = material
		v, err := pades.Verify(bytes.NewReader(file), opt)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ev := w.evidence(w.Now)
	foreign := other.evidence(w.Now)
	ev.Certificates, ev.OCSPs, ev.CRLs = append(ev.Certificates, foreign.Certificates...), append(ev.OCSPs, foreign.OCSPs...), append(ev.CRLs, foreign.CRLs...)
	first := judge(ev, true)
	if first.Verdict != pades.TotalPassed || first.Material == nil {
		t.Fatalf("%+v", first)
	}
	again := judge(*first.Material, true)
	if !reflect.DeepEqual(first, again) {
		t.Errorf("first\n%+v\nagain\n%+v", first.Signatures, again.Signatures)
	}
	holds := func(list [][]byte, der []byte) bool {
		for _, one := range list {
			if bytes.Equal(one, der) {
				return true
			}
		}
		return false
	}
	m := first.Material
	for name, der := range map[string][]byte{"signer": w.signer.Cert.Raw, "CA": w.CA.Cert.Raw, "authority": w.TSA.Cert.Raw, "root": w.Root.Cert.Raw} {
		if !holds(m.Certificates, der) {
			t.Errorf("the %s is missing", name)
		}
	}
	if holds(m.Certificates, other.TSA.Cert.Raw) || len(m.OCSPs) != 2 || len(m.CRLs) < 1 { // the two roots have one key and name
		t.Errorf("%d certificates, %d OCSP answers, %d lists", len(m.Certificates), len(m.OCSPs), len(m.CRLs))
	}
	if judge(ev, false).Material != nil {
		t.Error("material that nobody asked for")
	}
}
