package forms

import (
	"fmt"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
)

// The page: A4 with margins as Vietnamese office rules want them (Decree 30/2020, Appendix I), in points.
const (
	leftEdge  = 85.0
	rightEdge = 540.0
	topEdge   = 788.0
	bottomY   = 66.0
	textSize  = 12
	leading   = 16.0
	indent    = 18.0
)

// How a line is set.
const (
	left      = "left"
	center    = "center"
	right     = "right"
	justified = "justified"
	ruled     = "ruled"
)

// sheet sets text down a stack of pages and begins another page when one is full.
type sheet struct {
	pages [][]line
	y     float64 // the base line of the next line
	bad   bool    // a character was met that the fonts do not have, or a text without end
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

// room begins another page unless this many points are left, of which the last line takes one leading.
func (s *sheet) room(points float64) {
	if s.y-points+leading < bottomY {
		s.newPage()
	}
}

func (s *sheet) put(l line) {
	l.text = norm.NFC.String(l.text)
	if l.align != ruled && !printable(l.text, l.face) {
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
			s.put(line{x: (leftEdge + rightEdge) / 2, y: s.y, text: part, face: face, size: size, align: center})
			s.y -= float64(size) * 1.4
		}
	}
}

// text sets a justified paragraph. Its first two lines stay together, and so do its last two.
func (s *sheet) text(face string, indent float64, text string) {
	width := rightEdge - leftEdge - indent
	parts := wrap(text, face, textSize, width)
	for i, part := range parts {
		if len(parts) > 1 && (i == 0 || i == len(parts)-2) {
			s.room(2 * leading)
		}
		s.room(leading)
		l := line{x: leftEdge + indent, y: s.y, text: part, face: face, size: textSize, align: justified, width: width}
		if i == len(parts)-1 {
			l.align = left
		}
		s.put(l)
		s.y -= leading
	}
}

// heading sets a bold line that stays with what follows.
func (s *sheet) heading(text string) {
	s.room(3*leading + 5)
	if s.y < topEdge {
		s.y -= 5
	}
	s.text(bold, 0, text)
}

// labelWidth is where values begin.
const labelWidth = 136.0

// row sets a label and its value; an empty value is left out.
func (s *sheet) row(label, value string) {
	if value == "" {
		return
	}
	parts := wrap(value, regular, textSize, rightEdge-leftEdge-indent-labelWidth)
	s.room(float64(min(len(parts), 4)) * leading)
	s.put(line{x: leftEdge + indent, y: s.y, text: label + ":", face: regular, size: textSize, align: left})
	for _, part := range parts {
		s.room(leading)
		s.put(line{x: leftEdge + indent + labelWidth, y: s.y, text: part, face: regular, size: textSize, align: left})
		s.y -= leading
	}
}

func (s *sheet) gap(points float64) { s.y -= points }

// motto sets the national motto, the number and the date.
func (s *sheet) motto(number string, at time.Time) {
	const freedom = "Độc lập - Tự do - Hạnh phúc"
	s.center(bold, 13, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", freedom)
	width := measure(freedom, bold, 13)
	s.put(line{x: (leftEdge + rightEdge - width) / 2, y: s.y + 13, align: ruled, width: width})
	s.gap(14)
	s.put(line{x: rightEdge, y: s.y, text: "N" + vietnameseDate(at)[1:], face: italic, size: textSize, align: right})
	for _, part := range wrap("Số: "+number, regular, textSize, 270) {
		s.put(line{x: leftEdge, y: s.y, text: part, face: regular, size: textSize, align: left})
		s.y -= leading
	}
	s.gap(16)
}

// The area of a signature.
const (
	boxWidth  = 200.0
	boxHeight = 72.0
	maxName   = 20 // lines of a name
)

// party signs a document: role, how it signs, name.
type party struct{ role, how, name string }

// signatures sets a closing paragraph, under a heading if there is one, and two signature areas, all on one page.
func (s *sheet) signatures(heading, closing string, parties [2]party) (boxes [2]Box) {
	names, most := [2][]string{}, 0
	for i, p := range parties {
		names[i] = wrap(p.name, bold, textSize, boxWidth)
		most = max(most, len(names[i]))
	}
	if most > maxName {
		s.bad = true
		return boxes
	}
	const above, under = 36.0, 18.0
	lines := len(wrap(closing, regular, textSize, rightEdge-leftEdge-indent)) + most
	if heading == "" {
		s.room(float64(lines)*leading + 4 + above + boxHeight + under)
		s.gap(4)
		s.text(regular, 0, closing)
	} else {
		s.room(float64(lines+1)*leading + 5 + above + boxHeight + under)
		s.heading(heading)
		s.text(regular, indent, closing)
	}
	s.gap(12)
	top := s.y
	for i, x := range []float64{leftEdge, rightEdge - boxWidth} {
		middle := x + boxWidth/2
		s.put(line{x: middle, y: top, text: parties[i].role, face: bold, size: textSize, align: center})
		s.put(line{x: middle, y: top - 15, text: parties[i].how, face: italic, size: 11, align: center})
		boxes[i] = Box{Page: len(s.pages), X: x, Y: top - 24 - boxHeight, Width: boxWidth, Height: boxHeight}
		y := boxes[i].Y - under
		for _, part := range names[i] {
			s.put(line{x: middle, y: y, text: part, face: bold, size: textSize, align: center})
			y -= leading
		}
	}
	s.y = boxes[0].Y - under - float64(most)*leading
	return boxes
}

// numbered adds the foot of every page.
func (s *sheet) numbered(foot string) {
	parts := wrap(foot, italic, 9, rightEdge-leftEdge-70)
	if len(parts) > 2 {
		parts = parts[:2]
	}
	pages := s.pages
	for i := range pages {
		s.pages = pages[:i+1]
		s.put(line{x: leftEdge, y: 53, align: ruled, width: rightEdge - leftEdge})
		for n, part := range parts {
			s.put(line{x: leftEdge, y: 40 - float64(n)*11, text: part, face: italic, size: 9, align: left})
		}
		s.put(line{x: rightEdge, y: 40, text: fmt.Sprintf("Trang %d/%d", i+1, len(pages)), face: regular, size: 9, align: right})
	}
}

// err names no text: it ends in workflow histories.
func (s *sheet) err() error {
	if s.bad {
		return problem.New(problem.Invalid, "a text cannot be printed: it has a character without a glyph, or is too long")
	}
	return nil
}
