package appearance

import "testing"

// TestWordsAreNotTorn: in a narrow box text gets smaller before a word is torn, and a word is torn only at the least size.
func TestWordsAreNotTorn(t *testing.T) {
	set := &typesetter{}
	glyphs, err := set.glyphs("Ký bởi: NGUYỄN THỊ HƯỜNG")
	if err != nil {
		t.Fatal(err)
	}
	ellipsis, err := set.glyph("…")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		width float64
		torn  bool
	}{{200, false}, {60, false}, {40, false}, {25, false}, {10, true}} {
		lines, size := fit([][]glyph{glyphs}, ellipsis, c.width, 400)
		count := 0
		for _, line := range lines {
			for _, g := range line {
				if g.char != ' ' {
					count++
				}
			}
		}
		if want := 20; count != want {
			t.Errorf("%v points: %d letters of %d are left", c.width, count, want)
		}
		if torn := longestWord([][]glyph{glyphs}) > c.width/size; torn != c.torn {
			t.Errorf("%v points: torn is %v at size %v", c.width, torn, size)
		}
	}
}
