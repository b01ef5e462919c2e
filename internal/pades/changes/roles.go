package changes

import "kyso/internal/pades/pdf"

// maxDepth bounds the nesting of the page tree and of fields.
const maxDepth = 64

// readRoles notes what the objects of the signed revision are for, where others refer to them by name: destinations to pages,
// actions to fields, the structure tree to annotations.
func (c *comparison) readRoles() error {
	root, err := c.old.Catalog()
	if err != nil {
		return err
	}
	c.note(c.old.RootRef(), roleRoot)
	c.note(root.Get("AcroForm"), roleRoot)
	if err := c.pageRoles(root.Get("Pages"), maxDepth); err != nil {
		return err
	}
	form, err := dictOf(c.old, root.Get("AcroForm"))
	if err != nil {
		return err
	}
	if err := c.fieldRoles(form.Get("Fields"), maxDepth); err != nil {
		return err
	}
	return c.elementRoles(root.Get("StructTreeRoot"))
}

// note gives an object its role; false when it has one already.
func (c *comparison) note(o pdf.Object, r role) bool {
	ref, ok := o.(pdf.Ref)
	if !ok || c.roles[ref.Num] != 0 {
		return false
	}
	c.roles[ref.Num] = r
	return true
}

// done notes that an object was compared in its role.
func (c *comparison) done(o pdf.Object) {
	if ref, ok := o.(pdf.Ref); ok {
		c.compared[ref.Num] = true
	}
}

// checkRoles refuses that an object changed which others only named, because it has a role, and which was not compared in it.
func (c *comparison) checkRoles() error {
	for num := range c.touched {
		if c.roles[num] != 0 && !c.compared[num] {
			return refuse(roleLost)
		}
	}
	for _, num := range c.old.OpenNumbers() {
		if c.roles[num] == 0 || c.compared[num] {
			continue
		}
		if err := c.strict.object(step{num, true}); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) pageRoles(o pdf.Object, depth int) error {
	node, err := dictOf(c.old, o)
	if err != nil || node == nil || depth == 0 {
		return err
	}
	kids, err := arrayOf(c.old, node.Get("Kids"))
	if err != nil {
		return err
	}
	if kids != nil {
		if c.note(o, roleNode) {
			for _, kid := range kids {
				if err := c.pageRoles(kid, depth-1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if !c.note(o, rolePage) {
		return nil
	}
	annots, err := arrayOf(c.old, node.Get("Annots"))
	if err != nil {
		return err
	}
	for _, annot := range annots {
		if value, err := dictOf(c.old, annot); err != nil {
			return err
		} else if value != nil { // a stream or an array is no annotation
			c.note(annot, roleAnnotation)
		}
	}
	return nil
}

func (c *comparison) fieldRoles(list pdf.Object, depth int) error {
	kids, err := arrayOf(c.old, list)
	if err != nil || depth == 0 {
		return err
	}
	for _, kid := range kids {
		field, err := dictOf(c.old, kid)
		if err != nil {
			return err
		}
		ref, ok := kid.(pdf.Ref)
		if field == nil || !ok || c.roles[ref.Num] == roleField {
			continue
		}
		c.roles[ref.Num] = roleField
		if err := c.fieldRoles(field.Get("Kids"), depth-1); err != nil {
			return err
		}
	}
	return nil
}
