package changes

import (
	"slices"

	"kyso/internal/pades/pdf"
)

// fieldTree compares the trees of fields (12.7.4).
type fieldTree struct {
	c    *comparison
	seen map[int]bool
}

// place is where in the tree a field stands, and what it has from above.
type place struct {
	name   string
	typ    pdf.Name
	parent pdf.Object
	state  state // of the field that widgets belong to
	value  pdf.Object
	depth  int
}

// state is what became of a field.
type state uint8

const (
	plain   state = iota // no signature field
	frozen               // a signature that was there, or a field that was left empty
	signing              // was empty and is signed now
	stamped              // was empty and has a document time-stamp now
)

// free are the keys that may change in each state; of plain fields they are what filling in changes.
var free = map[state][]pdf.Name{
	plain:   {"V", "AP", "AS", "I", "TI", "RV", "DA", "Q", "M", "F", "MK"},
	signing: {"V", "AP", "AS", "M", "F", "Lock", "SV", "MK", "BS", "Border", "DA", "DR", "C", "Contents", "NM"},
	stamped: {"V", "M"},
}

// quiet are keys of fields and widgets that draw nothing and start nothing.
var quiet = map[pdf.Name]bool{"H": true, "StructParent": true, "TM": true, "Lang": true}

// kids compares a list of fields or widgets: all that were there are there, and what came is signed.
func (t *fieldTree) kids(before, after pdf.Object, at place) error {
	was, err := arrayOf(t.c.old, before)
	if err != nil {
		return err
	}
	value, damaged, err := follow(t.c.new, after)
	if err != nil {
		return err
	}
	is, ok := value.(pdf.Array)
	if damaged || value != nil && !ok {
		return refuse(fieldsReplaced)
	}
	if len(was)+len(is) > 0 && at.depth == 0 {
		return refuse(fieldsTooDeep)
	}
	there := map[pdf.Object]bool{}
	for _, item := range is {
		if ref, ok := item.(pdf.Ref); ok {
			there[ref] = true
		}
	}
	old := map[pdf.Object]bool{}
	direct := 0
	for _, item := range was {
		ref, ok := item.(pdf.Ref)
		if !ok {
			direct++
			continue
		}
		if !there[ref] {
			return refuse(fieldRemoved)
		}
		old[ref] = true
		if err := t.field(ref, at); err != nil {
			return err
		}
	}
	return t.added(was, is, old, direct, at)
}

// added takes in what a list has more. Fields that are written directly into it must be the same ones.
func (t *fieldTree) added(was, is pdf.Array, old map[pdf.Object]bool, direct int, at place) error {
	var first, second pdf.Array
	for _, item := range was {
		if _, ok := item.(pdf.Ref); !ok {
			first = append(first, item)
		}
	}
	for _, item := range is {
		ref, ok := item.(pdf.Ref)
		if !ok {
			second = append(second, item)
			continue
		}
		if old[ref] {
			continue
		}
		if at.state != plain || at.typ != "" && at.typ != "Sig" {
			return refuse(widgetExchanged)
		}
		if err := t.newField(ref, at); err != nil {
			return err
		}
	}
	if len(second) > direct {
		return refuse(fieldInline)
	}
	return t.c.strict.same("Fields", first, second, true)
}

// field compares a field or a widget that was there.
func (t *fieldTree) field(ref pdf.Ref, at place) error {
	if t.seen[ref.Num] {
		return nil
	}
	t.seen[ref.Num], t.c.compared[ref.Num] = true, true
	a, b, err := t.c.both(ref)
	if err != nil {
		return err
	}
	if a == nil {
		return t.c.strict.same("Fields", ref, ref, true) // no field, perhaps something else
	}
	if b == nil {
		return refuse(fieldReplaced)
	}
	t.c.fields[ref.Num] = true
	below, err := t.c.below(a, at)
	if err != nil {
		return err
	}
	below.parent = ref
	if err := t.c.judge(a, b, &below, at); err != nil {
		return err
	}
	if below.state == signing {
		t.c.widgets[ref.Num] = true // it may stand on its page only now
	}
	if err := t.keys(a, b, below); err != nil {
		return err
	}
	return t.kids(a.Get("Kids"), b.Get("Kids"), below)
}

// below is the place of the kids of a field.
func (c *comparison) below(d *pdf.Dict, at place) (place, error) {
	out := at
	out.depth--
	if part := d.Get("T"); part != nil {
		value, _, err := follow(c.old, part)
		if err != nil {
			return out, err
		}
		text, _ := value.(pdf.String)
		if out.name != "" {
			out.name += "."
		}
		out.name += pdf.DecodeText(text)
	}
	value, _, err := follow(c.old, d.Get("FT"))
	if typ, ok := value.(pdf.Name); ok {
		out.typ = typ
	}
	return out, err
}

// judge says what became of a field. A widget follows the field that it belongs to.
func (c *comparison) judge(a, b *pdf.Dict, below *place, at place) error {
	if below.typ != "Sig" {
		below.state = plain
		return nil
	}
	if a.Get("T") == nil && at.typ == "Sig" && at.parent != nil {
		return nil // at.state
	}
	below.state = frozen
	was, _, err := follow(c.old, a.Get("V"))
	if err != nil || was != nil {
		return err
	}
	is, damaged, err := follow(c.new, b.Get("V"))
	if err != nil || is == nil && !damaged {
		return err
	}
	if c.locked(below.name) {
		return refuse(lockedSigned)
	}
	stamp, err := c.checkValue(b.Get("V"))
	if err != nil {
		return err
	}
	below.value, below.state = b.Get("V"), signing
	if stamp {
		below.state = stamped
	}
	return nil
}

// keys compares what a field or a widget is made of.
func (t *fieldTree) keys(a, b *pdf.Dict, below place) error {
	for _, key := range keysOf(a, b) {
		was, is := a.Get(key), b.Get(key)
		switch {
		case key == "Kids" || quiet[key]:
			continue
		case key == "Parent" && !pdf.Equal(was, is):
			return refuse(fieldMoved)
		case key == "P" && was == nil && t.c.isPage(is):
			continue
		case below.state == stamped && (key == "AP" || key == "F") && invisible(a) && invisible(b):
			continue // every program can get a document time-stamp, so that it must not show or hide anything
		}
		err := t.key(key, was, is, below)
		if err != nil {
			return err
		}
	}
	if below.state != signing && below.state != stamped {
		return nil
	}
	if v := b.Get("V"); v != nil && !pdf.Equal(v, below.value) {
		return refuse(widgetValue)
	}
	return nil
}

// key compares one of them.
func (t *fieldTree) key(key pdf.Name, was, is pdf.Object, below place) error {
	if below.state != plain {
		if slices.Contains(free[below.state], key) {
			return nil
		}
		return t.c.strict.same(key, was, is, key == "AP")
	}
	if key == "Ff" && readOnly(was, is) {
		return nil
	}
	if !slices.Contains(free[plain], key) {
		return t.c.strict.same(key, was, is, false)
	}
	err := t.c.try(key, was, is, key == "AP")
	if !differs(err) {
		return err
	}
	if t.c.locked(below.name) {
		return refuse(lockedChanged)
	}
	return t.c.raise(FormFilling)
}

// readOnly reports whether a field was only closed to changes (table 227), as writers do with fields that a signature locks.
func readOnly(was, is pdf.Object) bool {
	a, ok1 := pdf.Int(was)
	b, ok2 := pdf.Int(is)
	return (ok1 || was == nil) && ok2 && b == a|1
}

func (c *comparison) isPage(o pdf.Object) bool {
	ref, ok := o.(pdf.Ref)
	return ok && c.roles[ref.Num] == rolePage
}
