package changes

import "kyso/internal/pades/pdf"

// compareAnnots compares the annotations of a page. Widgets of fields that were signed may come at no cost; other annotations may
// come, go and change as a kind of its own.
func (c *comparison) compareAnnots(a, b *pdf.Dict) error {
	if list, ok := a.Get("Annots").(pdf.Ref); ok && pdf.Equal(list, b.Get("Annots")) {
		if c.lists[list.Num] {
			return nil // that many pages share
		}
		c.lists[list.Num] = true
	}
	before, err := arrayOf(c.old, a.Get("Annots"))
	if err != nil {
		return err
	}
	value, damaged, err := follow(c.new, b.Get("Annots"))
	if err != nil {
		return err
	}
	after, ok := value.(pdf.Array)
	if damaged || !ok && value != nil {
		return refuse(annotationsReplaced)
	}
	kept, err := c.keptAnnots(before, after)
	if err != nil {
		return err
	}
	for i, item := range after {
		if kept[i] {
			continue
		}
		if err := c.addedAnnot(item); err != nil {
			return err
		}
	}
	return nil
}

// keptAnnots compares those that were there, and reports which of the new list they are. Another order draws them in another way.
func (c *comparison) keptAnnots(before, after pdf.Array) (map[int]bool, error) {
	places := make(map[pdf.Ref][]int, len(after)) // a list may name one twice
	for i, item := range after {
		if ref, ok := item.(pdf.Ref); ok {
			places[ref] = append(places[ref], i)
		}
	}
	kept, next := map[int]bool{}, 0
	for _, item := range before {
		c.done(item)
		at, ok := next, next < len(after) && pdf.Equal(item, after[next])
		if ref, isRef := item.(pdf.Ref); isRef {
			if ok = len(places[ref]) > 0; ok {
				at, places[ref] = places[ref][0], places[ref][1:]
			}
		}
		if !ok || at < next {
			if err := c.goneAnnot(item); err != nil {
				return nil, err
			}
			continue
		}
		kept[at], next = true, at+1
		if err := c.keptAnnot(item); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// goneAnnot takes in an annotation that is not where it was. What fields show must stay.
func (c *comparison) goneAnnot(item pdf.Object) error {
	was, err := dictOf(c.old, item)
	if err != nil || was == nil {
		return err
	}
	if ref, ok := item.(pdf.Ref); ok && c.roles[ref.Num] == roleField || was.Get("Subtype") == pdf.Name("Widget") {
		return refuse(fieldOffPage)
	}
	return c.raise(Annotations)
}

func (c *comparison) keptAnnot(item pdf.Object) error {
	ref, ok := item.(pdf.Ref)
	if ok && (c.fields[ref.Num] || c.widgets[ref.Num]) {
		return nil // compared as a field
	}
	if !ok {
		direct, _ := item.(*pdf.Dict)
		return c.annotResult(direct, direct)
	}
	a, b, err := c.both(ref)
	if err != nil {
		return err
	}
	if a == nil && b == nil {
		return c.strict.same("Annots", item, item, true) // no annotation, perhaps something else
	}
	if a == nil {
		return c.addedAnnot(item)
	}
	if b == nil {
		return c.goneAnnot(item)
	}
	return c.annotResult(a, b)
}

// sameAnnot compares an annotation: its appearance is drawn, the rest names what it belongs to.
func (c *comparison) sameAnnot(a, b *pdf.Dict) error {
	for _, key := range keysOf(a, b) {
		if err := c.try(key, a.Get(key), b.Get(key), key == "AP"); err != nil {
			return err
		}
	}
	return nil
}

// annotResult compares an annotation and says which kind a change of it is. Widgets belong to fields, and what an annotation
// starts must be what it was.
func (c *comparison) annotResult(a, b *pdf.Dict) error {
	found := c.sameAnnot(a, b)
	if !differs(found) {
		return found
	}
	if a.Get("Subtype") == pdf.Name("Widget") || !pdf.Equal(a.Get("Subtype"), b.Get("Subtype")) {
		return found
	}
	if !pdf.Equal(a.Get("A"), b.Get("A")) || !pdf.Equal(a.Get("AA"), b.Get("AA")) {
		if err := c.harmless(b); err != nil {
			return err
		}
	}
	return c.raise(Annotations)
}

// addedAnnot allows the widgets of fields that were signed later; another annotation is a kind of its own.
func (c *comparison) addedAnnot(item pdf.Object) error {
	if ref, ok := item.(pdf.Ref); ok && c.widgets[ref.Num] {
		return nil
	}
	annot, err := dictOf(c.new, item)
	if err != nil {
		return err
	}
	if annot == nil {
		return refuse(notAnnotation)
	}
	if annot.Get("Subtype") == pdf.Name("Widget") || annot.Get("FT") != nil {
		return refuse(strayWidget)
	}
	if err := c.harmless(annot); err != nil {
		return err
	}
	return c.raise(Annotations)
}

// harmless refuses annotations that start something other than a jump or a page of the web.
func (c *comparison) harmless(annot *pdf.Dict) error {
	if annot.HasDuplicates() || annot.Get("AA") != nil {
		return refuse(annotationScript)
	}
	action, err := dictOf(c.new, annot.Get("A"))
	if err != nil {
		return err
	}
	if action == nil && annot.Get("A") == nil {
		return nil
	}
	if kind := action.Get("S"); kind != pdf.Name("URI") && kind != pdf.Name("GoTo") || action.Get("Next") != nil {
		return refuse(annotationAction)
	}
	return nil
}
