package pades_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// damages are values that a key may have by mistake. Those that open or close something make the whole object unreadable.
var damages = []string{"", "null", "7", "-1", "(x)", "/X", "[]", "<zz>", "<<>>", "9 0 R", "99 0 R", "[1 2", "<<", ">>", ">", ")", "(", "]", "endobj", "[0 1 2 3]", "[0.5 1 2 3]", "[0 9 0 R 2 3]"}

// damaged returns the file with a value exchanged in place, none of its offsets moved; nil when there is no room.
func damaged(file []byte, start, end int64, value string) []byte {
	if int64(len(value)) > end-start {
		return nil
	}
	out := bytes.Clone(file)
	copy(out[start:end], value+strings.Repeat(" ", int(end-start)-len(value)))
	return out
}

// TestOneDamagedSignature: whatever is wrong with one signature fails nothing but itself. In a file of three, each key of the last
// signature's dictionary and field is damaged in every way; the two before it are judged all the same.
func TestOneDamagedSignature(t *testing.T) {
	w := newWorld(t)
	file := w.signB(w.signB(w.signB(onePage("", ""))))
	ev := w.evidence(w.Now)
	fields := signatureFields(t, file)
	if len(fields) != 3 {
		t.Fatalf("%d fields", len(fields))
	}
	tried := 0
	for of, d := range map[string]*pdf.Dict{"signature": fields[2].Value, "field": fields[2].Field} {
		for _, key := range d.Keys() {
			start, end, ok := d.Span(key)
			if !ok {
				t.Fatalf("%s stands nowhere", key)
			}
			for _, value := range damages {
				changed := damaged(file, start, end, value)
				if changed == nil {
					continue
				}
				tried++
				checkOthers(t, w, fmt.Sprintf("%s, /%s %s", of, key, value), changed, ev, of == "signature")
			}
			if gone := damaged(file, start-int64(len(key))-1, end, ""); bytes.Contains(file[start-int64(len(key))-2:start], []byte("/"+string(key))) {
				checkOthers(t, w, fmt.Sprintf("%s without /%s", of, key), gone, ev, of == "signature")
			}
		}
	}
	// One wrong digit, of the padding and of the CMS.
	for _, at := range []int64{fields[2].ContentsStart + 1, fields[2].ContentsStart + 500, fields[2].ContentsEnd - 2} {
		changed := bytes.Clone(file)
		changed[at] = 'G'
		v := checkOthers(t, w, "a wrong digit", changed, ev, true)
		if len(v.Signatures) != 3 || v.Signatures[2].SubIndication != "FORMAT_FAILURE" || v.Signatures[0].Verdict != pades.TotalPassed || v.Signatures[1].Verdict != pades.TotalPassed {
			t.Errorf("a wrong digit at %d: %+v", at, v.Signatures)
		}
	}
	if tried < 150 {
		t.Errorf("only %d mutations", tried)
	}
}

// checkOthers demands that the first two signatures of a file are intact and, unless a field became something else, not called
// changed: nothing of them was.
func checkOthers(t *testing.T, w *world, what string, file []byte, ev pades.Evidence, unchanged bool) *pades.Verification {
	t.Helper()
	v, err := pades.Verify(bytes.NewReader(file), w.options(ev, w.Now))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return &pades.Verification{}
	}
	if len(v.Signatures) < 2 {
		t.Errorf("%s: %d signatures", what, len(v.Signatures))
		return v
	}
	for _, s := range v.Signatures[:2] {
		if !s.Intact || unchanged && s.Verdict == pades.TotalFailed {
			t.Errorf("%s: %s: %s %s intact %v, %s: %q", what, s.Field, s.Verdict, s.SubIndication, s.Intact, s.LaterChanges, s.Problems)
		}
	}
	if v.Verdict == pades.TotalPassed && v.Signatures[0].LaterChanges != "signatures" {
		t.Errorf("%s: passes as %s", what, v.Signatures[0].LaterChanges)
	}
	return v
}

// TestDamagedStore: an entry of the security store that cannot be read is missing, and the others count.
func TestDamagedStore(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	long := w.signLT(onePage("", ""), w.Now)
	for name, object := range map[string]string{
		"no stream":      "null",
		"a bad filter":   "<</Filter/FlateDecode/Length 4>>\nstream\nevil\nendstream",
		"no filter":      "<</Filter/Unknown/Length 4>>\nstream\nevil\nendstream",
		"half an object": "<</Length 4",
		"no certificate": stream("", "evil"),
	} {
		data := onePage("", "/DSS<</Certs[6 0 R 7 0 R]/VRI<</AB 6 0 R/CD<</Cert[6 0 R]>>>>>>", object, stream("", string(w.CA.Cert.Raw)))
		signed := w.signB(data)
		v, err := pades.Verify(bytes.NewReader(signed), w.options(pades.Evidence{OCSPs: ev.OCSPs, CRLs: ev.CRLs}, w.Now))
		if err != nil || v.Verdict != pades.TotalPassed {
			t.Errorf("%s, signed: %+v, %v", name, v, err)
		}
	}
	for name, store := range map[string]func(u *pdf.Update) pdf.Object{
		"nothing": func(*pdf.Update) pdf.Object { return pdf.Ref{Num: 1000} },
		"a bad filter": func(u *pdf.Update) pdf.Object {
			return u.AddStream(pdf.NewDict("Filter", pdf.Name("FlateDecode")), []byte("evil"))
		},
		"a number": func(u *pdf.Update) pdf.Object { return u.Add(int64(7)) },
	} {
		later := revise(t, long, func(f *pdf.File, u *pdf.Update) {
			store := pdf.NewDict("Certs", pdf.Array{store(u), u.AddStream(pdf.NewDict(), w.CA.Cert.Raw)})
			u.Set(f.RootRef(), with(object(t, f, f.RootRef().Num), "DSS", u.Add(store)))
		})
		v, err := pades.Verify(bytes.NewReader(later), w.options(ev, w.Now))
		if err != nil || !v.Signatures[0].Intact || name != "a number" && v.Verdict == pades.TotalFailed {
			t.Errorf("%s came later: %+v, %v", name, v, err)
		}
	}
}
