package drawn

import "kyso/internal/pades/pdf"

// run is the reading of one content stream.
type run struct {
	*Reader
	resources *pdf.Dict
	state     state
	saved     []state
	path      path
	draw      func(Mark)
	depth     int
	err       error
	fonts     map[pdf.Name]*fontWidths
}

// maxSaved bounds the stack of graphics states.
const maxSaved = 512

func (r *Reader) stream(content []byte, resources *pdf.Dict, s state, draw func(Mark), depth int) error {
	x := &run{Reader: r, resources: resources, state: s, draw: draw, depth: depth, fonts: map[pdf.Name]*fontWidths{}}
	pdf.Operators(content, func(operator string, operands []pdf.Object) bool {
		if r.Work--; r.Work < 0 {
			x.err = errWork
		} else {
			x.do(operator, operands)
		}
		return x.err == nil
	})
	return x.err
}

// form draws a form XObject (8.10); one that cannot be read draws nothing.
func (r *Reader) form(form *pdf.Stream, above *pdf.Dict, s state, draw func(Mark), depth int) error {
	if depth == 0 {
		return nil
	}
	own, err := r.matrix(form.Dict.Get("Matrix"))
	if err != nil {
		return err
	}
	s.ctm = own.then(s.ctm)
	box, err := r.Numbers(form.Dict.Get("BBox"))
	if err != nil {
		return err
	}
	if len(box) == 4 {
		s.clip = s.clip.Cut(around([][]Point{s.ctm.ring(Rect{box[0], box[1], box[2], box[3]})}))
	}
	resources, err := r.File.Dict(form.Dict.Get("Resources"))
	if err != nil {
		return err
	}
	if resources == nil {
		resources = above
	}
	data, err := r.data(form)
	if err != nil {
		return err
	}
	return r.stream(data, resources, s, draw, depth-1)
}

// floats returns the numbers among the operands, at least count of them.
func floats(operands []pdf.Object, count int) []float64 {
	out := make([]float64, 0, max(count, len(operands)))
	for _, o := range operands {
		if n, ok := pdf.Number(o); ok {
			out = append(out, n)
		}
	}
	for len(out) < count {
		out = append(out, 0)
	}
	return out
}

func (x *run) do(operator string, operands []pdf.Object) {
	switch operator {
	case "q":
		if len(x.saved) < maxSaved {
			x.saved = append(x.saved, x.state)
		}
	case "Q":
		if n := len(x.saved); n > 0 {
			x.state, x.saved = x.saved[n-1], x.saved[:n-1]
		}
	case "cm":
		x.state.ctm = matrix(floats(operands, 6)[:6]).then(x.state.ctm)
	case "w":
		x.state.lineWidth = floats(operands, 1)[0]
	case "gs":
		x.graphics(operands)
	case "g", "rg", "k", "sc", "scn", "cs":
		x.state.blankFill = white(operator, operands)
	case "G", "RG", "K", "SC", "SCN", "CS":
		x.state.blankStroke = white(operator, operands)
	case "Do":
		x.object(operands)
	case "BI":
		x.mark(Mark{Kind: Picture, Rings: [][]Point{x.state.ctm.ring(Rect{0, 0, 1, 1})}, Faint: x.state.faintFill})
	case "sh":
		x.mark(Mark{Kind: Shape, Rings: [][]Point{x.state.clip.ring()}, Faint: x.state.faintFill})
	default:
		if !x.build(operator, operands) && !x.paint(operator) {
			x.show(operator, operands)
		}
	}
}

// white reports whether a colour is that of paper. An unknown space is not.
func white(operator string, operands []pdf.Object) bool {
	values := floats(operands, 0)
	if len(values) != len(operands) || len(values) == 0 {
		return false
	}
	paper := 1.0
	if operator == "k" || operator == "K" || len(values) == 4 {
		paper = 0
	}
	for _, v := range values {
		if v != paper {
			return false
		}
	}
	return true
}

// build takes in operators that make a path (8.5.2).
func (x *run) build(operator string, operands []pdf.Object) bool {
	p, m := &x.path, x.state.ctm
	v := floats(operands, 6)
	switch operator {
	case "m":
		p.move(m, v[0], v[1])
	case "l":
		p.line(m, v[0], v[1])
	case "c":
		p.curve(m, v[0], v[1], v[2], v[3], v[4], v[5])
	case "v":
		p.curve(m, p.last.X, p.last.Y, v[0], v[1], v[2], v[3])
	case "y":
		p.curve(m, v[0], v[1], v[2], v[3], v[2], v[3])
	case "h":
		p.closed()
	case "re":
		p.flush()
		ring := m.ring(Rect{v[0], v[1], v[0] + v[2], v[1] + v[3]})
		p.rings = append(p.rings, append(ring, ring[0]))
	case "W", "W*":
		p.clips = true
	default:
		return false
	}
	return true
}

// paint takes in operators that paint a path (8.5.3).
func (x *run) paint(operator string) bool {
	fill, stroke := false, false
	switch operator {
	case "f", "F", "f*":
		fill = true
	case "B", "B*", "b", "b*":
		fill, stroke = true, true
	case "S", "s":
		stroke = true
	case "n":
	default:
		return false
	}
	x.path.flush()
	if fill && len(x.path.rings) > 0 {
		x.mark(Mark{Kind: Shape, Rings: x.path.rings, EvenOdd: len(operator) == 2, Faint: x.state.faintFill, Blank: x.state.blankFill})
	}
	if stroke {
		for _, line := range x.path.stroked(x.state.lineWidth * x.state.ctm.scale()) {
			x.mark(Mark{Kind: Shape, Rings: [][]Point{line}, Faint: x.state.faintStroke, Blank: x.state.blankStroke})
		}
	}
	if x.path.clips {
		x.state.clip = x.state.clip.Cut(around(x.path.rings))
	}
	x.path = path{}
	return true
}

func (x *run) mark(m Mark) {
	if m.Clip = x.state.clip; m.Clip.Area() > 0 {
		x.draw(m)
	}
}

// resource looks a name up.
func (x *run) resource(kind pdf.Name, operands []pdf.Object) (pdf.Object, pdf.Name) {
	if len(operands) == 0 {
		return nil, ""
	}
	name, ok := operands[0].(pdf.Name)
	if !ok {
		return nil, ""
	}
	list, err := x.File.Dict(x.resources.Get(kind))
	if err != nil {
		x.err = err
		return nil, ""
	}
	value, err := x.File.Resolve(list.Get(name))
	if err != nil {
		x.err = err
	}
	return value, name
}

// graphics takes in how transparent something is painted (11.6.4.4).
func (x *run) graphics(operands []pdf.Object) {
	value, _ := x.resource("ExtGState", operands)
	d, ok := value.(*pdf.Dict)
	if !ok {
		return
	}
	const seenThrough = 0.5
	for key, target := range map[pdf.Name]*bool{"ca": &x.state.faintFill, "CA": &x.state.faintStroke} {
		item, err := x.File.Resolve(d.Get(key))
		if err != nil {
			x.err = err
			return
		}
		if n, ok := pdf.Number(item); ok {
			*target = n < seenThrough
		}
	}
	if n, ok := pdf.Number(d.Get("LW")); ok {
		x.state.lineWidth = n
	}
}

// object draws a form or a picture.
func (x *run) object(operands []pdf.Object) {
	value, _ := x.resource("XObject", operands)
	stream, ok := value.(*pdf.Stream)
	if !ok || x.err != nil {
		return
	}
	if stream.Dict.Get("Subtype") != pdf.Name("Image") {
		x.err = x.form(stream, x.resources, x.state, x.draw, x.depth)
		return
	}
	m := Mark{Kind: Picture, Rings: [][]Point{x.state.ctm.ring(Rect{0, 0, 1, 1})}, Faint: x.state.faintFill}
	m.Clear, x.err = x.transparency(stream, x.state.ctm)
	if x.err == nil {
		x.mark(m)
	}
}
