package pades

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"

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
const tofu = '□'

// glyph is one character as it is set.
type glyph struct {
	char  rune
	width float64 // in em
	face  uint8
	id    uint16 // in the whole font
	grey  bool   // part of a label
}

// typesetter chooses glyphs and collects them, so that each face can be embedded as a small subset.
type typesetter struct {
	fonts [len(faces)]*font.Font
	used  [len(faces)]usedGlyphs
}

// usedGlyphs numbers the glyphs of one face in order of first use, from 1.
type usedGlyphs struct {
	ids    []uint16
	chars  []rune
	number map[uint16]uint16
}

func (u *usedGlyphs) add(id uint16, char rune) {
	if u.number == nil {
		u.number = make(map[uint16]uint16, 64)
	}
	if _, ok := u.number[id]; ok || id == 0 {
		return
	}
	u.ids = append(u.ids, id)
	u.chars = append(u.chars, char)
	u.number[id] = uint16(len(u.ids))
}

// font returns a parsed face, or an error that names it.
func (t *typesetter) font(i int) (*font.Font, error) {
	if t.fonts[i] == nil {
		f, err := faces[i].load()
		if err != nil {
			return nil, fmt.Errorf("parsing the font %s: %w", faces[i].name, err)
		}
		t.fonts[i] = f
	}
	return t.fonts[i], nil
}

// glyphs sets a text: NFC first, because a letter with its tone is one glyph only in that form.
func (t *typesetter) glyphs(text string) ([]glyph, error) {
	text = cleanText(text)
	out := make([]glyph, 0, len(text))
	for _, char := range text {
		g, err := t.glyph(char)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

func (t *typesetter) glyph(char rune) (glyph, error) {
	for _, c := range []rune{char, tofu} {
		for i := range faces {
			f, err := t.font(i)
			if err != nil {
				return glyph{}, err
			}
			if id := f.Glyph(c); id != 0 {
				return glyph{char: c, face: uint8(i), id: id, width: float64(f.Advance(id)) / float64(f.UnitsPerEm)}, nil
			}
		}
	}
	return glyph{}, fmt.Errorf("no font has a glyph for a missing character")
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
		t.used[g.face].add(g.id, g.char)
	}
}

// embed adds the subsets of the used faces to the update and returns the font resources.
func (t *typesetter) embed(u *pdf.Update) (*pdf.Dict, error) {
	resources := pdf.NewDict()
	for i := range faces {
		if len(t.used[i].ids) == 0 {
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
	subset, err := f.Subset(used.ids)
	if err != nil {
		return pdf.Ref{}, err
	}
	scale := func(v int) pdf.Object { return int64(math.Round(float64(v) * 1000 / float64(f.UnitsPerEm))) }
	widths := make(pdf.Array, len(used.ids))
	for k, id := range used.ids {
		widths[k] = scale(f.Advance(id))
	}
	name := pdf.Name(subsetTag(subset.Data) + "+" + faces[i].name)
	file := u.AddStream(pdf.NewDict("Length1", int64(len(subset.Data))), subset.Data)
	descriptor := u.Add(pdf.NewDict("Type", pdf.Name("FontDescriptor"), "FontName", name,
		"Flags", int64(4), // symbolic: codes are glyph numbers
		"FontBBox", pdf.Array{scale(f.BBox[0]), scale(f.BBox[1]), scale(f.BBox[2]), scale(f.BBox[3])},
		"ItalicAngle", int64(0), "Ascent", scale(f.Ascent), "Descent", scale(f.Descent),
		"CapHeight", scale(f.CapHeight), "StemV", int64(80), "FontFile2", file,
		"CIDSet", u.AddStream(nil, firstBits(len(subset.Glyphs)))))
	cid := u.Add(pdf.NewDict("Type", pdf.Name("Font"), "Subtype", pdf.Name("CIDFontType2"), "BaseFont", name,
		"CIDSystemInfo", pdf.NewDict("Registry", pdf.String("Adobe"), "Ordering", pdf.String("Identity"), "Supplement", int64(0)),
		"FontDescriptor", descriptor, "CIDToGIDMap", pdf.Name("Identity"), "W", pdf.Array{int64(1), widths}))
	return u.Add(pdf.NewDict("Type", pdf.Name("Font"), "Subtype", pdf.Name("Type0"), "BaseFont", name,
		"Encoding", pdf.Name("Identity-H"), "DescendantFonts", pdf.Array{cid},
		"ToUnicode", u.AddStream(nil, toUnicode(used.chars)))), nil
}

// firstBits is a CIDSet in which the first n bits stand (9.8.3.2). PDF/A-1 wants it with every subset, so that signing
// does not take a file's conformance away.
func firstBits(n int) []byte {
	out := bytes.Repeat([]byte{0xff}, (n+7)/8)
	if rest := n % 8; rest > 0 {
		out[len(out)-1] <<= 8 - rest
	}
	return out
}

// subsetTag is the six-letter mark of a subset (9.9.2), derived from its bytes so that equal input gives equal
// output.
func subsetTag(data []byte) string {
	sum := sha256.Sum256(data)
	var tag [6]byte
	for i := range tag {
		tag[i] = 'A' + sum[i]%26
	}
	return string(tag[:])
}

// toUnicode writes the map from codes to characters (9.10.3), at most 100 to a block.
func toUnicode(chars []rune) []byte {
	out := []byte("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for start := 0; start < len(chars); start += 100 {
		block := chars[start:min(start+100, len(chars))]
		out = fmt.Appendf(out, "%d beginbfchar\n", len(block))
		for i, char := range block {
			out = appendCode(append(out, '<'), start+i+1)
			out = append(out, "> <"...)
			for _, unit := range utf16.AppendRune(nil, char) {
				out = appendCode(out, int(unit))
			}
			out = append(out, ">\n"...)
		}
		out = append(out, "endbfchar\n"...)
	}
	return append(out, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\n"+"end\n"...)
}

// appendCode writes four hexadecimal digits.
func appendCode(out []byte, v int) []byte {
	const digits = "0123456789ABCDEF"
	return append(out, digits[v>>12&15], digits[v>>8&15], digits[v>>4&15], digits[v&15])
}
