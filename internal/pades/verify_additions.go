package pades

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/pdf"
)

// explainStore allows a document security store to come or to grow. Whatever it refers to must really be a
// certificate, an OCSP answer or a CRL, so that no other array or stream can be smuggled into the role.
func (c *changes) explainStore(oldValue, newValue pdf.Object) error {
	if newValue == nil {
		if oldValue != nil {
			return notAllowed("the document security store was removed")
		}
		return nil
	}
	store, err := c.new.Dict(newValue)
	if err != nil {
		return err
	}
	if err := onlyKeys("document security store", store, "Type", "Certs", "OCSPs", "CRLs", "VRI"); err != nil {
		return err
	}
	c.explained(oldValue, newValue)
	old, err := c.old.Dict(oldValue)
	if err != nil {
		return err
	}
	if old.Get("Type") != nil && !equal(old.Get("Type"), store.Get("Type")) {
		return notAllowed("the document security store became something else")
	}
	if err := c.explainStoreLists(old, store, "Certs", "OCSPs", "CRLs"); err != nil {
		return err
	}
	oldVRI, err := c.old.Dict(old.Get("VRI"))
	if err != nil {
		return err
	}
	vri, err := c.new.Dict(store.Get("VRI"))
	if err != nil {
		return err
	}
	if vri.Len() > maxStoreItems {
		return notAllowed("VRI has too many entries")
	}
	c.explained(old.Get("VRI"), store.Get("VRI"))
	for _, key := range oldVRI.Keys() {
		if vri.Get(key) == nil {
			return notAllowed("an entry of VRI was removed")
		}
	}
	for _, key := range vri.Keys() {
		entry, err := c.new.Dict(vri.Get(key))
		if err != nil {
			return err
		}
		if err := onlyKeys("VRI", entry, "Type", "Cert", "OCSP", "CRL", "TU", "TS"); err != nil {
			return err
		}
		c.explained(oldVRI.Get(key), vri.Get(key))
		oldEntry, err := c.old.Dict(oldVRI.Get(key))
		if err != nil {
			return err
		}
		if err := c.explainStoreLists(oldEntry, entry, "Cert", "OCSP", "CRL"); err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) explainStoreLists(before, after *pdf.Dict, certs, ocsps, crls pdf.Name) error {
	for _, list := range []struct {
		key   pdf.Name
		parse func([]byte) error
	}{
		{certs, func(b []byte) error { _, err := x509.ParseCertificate(b); return err }},
		{ocsps, func(b []byte) error { _, err := cms.ParseOCSP(b); return err }},
		{crls, func(b []byte) error { _, err := cms.ParseCRL(b); return err }},
	} {
		array, err := c.new.Array(after.Get(list.key))
		if err != nil {
			return err
		}
		if len(array) > maxStoreItems {
			return notAllowed("%s has too many entries", list.key)
		}
		if err := c.keepsItems(list.key, before.Get(list.key), array); err != nil {
			return err
		}
		for _, item := range array {
			data, err := streamsOf(c.new, pdf.Array{item})
			if err != nil {
				return err
			}
			if len(data) != 1 || list.parse(data[0]) != nil {
				return notAllowed("%s of the document security store holds something else", list.key)
			}
		}
		c.explained(before.Get(list.key), after.Get(list.key))
	}
	return nil
}

// keepsItems demands that what a list of the store held is still there: validation data grows and never goes. Writers may
// store the same data under another number.
func (c *changes) keepsItems(list pdf.Name, before pdf.Object, after pdf.Array) error {
	old, err := c.old.Array(before)
	if err != nil || len(old) == 0 {
		return err
	}
	held, err := streamsOf(c.new, after)
	if err != nil {
		return err
	}
	there := make(map[[32]byte]bool, len(held))
	for _, data := range held {
		there[sha256.Sum256(data)] = true
	}
	was, err := streamsOf(c.old, old)
	if err != nil {
		return err
	}
	for _, data := range was {
		if !there[sha256.Sum256(data)] {
			return notAllowed("an entry of %s was removed from the document security store", list)
		}
	}
	return nil
}

func onlyKeys(what string, d *pdf.Dict, allowed ...pdf.Name) error {
	if d == nil || d.HasDuplicates() {
		return notAllowed("the %s is not a proper dictionary", what)
	}
	for _, key := range d.Keys() {
		if !slices.Contains(allowed, key) {
			return notAllowed("the %s has %s", what, key)
		}
	}
	return nil
}

// explainForm allows new signature fields, each with its widget on a page, and the signing of empty ones.
func (c *changes) explainForm(oldValue, newValue pdf.Object) error {
	old, err := c.old.Dict(oldValue)
	if err != nil {
		return err
	}
	form, err := c.new.Dict(newValue)
	if err != nil {
		return err
	}
	if form == nil {
		if old != nil {
			return notAllowed("the form was removed")
		}
		return nil
	}
	if err := c.sameExcept("form", old, form, "Fields", "SigFlags"); err != nil {
		return err
	}
	if err := explainFlags(old.Get("SigFlags"), form.Get("SigFlags")); err != nil {
		return err
	}
	c.explained(oldValue, newValue)
	c.explained(old.Get("Fields"), form.Get("Fields"))
	added, err := c.addedItems(old.Get("Fields"), form.Get("Fields"))
	if err != nil {
		return err
	}
	if err := c.explainNewFields(added); err != nil {
		return err
	}
	return c.explainFilledFields()
}

// explainFlags allows that signatures came into the form, and not that it forgets about them (12.7.3, table 225).
func explainFlags(before, after pdf.Object) error {
	now, ok := after.(int64)
	if after != nil && !ok {
		return notAllowed("SigFlags is not a number")
	}
	if was, ok := before.(int64); ok && now&was != was {
		return notAllowed("SigFlags of the form were taken back")
	}
	return nil
}

// addedItems compares two arrays, of which the new one must begin with the old one; what follows must be
// references to new objects.
func (c *changes) addedItems(oldValue, newValue pdf.Object) ([]pdf.Ref, error) {
	old, err := c.old.Array(oldValue)
	if err != nil {
		return nil, err
	}
	list, err := c.new.Array(newValue)
	if err != nil {
		return nil, err
	}
	if len(list) < len(old) || !equal(list[:len(old)], old) {
		return nil, notAllowed("entries of an array were removed or exchanged")
	}
	var added []pdf.Ref
	for _, item := range list[len(old):] {
		ref, ok := item.(pdf.Ref)
		if !ok || !c.added[ref.Num] {
			return nil, notAllowed("something else than a new object was added to an array")
		}
		added = append(added, ref)
	}
	return added, nil
}

// explainNewFields checks the fields that came with their signatures, and where they stand.
func (c *changes) explainNewFields(fields []pdf.Ref) error {
	widgets := slices.Clone(fields)
	for _, ref := range fields {
		kids, err := c.explainNewField(ref)
		if err != nil {
			return err
		}
		widgets = append(widgets, kids...)
	}
	pages := map[pdf.Object]bool{}
	for _, ref := range widgets {
		widget, err := c.new.Dict(ref)
		if err != nil {
			return err
		}
		page := widget.Get("P")
		if _, ok := page.(pdf.Ref); !ok || pages[page] {
			continue // an invisible field that stands on no page; if a page was touched, that remains unexplained
		}
		pages[page] = true
		if err := c.explainPage(page.(pdf.Ref), widgets); err != nil {
			return err
		}
	}
	return nil
}

// explainNewField checks one field and returns its widgets, when it shows itself on several pages. Actions and scripts are
// not among its keys.
func (c *changes) explainNewField(ref pdf.Ref) (kids []pdf.Ref, err error) {
	object, err := c.new.Get(ref.Num)
	if err != nil {
		return nil, err
	}
	field, ok := object.(*pdf.Dict)
	if !ok {
		return nil, notAllowed("a new field is not a dictionary")
	}
	if err := onlyKeys("new field", field, "Type", "Subtype", "FT", "T", "TU", "V", "F", "Ff", "Rect", "P", "AP", "DA",
		"DR", "MK", "BS", "Border", "Lock", "M", "NM", "Kids"); err != nil {
		return nil, err
	}
	typ, subtype := field.Get("Type"), field.Get("Subtype")
	if field.Get("FT") != pdf.Name("Sig") || typ != nil && typ != pdf.Name("Annot") || subtype != nil && subtype != pdf.Name("Widget") {
		return nil, notAllowed("a new field is not a signature field")
	}
	stamp, err := c.checkNewValue(field.Get("V"))
	if err != nil {
		return nil, err
	}
	if stamp && (!invisible(field) || field.Get("Kids") != nil) {
		return nil, notAllowed("a document time-stamp shows something")
	}
	return c.newWidgets(ref, field)
}

// newWidgets checks the widgets of a new field: new objects that are nothing else.
func (c *changes) newWidgets(parent pdf.Ref, field *pdf.Dict) ([]pdf.Ref, error) {
	kids, err := c.addedItems(nil, field.Get("Kids"))
	if err != nil {
		return nil, err
	}
	for _, ref := range kids {
		object, err := c.new.Get(ref.Num)
		if err != nil {
			return nil, err
		}
		widget, ok := object.(*pdf.Dict)
		if !ok || widget.Get("Subtype") != pdf.Name("Widget") || widget.Get("Parent") != pdf.Object(parent) {
			return nil, notAllowed("a new field has something else than widgets")
		}
		if value := widget.Get("V"); value != nil && !equal(value, field.Get("V")) {
			return nil, notAllowed("a widget has another value than its field")
		}
		if err := onlyKeys("new widget", widget, "Type", "Subtype", "Parent", "V", "F", "Rect", "P", "AP", "MK", "BS", "Border", "M", "NM"); err != nil {
			return nil, err
		}
	}
	return kids, nil
}

// invisible reports whether a widget shows nothing: it has no appearance and nothing to make one from (12.5.6.19), no
// area, or is hidden (12.5.3).
func invisible(field *pdf.Dict) bool {
	if field.Get("AP") == nil && field.Get("MK") == nil {
		return true
	}
	const hidden = 2
	if flags, ok := field.Get("F").(int64); ok && flags&hidden != 0 {
		return true
	}
	corners, ok := field.Get("Rect").(pdf.Array)
	return ok && len(corners) == 4 && sameNumber(corners[0], corners[2]) && sameNumber(corners[1], corners[3])
}

func sameNumber(a, b pdf.Object) bool {
	x, ok1 := pdf.Number(a)
	y, ok2 := pdf.Number(b)
	return ok1 && ok2 && x == y
}

// checkNewValue demands a signature dictionary that is new; whether it holds is judged as a signature of its own. It
// reports whether it is a document time-stamp, which anybody can get.
func (c *changes) checkNewValue(o pdf.Object) (stamp bool, err error) {
	if ref, ok := o.(pdf.Ref); ok && !c.added[ref.Num] {
		return false, notAllowed("a new field takes an old signature")
	}
	value, err := c.new.Dict(o)
	if err != nil {
		return false, err
	}
	if value == nil {
		return false, notAllowed("a new field has no signature")
	}
	stamp = value.Get("SubFilter") == pdf.Name("ETSI.RFC3161")
	c.signatures = c.signatures || !stamp
	return stamp, nil
}

// explainPage allows the widgets of new fields at the end of /Annots of their page, and nothing else.
func (c *changes) explainPage(ref pdf.Ref, widgets []pdf.Ref) error {
	oldPage, err := c.old.Dict(ref)
	if err != nil {
		return err
	}
	page, err := c.new.Dict(ref)
	if err != nil {
		return err
	}
	if oldPage == nil || page == nil {
		return notAllowed("a new field stands on a page that is not there")
	}
	if err := c.sameExcept("page", oldPage, page, "Annots"); err != nil {
		return err
	}
	added, err := c.addedItems(oldPage.Get("Annots"), page.Get("Annots"))
	if err != nil {
		return err
	}
	for _, annotation := range added {
		if !slices.Contains(widgets, annotation) {
			return notAllowed("an annotation was added to a page")
		}
	}
	delete(c.modified, ref.Num)
	c.explained(oldPage.Get("Annots"), page.Get("Annots"))
	return nil
}

// explainFilledFields allows a signature in a field that was there and empty.
func (c *changes) explainFilledFields() error {
	fields, err := c.old.SignatureFields()
	if err != nil {
		return err
	}
	for _, was := range fields {
		if was.Value != nil || !c.modified[was.Ref.Num] {
			continue
		}
		if err := c.explainFilledField(was); err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) explainFilledField(was pdf.SignatureField) error {
	object, err := c.new.Get(was.Ref.Num)
	if err != nil {
		return err
	}
	field, ok := object.(*pdf.Dict)
	if !ok {
		return notAllowed("a field became something else")
	}
	free := []pdf.Name{"V", "AP", "M", "F"}
	if was.Field.Get("Lock") == nil {
		free = append(free, "Lock") // it only forbids
	}
	if err := c.sameExcept("field", was.Field, field, free...); err != nil {
		return err
	}
	if c.locks.cover(was.Name) {
		return notAllowed("a field that was locked was signed")
	}
	stamp, err := c.checkNewValue(field.Get("V"))
	if err != nil {
		return err
	}
	if stamp && !invisible(field) && !equal(was.Field.Get("AP"), field.Get("AP")) {
		return notAllowed("a document time-stamp shows something")
	}
	delete(c.modified, was.Ref.Num)
	if stamp {
		return nil // its widgets, if it has any, must be as they were
	}
	return c.explainFilledWidgets(was, field.Get("V"))
}

// explainFilledWidgets allows the widgets of a field that was signed to show that.
func (c *changes) explainFilledWidgets(was pdf.SignatureField, value pdf.Object) error {
	kids, err := c.old.Array(was.Field.Get("Kids"))
	if err != nil {
		return err
	}
	for _, kid := range kids {
		ref, ok := kid.(pdf.Ref)
		if !ok || !c.modified[ref.Num] {
			continue
		}
		before, err := c.old.Dict(ref)
		if err != nil {
			return err
		}
		after, err := c.new.Dict(ref)
		if err != nil {
			return err
		}
		if before.Get("Subtype") != pdf.Name("Widget") || before.Get("T") != nil {
			return notAllowed("a part of a field that was signed is not a widget")
		}
		if err := c.sameExcept("widget", before, after, "AP", "M", "F", "V"); err != nil {
			return err
		}
		if v := after.Get("V"); v != nil && !equal(v, value) {
			return notAllowed("a widget has another value than its field")
		}
		delete(c.modified, ref.Num)
	}
	return nil
}
