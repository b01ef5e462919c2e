package pdf

import (
	"iter"
	"slices"

	"kyso/internal/pades/pdf/syntax"
	"kyso/internal/problem"
)

// Page is a leaf of the page tree with what it inherits (7.7.3).
type Page struct {
	Number   int // 1-based
	Ref      Ref
	Dict     *Dict
	MediaBox Array // inherited; nil when absent
	CropBox  Array // inherited; nil when absent
	Rotate   int64 // inherited
}

// inherited holds the attributes that a page takes from its ancestors.
type inherited struct {
	media, crop, rotate Object
}

func (in inherited) with(d *Dict) inherited {
	for _, attr := range []struct {
		key  Name
		slot *Object
	}{{"MediaBox", &in.media}, {"CropBox", &in.crop}, {"Rotate", &in.rotate}} {
		if v := d.Get(attr.key); v != nil {
			*attr.slot = v
		}
	}
	return in
}

// PageCount returns /Count of the page tree root as the file states it, 0 when it states none.
func (f *File) PageCount() (int, error) {
	pages, err := f.pagesRoot()
	if err != nil {
		return 0, err
	}
	n, _, err := f.IntOf(pages.Get("Count"))
	return int(max(0, min(n, 1<<31-1))), err
}

func (f *File) pagesRoot() (*Dict, error) {
	root, err := f.Catalog()
	if err != nil {
		return nil, err
	}
	pages, err := f.Dict(root.Get("Pages"))
	if err != nil {
		return nil, err
	}
	if pages == nil {
		return nil, syntax.Broken("there is no page tree")
	}
	return pages, nil
}

// Page finds a page by number, 1 for the first and 0 for the last; nil when there is no such page. It trusts the
// counts of the tree to skip branches, and walks the whole tree when they turn out wrong.
func (f *File) Page(number int) (*Page, error) {
	count, err := f.PageCount()
	if err != nil {
		return nil, err
	}
	stated := number
	if number == 0 {
		stated = count
	}
	if stated > 0 && stated <= count {
		if page, err := f.descend(stated); err != nil || page != nil {
			return page, err
		}
	}
	if number <= count || count == 0 {
		return f.walkTo(number)
	}
	return nil, nil
}

// walkTo finds a page by counting leaves; 0 means the last.
func (f *File) walkTo(number int) (*Page, error) {
	var hit *Page
	err := f.WalkPages(func(p *Page) (bool, error) {
		if number == 0 || p.Number == number {
			hit = p
		}
		return p.Number != number, nil
	})
	return hit, err
}

// descend follows counts to a page. It returns nil when the counts do not lead to a leaf.
func (f *File) descend(number int) (*Page, error) {
	root, err := f.Catalog()
	if err != nil {
		return nil, err
	}
	node, err := f.pagesRoot()
	if err != nil {
		return nil, err
	}
	ref, _ := root.Get("Pages").(Ref)
	left, attrs := number, inherited{}
	for range f.lim.Depth {
		attrs = attrs.with(node)
		kids, err := f.Array(node.Get("Kids"))
		if err != nil {
			return nil, err
		}
		if kids == nil {
			if left != 1 || ref.Num == 0 {
				return nil, nil
			}
			return f.newPage(number, ref, node, attrs)
		}
		kid, before, err := f.chooseKid(node, kids, left)
		if err != nil || kid == nil {
			return nil, err
		}
		if left -= before; left < 1 {
			return nil, nil
		}
		ref, _ = kid.(Ref)
		if node, err = f.Dict(kid); err != nil || node == nil {
			return nil, err
		}
	}
	return nil, nil
}

// chooseKid picks the kid that holds the left-th page and says how many pages stand before it. When there are as
// many kids as pages, each is taken for a page and none but the chosen one is read; else the kids are counted
// from the nearer end.
func (f *File) chooseKid(node *Dict, kids Array, left int) (kid Object, before int, err error) {
	count, _, err := f.IntOf(node.Get("Count"))
	if err != nil {
		return nil, 0, err
	}
	if count == int64(len(kids)) && left <= len(kids) {
		return kids[left-1], left - 1, nil
	}
	if fromEnd := count - int64(left) + 1; fromEnd > 0 && fromEnd < int64(left) {
		kid, after, own, err := f.countKids(slices.Backward(kids), int(fromEnd))
		return kid, int(count) - after - own, err
	}
	kid, before, _, err = f.countKids(slices.All(kids), left)
	return kid, before, err
}

// countKids goes through kids until it has passed left pages. It returns the kid that holds the last of them, the
// pages that it passed before, and those of the kid itself.
func (f *File) countKids(kids iter.Seq2[int, Object], left int) (kid Object, passed, own int, err error) {
	for _, kid := range kids {
		d, err := f.Dict(kid)
		if err != nil {
			return nil, 0, 0, err
		}
		pages := int64(1)
		if d.Get("Kids") != nil {
			if pages, _, err = f.IntOf(d.Get("Count")); err != nil {
				return nil, 0, 0, err
			}
		}
		if d == nil || pages < 0 {
			continue
		}
		if int64(left-passed) <= pages {
			return kid, passed, int(pages), nil
		}
		passed += int(pages)
	}
	return nil, 0, 0, nil
}

func (f *File) newPage(number int, ref Ref, d *Dict, attrs inherited) (*Page, error) {
	p := &Page{Number: number, Ref: ref, Dict: d}
	var err error
	if p.MediaBox, err = f.Array(attrs.media); err != nil {
		return nil, err
	}
	if p.CropBox, err = f.Array(attrs.crop); err != nil {
		return nil, err
	}
	p.Rotate, _, err = f.IntOf(attrs.rotate)
	return p, err
}

// WalkPages visits the pages in order until visit returns false. A circle in the tree is damage.
func (f *File) WalkPages(visit func(*Page) (bool, error)) error {
	root, err := f.Catalog()
	if err != nil {
		return err
	}
	w := &pageWalk{f: f, visit: visit, above: map[int]bool{}}
	_, err = w.node(root.Get("Pages"), inherited{}, f.lim.Depth)
	return err
}

type pageWalk struct {
	f      *File
	visit  func(*Page) (bool, error)
	above  map[int]bool // nodes on the way down
	number int
	nodes  int
}

func (w *pageWalk) node(o Object, attrs inherited, depth int) (more bool, err error) {
	if depth == 0 {
		return false, syntax.TooComplex("the page tree is nested too deeply")
	}
	if w.nodes++; w.nodes > 4*w.f.lim.Pages+1024 {
		return false, syntax.TooComplex("the page tree has more than %d nodes", w.nodes-1)
	}
	ref, _ := o.(Ref)
	if w.above[ref.Num] && ref.Num > 0 {
		return false, syntax.Broken("the page tree is a circle")
	}
	d, err := w.f.Dict(o)
	if err != nil || d == nil {
		return err == nil, err
	}
	attrs = attrs.with(d)
	kids, err := w.f.Array(d.Get("Kids"))
	if err != nil {
		return false, err
	}
	if kids == nil {
		return w.leaf(ref, d, attrs)
	}
	w.above[ref.Num] = true
	defer delete(w.above, ref.Num)
	for _, kid := range kids {
		if more, err := w.node(kid, attrs, depth-1); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

func (w *pageWalk) leaf(ref Ref, d *Dict, attrs inherited) (bool, error) {
	if ref.Num == 0 {
		return false, syntax.Broken("a page is not an indirect object")
	}
	if w.number++; w.number > w.f.lim.Pages {
		return false, problem.New(problem.TooLarge, "there are more than %d pages", w.f.lim.Pages)
	}
	page, err := w.f.newPage(w.number, ref, d, attrs)
	if err != nil {
		return false, err
	}
	return w.visit(page)
}
