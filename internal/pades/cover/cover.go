// Package cover finds signatures that lie over what was signed before them.
//
// It imports the standard library, internal/finding, internal/problem, and of internal/pades geometry, drawn and pdf only.
package cover

import (
	"kyso/internal/pades/drawn"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// What counts as covering. A box in empty space is what every signer needs, and one that touches a line of text or reaches over a
// part of another signature is usual: Decree 30/2020/NĐ-CP demands that the seal of an organisation lies over a third of the
// signature next to it.
const (
	largeShare    = 0.20 // of a page: no signature needs as much, whatever its appearance leaves clear
	hiddenLetters = 20.0 // square points of letters: about two digits in 10 point
	hiddenPicture = 0.50 // of a picture
	hiddenShare   = 0.02 // of the page, of one picture
	hiddenInk     = 400  // square points of shapes
	coveredBox    = 0.50 // of the box of another signature
	lineShare     = 0.05 // of a box, of the letters under one that is still to be drawn: a line of small print, not one that runs through it
	maxWidgets    = 1000 // of a signature
	maxFound      = 20

	// Work is how many operators of content streams a search reads.
	Work = 1 << 20
)

// Signature is a signature of a file and where its widgets are.
type Signature struct {
	Name    string
	End     int64 // of what it signs
	widgets map[pdf.Ref]bool
}

// Cover says that a signature lies over what was signed before it.
type Cover struct {
	By    int // index of the covering signature
	Over  int // index of an earlier signature whose box it covers; -1 when it is page content alone
	Page  int
	Share float64 // of the page, 0 to 1
}

// Signatures lists the signatures of fields, with the ends of their byte ranges. One that lies about its end is taken for
// the last.
func Signatures(f *pdf.File, fields []pdf.SignatureField) ([]Signature, error) {
	var out []Signature
	for _, field := range fields {
		if field.Value == nil {
			continue
		}
		s := Signature{Name: field.Name, widgets: map[pdf.Ref]bool{field.Ref: true}}
		numbers, err := f.Array(field.Value.Get("ByteRange"))
		if err != nil {
			return nil, err
		}
		if len(numbers) == 4 {
			start, _ := pdf.Int(numbers[2])
			length, _ := pdf.Int(numbers[3])
			s.End = start + length
		}
		if s.End < field.ContentsEnd || field.ContentsEnd < 0 || s.End > f.Size() {
			s.End = f.Size()
		}
		kids, err := f.Array(field.Field.Get("Kids"))
		if err != nil && !damaged(err) {
			return nil, err
		}
		for _, kid := range kids[:min(len(kids), maxWidgets)] {
			if ref, ok := kid.(pdf.Ref); ok {
				s.widgets[ref] = true
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// Search looks for signatures that cover what was signed before them.
type Search struct {
	file   *pdf.File
	list   []Signature
	first  int64 // end of the first signature
	reader *drawn.Reader
	found  []Cover
}

// New begins a search among the signatures of a file.
func New(f *pdf.File, list []Signature) *Search {
	return &Search{file: f, list: list, reader: &drawn.Reader{File: f, Work: Work}}
}

// crop is what is shown of a page, in user space.
func (s *Search) crop(p *pdf.Page) (drawn.Rect, error) {
	page, err := geometry.Of(s.file, p)
	return page.Crop.Drawn(), err
}

// Find finds out which signatures lie over what earlier ones signed. What is too much to read counts as covered when a large
// part of the page is.
func (s *Search) Find() ([]Cover, error) {
	if len(s.list) < 2 {
		return nil, nil
	}
	s.first = s.list[0].End
	for _, one := range s.list {
		s.first = min(s.first, one.End)
	}
	err := s.file.WalkPages(func(p *pdf.Page) (bool, error) {
		annots, err := s.file.Array(p.Dict.Get("Annots"))
		if err != nil && !damaged(err) {
			return false, err
		}
		for _, item := range annots {
			ref, ok := item.(pdf.Ref)
			if by := s.signature(ref); ok && by >= 0 && s.list[by].End > s.first {
				if err := s.widget(p, annots, ref, by); err != nil {
					return false, err
				}
			}
		}
		return len(s.found) < maxFound, nil
	})
	if damaged(err) {
		err = nil
	}
	return s.found, err
}

// damaged reports whether something cannot be read, which harms nothing but itself.
func damaged(err error) bool { return problem.CodeOf(err) == problem.DocumentBroken }

// signature returns the index of the signature that a widget shows, or -1.
func (s *Search) signature(ref pdf.Ref) int {
	if ref.Num > 0 {
		for i, one := range s.list {
			if one.widgets[ref] {
				return i
			}
		}
	}
	return -1
}

// widget examines one widget of a later signature.
func (s *Search) widget(p *pdf.Page, annots pdf.Array, ref pdf.Ref, by int) error {
	annot, place, ok, err := annotation(s.file, ref)
	if err != nil || !ok {
		return err
	}
	crop, err := s.crop(p)
	if damaged(err) {
		return nil
	}
	if err != nil {
		return err
	}
	box := place.Cut(crop)
	if box.Area() == 0 {
		return nil
	}
	grid := drawn.NewGrid(box)
	draws, err := s.reader.Appearance(annot, place, crop, func(m drawn.Mark) {
		if !m.Faint {
			grid.Add(m)
		}
	})
	switch {
	case problem.CodeOf(err) == problem.DocumentTooComplex, damaged(err):
		grid.Add(drawn.Box(box))
	case err != nil:
		return err
	case !draws:
		return nil
	}
	c := Cover{By: by, Over: -1, Page: p.Number, Share: box.Area() / crop.Area()}
	if c.Over, err = s.coveredBox(annots, box, by); err != nil {
		return err
	}
	under, err := s.under(p, annots, by, crop, grid, box)
	if c.Over < 0 {
		c.Over = under.over
	}
	if err == nil && (c.Over >= 0 || under.hidden() || c.Share >= largeShare && under.something) {
		s.found = append(s.found, c)
	}
	return err
}

// annotation reads where an annotation stands; ok is false for one that shows nothing or cannot be read.
func annotation(f *pdf.File, o pdf.Object) (annot *pdf.Dict, place drawn.Rect, ok bool, err error) {
	defer func() {
		if damaged(err) {
			err = nil
		}
	}()
	if annot, err = f.Dict(o); err != nil || annot == nil {
		return nil, place, false, err
	}
	const hidden = 2
	if flags, _, err := f.IntOf(annot.Get("F")); err != nil || flags&hidden != 0 {
		return nil, place, false, err
	}
	v, err := (&drawn.Reader{File: f}).Numbers(annot.Get("Rect"))
	if err != nil || len(v) < 4 {
		return nil, place, false, err
	}
	place = drawn.Rect{X0: min(v[0], v[2]), Y0: min(v[1], v[3]), X1: max(v[0], v[2]), Y1: max(v[1], v[3])}
	return annot, place, place.Area() > 0, nil
}

// coveredBox returns an earlier signature that shows itself on the page and has more than half of its box covered, or -1.
func (s *Search) coveredBox(annots pdf.Array, box drawn.Rect, by int) (int, error) {
	for _, item := range annots {
		ref, _ := item.(pdf.Ref)
		other := s.signature(ref)
		if other < 0 || by >= 0 && s.list[other].End >= s.list[by].End {
			continue
		}
		annot, place, ok, err := annotation(s.file, ref)
		if err != nil {
			return -1, err
		}
		if ok && annot.Get("AP") != nil && place.Cut(box).Area() > coveredBox*place.Area() {
			return other, nil
		}
	}
	return -1, nil
}

// under is what lies below a box.
type under struct {
	something bool    // anything at all
	letters   float64 // square points of text that are hidden
	ink       float64 // square points of shapes that are hidden
	picture   bool    // much of a picture is hidden
	over      int     // index of a signature that has most of its letters hidden; -1 when none has
}

func (u under) hidden() bool {
	return u.letters >= hiddenLetters || u.picture || u.ink >= hiddenInk
}

// take adds what the grid hides of a mark. A shape under the whole box is its ground, and a picture of half a page is a scan, of
// which it is not known what it shows there.
func (u *under) take(m drawn.Mark, grid *drawn.Grid, box, crop drawn.Rect) {
	bounds := m.Bounds()
	if bounds.Cut(box).Area() == 0 {
		return
	}
	hidden, whole := grid.Under(m)
	if whole == 0 {
		return
	}
	switch m.Kind {
	case drawn.Text:
		u.letters += hidden
	case drawn.Picture:
		const scan = 0.5
		if bounds.Area() < scan*crop.Area() && (hidden > hiddenPicture*bounds.Area() || hidden > hiddenShare*crop.Area()) {
			u.picture = true
		}
	case drawn.Shape:
		const ground = 0.95
		if m.Blank || m.Faint || whole >= ground*box.Area() {
			return
		}
		u.ink += hidden
	}
	u.something = true
}

// under examines the page and its annotations, without signatures that came with the one that lies over them or later.
func (s *Search) under(p *pdf.Page, annots pdf.Array, by int, crop drawn.Rect, grid *drawn.Grid, box drawn.Rect) (under, error) {
	u := under{over: -1}
	take := func(m drawn.Mark) { u.take(m, grid, box, crop) }
	err := s.reader.Page(p, crop, take)
	for _, item := range annots {
		if damaged(err) {
			u.something, err = true, nil
		}
		if err != nil {
			break
		}
		ref, _ := item.(pdf.Ref)
		other := s.signature(ref)
		if other >= 0 && by >= 0 && s.list[other].End >= s.list[by].End {
			continue
		}
		annot, place, ok, wrong := annotation(s.file, item)
		if wrong != nil || !ok || annot.Get("Subtype") == pdf.Name("Popup") || place.Cut(box).Area() == 0 {
			err = wrong
			continue
		}
		if other < 0 {
			_, err = s.reader.Appearance(annot, place, crop, take)
			continue
		}
		hidden, whole := 0.0, 0.0
		_, err = s.reader.Appearance(annot, place, crop, func(m drawn.Mark) {
			if m.Kind == drawn.Text {
				part, _ := grid.Under(m)
				hidden, whole = hidden+part, whole+m.Bounds().Area()
			}
			u.something = true
		})
		if hidden >= hiddenLetters && hidden > coveredBox*whole {
			u.over = other
		}
	}
	if problem.CodeOf(err) == problem.DocumentTooComplex || damaged(err) {
		u.something, err = true, nil
	}
	return u, err
}

// Under says what a box lies over that is still to be drawn.
type Under struct {
	Over  int     // index of a signature that it covers; -1 when it covers none
	Share float64 // of the page
	Large bool    // so much of a page with something under it that no signature needs it
	Text  bool    // it runs over letters
}

// Box says what a new box, in user space, would lie over. Where its letters will stand is not known yet: all of it counts.
func (s *Search) Box(p *pdf.Page, box drawn.Rect) (Under, error) {
	annots, err := s.file.Array(p.Dict.Get("Annots"))
	if err != nil {
		return Under{}, err
	}
	crop, err := s.crop(p)
	if err != nil {
		return Under{}, err
	}
	over, err := s.coveredBox(annots, box, -1)
	if err != nil {
		return Under{}, err
	}
	grid := drawn.NewGrid(box)
	grid.Add(drawn.Box(box))
	found, err := s.under(p, annots, -1, crop, grid, box)
	if over < 0 {
		over = found.over
	}
	out := Under{Over: over, Share: box.Area() / crop.Area(), Text: found.letters > lineShare*box.Area()}
	out.Large = out.Share >= largeShare && found.something
	return out, err
}
