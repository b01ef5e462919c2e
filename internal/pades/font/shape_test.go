package font

import (
	"strings"
	"testing"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/liberation/liberationsansregular"
	"github.com/go-fonts/liberation/liberationserifbold"
	"github.com/go-fonts/liberation/liberationserifitalic"
	"github.com/go-fonts/liberation/liberationserifregular"
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

// languages are the letters of languages of Viet Nam that Vietnamese does not have, as they are written in their own orthographies
// and, for Chăm and Khmer, transliterated. Tày, Nùng, Thái and Hmông in Latin letters have those of Vietnamese alone.
var languages = map[string]string{
	"Ê Đê, Gia Rai, Ba Na, Mnông": "ƀ Ƀ č Č ĕ Ĕ ê̆ Ê̆ ĭ Ĭ ñ Ñ ŏ Ŏ ô̆ Ô̆ ơ̆ Ơ̆ ŭ Ŭ ư̆ Ư̆ â̆ Â̆ đ̆ Đ̆ ŏ̂ Ŏ̂ ê̌ Ê̌ ơ̌ Ơ̌ ư̌ Ư̌ ô̌ Ô̌",
	"Cơ Ho, Mạ, Xtiêng":           "ờ̆ Ờ̆ ề̆ Ề̆ ồ̆ Ồ̆ ừ̆ Ừ̆ ằ Ằ ì̆ Ì̆ ù̆ Ù̆ ò̆ Ò̆ è̆ È̆ à̆ À̆ ị̆ Ị̆ ọ̆ Ọ̆",
	"Xơ Đăng, Bru, Cơ Tu":         "ế̆ Ế̆ ố̆ Ố̆ ớ̆ Ớ̆ ứ̆ Ứ̆ õ̆ Õ̆ ẽ̆ Ẽ̆ ũ̆ Ũ̆ ǒ Ǒ ǎ Ǎ ǐ Ǐ ě Ě ǔ Ǔ ô̰ ê̱ ơ̱",
	"consonants with marks":       "b̆ B̆ c̆ C̆ d̆ D̆ ğ Ğ j̆ J̆ k̆ K̆ l̆ L̆ m̆ M̆ n̆ N̆ p̆ P̆ r̆ R̆ s̆ S̆ t̆ T̆ w̆ W̆ y̆ Y̆ ň Ň š Š ž Ž ř Ř",
	"Chăm, Khmer":                 "ā Ā ī Ī ū Ū ē Ē ō Ō ḍ Ḍ ṭ Ṭ ṇ Ṇ ṅ Ṅ ṃ Ṃ ḥ Ḥ ś Ś ṣ Ṣ ṛ Ṛ ḷ Ḷ ṷ Ṷ ḁ Ḁ ǝ Ə",
}

// Every letter of the languages of Viet Nam is drawn by each face of the papers, and by one of the stamp.
func TestEveryLetterOfTheLanguages(t *testing.T) {
	faces := map[string][]byte{"papers": liberationserifregular.TTF, "papers, bold": liberationserifbold.TTF, "papers, italic": liberationserifitalic.TTF, "stamp": liberationsansregular.TTF}
	for name, data := range faces {
		f, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for language, letters := range languages {
			for letter := range strings.FieldsSeq(norm.NFC.String(letters)) {
				shape, ok := f.Shape(letter)
				if !ok {
					t.Errorf("%s: %s: %q cannot be drawn", name, language, letter)
					continue
				}
				for i, m := range shape.marks { // each clears what is under it
					box, _ := f.box(m.glyph)
					before := f.bounds(Shape{glyph: shape.glyph, marks: shape.marks[:i]})
					if bottom, top := box[1]+m.dy, box[3]+m.dy; bottom < before[3] && top > before[1] {
						t.Errorf("%s: %s: a mark of %q stands on another", name, language, letter)
					}
				}
			}
		}
	}
}
