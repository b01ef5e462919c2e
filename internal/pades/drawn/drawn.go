// Package drawn says where a page or an appearance draws what: text, pictures, shapes. It is exact enough to tell whether one thing
// lies over another and not to show them: a text is the band of its letters, a clip its rectangle.
//
// It imports the standard library, internal/problem and internal/pades/pdf only.
package drawn

import (
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Kind is what a mark is.
type Kind uint8

// The kinds.
const (
	Text Kind = iota + 1
	Picture
	Shape
)

// Mark is something that is drawn, in the user space of the page.
type Mark struct {
	Kind    Kind
	Rings   [][]Point
	EvenOdd bool
	Clip    Rect
	Faint   bool               // so transparent that what is below can be read, or not painted at all
	Blank   bool               // white: on paper it shows nothing, and it hides what is below
	Clear   func(p Point) bool // of a picture: whether it is transparent there; nil is nowhere
}

// Box returns a mark that covers a rectangle.
func Box(r Rect) Mark { return Mark{Kind: Shape, Rings: [][]Point{r.ring()}, Clip: r} }

// Bounds is the smallest rectangle that holds what a mark shows.
func (m Mark) Bounds() Rect { return around(m.Rings).Cut(m.Clip) }

// Reader reads what content streams draw, within a budget.
type Reader struct {
	File *pdf.File
	Work int // operators that may still be read
}

// errWork says that the budget is spent.
var errWork = problem.New(problem.DocumentTooComplex, "there is too much to draw")

// Page calls draw for each mark of the contents of a page (7.8.2). Damage ends a stream and not the reading.
func (r *Reader) Page(p *pdf.Page, crop Rect, draw func(Mark)) error {
	resources, err := r.resources(p.Dict)
	if err != nil {
		return err
	}
	content, err := r.contents(p.Dict.Get("Contents"))
	if err != nil {
		return err
	}
	return r.stream(content, resources, newState(identity, crop), draw, maxNested)
}

// maxNested bounds how deep forms may lie in each other, and how far up attributes of a page are looked for.
const maxNested = 16

func (r *Reader) resources(page *pdf.Dict) (*pdf.Dict, error) {
	for range maxNested * 4 {
		if page == nil || page.Get("Resources") != nil {
			break
		}
		var err error
		if page, err = r.File.Dict(page.Get("Parent")); err != nil {
			return nil, err
		}
	}
	if page == nil {
		return nil, nil
	}
	return r.File.Dict(page.Get("Resources"))
}

// contents joins the content streams of a page.
func (r *Reader) contents(o pdf.Object) ([]byte, error) {
	value, err := r.File.Resolve(o)
	if err != nil {
		return nil, err
	}
	list, ok := value.(pdf.Array)
	if !ok {
		list = pdf.Array{value}
	}
	var out []byte
	for _, item := range list {
		item, err := r.File.Resolve(item)
		if err != nil {
			return nil, err
		}
		stream, ok := item.(*pdf.Stream)
		if !ok {
			continue
		}
		data, err := r.data(stream)
		if err != nil {
			return nil, err
		}
		out = append(append(out, data...), '\n')
	}
	return out, nil
}

// data decodes a stream; one that is damaged is empty.
func (r *Reader) data(stream *pdf.Stream) ([]byte, error) {
	data, err := r.File.Data(stream)
	if problem.CodeOf(err) == problem.DocumentBroken {
		return nil, nil
	}
	if r.Work -= len(data) / 64; r.Work < 0 && err == nil {
		err = errWork
	}
	return data, err
}

// Appearance calls draw for each mark of the normal appearance of an annotation (12.5.5). It returns false when it has none.
func (r *Reader) Appearance(annot *pdf.Dict, rect, crop Rect, draw func(Mark)) (bool, error) {
	ap, err := r.File.Dict(annot.Get("AP"))
	if err != nil {
		return false, err
	}
	normal, err := r.File.Resolve(ap.Get("N"))
	if err != nil {
		return false, err
	}
	if states, ok := normal.(*pdf.Dict); ok {
		on, err := r.File.NameOf(annot.Get("AS"))
		if err != nil {
			return false, err
		}
		if normal, err = r.File.Resolve(states.Get(on)); err != nil {
			return false, err
		}
	}
	form, ok := normal.(*pdf.Stream)
	if !ok {
		return false, nil
	}
	box, err := r.Numbers(form.Dict.Get("BBox"))
	if err != nil {
		return false, err
	}
	if len(box) != 4 {
		return true, nil
	}
	own, err := r.matrix(form.Dict.Get("Matrix"))
	if err != nil {
		return false, err
	}
	placed := around([][]Point{own.ring(Rect{min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])})})
	if placed.Area() == 0 {
		return true, nil
	}
	sx, sy := (rect.X1-rect.X0)/(placed.X1-placed.X0), (rect.Y1-rect.Y0)/(placed.Y1-placed.Y0)
	at := matrix{sx, 0, 0, sy, rect.X0 - sx*placed.X0, rect.Y0 - sy*placed.Y0}
	return true, r.form(form, nil, newState(at, crop.Cut(rect)), draw, maxNested)
}

// Numbers reads an array of numbers; nil when it is none.
func (r *Reader) Numbers(o pdf.Object) ([]float64, error) {
	list, err := r.File.Array(o)
	if err != nil {
		return nil, err
	}
	out := make([]float64, 0, len(list))
	for _, item := range list {
		item, err := r.File.Resolve(item)
		if err != nil {
			return nil, err
		}
		n, ok := pdf.Number(item)
		if !ok {
			return nil, nil
		}
		out = append(out, n)
	}
	return out, nil
}

func (r *Reader) matrix(o pdf.Object) (matrix, error) {
	m, err := r.Numbers(o)
	if err != nil || len(m) != 6 {
		return identity, err
	}
	return matrix(m), nil
}
