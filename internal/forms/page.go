package forms

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-fonts/liberation/liberationserifregular"
	"github.com/pdfcpu/pdfcpu/pkg/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
)

// The page: A4 with margins as Vietnamese office rules want them (Decree 30/2020, Appendix I), in points.
const (
	leftEdge  = 85.0
	rightEdge = 540.0
	topEdge   = 785.0
	bottomY   = 70.0
	textSize  = 12
	leading   = 17.0
)

// sheet sets text down a stack of pages and begins another page when one is full.
type sheet struct {
	pages [][]line
	y     float64
	bad   bool // a character was met that the fonts do not have
}

func newSheet() *sheet {
	s := &sheet{}
	s.newPage()
	return s
}

func (s *sheet) newPage() {
	s.pages = append(s.pages, nil)
	s.y = topEdge
}

// room begins another page unless this many points are left.
func (s *sheet) room(points float64) {
	if s.y-points < bottomY {
		s.newPage()
	}
}

func (s *sheet) put(l line) {
	l.text = norm.NFC.String(l.text)
	if !printable(l.text) {
		s.bad = true
	}
	last := len(s.pages) - 1
	s.pages[last] = append(s.pages[last], l)
}

// center sets lines in the middle of the page.
func (s *sheet) center(face string, size int, texts ...string) {
	for _, text := range texts {
		for _, part := range wrap(text, face, size, rightEdge-leftEdge) {
			s.room(leading)
			s.put(line{(leftEdge + rightEdge) / 2, s.y, part, face, size, "center"})
			s.y -= float64(size) * 1.4
		}
	}
}

// text sets a paragraph; indent is in points.
func (s *sheet) text(face string, indent float64, text string) {
	for _, part := range wrap(text, face, textSize, rightEdge-leftEdge-indent) {
		s.room(leading)
		s.put(line{leftEdge + indent, s.y, part, face, textSize, "left"})
		s.y -= leading
	}
}

// heading sets a bold line that stays with what follows.
func (s *sheet) heading(text string) {
	s.room(3 * leading)
	s.y -= 4
	s.text(bold, 0, text)
}

// labelWidth is where values begin.
const labelWidth = 170.0

// row sets a label and its value; an empty value is left out.
func (s *sheet) row(label, value string) {
	if value == "" {
		return
	}
	parts := wrap(value, regular, textSize, rightEdge-leftEdge-labelWidth-18)
	s.room(leading)
	s.put(line{leftEdge + 18, s.y, label + ":", regular, textSize, "left"})
	for i, part := range parts {
		if i > 0 {
			s.room(leading)
		}
		s.put(line{leftEdge + 18 + labelWidth, s.y, part, regular, textSize, "left"})
		s.y -= leading
	}
}

func (s *sheet) gap(points float64) { s.y -= points }

// The area of a signature.
const (
	boxWidth  = 200.0
	boxHeight = 72.0
)

// signatures sets the two signature areas on one page, the provider's left and the subscriber's right.
func (s *sheet) signatures(left, right, leftName, rightName string) (provider, subscriber Box) {
	s.room(boxHeight + 90)
	s.y -= 16
	columns := []struct{ x, center float64 }{{leftEdge, leftEdge + boxWidth/2}, {rightEdge - boxWidth, rightEdge - boxWidth/2}}
	top := s.y
	for i, words := range [][2]string{{left, leftName}, {right, rightName}} {
		s.put(line{columns[i].center, top, words[0], bold, textSize, "center"})
		s.put(line{columns[i].center, top - 16, "(Ký số)", italic, 11, "center"})
		y := top - 16 - 12 - boxHeight - 18
		for _, part := range wrap(words[1], bold, textSize, boxWidth+10) {
			s.put(line{columns[i].center, y, part, bold, textSize, "center"})
			y -= leading
		}
	}
	page := len(s.pages)
	s.y = top - 16 - 12 - boxHeight - 40
	at := func(x float64) Box {
		return Box{Page: page, X: x, Y: top - 16 - 12 - boxHeight, Width: boxWidth, Height: boxHeight}
	}
	return at(columns[0].x), at(columns[1].x)
}

// numbered adds the foot of every page.
func (s *sheet) numbered(foot string) {
	for i := range s.pages {
		s.pages[i] = append(s.pages[i],
			line{leftEdge, 40, norm.NFC.String(foot), italic, 9, "left"},
			line{rightEdge, 40, fmt.Sprintf("Trang %d/%d", i+1, len(s.pages)), regular, 9, "right"})
	}
	if !printable(norm.NFC.String(foot)) {
		s.bad = true
	}
}

// wrap breaks a text into lines that are no wider than width. A word that is wider by itself is cut.
func wrap(text, face string, size int, width float64) []string {
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(norm.NFC.String(text)) {
		for {
			joined := strings.TrimSpace(current + " " + word)
			if measure(joined, face, size) <= width {
				current = joined
				break
			}
			if current != "" {
				lines, current = append(lines, current), ""
				continue
			}
			head := cut(word, face, size, width)
			lines, word = append(lines, head), word[len(head):]
		}
	}
	return append(lines, current)
}

// cut returns the longest beginning of a word that fits, at least one character.
func cut(word, face string, size int, width float64) string {
	end := 0
	for i, r := range word {
		next := i + len(string(r))
		if end > 0 && measure(word[:next], face, size) > width {
			break
		}
		end = next
	}
	return word[:end]
}

func measure(text, face string, size int) float64 {
	width, err := font.TextWidth(text, face, size)
	if err != nil {
		return float64(len(text) * size) // wider than any text; a character without a glyph is refused later
	}
	return width
}

// printable reports whether the fonts have every character. The three faces cover the same repertoire.
func printable(text string) bool {
	face, err := sfnt.Parse(liberationserifregular.TTF)
	if err != nil {
		return false
	}
	var buffer sfnt.Buffer
	for _, r := range text {
		if i, err := face.GlyphIndex(&buffer, r); err != nil || i == 0 {
			return false
		}
	}
	return true
}

// vietnameseDate is a day as documents write it.
func vietnameseDate(at time.Time) string {
	at = at.In(vietnam)
	return fmt.Sprintf("ngày %02d tháng %02d năm %d", at.Day(), at.Month(), at.Year())
}

// shortDate turns YYYY-MM-DD into 31/12/2026; anything else stays as it is.
func shortDate(iso string) string {
	at, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return iso
	}
	return at.Format("02/01/2006")
}

// unprintable is the error for a character without a glyph.
func (s *sheet) err() error {
	if s.bad {
		return problem.New(problem.Invalid, "a text holds a character that cannot be printed")
	}
	return nil
}
