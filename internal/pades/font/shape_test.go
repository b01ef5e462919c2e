package font

import (
	"strings"
	"testing"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/liberation/liberationsansregular"
	"github.com/go-fonts/liberation/liberationserifitalic"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// stacked are letters without a single character in Unicode, as languages of Viet Nam write them.
const stacked = "ê̆Ê̆ô̆Ô̆ơ̆Ơ̆ư̆Ư̆â̆Â̆b̆B̆d̆D̆n̆N̆c̆C̆ê̌Ê̌ị̆j̆w̆"

// Each mark stands over its letter and not beside it, as another parser of fonts sees the subset.
func TestMarksStandOverTheirLetters(t *testing.T) {
	for name, data := range map[string][]byte{"liberation": liberationsansregular.TTF, "italic": liberationserifitalic.TTF, "dejavu": dejavusans.TTF} {
		f, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		used := Used{Font: f}
		letters := Letters(norm.NFC.String(stacked))
		if len(letters) != 23 {
			t.Fatalf("%d letters", len(letters))
		}
		for _, letter := range letters {
			shape, ok := f.Shape(letter)
			if !ok {
				t.Fatalf("%s cannot draw %q", name, letter)
			}
			used.Code(shape)
		}
		subset, err := used.Subset()
		if err != nil {
			t.Fatal(err)
		}
		small, err := sfnt.Parse(withTables(t, subset.Data, data))
		if err != nil {
			t.Fatal(err)
		}
		for i, letter := range letters {
			bare := f.Glyph([]rune(strings.NewReplacer("ị", "ı", "j", "ȷ").Replace(letter))[0])
			base, _ := f.box(bare)
			var buf sfnt.Buffer
			outline, err := small.LoadGlyph(&buf, sfnt.GlyphIndex(i+1), fixed.I(f.UnitsPerEm), nil)
			if err != nil {
				t.Fatalf("%s: %q: %v", name, letter, err)
			}
			ink := outline.Bounds()
			left, right, top := ink.Min.X.Round(), ink.Max.X.Round(), -ink.Min.Y.Round()
			em := f.UnitsPerEm
			if top < base[3]+em/10 || left < base[0]-em/6 || right > base[2]+em/6 {
				t.Errorf("%s: the ink of %q is %d…%d, up to %d; that of its letter %v", name, letter, left, right, top, base)
			}
			if used.Widths()[i] != f.Thousandths(f.Advance(bare)) {
				t.Errorf("%s: %q is wider than its letter", name, letter)
			}
		}
	}
}

// What has no place is refused: marks without a letter, marks that enclose, and towers of marks.
func TestWhatHasNoShape(t *testing.T) {
	f, err := Parse(liberationsansregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range []string{"\u0306", "a\u20dd", "a\u0306\u0306\u0306\u0306", "漢", "a\u0338", "\u200b", "\n", "\xff", "x\u0306漢"} {
		if _, ok := f.Shape(letter); ok && letter != "x\u0306漢" {
			t.Errorf("%q has a shape", letter)
		}
	}
	if got := Letters("ax\u0306b\xff\u0306"); len(got) != 4 {
		t.Errorf("letters %q", got)
	}
}
