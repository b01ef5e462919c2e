package drawn

import "math"

// matrix is a transformation (8.3.4).
type matrix [6]float64

var identity = matrix{1, 0, 0, 1, 0, 0}

// then applies m first and n after it.
func (m matrix) then(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3], m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

func (m matrix) at(x, y float64) Point {
	return Point{m[0]*x + m[2]*y + m[4], m[1]*x + m[3]*y + m[5]}
}

func (m matrix) ring(r Rect) []Point {
	return []Point{m.at(r.X0, r.Y0), m.at(r.X1, r.Y0), m.at(r.X1, r.Y1), m.at(r.X0, r.Y1)}
}

// inverse returns false for a transformation that cannot be taken back.
func (m matrix) inverse() (matrix, bool) {
	d := m[0]*m[3] - m[1]*m[2]
	if d == 0 || math.IsNaN(d) || math.IsInf(d, 0) {
		return identity, false
	}
	return matrix{m[3] / d, -m[1] / d, -m[2] / d, m[0] / d, (m[2]*m[5] - m[3]*m[4]) / d, (m[1]*m[4] - m[0]*m[5]) / d}, true
}

// scale is how much larger lengths get.
func (m matrix) scale() float64 { return math.Sqrt(math.Abs(m[0]*m[3] - m[1]*m[2])) }

// state is the graphics state (8.4), as far as it decides where something shows.
type state struct {
	ctm          matrix
	clip         Rect
	faintFill    bool
	faintStroke  bool
	blankFill    bool
	blankStroke  bool
	lineWidth    float64
	font         *fontWidths
	size         float64
	leading      float64
	charSpace    float64
	wordSpace    float64
	stretch      float64
	rise         float64
	mode         int64
	text, lineAt matrix
}

func newState(ctm matrix, clip Rect) state {
	return state{ctm: ctm, clip: clip, lineWidth: 1, stretch: 1, text: identity, lineAt: identity}
}

// path gathers what is painted next (8.5.2).
type path struct {
	rings   [][]Point // in user space
	current []Point
	last    Point // in the space of the path
	clips   bool
}

func (p *path) move(m matrix, x, y float64) {
	p.flush()
	p.current, p.last = []Point{m.at(x, y)}, Point{x, y}
}

func (p *path) line(m matrix, x, y float64) {
	p.current, p.last = append(p.current, m.at(x, y)), Point{x, y}
}

// curve draws a Bézier curve in a few steps.
func (p *path) curve(m matrix, x1, y1, x2, y2, x3, y3 float64) {
	const steps = 8
	from := p.last
	for i := 1; i <= steps; i++ {
		t := float64(i) / steps
		u := 1 - t
		p.line(m, u*u*u*from.X+3*u*u*t*x1+3*u*t*t*x2+t*t*t*x3, u*u*u*from.Y+3*u*u*t*y1+3*u*t*t*y2+t*t*t*y3)
	}
}

func (p *path) flush() {
	if len(p.current) > 1 {
		p.rings = append(p.rings, p.current)
	}
	p.current = nil
}

// closed ends the ring at hand where it began.
func (p *path) closed() {
	if len(p.current) < 2 {
		return
	}
	first := p.current[0]
	p.current = append(p.current, first)
	p.flush()
	p.current = []Point{first}
}

// stroked returns the lines of a path as thin rectangles.
func (p *path) stroked(width float64) [][]Point {
	var out [][]Point
	half := max(width, 0.2) / 2
	for _, ring := range p.rings {
		for i := 1; i < len(ring); i++ {
			a, b := ring[i-1], ring[i]
			length := math.Hypot(b.X-a.X, b.Y-a.Y)
			if length == 0 {
				continue
			}
			dx, dy := (b.Y-a.Y)/length*half, (a.X-b.X)/length*half
			out = append(out, []Point{{a.X + dx, a.Y + dy}, {b.X + dx, b.Y + dy}, {b.X - dx, b.Y - dy}, {a.X - dx, a.Y - dy}})
		}
	}
	return out
}
