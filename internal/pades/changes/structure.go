package changes

import "kyso/internal/pades/pdf"

// structure compares structure trees (14.7): the elements of what was signed stay as they are, and an element may come for each
// widget that came. Nothing is drawn from it, but readers that speak follow it.
type structure struct {
	c     *comparison
	queue []pdf.Ref // elements to compare
	seen  map[int]bool
	added map[int]bool // elements that came
}

// elementKeys are the keys of an element that may come for a widget.
var elementKeys = []pdf.Name{"Type", "S", "P", "Pg", "K", "T", "Lang", "Alt", "ID", "NS"}

// elementRoles notes the elements of the signed revision: destinations, outlines and the parent tree refer to them.
func (c *comparison) elementRoles(root pdf.Object) error {
	tree, err := dictOf(c.old, root)
	if err != nil {
		return err
	}
	if tree != nil {
		c.note(root, roleElement) // the parent of its kids
	}
	for queue := []pdf.Object{tree.Get("K")}; len(queue) > 0; {
		kids, err := c.kidsOf(c.old, queue[len(queue)-1])
		if err != nil {
			return err
		}
		queue = queue[:len(queue)-1]
		for _, kid := range kids {
			element, err := dictOf(c.old, kid)
			if err != nil {
				return err
			}
			if element.Get("S") != nil && c.note(kid, roleElement) {
				queue = append(queue, element.Get("K"))
			}
		}
	}
	return nil
}

// kidsOf returns /K as a list; a single kid may stand for itself.
func (c *comparison) kidsOf(f *pdf.File, k pdf.Object) (pdf.Array, error) {
	value, _, err := follow(f, k)
	if err != nil || value == nil {
		return nil, err
	}
	if list, ok := value.(pdf.Array); ok {
		return list, nil
	}
	return pdf.Array{k}, nil
}

func (c *comparison) compareStructure(before, after pdf.Object) error {
	a, err := dictOf(c.old, before)
	if err != nil {
		return err
	}
	b, err := dictOf(c.new, after)
	if err != nil {
		return err
	}
	if (a == nil) != (b == nil) {
		return refuse(structureCame)
	}
	if a == nil {
		return c.strict.same("StructTreeRoot", before, after, true) // no tree, perhaps something else
	}
	c.done(before)
	s := &structure{c: c, seen: map[int]bool{}, added: map[int]bool{}}
	for _, key := range keysOf(a, b) {
		switch key {
		case "K":
			err = s.kids(a.Get(key), b.Get(key), after)
		case "ParentTree", "ParentTreeNextKey":
			continue
		default:
			err = c.strict.same(key, a.Get(key), b.Get(key), false)
		}
		if err != nil {
			return err
		}
	}
	for len(s.queue) > 0 {
		ref := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		if err := s.element(ref); err != nil {
			return err
		}
	}
	return s.parents(a, b)
}

// kids compares the kids of an element or of the root: those that were there, in their order, and new ones for widgets.
func (s *structure) kids(before, after, parent pdf.Object) error {
	was, err := s.c.kidsOf(s.c.old, before)
	if err != nil {
		return err
	}
	is, err := s.c.kidsOf(s.c.new, after)
	if err != nil {
		return err
	}
	next := 0
	for _, kid := range is {
		if next < len(was) && pdf.Equal(was[next], kid) {
			if err := s.kid(kid); err != nil {
				return err
			}
			next++
			continue
		}
		if err := s.newElement(kid, parent); err != nil {
			return err
		}
	}
	if next < len(was) {
		return refuse(elementRemoved)
	}
	return nil
}

// kid takes in a kid that was there: an element is compared in its turn.
func (s *structure) kid(kid pdf.Object) error {
	ref, ok := kid.(pdf.Ref)
	if !ok || s.c.roles[ref.Num] != roleElement {
		return s.c.strict.same("K", kid, kid, false)
	}
	if !s.seen[ref.Num] {
		s.seen[ref.Num] = true
		s.queue = append(s.queue, ref)
	}
	return nil
}

func (s *structure) element(ref pdf.Ref) error {
	s.c.compared[ref.Num] = true
	a, b, err := s.c.both(ref)
	if err != nil {
		return err
	}
	if b == nil {
		return refuse(elementReplaced)
	}
	for _, key := range keysOf(a, b) {
		if key == "K" {
			err = s.kids(a.Get(key), b.Get(key), ref)
		} else {
			err = s.c.strict.same(key, a.Get(key), b.Get(key), false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newElement allows an element that came with a widget of a field that was signed, and holds nothing else.
func (s *structure) newElement(kid, parent pdf.Object) error {
	ref, ok := kid.(pdf.Ref)
	if !ok {
		return refuse(structureContent)
	}
	element, err := s.c.fresh(ref)
	if err != nil {
		return err
	}
	if err := onlyKeys(newElementShape, newElementExtra, element, elementKeys...); err != nil {
		return err
	}
	if typ := element.Get("Type"); typ != nil && typ != pdf.Name("StructElem") || element.Get("S") != pdf.Name("Form") || element.Get("P") != parent {
		return refuse(notElement)
	}
	kids, err := s.c.kidsOf(s.c.new, element.Get("K"))
	if err != nil {
		return err
	}
	if len(kids) == 0 {
		return refuse(elementEmpty) // whose /Alt would be read aloud
	}
	for _, item := range kids {
		object, err := dictOf(s.c.new, item)
		if err != nil {
			return err
		}
		widget, ok := object.Get("Obj").(pdf.Ref)
		if !ok || object.Get("Type") != pdf.Name("OBJR") || !s.c.widgets[widget.Num] {
			return refuse(structureContent)
		}
	}
	s.added[ref.Num] = true
	return nil
}

// parents compares the parent trees: what was there leads where it led, and what came leads to new elements.
func (s *structure) parents(a, b *pdf.Dict) error {
	same := s.c.try("ParentTree", a.Get("ParentTree"), b.Get("ParentTree"), false)
	if !differs(same) {
		return same
	}
	was, is := map[int64]pdf.Object{}, map[int64]pdf.Object{}
	if err := numbers(s.c.old, a.Get("ParentTree"), was, map[int]bool{}); err != nil {
		return err
	}
	if err := numbers(s.c.new, b.Get("ParentTree"), is, map[int]bool{}); err != nil {
		return err
	}
	for key, value := range was {
		now, ok := is[key]
		if !ok {
			return refuse(parentRemoved)
		}
		if err := s.c.strict.same("StructTreeRoot", value, now, false); err != nil {
			return err
		}
	}
	for key, value := range is {
		if _, ok := was[key]; ok {
			continue
		}
		if ref, ok := value.(pdf.Ref); !ok || !s.added[ref.Num] {
			return refuse(parentAdded)
		}
	}
	return nil
}

// numbers collects a number tree (7.9.7). Where a number stands twice, readers differ.
func numbers(f *pdf.File, o pdf.Object, into map[int64]pdf.Object, seen map[int]bool) error {
	node, err := dictOf(f, o)
	if err != nil || node == nil {
		return err
	}
	if ref, ok := o.(pdf.Ref); ok && seen[ref.Num] || len(seen) > 1<<20 {
		return refuse(parentCircle)
	} else if ok {
		seen[ref.Num] = true
	}
	if err := onlyKeys(parentTreeShape, parentTreeExtra, node, "Type", "Nums", "Kids", "Limits"); err != nil {
		return err
	}
	list, err := arrayOf(f, node.Get("Nums"))
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(list); i += 2 {
		key, ok := pdf.Int(list[i])
		if _, twice := into[key]; twice || !ok {
			return refuse(parentTwice)
		}
		into[key] = list[i+1]
	}
	kids, err := arrayOf(f, node.Get("Kids"))
	if err != nil {
		return err
	}
	for _, kid := range kids {
		if err := numbers(f, kid, into, seen); err != nil {
			return err
		}
	}
	return nil
}
