package font

import (
	"crypto/sha256"
	"fmt"
	"math"
	"unicode/utf16"
)

// Used gives codes to the letters that a document uses of a font, from 1 in the order of their first use. A code is the
// number of the glyph in the subset.
type Used struct {
	Font *Font

	shapes []Shape
	codes  map[string]uint16
}

// Code returns the code of a letter.
func (u *Used) Code(s Shape) uint16 {
	if code, ok := u.codes[s.Text]; ok {
		return code
	}
	if u.codes == nil {
		u.codes = make(map[string]uint16, 64)
	}
	u.shapes = append(u.shapes, s)
	code := uint16(len(u.shapes))
	u.codes[s.Text] = code
	return code
}

// Len returns how many letters are used.
func (u *Used) Len() int { return len(u.shapes) }

// Subset returns a font of the used letters.
func (u *Used) Subset() (*Subset, error) { return u.Font.Subset(u.shapes) }

// Widths returns the advance of every letter in thousandths of an em.
func (u *Used) Widths() []int {
	out := make([]int, len(u.shapes))
	for i, s := range u.shapes {
		out[i] = u.Font.Thousandths(s.Advance)
	}
	return out
}

// Thousandths turns font units into thousandths of an em, the unit of PDF.
func (f *Font) Thousandths(v int) int {
	return int(math.Round(float64(v) * 1000 / float64(f.UnitsPerEm)))
}

// Tag is the six-letter mark of a subset (9.9.2), derived from its bytes so that equal input gives equal output.
func (s *Subset) Tag() string {
	sum := sha256.Sum256(s.Data)
	var tag [6]byte
	for i := range tag {
		tag[i] = 'A' + sum[i]%26
	}
	return string(tag[:])
}

// CIDSet has a bit for every glyph of a subset (9.8.3.2). PDF/A-1 requires it, so that signing does not take a file's
// conformance away.
func (s *Subset) CIDSet() []byte {
	out := make([]byte, (s.Count+7)/8)
	for i := range s.Count {
		out[i/8] |= 0x80 >> (i % 8)
	}
	return out
}

// maxMapped is how many characters one block of a ToUnicode map may hold (Adobe Technical Note 5014).
const maxMapped = 100

// ToUnicode writes the map from codes to letters (9.10.3), by which text stays searchable. A letter may have several
// characters.
func (u *Used) ToUnicode() []byte {
	out := []byte("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for start := 0; start < len(u.shapes); start += maxMapped {
		block := u.shapes[start:min(start+maxMapped, len(u.shapes))]
		out = fmt.Appendf(out, "%d beginbfchar\n", len(block))
		for i, s := range block {
			out = AppendCode(append(out, '<'), uint16(start+i+1))
			out = append(out, "> <"...)
			for _, unit := range utf16.Encode([]rune(s.Text)) {
				out = AppendCode(out, unit)
			}
			out = append(out, ">\n"...)
		}
		out = append(out, "endbfchar\n"...)
	}
	return append(out, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\n"+"end\n"...)
}

// AppendCode writes a code as four hexadecimal digits.
func AppendCode(out []byte, v uint16) []byte {
	const digits = "0123456789ABCDEF"
	return append(out, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
}
