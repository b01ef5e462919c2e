package pades

import (
	"maps"
	"slices"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// explained takes an object off the list of modified ones when it had the same role before.
func (c *changes) explained(oldValue, newValue pdf.Object) {
	oldRef, ok1 := oldValue.(pdf.Ref)
	newRef, ok2 := newValue.(pdf.Ref)
	if ok1 && ok2 && oldRef == newRef && (c.modified[oldRef.Num] || c.roles[oldRef.Num] > 0) {
		delete(c.modified, oldRef.Num)
		c.roles[oldRef.Num]++
	}
}

// checkReferences looks at all references of the signed revision. None may lead to a number that came later: it was
// nothing when it was signed and would be something now. And what was explained by its role must have no other: an
// array of fields that is also one of page contents, an information dictionary that is also a font.
func (c *changes) checkReferences() error {
	if len(c.added) == 0 && len(c.roles) == 0 {
		return nil
	}
	count := map[int]int{}
	if !c.countReferences(c.old.Trailer(), count, 0) {
		return notAllowed("the trailer referred to something that was added later")
	}
	// A file of its own, because a damaged object that nobody uses makes it scan and lose its sections.
	scan, err := pdf.Open(c.old.Reader(), c.old.Size(), pdf.Limits{})
	if err != nil {
		return err
	}
	for _, num := range c.oldNumbers() {
		object, err := scan.Get(num)
		if problem.CodeOf(err) == problem.DocumentBroken {
			continue // nobody can read it
		}
		if err != nil {
			return err
		}
		if !c.countReferences(object, count, 0) {
			return notAllowed("object %d referred to something that was added later", num)
		}
	}
	for num, roles := range c.roles {
		if count[num] > roles {
			return notAllowed("object %d has a second role", num)
		}
	}
	return nil
}

// oldNumbers lists the object numbers that the signed revision used.
func (c *changes) oldNumbers() []int {
	seen := map[int]bool{}
	for _, section := range c.old.Sections() {
		err := c.old.Entries(section, func(num int, e pdf.Entry) bool {
			seen[num] = seen[num] || e.Kind != pdf.Free
			return true
		})
		if err != nil {
			break // the rest cannot be read by anybody
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// countReferences counts references to what was explained by its role. It is false for one to something added, and
// for what is nested too deeply to tell.
func (c *changes) countReferences(o pdf.Object, count map[int]int, depth int) bool {
	if depth > 128 {
		return false
	}
	switch o := o.(type) {
	case pdf.Ref:
		if c.roles[o.Num] > 0 {
			count[o.Num]++
		}
		return !c.added[o.Num]
	case pdf.Array:
		for _, item := range o {
			if !c.countReferences(item, count, depth+1) {
				return false
			}
		}
	case *pdf.Stream:
		return c.countReferences(o.Dict, count, depth+1)
	case *pdf.Dict:
		for _, key := range o.Keys() {
			if !c.countReferences(o.Get(key), count, depth+1) {
				return false
			}
		}
	}
	return true
}
