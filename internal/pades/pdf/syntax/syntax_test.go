package syntax

import (
	"strings"
	"testing"
)

func TestObjectSyntax(t *testing.T) {
	for in, want := range map[string]string{
		"[1 -2 +3 1.50 -.5 4. 0 R 12 0 R]": "[1 -2 3 1.50 -.5 4. 0 null 12 0 R]",
		"<</A#20B(x)/C/D>>":                "<</A#20B (x)/C /D>>",
		"(a\\(b\\)\\\\ \\101\\\n(nested))": "(a\\(b\\)\\\\ A\\(nested\\))",
		"<48 65 6C6C 6F7>":                 "(Hellop)",
		"(\\377\\0)":                       "<FF00>",
		"[true false null/Name]":           "[true false null /Name]",
		"<</K %comment\n 1>>":              "<</K 1>>",
		"--5":                              "--5",
		"<</Twice 1/Twice 2>>":             "<</Twice 2>>",
		"<</A<</B[<</C()>>]>>>>":           "<</A <</B [<</C ()>>]>>>>",
		"[1 0 R 2 0 3 0 R 65536 70000 R]":  "[1 0 R 2 0 3 0 R 65536 70000 R]",
		"123456789012345678901234567890":   "123456789012345678901234567890",
		"[0.00001 -0.0 1e5]":               "[0.00001 -0.0 null]",
		"(\r\nline\rend)":                  "<0A6C696E650A656E64>",
		"/":                                "/",
		"<</Empty>>":                       "<</Empty null>>",
		"[(unterminated\\":                 "",
		"<</A 1":                           "",
		"<</A endobj":                      "",
		"<4G>":                             "(@)", // as readers take it
		"]":                                "",
		strings.Repeat("[", 65):            "",
		strings.Repeat("[", 64) + strings.Repeat("]", 64): strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		p := &Parser{Buf: []byte(in), EOF: true, Base: -1, Depth: 64}
		obj, err := p.Object()
		if want == "" {
			if err == nil {
				t.Errorf("%q was read as %v", in, obj)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		out, err := Append(nil, obj)
		if err != nil || string(out) != want {
			t.Errorf("%q was written as %q, want %q (%v)", in, out, want, err)
		}
	}
}
