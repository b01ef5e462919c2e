package changes

import "kyso/internal/pades/pdf"

// checkOrphans refuses that an object was replaced which nothing refers to, then or now. It has no role that could explain the
// change, and readers that look for objects by themselves would find it.
func (c *comparison) checkOrphans() error {
	left := map[int]bool{}
	for num := range c.replaced {
		if !c.strict.seen[step{num, true}] && !c.strict.seen[step{num, false}] && !c.fields[num] && c.roles[num] == 0 {
			left[num] = true
		}
	}
	for _, f := range []*pdf.File{c.old, c.new} {
		if len(left) == 0 {
			return nil
		}
		if err := reach(f, left); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return refuse(orphanReplaced)
	}
	return nil
}

// reach takes from left what the trailer of a file leads to.
func reach(f *pdf.File, left map[int]bool) error {
	r := &reached{left: left, seen: map[int]bool{}}
	r.value(f.Trailer())
	for len(r.queue) > 0 && len(left) > 0 {
		num := r.queue[len(r.queue)-1]
		r.queue = r.queue[:len(r.queue)-1]
		object, _, err := peek(f, num)
		if err != nil {
			return err
		}
		r.value(object)
	}
	return nil
}

type reached struct {
	left  map[int]bool
	seen  map[int]bool
	queue []int
}

// value queues the references in a value; the parser bounds how deep it is.
func (r *reached) value(o pdf.Object) {
	switch o := o.(type) {
	case pdf.Ref:
		delete(r.left, o.Num)
		if !r.seen[o.Num] {
			r.seen[o.Num] = true
			r.queue = append(r.queue, o.Num)
		}
	case pdf.Array:
		for _, item := range o {
			r.value(item)
		}
	case *pdf.Stream:
		r.value(o.Dict)
	case *pdf.Dict:
		for _, key := range o.Keys() {
			r.value(o.Get(key))
		}
	}
}
