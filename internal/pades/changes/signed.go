package changes

import "kyso/internal/pades/pdf"

// newKeys are the keys that a new signature field, or its widget, may have. Actions and scripts are not among them, nor what
// makes it show and hide.
var newKeys = []pdf.Name{
	"Type", "Subtype", "FT", "T", "TU", "TM", "V", "DV", "F", "Ff", "Rect", "P", "AP", "AS", "DA", "DR", "Q", "MK", "BS", "Border", "C", "H",
	"Contents", "Lang", "Lock", "SV", "M", "NM", "Kids", "Parent", "StructParent",
}

// newField takes in a field that came: a signature field with its signature, or a name above such fields.
func (t *fieldTree) newField(ref pdf.Ref, at place) error {
	if t.seen[ref.Num] {
		return nil
	}
	t.seen[ref.Num] = true
	field, err := t.c.fresh(ref)
	if err != nil {
		return err
	}
	if err := onlyKeys(newFieldShape, newFieldExtra, field, newKeys...); err != nil {
		return err
	}
	if parent := field.Get("Parent"); parent != nil && parent != at.parent {
		return refuse(newFieldChild)
	}
	typ, _, err := follow(t.c.new, field.Get("FT"))
	if err != nil {
		return err
	}
	if typ == nil {
		typ = at.typ
	}
	kids, err := arrayOf(t.c.new, field.Get("Kids"))
	if err != nil {
		return err
	}
	if typ == pdf.Name("") && len(kids) > 0 { // a name above
		below := place{parent: ref, depth: at.depth - 1}
		return t.kids(nil, field.Get("Kids"), below)
	}
	if typ != pdf.Name("Sig") {
		return refuse(newFieldNoSignature)
	}
	return t.c.newSignature(ref, field, kids)
}

// newSignature checks a new signature field and its widgets.
func (c *comparison) newSignature(ref pdf.Ref, field *pdf.Dict, kids pdf.Array) error {
	if err := checkWidget(field, false); err != nil {
		return err
	}
	value, damaged, err := follow(c.new, field.Get("V"))
	if err != nil {
		return err
	}
	if value == nil && !damaged {
		return c.newEmptyField(ref, field, kids)
	}
	stamp, err := c.checkValue(field.Get("V"))
	if err != nil {
		return err
	}
	if stamp && (!invisible(field) || len(kids) > 0) {
		return refuse(stampVisible)
	}
	if !stamp && c.rules.DocMDP != 0 {
		if err := c.raise(NewSignatureField); err != nil {
			return err
		}
	}
	c.widgets[ref.Num] = true
	for _, kid := range kids {
		if err := c.newWidget(kid, ref, field); err != nil {
			return err
		}
	}
	return nil
}

// newEmptyField takes in a field for a signature that is still to come. It is more than filling in, and draws nothing by itself.
func (c *comparison) newEmptyField(ref pdf.Ref, field *pdf.Dict, kids pdf.Array) error {
	if c.rules.DocMDP != 0 {
		return refuse(newFieldForbidden)
	}
	c.widgets[ref.Num] = true
	for _, kid := range kids {
		if err := c.newWidget(kid, ref, field); err != nil {
			return err
		}
	}
	return c.raise(FormFilling)
}

// newWidget checks a widget of a new field: a new object that is nothing else.
func (c *comparison) newWidget(kid pdf.Object, parent pdf.Ref, field *pdf.Dict) error {
	ref, ok := kid.(pdf.Ref)
	if !ok {
		return refuse(newWidgetInline)
	}
	widget, err := c.fresh(ref)
	if err != nil {
		return err
	}
	if err := onlyKeys(newWidgetShape, newWidgetExtra, widget, newKeys...); err != nil {
		return err
	}
	if err := checkWidget(widget, true); err != nil {
		return err
	}
	if widget.Get("Parent") != pdf.Object(parent) || widget.Get("T") != nil || widget.Get("Kids") != nil {
		return refuse(newFieldKids)
	}
	if v := widget.Get("V"); v != nil && !pdf.Equal(v, field.Get("V")) {
		return refuse(widgetValue)
	}
	c.widgets[ref.Num] = true
	return nil
}

// checkWidget demands that a field is nothing else than one, and shows itself as a widget or not at all.
func checkWidget(d *pdf.Dict, must bool) error {
	typ, subtype := d.Get("Type"), d.Get("Subtype")
	if typ != nil && typ != pdf.Name("Annot") || subtype != pdf.Name("Widget") && (subtype != nil || must) {
		return refuse(newFieldDouble)
	}
	return nil
}

// fresh reads a new object as a dictionary. One that the signed revision used would be something else by another name.
func (c *comparison) fresh(ref pdf.Ref) (*pdf.Dict, error) {
	was, damaged, err := peek(c.old, ref.Num)
	if err != nil {
		return nil, err
	}
	if was != nil || damaged {
		return nil, refuse(objectBecameField)
	}
	d, err := dictOf(c.new, ref)
	if err == nil && d == nil {
		err = refuse(newFieldNoDictionary)
	}
	return d, err
}

// checkValue demands a signature dictionary that is new; whether it holds is judged as a signature of its own. It reports
// whether it is a document time-stamp, which every program can get.
func (c *comparison) checkValue(o pdf.Object) (stamp bool, err error) {
	if ref, ok := o.(pdf.Ref); ok {
		if was, damaged, err := peek(c.old, ref.Num); err != nil {
			return false, err
		} else if was != nil || damaged {
			return false, refuse(oldSignatureTaken)
		}
	}
	value, damaged, err := follow(c.new, o)
	if err != nil {
		return false, err
	}
	d, ok := value.(*pdf.Dict)
	if !ok && !damaged { // one that cannot be read fails by itself, and was noted among the objects that came
		return false, refuse(valueNoSignature)
	}
	if d.Get("SubFilter") == pdf.Name("ETSI.RFC3161") {
		return true, nil
	}
	return false, c.raise(Signatures)
}

// invisible reports whether a widget shows nothing: it has no appearance and nothing to make one from (12.5.6.19), no area, or
// is hidden (12.5.3).
func invisible(field *pdf.Dict) bool {
	if field.Get("AP") == nil && field.Get("MK") == nil {
		return true
	}
	const hidden = 2
	if flags, ok := field.Get("F").(int64); ok && flags&hidden != 0 {
		return true
	}
	corners, ok := field.Get("Rect").(pdf.Array)
	return ok && len(corners) == 4 && pdf.Equal(corners[0], corners[2]) && pdf.Equal(corners[1], corners[3])
}
