// Package geometry relates a page as a reader sees it to the user space that the file is written in, and finds the place of a
// box on it (ISO 32000-2, 8.3 and 14.11.2).
//
// It imports the standard library, internal/problem, internal/pades/drawn and internal/pades/pdf only.
package geometry

import (
	"fmt"
	"math"
	"slices"

	"kyso/internal/pades/drawn"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Sizes in points. A box smaller than the least cannot hold the name and the whole time.
const (
	defaultWidth  = 200
	defaultHeight = 64
	defaultMargin = 36
	LeastWidth    = 80
	LeastHeight   = 20
	slack         = 0.5 // a box may miss the edge by rounding in a page viewer
)

// Rect is a rectangle by two corners, lower left and upper right.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Width is 0 for what is not shown.
func (r Rect) Width() float64 { return r.X1 - r.X0 }

// Height is 0 for what is not shown.
func (r Rect) Height() float64 { return r.Y1 - r.Y0 }

// Overlaps reports whether two rectangles have an area in common; touching edges are none.
func (r Rect) Overlaps(o Rect) bool {
	return r.X0 < o.X1 && o.X0 < r.X1 && r.Y0 < o.Y1 && o.Y0 < r.Y1
}

// Array writes the rectangle as PDF does (7.9.5).
func (r Rect) Array() pdf.Array {
	return pdf.Array{Round(r.X0), Round(r.Y0), Round(r.X1), Round(r.Y1)}
}

// Round keeps a thousandth of a point, far below what any device shows.
func Round(v float64) pdf.Object {
	v = math.Round(v*1000) / 1000
	if v == math.Trunc(v) {
		return int64(v)
	}
	return v
}

// Page relates the page as shown to the user space that the file is written in.
type Page struct {
	Crop   Rect // what is shown, in user space
	Rotate int  // clockwise: 0, 90, 180 or 270
}

// Of reads the boxes of a page. The shown part is the crop box cut to the media box (14.11.2).
func Of(f *pdf.File, page *pdf.Page) (Page, error) {
	media, ok, err := ReadRect(f, page.MediaBox)
	if err != nil {
		return Page{}, err
	}
	if !ok { // required, and missing in some files: readers take US Letter
		media = Rect{0, 0, 612, 792}
	}
	crop, ok, err := ReadRect(f, page.CropBox)
	if err != nil {
		return Page{}, err
	}
	g := Page{Crop: media}
	if ok {
		cut := Rect{max(crop.X0, media.X0), max(crop.Y0, media.Y0), min(crop.X1, media.X1), min(crop.Y1, media.Y1)}
		if cut.Width() > 0 && cut.Height() > 0 {
			g.Crop = cut
		}
	}
	if turn := ((page.Rotate % 360) + 360) % 360; turn%90 == 0 {
		g.Rotate = int(turn)
	}
	return g, nil
}

// ReadRect reads a rectangle, corners in any order; ok is false when it is not one or has no area.
func ReadRect(f *pdf.File, a pdf.Array) (Rect, bool, error) {
	if len(a) < 4 {
		return Rect{}, false, nil
	}
	var v [4]float64
	for i := range v {
		item, err := f.Resolve(a[i])
		if err != nil {
			return Rect{}, false, err
		}
		n, ok := pdf.Number(item)
		if !ok || math.Abs(n) > 1e7 {
			return Rect{}, false, nil
		}
		v[i] = n
	}
	r := Rect{min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])}
	return r, r.Width() > 0 && r.Height() > 0, nil
}

// Size returns the size of the page as a reader sees it.
func (g Page) Size() (width, height float64) {
	if g.Rotate == 90 || g.Rotate == 270 {
		return g.Crop.Height(), g.Crop.Width()
	}
	return g.Crop.Width(), g.Crop.Height()
}

// ToUser converts a rectangle on the shown page to user space.
//
//nolint:dupl // an inverse has the same shape
func (g Page) ToUser(r Rect) Rect {
	c := g.Crop
	switch g.Rotate {
	case 90:
		return Rect{c.X1 - r.Y1, c.Y0 + r.X0, c.X1 - r.Y0, c.Y0 + r.X1}
	case 180:
		return Rect{c.X1 - r.X1, c.Y1 - r.Y1, c.X1 - r.X0, c.Y1 - r.Y0}
	case 270:
		return Rect{c.X0 + r.Y0, c.Y1 - r.X1, c.X0 + r.Y1, c.Y1 - r.X0}
	}
	return Rect{c.X0 + r.X0, c.Y0 + r.Y0, c.X0 + r.X1, c.Y0 + r.Y1}
}

// ToShown is the inverse of ToUser.
//
//nolint:dupl // as above
func (g Page) ToShown(r Rect) Rect {
	c := g.Crop
	switch g.Rotate {
	case 90:
		return Rect{r.Y0 - c.Y0, c.X1 - r.X1, r.Y1 - c.Y0, c.X1 - r.X0}
	case 180:
		return Rect{c.X1 - r.X1, c.Y1 - r.Y1, c.X1 - r.X0, c.Y1 - r.Y0}
	case 270:
		return Rect{c.Y1 - r.Y1, r.X0 - c.X0, c.Y1 - r.Y0, r.X1 - c.X0}
	}
	return Rect{r.X0 - c.X0, r.Y0 - c.Y0, r.X1 - c.X0, r.Y1 - c.Y0}
}

// Matrix turns an appearance of the given size so that it stands upright on the shown page (12.5.5). It moves
// the result back to the origin; the viewer then places it in the annotation's rectangle.
func (g Page) Matrix(width, height float64) pdf.Array {
	zero, one, minus := int64(0), int64(1), int64(-1)
	switch g.Rotate {
	case 90:
		return pdf.Array{zero, one, minus, zero, Round(height), zero}
	case 180:
		return pdf.Array{minus, zero, zero, minus, Round(width), Round(height)}
	case 270:
		return pdf.Array{zero, minus, one, zero, zero, Round(width)}
	}
	return nil
}

// Place returns where the box stands on the shown page, and refuses one that is not on it. taken are the
// rectangles that the default box keeps clear of, and drawn those that it keeps clear of when it can.
func (g Page) Place(b Box, taken, drawn []Rect) (Rect, error) {
	width, height := g.Size()
	if b.Width == 0 && b.Height == 0 {
		r, open, err := defaultPlace(width, height, append(drawn, taken...))
		if err == nil && !open && len(drawn) > 0 {
			r, _, err = defaultPlace(width, height, taken)
		}
		return r, err
	}
	for _, v := range []float64{b.X, b.Y, b.Width, b.Height} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Rect{}, problem.New(problem.PlacementInvalid, "the box is not made of numbers")
		}
	}
	if b.Width < LeastWidth || b.Height < LeastHeight {
		field := "width"
		if b.Width >= LeastWidth {
			field = "height"
		}
		return Rect{}, problem.OfField(problem.PlacementInvalid, field, fmt.Sprintf("the box is smaller than %d × %d points", LeastWidth, LeastHeight),
			fmt.Sprintf("Khung chữ ký nhỏ hơn %d × %d điểm", LeastWidth, LeastHeight))
	}
	r := Rect{b.X, b.Y, b.X + b.Width, b.Y + b.Height}
	if r.X0 < -slack || r.Y0 < -slack || r.X1 > width+slack || r.Y1 > height+slack {
		return Rect{}, problem.OfField(problem.PlacementInvalid, offPage(r, width, height),
			fmt.Sprintf("the box ends at %.0f, %.0f and is not on the page of %.0f × %.0f points", r.X1, r.Y1, width, height),
			fmt.Sprintf("Khung chữ ký nằm ngoài trang (%.0f × %.0f điểm)", width, height))
	}
	return Rect{max(r.X0, 0), max(r.Y0, 0), min(r.X1, width), min(r.Y1, height)}, nil
}

// offPage names what puts a box off a page: where it begins, or how large it is.
func offPage(r Rect, width, height float64) string {
	switch {
	case r.X0 < -slack || r.X0 > width:
		return "x"
	case r.Y0 < -slack || r.Y0 > height:
		return "y"
	case r.X1 > width+slack:
		return "width"
	}
	return "height"
}

// defaultPlace takes the lower right corner or, when something stands there, the next free place to the left,
// then above, so that two signers who both leave the choice to us do not cover each other.
func defaultPlace(width, height float64, taken []Rect) (place Rect, open bool, err error) {
	margin := min(defaultMargin, width/10, height/10)
	w, h := min(defaultWidth, width-2*margin), min(defaultHeight, height-2*margin)
	if w < LeastWidth || h < LeastHeight {
		return Rect{}, false, problem.New(problem.PlacementInvalid, "the page of %.0f × %.0f points is too small for a visible signature",
			width, height)
	}
	const gap = 8
	first := Rect{width - margin - w, margin, width - margin, margin + h}
	for y := margin; y+h <= height-margin; y += h + gap {
		for x := first.X0; x >= margin; x -= w + gap {
			if r := (Rect{x, y, x + w, y + h}); free(r, taken) {
				return r, true, nil
			}
		}
	}
	return first, false, nil
}

func free(r Rect, taken []Rect) bool {
	return !slices.ContainsFunc(taken, r.Overlaps)
}

// Drawn is the rectangle for package drawn.
func (r Rect) Drawn() drawn.Rect { return drawn.Rect{X0: r.X0, Y0: r.Y0, X1: r.X1, Y1: r.Y1} }
