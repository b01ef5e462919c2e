package changes

import "kyso/internal/pades/pdf"

// compareForm compares the interactive forms (12.7.3): fields may be signed and filled in, flags may rise, and defaults that no
// shown field is drawn from may change.
func (c *comparison) compareForm() error {
	before, err := c.old.Catalog()
	if err != nil {
		return err
	}
	after, err := c.new.Catalog()
	if err != nil {
		return err
	}
	a, err := dictOf(c.old, before.Get("AcroForm"))
	if err != nil {
		return err
	}
	value, damaged, err := follow(c.new, after.Get("AcroForm"))
	if err != nil {
		return err
	}
	b, ok := value.(*pdf.Dict)
	switch {
	case damaged || value != nil && !ok:
		return refuse(formReplaced)
	case a != nil && b == nil:
		return refuse(formRemoved)
	case b == nil:
		return nil
	case b.HasDuplicates() && !pdf.Equal(before.Get("AcroForm"), after.Get("AcroForm")):
		return refuse(formKeyTwice)
	}
	for _, key := range keysOf(a, b) {
		if err := c.compareFormKey(key, a.Get(key), b.Get(key)); err != nil {
			return err
		}
	}
	c.done(before.Get("AcroForm"))
	top := fieldTree{c: c, seen: map[int]bool{}}
	return top.kids(a.Get("Fields"), b.Get("Fields"), place{depth: maxDepth})
}

func (c *comparison) compareFormKey(key pdf.Name, before, after pdf.Object) error {
	switch key {
	case "Fields":
		return nil // compared as a tree
	case "SigFlags":
		return c.compareFlags(before, after)
	case "NeedAppearances":
		return c.compareNeed(before, after)
	case "XFA":
		return c.compareXFA(before, after)
	case "DA", "DR", "Q":
		err := c.try(key, before, after, true)
		if !differs(err) {
			return err
		}
		draws, checked := c.drawsFromDefaults()
		if checked != nil {
			return checked
		}
		if draws {
			return err
		}
		return nil
	}
	return c.strict.same(key, before, after, false)
}

// compareFlags allows that signatures came into the form, and not that it forgets about them (table 225).
func (c *comparison) compareFlags(before, after pdf.Object) error {
	was, _, err := c.old.IntOf(before)
	if err != nil {
		return err
	}
	value, _, err := follow(c.new, after)
	if err != nil {
		return err
	}
	now, ok := pdf.Int(value)
	if value != nil && !ok {
		return refuse(formFlagsShape)
	}
	if now&was != was {
		return refuse(formFlagsLowered)
	}
	return nil
}

// compareNeed allows that fields are no longer drawn anew, which leaves them as their appearances are; that they are, makes
// readers show something else.
func (c *comparison) compareNeed(before, after pdf.Object) error {
	was, _, err := follow(c.old, before)
	if err != nil {
		return err
	}
	is, _, err := follow(c.new, after)
	if err != nil {
		return err
	}
	switch {
	case (was == true) == (is == true):
		return nil
	case is == true:
		return refuse(fieldsRedrawn)
	}
	shown := false
	err = c.old.WalkFields(func(_ string, typ pdf.Name, _ pdf.Ref, _ *pdf.Dict) error {
		shown = shown || typ != "Sig" && typ != ""
		return nil
	})
	if err != nil || !shown {
		return err
	}
	return c.raise(FormFilling)
}

// drawsFromDefaults reports whether readers draw a field of the signed revision from the defaults of the form: when it has no
// appearance of its own, or is to be drawn anew.
func (c *comparison) drawsFromDefaults() (bool, error) {
	form, _, err := c.old.AcroForm()
	if err != nil {
		return false, err
	}
	need, err := c.old.Resolve(form.Get("NeedAppearances"))
	if err != nil {
		return false, err
	}
	draws := false
	err = c.old.WalkFields(func(_ string, typ pdf.Name, _ pdf.Ref, field *pdf.Dict) error {
		if typ == "Sig" || field.Get("Rect") == nil {
			return nil
		}
		draws = draws || need == true || field.Get("AP") == nil
		return nil
	})
	return draws, err
}
