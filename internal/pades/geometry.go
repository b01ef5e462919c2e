package pades

import (
	"fmt"
	"math"
	"slices"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Sizes in points. A box smaller than the least cannot hold the name and the whole time.
const (
	defaultWidth  = 200
	defaultHeight = 64
	defaultMargin = 36
	leastWidth    = 80
	leastHeight   = 20
	slack         = 0.5 // a box may miss the edge by rounding in a page viewer
)

// rect is a rectangle by two corners, lower left and upper right.
type rect struct{ x0, y0, x1, y1 float64 }

func (r rect) width() float64  { return r.x1 - r.x0 }
func (r rect) height() float64 { return r.y1 - r.y0 }

func (r rect) overlaps(o rect) bool {
	return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1
}

func (r rect) array() pdf.Array {
	return pdf.Array{round(r.x0), round(r.y0), round(r.x1), round(r.y1)}
}

// round keeps a thousandth of a point, far below what any device shows.
func round(v float64) pdf.Object {
	v = math.Round(v*1000) / 1000
	if v == math.Trunc(v) {
		return int64(v)
	}
	return v
}

// geometry relates the page as shown to the user space that the file is written in.
type geometry struct {
	crop   rect // what is shown, in user space
	rotate int  // clockwise: 0, 90, 180 or 270
}

// pageGeometry reads the boxes of a page. The shown part is the crop box cut to the media box (14.11.2).
func pageGeometry(f *pdf.File, page *pdf.Page) (geometry, error) {
	media, ok, err := readRect(f, page.MediaBox)
	if err != nil {
		return geometry{}, err
	}
	if !ok { // required, and missing in some files: readers take US Letter
		media = rect{0, 0, 612, 792}
	}
	crop, ok, err := readRect(f, page.CropBox)
	if err != nil {
		return geometry{}, err
	}
	g := geometry{crop: media}
	if ok {
		cut := rect{max(crop.x0, media.x0), max(crop.y0, media.y0), min(crop.x1, media.x1), min(crop.y1, media.y1)}
		if cut.width() > 0 && cut.height() > 0 {
			g.crop = cut
		}
	}
	if turn := ((page.Rotate % 360) + 360) % 360; turn%90 == 0 {
		g.rotate = int(turn)
	}
	return g, nil
}

// readRect reads a rectangle, corners in any order; ok is false when it is not one or has no area.
func readRect(f *pdf.File, a pdf.Array) (rect, bool, error) {
	if len(a) < 4 {
		return rect{}, false, nil
	}
	var v [4]float64
	for i := range v {
		item, err := f.Resolve(a[i])
		if err != nil {
			return rect{}, false, err
		}
		n, ok := pdf.Number(item)
		if !ok || math.Abs(n) > 1e7 {
			return rect{}, false, nil
		}
		v[i] = n
	}
	r := rect{min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])}
	return r, r.width() > 0 && r.height() > 0, nil
}

// shown returns the size of the page as a reader sees it.
func (g geometry) shown() (width, height float64) {
	if g.rotate == 90 || g.rotate == 270 {
		return g.crop.height(), g.crop.width()
	}
	return g.crop.width(), g.crop.height()
}

// toUser converts a rectangle on the shown page to user space.
//
//nolint:dupl // an inverse has the same shape
func (g geometry) toUser(r rect) rect {
	c := g.crop
	switch g.rotate {
	case 90:
		return rect{c.x1 - r.y1, c.y0 + r.x0, c.x1 - r.y0, c.y0 + r.x1}
	case 180:
		return rect{c.x1 - r.x1, c.y1 - r.y1, c.x1 - r.x0, c.y1 - r.y0}
	case 270:
		return rect{c.x0 + r.y0, c.y1 - r.x1, c.x0 + r.y1, c.y1 - r.x0}
	}
	return rect{c.x0 + r.x0, c.y0 + r.y0, c.x0 + r.x1, c.y0 + r.y1}
}

// toShown is the inverse of toUser.
//
//nolint:dupl // as above
func (g geometry) toShown(r rect) rect {
	c := g.crop
	switch g.rotate {
	case 90:
		return rect{r.y0 - c.y0, c.x1 - r.x1, r.y1 - c.y0, c.x1 - r.x0}
	case 180:
		return rect{c.x1 - r.x1, c.y1 - r.y1, c.x1 - r.x0, c.y1 - r.y0}
	case 270:
		return rect{c.y1 - r.y1, r.x0 - c.x0, c.y1 - r.y0, r.x1 - c.x0}
	}
	return rect{r.x0 - c.x0, r.y0 - c.y0, r.x1 - c.x0, r.y1 - c.y0}
}

// matrix turns an appearance of the given size so that it stands upright on the shown page (12.5.5). It moves
// the result back to the origin; the viewer then places it in the annotation's rectangle.
func (g geometry) matrix(width, height float64) pdf.Array {
	zero, one, minus := int64(0), int64(1), int64(-1)
	switch g.rotate {
	case 90:
		return pdf.Array{zero, one, minus, zero, round(height), zero}
	case 180:
		return pdf.Array{minus, zero, zero, minus, round(width), round(height)}
	case 270:
		return pdf.Array{zero, minus, one, zero, zero, round(width)}
	}
	return nil
}

// place returns where the box stands on the shown page, and refuses one that is not on it. taken are the
// rectangles that the default box keeps clear of, and drawn those that it keeps clear of when it can.
func (g geometry) place(b Box, taken, drawn []rect) (rect, error) {
	width, height := g.shown()
	if b.Width == 0 && b.Height == 0 {
		r, open, err := defaultPlace(width, height, append(drawn, taken...))
		if err == nil && !open && len(drawn) > 0 {
			r, _, err = defaultPlace(width, height, taken)
		}
		return r, err
	}
	for _, v := range []float64{b.X, b.Y, b.Width, b.Height} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return rect{}, problem.New(problem.PlacementInvalid, "the box is not made of numbers")
		}
	}
	if b.Width < leastWidth || b.Height < leastHeight {
		field := "width"
		if b.Width >= leastWidth {
			field = "height"
		}
		return rect{}, problem.OfField(problem.PlacementInvalid, field, fmt.Sprintf("the box is smaller than %d × %d points", leastWidth, leastHeight),
			fmt.Sprintf("Khung chữ ký nhỏ hơn %d × %d điểm", leastWidth, leastHeight))
	}
	r := rect{b.X, b.Y, b.X + b.Width, b.Y + b.Height}
	if r.x0 < -slack || r.y0 < -slack || r.x1 > width+slack || r.y1 > height+slack {
		return rect{}, problem.OfField(problem.PlacementInvalid, offPage(r, width, height),
			fmt.Sprintf("the box ends at %.0f, %.0f and is not on the page of %.0f × %.0f points", r.x1, r.y1, width, height),
			fmt.Sprintf("Khung chữ ký nằm ngoài trang (%.0f × %.0f điểm)", width, height))
	}
	return rect{max(r.x0, 0), max(r.y0, 0), min(r.x1, width), min(r.y1, height)}, nil
}

// offPage names what puts a box off a page: where it begins, or how large it is.
func offPage(r rect, width, height float64) string {
	switch {
	case r.x0 < -slack || r.x0 > width:
		return "x"
	case r.y0 < -slack || r.y0 > height:
		return "y"
	case r.x1 > width+slack:
		return "width"
	}
	return "height"
}

// defaultPlace takes the lower right corner or, when something stands there, the next free place to the left,
// then above, so that two signers who both leave the choice to us do not cover each other.
func defaultPlace(width, height float64, taken []rect) (place rect, open bool, err error) {
	margin := min(defaultMargin, width/10, height/10)
	w, h := min(defaultWidth, width-2*margin), min(defaultHeight, height-2*margin)
	if w < leastWidth || h < leastHeight {
		return rect{}, false, problem.New(problem.PlacementInvalid, "the page of %.0f × %.0f points is too small for a visible signature",
			width, height)
	}
	const gap = 8
	first := rect{width - margin - w, margin, width - margin, margin + h}
	for y := margin; y+h <= height-margin; y += h + gap {
		for x := first.x0; x >= margin; x -= w + gap {
			if r := (rect{x, y, x + w, y + h}); free(r, taken) {
				return r, true, nil
			}
		}
	}
	return first, false, nil
}

func free(r rect, taken []rect) bool {
	return !slices.ContainsFunc(taken, r.overlaps)
}
