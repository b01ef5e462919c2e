package font

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Shape is how a letter is drawn, with all the marks that belong to it: one glyph of the font where it has one, else a
// glyph with marks placed on it. The languages of the Central Highlands write letters such as ê̆ and ư̆, for which Unicode
// has no single character.
type Shape struct {
	Text    string // the letter in NFC
	Advance int    // in font units

	glyph uint16
	marks []mark
}

// mark is a glyph that is moved from where its font draws it, in font units.
type mark struct {
	glyph  uint16
	dx, dy int
}

// maxMarks is how many marks may stand on a glyph. No orthography needs more; more run into the neighbouring lines.
const maxMarks = 2

// Letters splits a text into letters: a character and the marks behind it. The text is in NFC.
func Letters(text string) []string {
	out := make([]string, 0, len(text))
	for start := 0; start < len(text); {
		_, size := utf8.DecodeRuneInString(text[start:])
		end := start + size
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if plain(r) || !unicode.Is(unicode.M, r) {
				break
			}
			end += size
		}
		out = append(out, text[start:end])
		start = end
	}
	return out
}

// Shape returns how a letter of Letters is drawn, and false when the font cannot draw it.
func (f *Font) Shape(letter string) (Shape, bool) {
	base, size := utf8.DecodeRuneInString(letter)
	if !plain(base) && (unicode.In(base, unicode.M, unicode.Cc, unicode.Cf, unicode.Co) || base == utf8.RuneError && size < 2) {
		return Shape{}, false
	}
	rest := letter[size:]
	if rest != "" {
		base, rest = undotted(base, rest)
	}
	s := Shape{Text: letter, glyph: f.Glyph(base)}
	if s.glyph == 0 || utf8.RuneCountInString(rest) > maxMarks+1 {
		return Shape{}, false
	}
	s.Advance = f.Advance(s.glyph)
	return s, f.place(&s, base, rest)
}

// plain reports at a glance that a character is a letter, a digit or a sign: ASCII, and the Latin letters with their marks, which
// are nearly all of what is set.
func plain(r rune) bool {
	return r >= ' ' && r <= '~' || r >= 'À' && r <= 'ɏ' || r >= 'Ḁ' && r <= 'ỿ'
}

// undotted takes the dot off an i or j that has a mark above.
func undotted(base rune, rest string) (rune, string) {
	apart := norm.NFD.String(string(base) + rest)
	first, size := utf8.DecodeRuneInString(apart)
	dotless, ok := map[rune]rune{'i': 'ı', 'j': 'ȷ'}[first]
	if !ok {
		return base, rest
	}
	for _, r := range apart[size:] {
		if class(r) == above {
			return dotless, apart[size:]
		}
	}
	return base, rest
}

// The combining classes of Unicode whose marks are placed.
const (
	below = 220
	above = 230
)

func class(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }

// place puts marks over and under a base, the first next to it. It goes by the outlines: what the fonts say of anchors
// does not cover letters with a mark already.
func (f *Font) place(s *Shape, base rune, rest string) bool {
	if rest == "" {
		return true
	}
	all, ok := f.box(s.glyph)
	if !ok {
		return false
	}
	letter := all // without horns and marks: what a mark is centred on
	if first, _ := utf8.DecodeRuneInString(norm.NFD.String(string(base))); first != base {
		if box, ok := f.box(f.Glyph(first)); ok {
			letter = box
		}
	}
	for _, r := range rest {
		glyph := f.Glyph(r)
		box, ok := f.box(glyph)
		if glyph == 0 || !ok {
			return false
		}
		m, gap := mark{glyph: glyph}, f.UnitsPerEm/22
		switch class(r) {
		case above:
			m.dy = all[3] + gap - box[1]
			all[3] = box[3] + m.dy
		case below:
			m.dy = all[1] - gap - box[3]
			all[1] = box[1] + m.dy
		default:
			return false
		}
		lean := f.lean * float64(box[1]+box[3]+2*m.dy-letter[1]-letter[3]) / 2
		m.dx = (letter[0]+letter[2]-box[0]-box[2])/2 + int(lean)
		s.marks = append(s.marks, m)
	}
	return true
}

// box returns the bounding box of a glyph: left, bottom, right, top. A blank one has none.
func (f *Font) box(glyph uint16) ([4]int, bool) {
	outline, err := f.outline(glyph)
	if err != nil || len(outline) < 10 {
		return [4]int{}, false
	}
	return [4]int{i16(outline, 2), i16(outline, 4), i16(outline, 6), i16(outline, 8)}, true
}

// bounds is the box of a shape.
func (f *Font) bounds(s Shape) [4]int {
	all, _ := f.box(s.glyph)
	for _, m := range s.marks {
		box, _ := f.box(m.glyph)
		all = [4]int{min(all[0], box[0]+m.dx), min(all[1], box[1]+m.dy), max(all[2], box[2]+m.dx), max(all[3], box[3]+m.dy)}
	}
	return all
}
