package appearance

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/liberation/liberationsansregular"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/font"
	"kyso/internal/pades/pdf"
)

// face is a font that text may be set in. Fonts are parsed once for the process, on first use.
type face struct {
	name string // PostScript name
	load func() (*font.Font, error)
}

// faces are tried in order for every character. Liberation Sans has every Vietnamese letter with every tone;
// DejaVu Sans stands in for names in other scripts.
var faces = [...]face{
	{"LiberationSans", sync.OnceValues(func() (*font.Font, error) { return font.Parse(liberationsansregular.TTF) })},
	{"DejaVuSans", sync.OnceValues(func() (*font.Font, error) { return font.Parse(dejavusans.TTF) })},
}

// tofu is shown for a character that no face has.
const tofu = "□"

// glyph is one letter as it is set, with its marks.
type glyph struct {
	char  rune    // the first of its characters
	width float64 // in em
	face  uint8
	shape font.Shape
	grey  bool // part of a label
}

// typesetter chooses glyphs and collects them, so that each face can be embedded as a small subset.
type typesetter struct {
	fonts [len(faces)]*font.Font
	used  [len(faces)]font.Used
}

// font returns a parsed face, or an error that names it.
func (t *typesetter) font(i int) (*font.Font, error) {
	if t.fonts[i] == nil {
		f, err := faces[i].load()
		if err != nil {
			return nil, fmt.Errorf("parsing the font %s: %w", faces[i].name, err)
		}
		t.fonts[i], t.used[i].Font = f, f
	}
	return t.fonts[i], nil
}

// glyphs sets a text: NFC first, because most letters with a tone are one glyph only in that form.
func (t *typesetter) glyphs(text string) ([]glyph, error) {
	letters := font.Letters(cleanText(text))
	out := make([]glyph, 0, len(letters))
	for _, letter := range letters {
		g, err := t.glyph(letter)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// glyph sets a letter in the first face that has it, and a place holder for one that none has.
func (t *typesetter) glyph(letter string) (glyph, error) {
	for _, text := range []string{letter, tofu} {
		g, ok, err := t.find(text)
		if ok || err != nil {
			return g, err
		}
	}
	return glyph{}, errors.New("no font has a glyph for a missing character")
}

// find looks a letter up in every face.
func (t *typesetter) find(letter string) (glyph, bool, error) {
	for i := range faces {
		f, err := t.font(i)
		if err != nil {
			return glyph{}, false, err
		}
		if shape, ok := f.Shape(letter); ok {
			char, _ := utf8.DecodeRuneInString(letter)
			return glyph{char: char, face: uint8(i), shape: shape, width: float64(shape.Advance) / float64(f.UnitsPerEm)}, true, nil
		}
	}
	return glyph{}, false, nil
}

// Unprintable returns the first letter of a text that a visible signature cannot show; "" when it can show all.
func Unprintable(text string) (string, error) {
	t := &typesetter{}
	for _, letter := range font.Letters(cleanText(text)) {
		if _, ok, err := t.find(letter); err != nil || !ok {
			return letter, err
		}
	}
	return "", nil
}

// cleanText normalises and drops what has no shape: controls, and marks that turn the direction of text and
// could make a name read as another.
func cleanText(s string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// use notes the glyphs that are really drawn.
func (t *typesetter) use(line []glyph) {
	for _, g := range line {
		t.used[g.face].Code(g.shape)
	}
}

// embed adds the subsets of the used faces to the update and returns the font resources.
func (t *typesetter) embed(u *pdf.Update) (*pdf.Dict, error) {
	resources := pdf.NewDict()
	for i := range faces {
		if t.used[i].Len() == 0 {
			continue
		}
		ref, err := t.embedFace(u, i)
		if err != nil {
			return nil, fmt.Errorf("embedding the font %s: %w", faces[i].name, err)
		}
		resources.Set(fontName(uint8(i)), ref)
	}
	return resources, nil
}

func fontName(i uint8) pdf.Name { return pdf.Name([]byte{'F', '0' + i}) }

// embedFace writes one subset as a Type 0 font with glyph numbers as codes (9.7.4): the text stays searchable
// through ToUnicode, and no viewer has to find a font.
func (t *typesetter) embedFace(u *pdf.Update, i int) (pdf.Ref, error) {
	f, used := t.fonts[i], &t.used[i]
	subset, err := used.Subset()
	if err != nil {
		return pdf.Ref{}, err
	}
	scale := func(v int) pdf.Object { return int64(f.Thousandths(v)) }
	var widths pdf.Array
	for _, width := range used.Widths() {
		widths = append(widths, int64(width))
	}
	name := pdf.Name(subset.Tag() + "+" + faces[i].name)
	file := u.AddStream(pdf.NewDict("Length1", int64(len(subset.Data))), subset.Data)
	descriptor := u.Add(pdf.NewDict("Type", pdf.Name("FontDescriptor"), "FontName", name,
		"Flags", int64(4), // symbolic: codes are glyph numbers
		"FontBBox", pdf.Array{scale(f.BBox[0]), scale(f.BBox[1]), scale(f.BBox[2]), scale(f.BBox[3])},
		"ItalicAngle", int64(0), "Ascent", scale(f.Ascent), "Descent", scale(f.Descent),
		"CapHeight", scale(f.CapHeight), "StemV", int64(80), "FontFile2", file,
		"CIDSet", u.AddStream(nil, subset.CIDSet())))
	cid := u.Add(pdf.NewDict("Type", pdf.Name("Font"), "Subtype", pdf.Name("CIDFontType2"), "BaseFont", name,
		"CIDSystemInfo", pdf.NewDict("Registry", pdf.String("Adobe"), "Ordering", pdf.String("Identity"), "Supplement", int64(0)),
		"FontDescriptor", descriptor, "CIDToGIDMap", pdf.Name("Identity"), "W", pdf.Array{int64(1), widths}))
	return u.Add(pdf.NewDict("Type", pdf.Name("Font"), "Subtype", pdf.Name("Type0"), "BaseFont", name,
		"Encoding", pdf.Name("Identity-H"), "DescendantFonts", pdf.Array{cid},
		"ToUnicode", u.AddStream(nil, used.ToUnicode()))), nil
}
