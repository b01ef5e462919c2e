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
		"a store that is damaged":   {"/DSS<</Certs[6 0 R]>>", "<</Filter/FlateDecode/Length 4>>\nstream\nevil\nendstream", problem.DocumentBroken},
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
