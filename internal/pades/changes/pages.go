package changes

import (
	"slices"

	"kyso/internal/pades/pdf"
)

// inheritable are the attributes that a page takes from its ancestors when it has none (table 31).
var inheritable = []pdf.Name{"Resources", "MediaBox", "CropBox", "Rotate"}

// comparePages compares the page trees from the top.
func (c *comparison) comparePages() error {
	before, err := c.old.Catalog()
	if err != nil {
		return err
	}
	after, err := c.new.Catalog()
	if err != nil {
		return err
	}
	tree := &pageTree{c: c, seen: map[int]bool{}}
	return tree.node(before.Get("Pages"), after.Get("Pages"), map[pdf.Name]pdf.Object{}, maxDepth)
}

type pageTree struct {
	c    *comparison
	seen map[int]bool
}

// node compares a node or a leaf: the same object, with the same pages below in the same order.
func (t *pageTree) node(before, after pdf.Object, above map[pdf.Name]pdf.Object, depth int) error {
	ref, ok := before.(pdf.Ref)
	if !ok || before != after {
		return refuse(pageExchanged)
	}
	if depth == 0 {
		return refuse(pagesTooDeep)
	}
	if t.seen[ref.Num] {
		return nil
	}
	t.seen[ref.Num], t.c.compared[ref.Num] = true, true
	a, b, err := t.c.both(ref)
	if err != nil {
		return err
	}
	if a == nil && b == nil {
		return t.c.strict.same("Kids", ref, ref, true) // no page, perhaps something else
	}
	if a == nil || b == nil {
		return refuse(pageReplaced)
	}
	kids, err := arrayOf(t.c.old, a.Get("Kids"))
	if err != nil {
		return err
	}
	if kids == nil {
		return t.c.comparePage(a, b, above)
	}
	return t.branch(a, b, kids, above, depth)
}

func (t *pageTree) branch(a, b *pdf.Dict, kids pdf.Array, above map[pdf.Name]pdf.Object, depth int) error {
	for _, key := range keysOf(a, b) {
		if key == "Kids" || describing[key] {
			continue
		}
		if err := t.c.strict.same(key, a.Get(key), b.Get(key), key == "Resources"); err != nil {
			return err
		}
	}
	list, err := arrayOf(t.c.new, b.Get("Kids"))
	if err != nil {
		return err
	}
	if len(list) != len(kids) {
		return refuse(pagesCame)
	}
	below := map[pdf.Name]pdf.Object{}
	for _, key := range inheritable {
		if below[key] = a.Get(key); below[key] == nil {
			below[key] = above[key]
		}
	}
	for i := range kids {
		if err := t.node(kids[i], list[i], below, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// both reads an object of both revisions as a dictionary, nil when it is none; the same one twice when nothing touched it. A
// dictionary that was written with a key twice is refused.
func (c *comparison) both(ref pdf.Ref) (a, b *pdf.Dict, err error) {
	if a, err = dictOf(c.old, ref); err != nil {
		return nil, nil, err
	}
	if moved, err := c.moved(ref.Num); err != nil || !moved {
		return a, a, err
	}
	b, err = dictOf(c.new, ref)
	if b.HasDuplicates() {
		return nil, nil, refuse(keyTwice)
	}
	return a, b, err
}

// comparePage allows on a page what its annotations allow. An attribute that it had from above may stand in itself.
func (c *comparison) comparePage(a, b *pdf.Dict, above map[pdf.Name]pdf.Object) error {
	for _, key := range keysOf(a, b) {
		was, is := a.Get(key), b.Get(key)
		switch key {
		case "Annots", "Tabs":
			continue // the order in which a key moves from field to field draws nothing
		case "StructParents":
			if _, ok := is.(int64); ok && was == nil {
				continue
			}
		}
		if describing[key] {
			continue
		}
		if slices.Contains(inheritable, key) {
			if was == nil {
				was = above[key]
			}
			if is == nil {
				is = above[key]
			}
		}
		if err := c.strict.same(key, was, is, drawn[key]); err != nil {
			return err
		}
	}
	return c.compareAnnots(a, b)
}

// drawn are the keys of a page behind which everything is drawn.
var drawn = map[pdf.Name]bool{"Contents": true, "Resources": true, "Group": true, "MediaBox": true, "CropBox": true, "Rotate": true, "UserUnit": true}
