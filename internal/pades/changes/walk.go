package changes

import (
	"bytes"
	"errors"
	"slices"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// walk compares values that may not change, with everything that they refer to. Each object is looked at once in each context.
type walk struct {
	c     *comparison
	seen  map[step]bool
	queue []step
	depth int // of references followed by value
}

// step is an object to look at. Where something is drawn no object may be left out; elsewhere a reference to a page, a field or
// an annotation names it, and it is compared in its own role.
type step struct {
	num     int
	drawing bool
}

func newWalk(c *comparison) *walk { return &walk{c: c, seen: map[step]bool{}} }

// same demands that two values have one meaning.
func (w *walk) same(what pdf.Name, before, after pdf.Object, drawing bool) error {
	if err := w.value(before, after, drawing); err != nil {
		return named(what, err)
	}
	for len(w.queue) > 0 {
		next := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		if err := w.object(next); err != nil {
			return named(what, err)
		}
	}
	return nil
}

// try is same for what may differ. What a walk that failed has seen it has not compared, so that another one takes its place.
func (c *comparison) try(what pdf.Name, before, after pdf.Object, drawing bool) error {
	err := c.trial.same(what, before, after, drawing)
	if err != nil {
		c.trial = newWalk(c)
	}
	return err
}

// named says below which key something was found.
func named(what pdf.Name, err error) error {
	if reason, ok := errors.AsType[notAllowed](err); ok && known[what] {
		why, key := reason.why, "/"+string(what)+": "
		why.VI, why.EN = key+why.VI, key+why.EN
		return notAllowed{why}
	}
	return err
}

// object compares what stands under a number.
func (w *walk) object(at step) error {
	before, damaged, err := peek(w.c.old, at.num)
	if err != nil {
		return err
	}
	touched := w.c.touched[at.num]
	if !touched {
		if err := w.container(at); err != nil {
			return err
		}
		if !w.c.old.Open(at.num) {
			return w.contents(before, before, at.drawing)
		}
	}
	after, damagedNow, err := peek(w.c.new, at.num)
	if err != nil {
		return err
	}
	if !touched && damaged && damagedNow { // readers that look for objects by themselves take the last of its number
		return w.c.unknown(oldUnreadable)
	}
	if damaged || damagedNow {
		return refuse(unreadableReplaced)
	}
	return w.contents(before, after, at.drawing)
}

// container queues the object stream that an object lies in: a length or a filter that is an object of its own could be replaced.
func (w *walk) container(at step) error {
	entry, err := w.c.old.Entry(at.num)
	if err != nil || entry.Kind != pdf.Compressed {
		return err
	}
	return w.references(pdf.Ref{Num: entry.Stream}, pdf.Ref{Num: entry.Stream}, at.drawing)
}

// contents compares two objects; only here may both be streams.
func (w *walk) contents(before, after pdf.Object, drawing bool) error {
	a, ok1 := before.(*pdf.Stream)
	b, ok2 := after.(*pdf.Stream)
	if !ok1 && !ok2 {
		return w.value(before, after, drawing)
	}
	if !ok1 || !ok2 {
		return refuse(streamCame)
	}
	if a == b {
		if err := w.c.sameLength(a); err != nil {
			return err
		}
		return w.dict(a.Dict, b.Dict, drawing)
	}
	if err := w.dict(a.Dict, b.Dict, drawing, "Length"); err != nil {
		return err
	}
	was, err := w.c.old.Raw(a)
	if err != nil {
		return err
	}
	is, err := w.c.new.Raw(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(was, is) {
		return refuse(streamChanged)
	}
	return nil
}

// sameLength demands that a stream that nothing touched has the data that it had: where /Length is wrong, readers look for the end,
// and what was appended may hold it.
func (c *comparison) sameLength(s *pdf.Stream) error {
	was, ended, err := c.old.Length(s)
	if err != nil {
		return err
	}
	is, endsNow, err := c.new.Length(s)
	if err == nil && (was != is || ended != endsNow) {
		err = refuse(streamChanged)
	}
	return err
}

// moved reports whether an object may be another one than in the signed revision: later sections say where it is, or what it is
// depends on what follows the signed bytes.
func (c *comparison) moved(num int) (bool, error) {
	if c.touched[num] {
		return true, nil
	}
	if _, _, err := peek(c.old, num); err != nil {
		return false, err
	}
	if c.old.Open(num) {
		return true, nil
	}
	entry, err := c.old.Entry(num)
	if err != nil || entry.Kind != pdf.Compressed {
		return false, err
	}
	stream := pdf.Ref{Num: entry.Stream}
	return false, c.strict.same("", stream, stream, false)
}

// value compares direct values, and queues the references in them.
func (w *walk) value(before, after pdf.Object, drawing bool) error {
	a, ok1 := before.(pdf.Ref)
	b, ok2 := after.(pdf.Ref)
	switch {
	case ok1 && ok2:
		return w.references(a, b, drawing)
	case ok1 || ok2:
		return w.mixed(before, after, drawing)
	}
	switch x := before.(type) {
	case pdf.Array:
		y, ok := after.(pdf.Array)
		if !ok || len(x) != len(y) {
			return refuse(arrayChanged)
		}
		for i := range x {
			if err := w.value(x[i], y[i], drawing); err != nil {
				return err
			}
		}
		return nil
	case *pdf.Dict:
		y, ok := after.(*pdf.Dict)
		if !ok {
			return refuse(dictionaryReplaced)
		}
		return w.dict(x, y, drawing)
	}
	if !pdf.Equal(before, after) {
		return refuse(valueChanged)
	}
	return nil
}

func (w *walk) references(a, b pdf.Ref, drawing bool) error {
	if a.Num == b.Num && a.Gen != b.Gen {
		return refuse(referenceMoved)
	}
	if a.Num != b.Num {
		return w.renumbered(a, b, drawing)
	}
	at := step{a.Num, drawing}
	if w.seen[at] || !drawing && w.c.roles[a.Num] != 0 {
		return nil
	}
	w.seen[at] = true
	w.queue = append(w.queue, at)
	return nil
}

// renumbered compares what stands under different numbers. An array is what it holds; dictionaries and streams have an identity,
// by which layers are switched and elements found.
func (w *walk) renumbered(a, b pdf.Ref, drawing bool) error {
	was, _, err := follow(w.c.old, a)
	if err != nil {
		return err
	}
	is, _, err := follow(w.c.new, b)
	if err != nil || was == nil && is == nil {
		return err
	}
	for _, o := range []pdf.Object{was, is} {
		switch o.(type) {
		case *pdf.Dict, *pdf.Stream:
			return refuse(referenceMoved)
		}
	}
	return w.deeper(was, is, drawing)
}

// deeper compares what references led to, which may be a circle.
func (w *walk) deeper(was, is pdf.Object, drawing bool) error {
	if w.depth++; w.depth > maxDepth {
		return refuse(arraysTooDeep)
	}
	defer func() { w.depth-- }()
	return w.value(was, is, drawing)
}

// mixed compares a value with a reference to one: writers turn one into the other. What has an identity must keep it, so the
// object must have no references to be told apart by.
func (w *walk) mixed(before, after pdf.Object, drawing bool) error {
	was, _, err := follow(w.c.old, before)
	if err != nil {
		return err
	}
	is, _, err := follow(w.c.new, after)
	if err != nil {
		return err
	}
	if _, stream := was.(*pdf.Stream); stream {
		return refuse(streamRemoved)
	}
	if _, stream := is.(*pdf.Stream); stream {
		return refuse(streamAdded)
	}
	if d, ok := was.(*pdf.Dict); ok && d.Get("Type") == pdf.Name("OCG") {
		return refuse(layerReplaced)
	}
	return w.deeper(was, is, drawing)
}

// dict compares dictionaries but for some keys. A key that is null is as good as absent.
func (w *walk) dict(a, b *pdf.Dict, drawing bool, except ...pdf.Name) error {
	if a != b && (a.HasDuplicates() || b.HasDuplicates()) {
		return refuse(keyTwice)
	}
	for _, key := range keysOf(a, b) {
		if slices.Contains(except, key) {
			continue
		}
		if err := w.value(a.Get(key), b.Get(key), drawing); err != nil {
			return named(key, err)
		}
	}
	return nil
}

// keysOf lists the keys of two dictionaries, each once.
func keysOf(a, b *pdf.Dict) []pdf.Name {
	keys := a.Keys()
	if a == b {
		return keys
	}
	for _, key := range b.Keys() {
		if a.Get(key) == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// peek reads an object without repairing the file; damaged says that it cannot be read.
func peek(f *pdf.File, num int) (o pdf.Object, damaged bool, err error) {
	o, err = f.Peek(num)
	if problem.CodeOf(err) == problem.DocumentBroken {
		return nil, true, nil
	}
	return o, false, err
}

// follow resolves references as peek does.
func follow(f *pdf.File, o pdf.Object) (value pdf.Object, damaged bool, err error) {
	for range 32 {
		ref, ok := o.(pdf.Ref)
		if !ok {
			return o, false, nil
		}
		if o, damaged, err = peek(f, ref.Num); err != nil || damaged {
			return nil, damaged, err
		}
	}
	return nil, true, nil
}

// dictOf and arrayOf resolve to a dictionary (that of no stream) and to an array; nil for everything else.
func dictOf(f *pdf.File, o pdf.Object) (*pdf.Dict, error) {
	value, _, err := follow(f, o)
	d, _ := value.(*pdf.Dict)
	return d, err
}

func arrayOf(f *pdf.File, o pdf.Object) (pdf.Array, error) {
	value, _, err := follow(f, o)
	a, _ := value.(pdf.Array)
	return a, err
}
