package pades_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// TestRefusedBeforeApproval: what cannot be finished after signing is refused before anybody is asked.
func TestRefusedBeforeApproval(t *testing.T) {
	s := newTestSigner(t)
	var references strings.Builder
	for n := range 600 {
		fmt.Fprintf(&references, "%d 0 R ", 6+n)
	}
	var fields strings.Builder
	for n := range 100 {
		fmt.Fprintf(&fields, "<</FT/Sig/T(f%d)/V<</Type/Sig>>>>", n)
	}
	for name, c := range map[string]struct {
		catalog, more string
		code          problem.Code
	}{
		"a store that is too long":  {"/DSS<</Certs[" + references.String() + "]>>", "null", problem.DocumentTooComplex},
		"a store that is damaged":   {"/DSS<</Certs[6 0 R]>>", "<</Filter/FlateDecode/Length 4>>\nstream\nevil\nendstream", ""},
		"a hundred signatures":      {"/AcroForm<</Fields[" + fields.String() + "]>>", "null", problem.DocumentTooComplex},
		"a store that is no object": {"/DSS 99 0 R", "null", ""},
	} {
		data := onePage("", c.catalog, c.more)
		_, inspected := pades.Inspect(bytes.NewReader(data), pades.Policy{})
		_, prepared := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Certificate: s.cert, SigningTime: testTime})
		if problem.CodeOf(inspected) != c.code || problem.CodeOf(prepared) != c.code {
			t.Errorf("%s: %v and %v, want %q", name, inspected, prepared, c.code)
		}
	}
}

// TestDeclaredExtension: readers of PDF 1.x learn from the catalog that the file uses PAdES. What others declared stays.
func TestDeclaredExtension(t *testing.T) {
	const esic = "/ESIC <</BaseVersion /1.7/ExtensionLevel 1>>"
	for name, c := range map[string]struct {
		catalog, version, want string
		times                  int
	}{
		"none":         {"", "1.7", "/Extensions <<" + esic + ">>", 1},
		"of another":   {"/Extensions<</ADBE<</BaseVersion/1.7/ExtensionLevel 8>>>>", "1.6", "/ExtensionLevel 8>>" + esic + ">>", 1},
		"there before": {"/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 2>>>>", "1.7", "/ExtensionLevel 2>>", 0},
		"PDF 2.0":      {"", "2.0", "/AcroForm", 0},
	} {
		data := bytes.Replace(onePage("", c.catalog), []byte("%PDF-1.7"), []byte("%PDF-"+c.version), 1)
		w := newWorld(t)
		signed := w.extend(w.signB(data), w.evidence(w.Now))
		increment := signed[len(data):]
		if got := bytes.Count(increment, []byte(esic)); got != 2*c.times || !bytes.Contains(increment, []byte(c.want)) {
			t.Errorf("%s: declared %d times, want %d", name, got, 2*c.times)
		}
		if v := w.verify(signed, w.evidence(w.Now)); v.Verdict != pades.TotalPassed {
			t.Errorf("%s: %s", name, v.Verdict)
		}
	}
}
