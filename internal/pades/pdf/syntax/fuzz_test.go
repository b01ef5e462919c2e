package syntax

import (
	"bytes"
	"testing"

	"kyso/internal/problem"
)

// FuzzObject writes what it read and reads the same again.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{"[1 -2.5 (a\\)b) <00ff> /N#20 12 0 R]", "<</A<</B[true null]>>/C()>>", "<</A/B/A 1>>", "((())\\)", "1 0 R"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(b []byte) (Object, error) {
			p := &Parser{Buf: b, EOF: true, Base: -1, Depth: 32}
			return p.Object()
		}
		first, err := read(data)
		if err != nil {
			if code := problem.CodeOf(err); code != problem.DocumentBroken && code != problem.DocumentTooComplex {
				t.Fatal(err)
			}
			return
		}
		if _, ok := first.(Keyword); ok {
			return
		}
		written, err := Append(nil, first)
		if err != nil {
			t.Fatalf("writing %v: %v", first, err)
		}
		second, err := read(written)
		if err != nil {
			t.Fatalf("reading %q: %v", written, err)
		}
		again, err := Append(nil, second)
		if err != nil || !bytes.Equal(written, again) {
			t.Fatalf("%q was written again as %q (%v)", written, again, err)
		}
	})
}
