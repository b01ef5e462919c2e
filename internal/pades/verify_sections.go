package pades

import (
	"errors"

	"kyso/internal/pades/pdf"
)

// laterSections returns the cross-reference sections behind the signed revision. The chain must run through the
// very section with which the signed revision ended.
func (c *changes) laterSections(end int64) ([]*pdf.Section, error) {
	signed := c.old.Sections()[0].Offset
	for i, section := range c.new.Sections() {
		switch {
		case section.Offset == signed:
			if i == 0 {
				return nil, notAllowed("data follows without being part of a revision")
			}
			return c.new.Sections()[:i], c.checkTrailers(c.new.Sections()[:i])
		case section.Offset < end:
			return nil, notAllowed("the chain of revisions leaves out the signed one")
		}
	}
	return nil, notAllowed("the chain of revisions leaves out the signed one")
}

// checkTrailers compares the trailers: same catalog, same encryption. In a later section no key and no number may stand
// twice, because some readers take the first and some the last.
func (c *changes) checkTrailers(later []*pdf.Section) error {
	for _, section := range later {
		if section.Trailer.HasDuplicates() {
			return notAllowed("a key of the trailer stands twice")
		}
		if twice, err := c.new.Ambiguous(section); err != nil {
			return err
		} else if twice {
			return notAllowed("an object has two entries in one revision")
		}
	}
	if c.old.RootRef() != c.new.RootRef() {
		return notAllowed("the trailer leads to another catalog")
	}
	if !equal(c.old.Trailer().Get("Encrypt"), c.new.Trailer().Get("Encrypt")) {
		return notAllowed("the file is encrypted in another way")
	}
	oldInfo, newInfo := c.old.Trailer().Get("Info"), c.new.Trailer().Get("Info")
	if newInfo != nil && !equal(oldInfo, newInfo) {
		return notAllowed("the trailer leads to another information dictionary")
	}
	return nil
}

// collectTouched sorts the object numbers of later sections into new and modified ones.
func (c *changes) collectTouched(later []*pdf.Section, end int64) error {
	for _, section := range later {
		var failed error
		err := c.new.Entries(section, func(num int, e pdf.Entry) bool {
			failed = c.touch(num, e, end)
			return failed == nil
		})
		if err = errors.Join(failed, err); err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) touch(num int, e pdf.Entry, end int64) error {
	if num == 0 {
		return nil // the head of the free list
	}
	was, err := c.old.Entry(num)
	if err != nil || was == e {
		return err
	}
	switch {
	case was.Kind == pdf.Free && e.Kind == pdf.Free:
		return nil
	case e.Kind == pdf.Free:
		return notAllowed("object %d was deleted", num)
	case e.Kind == pdf.InUse && e.Offset < end:
		return notAllowed("object %d was moved to signed bytes", num)
	case num >= c.first:
		c.added[num] = true
		return nil
	case was.Kind == pdf.Free:
		return notAllowed("number %d was taken up again", num)
	}
	return c.compare(num)
}

// compare looks whether an object that was written again has the value it had. A stream never counts as the same, and
// may not be in the role of a dictionary: equal keys would say nothing of its data.
func (c *changes) compare(num int) error {
	a, err := c.old.Get(num)
	if err != nil {
		return err
	}
	b, err := c.new.Get(num)
	if err != nil {
		return err
	}
	_, wasStream := a.(*pdf.Stream)
	_, isStream := b.(*pdf.Stream)
	if (wasStream || isStream) && !c.isMetadata(num) {
		return notAllowed("the stream in object %d was replaced", num)
	}
	if wasStream || isStream || !equal(a, b) {
		c.modified[num] = true
	}
	return nil
}

func (c *changes) isMetadata(num int) bool {
	root, err := c.old.Catalog()
	return err == nil && root.Get("Metadata") == pdf.Ref{Num: num}
}
