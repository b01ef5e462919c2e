package drawn

import (
	"math"
	"sort"
)

// Point is a place in user space.
type Point struct{ X, Y float64 }

// Rect is a rectangle in user space.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Area returns the area, 0 for what has none.
func (r Rect) Area() float64 { return max(0, r.X1-r.X0) * max(0, r.Y1-r.Y0) }

// Cut returns what two rectangles have in common.
func (r Rect) Cut(o Rect) Rect {
	return Rect{max(r.X0, o.X0), max(r.Y0, o.Y0), min(r.X1, o.X1), min(r.Y1, o.Y1)}
}

// ring returns the corners.
func (r Rect) ring() []Point {
	return []Point{{r.X0, r.Y0}, {r.X1, r.Y0}, {r.X1, r.Y1}, {r.X0, r.Y1}}
}

// around returns the smallest rectangle that holds the points.
func around(rings [][]Point) Rect {
	r := Rect{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, ring := range rings {
		for _, p := range ring {
			r = Rect{min(r.X0, p.X), min(r.Y0, p.Y), max(r.X1, p.X), max(r.Y1, p.Y)}
		}
	}
	return r
}

// maxCells bounds a grid; cells grow with the page.
const maxCells = 1 << 20

// Grid is a rectangle of a page in cells, each of them marked or not.
type Grid struct {
	area          Rect
	columns, rows int
	cell          float64 // edge, in points
	marked        []bool
	count         int
}

// NewGrid returns a grid over an area, with cells of a point where it is not too large for that.
func NewGrid(area Rect) *Grid {
	cell := max(1, math.Sqrt(area.Area()/maxCells))
	g := &Grid{area: area, cell: cell, columns: int(math.Ceil((area.X1 - area.X0) / cell)), rows: int(math.Ceil((area.Y1 - area.Y0) / cell))}
	if g.columns < 1 || g.rows < 1 || g.columns > 8*maxCells || g.rows > 8*maxCells || g.columns*g.rows > 8*maxCells {
		g.columns, g.rows = 0, 0
	}
	g.marked = make([]bool, g.columns*g.rows)
	return g
}

// Marked returns the area that is marked, in square points.
func (g *Grid) Marked() float64 { return float64(g.count) * g.cell * g.cell }

// Add marks what a mark covers.
func (g *Grid) Add(m Mark) {
	g.each(m, func(i int) {
		if !g.marked[i] {
			g.marked[i] = true
			g.count++
		}
	})
}

// Under returns how much of a mark lies in marked cells, and how much of it in the whole grid, in square points.
func (g *Grid) Under(m Mark) (under, whole float64) {
	hit, all := 0, 0
	g.each(m, func(i int) {
		all++
		if g.marked[i] {
			hit++
		}
	})
	return float64(hit) * g.cell * g.cell, float64(all) * g.cell * g.cell
}

// crossing is where the edge of a ring crosses the middle of a row.
type crossing struct {
	x         float64
	direction int
}

// each visits the cells whose middle a mark covers.
func (g *Grid) each(m Mark, visit func(i int)) {
	box := around(m.Rings).Cut(m.Clip).Cut(g.area)
	if !(box.Area() > 0) {
		return
	}
	first, last := int((box.Y0-g.area.Y0)/g.cell), int((box.Y1-g.area.Y0)/g.cell)
	for row := max(first, 0); row <= min(last, g.rows-1); row++ {
		y := g.area.Y0 + (float64(row)+0.5)*g.cell
		if y < box.Y0 || y > box.Y1 {
			continue
		}
		winding := 0
		crossings := crossingsOf(m.Rings, y)
		for i, c := range crossings[:max(len(crossings)-1, 0)] {
			winding += c.direction
			if m.EvenOdd && i%2 == 0 || !m.EvenOdd && winding != 0 {
				g.span(row, y, max(c.x, box.X0), min(crossings[i+1].x, box.X1), m, visit)
			}
		}
	}
}

func (g *Grid) span(row int, y, x0, x1 float64, m Mark, visit func(i int)) {
	from := int(math.Ceil((x0-g.area.X0)/g.cell - 0.5))
	to := int(math.Ceil((x1-g.area.X0)/g.cell - 0.5))
	for column := max(from, 0); column < min(to, g.columns); column++ {
		if m.Clear == nil || !m.Clear(Point{g.area.X0 + (float64(column)+0.5)*g.cell, y}) {
			visit(row*g.columns + column)
		}
	}
}

func crossingsOf(rings [][]Point, y float64) []crossing {
	var out []crossing
	for _, ring := range rings {
		for i, a := range ring {
			b := ring[(i+1)%len(ring)]
			if a.Y <= y == (b.Y <= y) {
				continue
			}
			c := crossing{x: a.X + (y-a.Y)/(b.Y-a.Y)*(b.X-a.X), direction: 1}
			if a.Y > b.Y {
				c.direction = -1
			}
			out = append(out, c)
		}
	}
	sort.Slice(out, func(i, k int) bool { return out[i].x < out[k].x })
	return out
}
