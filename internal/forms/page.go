package forms

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/forms/tagged"
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

	root        *tagged.Element
	table, list *tagged.Element // that the next row or item belongs to
	lang        string          // of what follows, where it is not Vietnamese
}

func newSheet() *sheet {
	s := &sheet{root: tagged.New()}
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

// block begins a part of the structure, which ends a table and a list.
func (s *sheet) block(role tagged.Role) *tagged.Element {
	s.table, s.list = nil, nil
	return s.under(s.root, role)
}

func (s *sheet) under(parent *tagged.Element, role tagged.Role) *tagged.Element {
	e := parent.Add(role)
	e.Lang = s.lang
	return e
}

// title sets the name of the document, in the middle of the page.
func (s *sheet) title(texts ...string) {
	e := s.block(tagged.Title)
	for i, text := range texts {
		s.middle(e, bold, 15, text, i < len(texts)-1)
	}
}

// center sets paragraphs in the middle of the page.
func (s *sheet) center(face string, size int, texts ...string) {
	for _, text := range texts {
		s.middle(s.block(tagged.Paragraph), face, size, text, false)
	}
}

func (s *sheet) middle(e *tagged.Element, face string, size int, text string, more bool) {
	for _, part := range broken(text, face, size, rightEdge-leftEdge) {
		s.room(leading)
		s.put(line{x: (leftEdge + rightEdge) / 2, y: s.y, text: part.text, face: face, size: size, align: center, tag: e, more: part.more || more})
		s.y -= float64(size) * 1.4
	}
}

// text sets a justified paragraph.
func (s *sheet) text(face string, indent float64, text string) {
	s.justify(s.block(tagged.Paragraph), nil, face, indent, text)
}

// item sets a paragraph of a list; its text begins with its number.
func (s *sheet) item(text string) {
	if s.list == nil {
		s.list = s.block(tagged.List)
	}
	e := s.under(s.list, tagged.ListItem)
	label := e.Add(tagged.Label)
	s.justify(e.Add(tagged.ListBody), label, regular, indent, text)
}

// justify sets the text of an element. Its first two lines stay together, and so do its last two. The first word belongs to
// the label, if there is one.
func (s *sheet) justify(e, label *tagged.Element, face string, indent float64, text string) {
	width := rightEdge - leftEdge - indent
	parts := broken(text, face, textSize, width)
	for i, part := range parts {
		if len(parts) > 1 && (i == 0 || i == len(parts)-2) {
			s.room(2 * leading)
		}
		s.room(leading)
		l := line{x: leftEdge + indent, y: s.y, text: part.text, face: face, size: textSize, align: justified, width: width, tag: e, more: part.more}
		if i == len(parts)-1 {
			l.align = left
		}
		if head, rest, two := strings.Cut(l.text, " "); two && i == 0 && label != nil {
			first := l
			first.text, first.align, first.tag, first.more = head, left, label, true
			s.put(first)
			wide := measure(head+" ", face, textSize)
			l.x, l.width, l.text = l.x+wide, l.width-wide, rest
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
	s.justify(s.block(tagged.Heading), nil, bold, 0, text)
}

// labelWidth is where values begin.
const labelWidth = 136.0

// row sets a label and its value; an empty value is left out.
func (s *sheet) row(label, value string) {
	if value == "" {
		return
	}
	if s.table == nil {
		s.table = s.block(tagged.Table)
	}
	row := s.under(s.table, tagged.Row)
	parts := broken(value, regular, textSize, rightEdge-leftEdge-indent-labelWidth)
	s.room(float64(min(len(parts), 4)) * leading)
	s.put(line{x: leftEdge + indent, y: s.y, text: label + ":", face: regular, size: textSize, align: left, tag: row.Add(tagged.Header)})
	cell := row.Add(tagged.Cell)
	for _, part := range parts {
		s.room(leading)
		s.put(line{x: leftEdge + indent + labelWidth, y: s.y, text: part.text, face: regular, size: textSize, align: left, tag: cell, more: part.more})
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
	top, e := s.y, s.block(tagged.Paragraph)
	for _, part := range broken("Số: "+number, regular, textSize, 270) {
		s.put(line{x: leftEdge, y: s.y, text: part.text, face: regular, size: textSize, align: left, tag: e, more: part.more})
		s.y -= leading
	}
	s.put(line{x: rightEdge, y: top, text: "N" + vietnameseDate(at)[1:], face: italic, size: textSize, align: right, tag: s.block(tagged.Paragraph)})
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
	names, most := [2][]part{}, 0
	for i, p := range parties {
		names[i] = broken(p.name, bold, textSize, boxWidth)
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
		block := s.block(tagged.Division)
		s.put(line{x: middle, y: top, text: parties[i].role, face: bold, size: textSize, align: center, tag: block.Add(tagged.Paragraph)})
		s.put(line{x: middle, y: top - 15, text: parties[i].how, face: italic, size: 11, align: center, tag: block.Add(tagged.Paragraph)})
		boxes[i] = Box{Page: len(s.pages), X: x, Y: top - 24 - boxHeight, Width: boxWidth, Height: boxHeight}
		y := boxes[i].Y - under
		name := block.Add(tagged.Paragraph)
		for _, part := range names[i] {
			s.put(line{x: middle, y: y, text: part.text, face: bold, size: textSize, align: center, tag: name, more: part.more})
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
		s.put(line{x: leftEdge, y: 53, align: ruled, width: rightEdge - leftEdge, foot: true})
		for n, part := range parts {
			s.put(line{x: leftEdge, y: 40 - float64(n)*11, text: part, face: italic, size: 9, align: left, foot: true})
		}
		s.put(line{x: rightEdge, y: 40, text: fmt.Sprintf("Trang %d/%d", i+1, len(pages)), face: regular, size: 9, align: right, foot: true})
	}
}

// err names no text: it ends in workflow histories.
func (s *sheet) err() error {
	if s.bad {
		return problem.New(problem.Invalid, "a text cannot be printed: it has a character without a glyph, or is too long")
	}
	return nil
}
