package pades

import (
	"kyso/internal/pades/drawn"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// What counts as covering. A box in empty space is what every signer needs, and one that touches a line of text or reaches over a
// part of another signature is usual: Decree 30/2020/NĐ-CP demands that the seal of an organisation lies over a third of the
// signature beside it.
const (
	largeShare    = 0.20    // of a page: no signature needs as much, whatever its appearance leaves clear
	hiddenLetters = 20.0    // square points of letters: about two digits in 10 point
	hiddenPicture = 0.50    // of a picture
	hiddenShare   = 0.02    // of the page, of one picture
	hiddenInk     = 400     // square points of shapes
	coveredBox    = 0.50    // of the box of another signature
	coverWork     = 1 << 20 // operators that are read
)

// shownSignature is a signature of a file and where its widgets are.
type shownSignature struct {
	name    string
	end     int64 // of what it signs
	widgets map[pdf.Ref]bool
}

// cover says that a signature lies over what was signed before it.
type cover struct {
	by    int // index of the covering signature
	over  int // index of an earlier signature whose box it covers; -1 when it is page content alone
	page  int
	share float64 // of the page, 0 to 1
}

// shownSignatures lists the signatures of fields, with the ends of their byte ranges. One that lies about its end is taken for
// the last.
func shownSignatures(f *pdf.File, fields []pdf.SignatureField) ([]shownSignature, error) {
	var out []shownSignature
	for _, field := range fields {
		if field.Value == nil {
			continue
		}
		s := shownSignature{name: field.Name, widgets: map[pdf.Ref]bool{field.Ref: true}}
		numbers, err := f.Array(field.Value.Get("ByteRange"))
		if err != nil {
			return nil, err
		}
		if len(numbers) == 4 {
			start, _ := pdf.Int(numbers[2])
			length, _ := pdf.Int(numbers[3])
			s.end = start + length
		}
		if s.end < field.ContentsEnd || field.ContentsEnd < 0 || s.end > f.Size() {
			s.end = f.Size()
		}
		kids, err := f.Array(field.Field.Get("Kids"))
		if err != nil {
			return nil, err
		}
		for _, kid := range kids[:min(len(kids), MaxWidgets)] {
			if ref, ok := kid.(pdf.Ref); ok {
				s.widgets[ref] = true
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// coverSearch looks for signatures that cover what was signed before them.
type coverSearch struct {
	file   *pdf.File
	list   []shownSignature
	first  int64 // end of the first signature
	reader *drawn.Reader
	found  []cover
}

// covers finds out which signatures lie over what earlier ones signed. What is too much to read counts as covered when a large
// part of the page is.
func covers(f *pdf.File, list []shownSignature) ([]cover, error) {
	if len(list) < 2 {
		return nil, nil
	}
	s := &coverSearch{file: f, list: list, first: list[0].end, reader: &drawn.Reader{File: f, Work: coverWork}}
	for _, one := range list {
		s.first = min(s.first, one.end)
	}
	err := f.WalkPages(func(p *pdf.Page) (bool, error) {
		annots, err := f.Array(p.Dict.Get("Annots"))
		if err != nil {
			return false, err
		}
		for _, item := range annots {
			ref, ok := item.(pdf.Ref)
			if by := s.signature(ref); ok && by >= 0 && list[by].end > s.first {
				if err := s.widget(p, annots, ref, by); err != nil {
					return false, err
				}
			}
		}
		return len(s.found) < maxReported, nil
	})
	return s.found, err
}

// signature returns the index of the signature that a widget shows, or -1.
func (s *coverSearch) signature(ref pdf.Ref) int {
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
func (s *coverSearch) widget(p *pdf.Page, annots pdf.Array, ref pdf.Ref, by int) error {
	annot, place, ok, err := annotation(s.file, ref)
	if err != nil || !ok {
		return err
	}
	geo, err := pageGeometry(s.file, p)
	if err != nil {
		return err
	}
	crop := geo.crop.drawn()
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
	case problem.CodeOf(err) == problem.DocumentTooComplex:
		grid.Add(drawn.Box(box))
	case err != nil:
		return err
	case !draws:
		return nil
	}
	c := cover{by: by, over: -1, page: p.Number, share: box.Area() / crop.Area()}
	if c.over, err = s.coveredBox(annots, box, by); err != nil {
		return err
	}
	under, err := s.under(p, annots, by, crop, grid, box)
	if c.over < 0 {
		c.over = under.over
	}
	if err == nil && (c.over >= 0 || under.hidden() || c.share >= largeShare && under.something) {
		s.found = append(s.found, c)
	}
	return err
}

// annotation reads where an annotation stands; ok is false for one that shows nothing.
func annotation(f *pdf.File, o pdf.Object) (annot *pdf.Dict, place drawn.Rect, ok bool, err error) {
	if annot, err = f.Dict(o); err != nil || annot == nil {
		return nil, place, false, err
	}
	const hidden = 2
	if flags, _, err := f.IntOf(annot.Get("F")); err != nil || flags&hidden != 0 {
		return nil, place, false, err
	}
	corners, err := f.Array(annot.Get("Rect"))
	if err != nil {
		return nil, place, false, err
	}
	r, ok, err := readRect(f, corners)
	return annot, r.drawn(), ok, err
}

func (r rect) drawn() drawn.Rect { return drawn.Rect{X0: r.x0, Y0: r.y0, X1: r.x1, Y1: r.y1} }

// coveredBox returns an earlier signature that shows itself on the page and has more than half of its box covered, or -1.
func (s *coverSearch) coveredBox(annots pdf.Array, box drawn.Rect, by int) (int, error) {
	for _, item := range annots {
		ref, _ := item.(pdf.Ref)
		other := s.signature(ref)
		if other < 0 || by >= 0 && s.list[other].end >= s.list[by].end {
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
func (s *coverSearch) under(p *pdf.Page, annots pdf.Array, by int, crop drawn.Rect, grid *drawn.Grid, box drawn.Rect) (under, error) {
	u := under{over: -1}
	take := func(m drawn.Mark) { u.take(m, grid, box, crop) }
	err := s.reader.Page(p, crop, take)
	for _, item := range annots {
		if err != nil {
			break
		}
		ref, _ := item.(pdf.Ref)
		other := s.signature(ref)
		if other >= 0 && by >= 0 && s.list[other].end >= s.list[by].end {
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
	if problem.CodeOf(err) == problem.DocumentTooComplex {
		u.something, err = true, nil
	}
	return u, err
}

// findings says it in words.
func (c cover) findings(list []shownSignature) []Finding {
	out := []Finding{coversSigned.Say("name", list[c.by].name, "page", c.page, "share", percentOf(c.share))}
	if c.over >= 0 {
		out = append(out, coversSignature.Say("name", list[c.by].name, "page", c.page))
	}
	return out
}

// checkCovers adds to the report of a signature, and to those of all before it, that it lies over what they signed. It decides no
// verdict: each signed what the file was.
func (v *verifier) checkCovers(signatures []*signature) error {
	var fields []pdf.SignatureField
	var reports []*SignatureReport
	for _, s := range signatures {
		if s.field.Value != nil {
			fields, reports = append(fields, s.field), append(reports, s.report)
		}
	}
	list, err := shownSignatures(v.file, fields)
	if err != nil {
		return err
	}
	found, err := covers(v.file, list)
	if err != nil {
		return err
	}
	for _, c := range found {
		for i, r := range reports {
			if i == c.by || list[i].end < list[c.by].end {
				for _, f := range c.findings(list) {
					r.note(f)
				}
			}
		}
	}
	return nil
}

// signatures looks for signatures over each other, and for a certification that has no room for another one.
func (s *search) signatures(fm *form) error {
	list, err := shownSignatures(s.file, fm.signatures)
	if err != nil {
		return err
	}
	found, err := covers(s.file, list)
	if err != nil {
		return err
	}
	for _, c := range found {
		for _, f := range c.findings(list) {
			s.add(f)
		}
	}
	if fm.docMDP < int(CertifyForms) {
		return nil
	}
	free, err := fm.firstEmpty(s.file)
	if err == nil && free == 0 {
		s.add(newField.Say())
	}
	return err
}
