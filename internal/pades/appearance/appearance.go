// Package appearance draws what a visible signature shows: text in the usual Vietnamese form, with a picture next to it
// (ISO 32000-2, 12.5.5).
//
// It imports the standard library, internal/problem, of internal/pades font, geometry and pdf, x/text for normal forms, and go-fonts.
package appearance

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"kyso/internal/pades/font"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/vn"
)

// The look of a visible signature, in points.
const (
	padding     = 4.0
	borderWidth = 0.75
	baseLine    = 0.95 // from the top of a line down, in em: room for a circumflex with a tone
)

// Content is what a visible signature says.
type Content struct {
	SignerName       string
	SigningTime      time.Time // shown in GMT+7
	Reason, Location string    // optional
	Image            []byte    // PNG or JPEG shown at the left; optional
}

// Add writes the appearance of a signature as a form XObject with all that it needs (12.5.5, 8.10). Its
// own space is the box as a reader sees it; the matrix turns it on a rotated page.
func Add(u *pdf.Update, g geometry.Page, width, height float64, c Content) (pdf.Ref, error) {
	t := &typesetter{}
	resources := pdf.NewDict()
	content := appendBorder(make([]byte, 0, 4096), width, height)
	left := padding
	if side := imageSide(width, height); len(c.Image) > 0 && side > 0 {
		picture, err := addImage(u, c.Image)
		if err != nil {
			return pdf.Ref{}, fmt.Errorf("embedding the image: %w", err)
		}
		area := geometry.Rect{X0: padding, Y0: padding, X1: padding + side, Y1: height - padding}
		content = appendImage(content, area, picture)
		resources.Set("XObject", pdf.NewDict("Im0", picture.ref))
		left = area.X1 + padding
	}
	content, err := appendText(content, t, geometry.Rect{X0: left, Y0: padding, X1: width - padding, Y1: height - padding}, c)
	if err != nil {
		return pdf.Ref{}, err
	}
	fonts, err := t.embed(u)
	if err != nil {
		return pdf.Ref{}, err
	}
	resources.Set("Font", fonts)
	form := pdf.NewDict("Type", pdf.Name("XObject"), "Subtype", pdf.Name("Form"),
		"BBox", pdf.Array{int64(0), int64(0), geometry.Round(width), geometry.Round(height)}, "Resources", resources)
	if m := g.Matrix(width, height); m != nil {
		form.Set("Matrix", m)
	}
	return u.AddStream(form, content), nil
}

// imageSide returns how wide a picture may be: the height of the box, a third of its width, and no more than leaves
// room for the text. 0 means that the box is too narrow for one.
func imageSide(width, height float64) float64 {
	const least = 12
	side := min(height-2*padding, width/3, width-geometry.LeastWidth-padding)
	if side < least {
		return 0
	}
	return side
}

// appendBorder draws a thin frame. The ground stays clear: a signature must not hide what it signs.
func appendBorder(out []byte, width, height float64) []byte {
	const inset = borderWidth / 2
	out = append(out, "q 0.16 0.38 0.60 RG "...)
	out = appendNumbers(out, borderWidth)
	out = append(out, "w "...)
	out = appendNumbers(out, inset, inset, width-2*inset, height-2*inset)
	return append(out, "re S Q\n"...)
}

// appendImage draws the picture as large as the area allows, in its middle.
func appendImage(out []byte, area geometry.Rect, p picture) []byte {
	scale := min(area.Width()/float64(p.width), area.Height()/float64(p.height))
	w, h := float64(p.width)*scale, float64(p.height)*scale
	out = append(out, "q "...)
	out = appendNumbers(out, w, 0, 0, h, area.X0+(area.Width()-w)/2, area.Y0+(area.Height()-h)/2)
	return append(out, "cm /Im0 Do Q\n"...)
}

// paragraphs returns the text in the usual Vietnamese form.
func paragraphs(t *typesetter, c Content) ([][]glyph, error) {
	items := []struct{ label, value string }{
		{"Ký bởi:", c.SignerName},
		{"Ngày ký:", c.SigningTime.In(vn.Zone).Format("02/01/2006 15:04:05 -07:00")},
		{"Lý do:", c.Reason},
		{"Nơi ký:", c.Location},
	}
	out := make([][]glyph, 0, len(items))
	for i, item := range items {
		if i >= 2 && cleanText(item.value) == "" {
			continue
		}
		glyphs, err := t.glyphs(item.label + " " + item.value)
		if err != nil {
			return nil, err
		}
		for k := range min(utf8.RuneCountInString(item.label), len(glyphs)) {
			glyphs[k].grey = true
		}
		out = append(out, glyphs)
	}
	return out, nil
}

// appendText sets the paragraphs into the area, in the middle of its height.
func appendText(out []byte, t *typesetter, area geometry.Rect, c Content) ([]byte, error) {
	text, err := paragraphs(t, c)
	if err != nil {
		return nil, err
	}
	ellipsis, err := t.glyph("…")
	if err != nil {
		return nil, err
	}
	lines, size := fit(text, ellipsis, area.Width(), area.Height())
	for _, line := range lines {
		t.use(line)
	}
	block := float64(len(lines)) * leading * size
	y := area.Y1 - (area.Height()-block)/2 - baseLine*size
	out = append(out, "BT\n"...)
	for i, line := range lines {
		if i == 0 {
			out = appendNumbers(out, area.X0, y)
		} else {
			out = appendNumbers(out, 0, -leading*size)
		}
		out = append(out, "Td\n"...)
		out = t.appendLine(out, line, size, i == 0)
	}
	return append(out, "ET\n"...), nil
}

// appendLine shows one line, changing font and colour where they change. first is true at the start of a text
// object, where neither has been set.
func (t *typesetter) appendLine(out []byte, line []glyph, size float64, first bool) []byte {
	for start := 0; start < len(line); {
		g := line[start]
		end := start + 1
		for end < len(line) && line[end].face == g.face && line[end].grey == g.grey {
			end++
		}
		if first || start == 0 || line[start-1].face != g.face {
			out = append(append(append(out, '/'), fontName(g.face)...), ' ')
			out = append(appendNumbers(out, size), "Tf "...)
		}
		if first || start == 0 || line[start-1].grey != g.grey {
			if g.grey {
				out = append(out, "0.4 g "...)
			} else {
				out = append(out, "0.07 0.12 0.2 rg "...)
			}
		}
		out = append(out, '<')
		for _, g := range line[start:end] {
			out = font.AppendCode(out, t.used[g.face].Code(g.shape))
		}
		out = append(out, "> Tj\n"...)
		start, first = end, false
	}
	return out
}

// appendNumbers writes numbers, each followed by a space, to a thousandth of a point.
func appendNumbers(out []byte, values ...float64) []byte {
	for _, v := range values {
		out = strconv.AppendFloat(out, math.Round(v*1000)/1000, 'f', -1, 64)
		out = append(out, ' ')
	}
	return out
}
