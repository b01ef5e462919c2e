package font

import (
	"strings"
	"testing"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// vietnamese returns every letter of the language, with every tone, in both cases, in NFC.
func vietnamese() string {
	var all strings.Builder
	for _, vowel := range "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" {
		for _, tone := range []string{"", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323"} {
			all.WriteString(norm.NFC.String(string(vowel) + tone))
		}
	}
	return all.String() + "bcdđghklmnpqrstvxBCDĐGHKLMNPQRSTVX0123456789 ,.:;/-+()₫…□"
}

func TestEveryVietnameseLetterHasOneGlyph(t *testing.T) {
	for name, data := range map[string][]byte{"liberation": liberationsansregular.TTF, "dejavu": dejavusans.TTF} {
		f, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := sfnt.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range vietnamese() {
			want, err := reference.GlyphIndex(nil, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Glyph(r); got == 0 || got != uint16(want) {
				t.Errorf("%s: %q has glyph %d, want %d", name, r, got, want)
			}
		}
	}
}

// The subset must hold the same outlines as the whole font, as another parser sees them.
func TestSubsetKeepsOutlinesAndWidths(t *testing.T) {
	for name, data := range map[string][]byte{"liberation": liberationsansregular.TTF, "dejavu": dejavusans.TTF} {
		f, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		var letters []Shape
		for _, letter := range Letters(vietnamese()) {
			shape, ok := f.Shape(letter)
			if !ok {
				t.Fatalf("%s: %q has no shape", name, letter)
			}
			letters = append(letters, shape)
		}
		subset, err := f.Subset(letters)
		if err != nil {
			t.Fatal(err)
		}
		if limit := 40 << 10; len(subset.Data) > limit {
			t.Errorf("%s: the subset of the whole alphabet has %d bytes, more than %d", name, len(subset.Data), limit)
		}
		whole, err := sfnt.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		part, err := Parse(withCmap(t, subset.Data))
		if err != nil {
			t.Fatal(err)
		}
		small, err := sfnt.Parse(withTables(t, subset.Data, data))
		if err != nil {
			t.Fatal(err)
		}
		var buf1, buf2 sfnt.Buffer
		em := fixed.I(f.UnitsPerEm)
		for i, letter := range letters {
			old, number := letter.glyph, uint16(i+1)
			want, err := whole.LoadGlyph(&buf1, sfnt.GlyphIndex(old), em, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := small.LoadGlyph(&buf2, sfnt.GlyphIndex(number), em, nil)
			if err != nil {
				t.Fatalf("%s: glyph %d: %v", name, old, err)
			}
			if len(got) != len(want) || len(got) > 0 && got.Bounds() != want.Bounds() {
				t.Errorf("%s: glyph %d has another outline in the subset", name, old)
			}
			if part.Advance(number) != f.Advance(old) {
				t.Errorf("%s: glyph %d has another width in the subset", name, old)
			}
			width, err := whole.GlyphAdvance(&buf1, sfnt.GlyphIndex(old), em, font.HintingNone)
			if err != nil || int(width>>6) != f.Advance(old) {
				t.Errorf("%s: glyph %d is %d wide, want %v (%v)", name, old, f.Advance(old), width, err)
			}
		}
	}
}

// withCmap adds a minimal character map so that Parse, which insists on one, reads a subset.
func withCmap(t *testing.T, data []byte) []byte {
	t.Helper()
	tables, err := directory(data)
	if err != nil {
		t.Fatal(err)
	}
	// One format 4 subtable with the closing segment only.
	cmap := []byte{0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12, 0, 4, 0, 24, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 1, 0, 0}
	return assemble([]table{{"cmap", cmap}, {"glyf", tables["glyf"]}, {"head", tables["head"]}, {"hhea", tables["hhea"]},
		{"hmtx", tables["hmtx"]}, {"loca", tables["loca"]}, {"maxp", tables["maxp"]}})
}

// withTables adds the tables that x/image insists on from the whole font.
func withTables(t *testing.T, data, whole []byte) []byte {
	t.Helper()
	tables, err := directory(withCmap(t, data))
	if err != nil {
		t.Fatal(err)
	}
	more, err := directory(whole)
	if err != nil {
		t.Fatal(err)
	}
	return assemble([]table{{"OS/2", more["OS/2"]}, {"cmap", tables["cmap"]}, {"glyf", tables["glyf"]},
		{"head", tables["head"]}, {"hhea", tables["hhea"]}, {"hmtx", tables["hmtx"]}, {"loca", tables["loca"]},
		{"maxp", tables["maxp"]}, {"name", more["name"]}, {"post", more["post"]}})
}

func TestParseRefusesDamage(t *testing.T) {
	whole := liberationsansregular.TTF
	for _, data := range [][]byte{nil, whole[:11], whole[:100], whole[:len(whole)/2], []byte(strings.Repeat("x", 100))} {
		if _, err := Parse(data); err == nil {
			t.Errorf("%d bytes of damage were taken for a font", len(data))
		}
	}
}
