package pades

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// What later revisions did to a signed revision; these stand in SignatureReport.LaterChanges.
const (
	changesValidation = "validation-data"
	changesSignatures = "signatures"
	changesOther      = "other"
)

// changes compares a signed revision with the whole file. Everything that later revisions touched must be explained
// by one of a few patterns; what is left over is "other". The patterns are narrow on purpose: what readers call form
// filling or annotations can hide or replace text (ISO 32000 permits it, the reader of a contract does not).
type changes struct {
	old, new   *pdf.File
	first      int          // the first object number that the signed revision never used or announced
	added      map[int]bool // numbers that are new
	modified   map[int]bool // numbers that the signed revision used, with another value now
	signatures bool
}

// errNotAllowed is the reason why a later change is "other".
type errNotAllowed string

func (e errNotAllowed) Error() string { return string(e) }

func notAllowed(format string, args ...any) error { return errNotAllowed(fmt.Sprintf(format, args...)) }

// laterChanges classifies what follows the signed revision that ends at end. The error is for a failing reader only.
func (v *verifier) laterChanges(end int64) (kind, why string, err error) {
	c := &changes{new: v.file, added: map[int]bool{}, modified: map[int]bool{}}
	err = c.classify(v.src, end)
	if reason, ok := errors.AsType[errNotAllowed](err); ok {
		return changesOther, string(reason), nil
	}
	switch {
	case problem.CodeOf(err) == problem.DocumentBroken || problem.CodeOf(err) == problem.DocumentTooComplex:
		return changesOther, "a revision cannot be read", nil
	case err != nil:
		return "", "", fmt.Errorf("comparing revisions: %w", err)
	case c.signatures:
		return changesSignatures, "", nil
	}
	return changesValidation, "", nil
}

func (c *changes) classify(src Source, end int64) error {
	old, err := pdf.Open(io.NewSectionReader(src, 0, end), end, pdf.Limits{})
	if err != nil {
		return err
	}
	if old.Encrypted() || old.Rebuilt() || c.new.Rebuilt() {
		return notAllowed("the signed revision is not a whole file")
	}
	c.old, c.first = old, old.NextNumber()
	if err := c.checkEnd(src); err != nil {
		return err
	}
	later, err := c.laterSections(end)
	if err != nil {
		return err
	}
	if err := c.collectTouched(later, end); err != nil {
		return err
	}
	if err := c.explain(); err != nil {
		return err
	}
	for num := range c.modified {
		return notAllowed("object %d was replaced", num)
	}
	if err := c.checkDangling(); err != nil {
		return err
	}
	if c.old.Rebuilt() || c.new.Rebuilt() {
		return notAllowed("a revision is damaged")
	}
	return nil
}

// checkEnd demands that the file ends like a revision: nothing may hide behind the last %%EOF.
func (c *changes) checkEnd(src Source) error {
	tail := make([]byte, min(64, src.Size()))
	if _, err := src.ReadAt(tail, src.Size()-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.HasSuffix(bytes.TrimRight(tail, "\r\n \t"), []byte("%%EOF")) {
		return notAllowed("data follows the end of the file")
	}
	return nil
}

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
			return c.new.Sections()[:i], c.checkTrailer()
		case section.Offset < end:
			return nil, notAllowed("the chain of revisions leaves out the signed one")
		}
	}
	return nil, notAllowed("the chain of revisions leaves out the signed one")
}

// checkTrailer compares the trailers: same catalog, no encryption.
func (c *changes) checkTrailer() error {
	if c.old.RootRef() != c.new.RootRef() || c.new.Encrypted() {
		return notAllowed("the trailer leads to another catalog")
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
	same, err := c.sameObject(num)
	if err != nil || same {
		return err
	}
	c.modified[num] = true
	return nil
}

// sameObject reports whether an object that was written again has the value it had.
func (c *changes) sameObject(num int) (bool, error) {
	a, err := c.old.Get(num)
	if err != nil {
		return false, err
	}
	b, err := c.new.Get(num)
	if err != nil {
		return false, err
	}
	_, stream := a.(*pdf.Stream)
	return !stream && equal(a, b), nil
}

// explain takes from modified what the allowed patterns account for.
func (c *changes) explain() error {
	oldRoot, err := c.old.Catalog()
	if err != nil {
		return err
	}
	newRoot, err := c.new.Catalog()
	if err != nil {
		return err
	}
	if err := c.sameExcept("catalog", oldRoot, newRoot, "DSS", "AcroForm", "Extensions"); err != nil {
		return err
	}
	delete(c.modified, c.old.RootRef().Num)
	if err := c.explainExtensions(newRoot.Get("Extensions")); err != nil {
		return err
	}
	if err := c.explainStore(oldRoot.Get("DSS"), newRoot.Get("DSS")); err != nil {
		return err
	}
	if err := c.explainInfo(); err != nil {
		return err
	}
	return c.explainForm(oldRoot.Get("AcroForm"), newRoot.Get("AcroForm"))
}

// sameExcept demands that two dictionaries agree in all keys but some.
func (c *changes) sameExcept(what string, old, new *pdf.Dict, except ...pdf.Name) error {
	if new.HasDuplicates() {
		return notAllowed("a key of the %s stands twice", what)
	}
	free := make(map[pdf.Name]bool, len(except))
	for _, key := range except {
		free[key] = true
	}
	for _, key := range append(old.Keys(), new.Keys()...) {
		if !free[key] && !equal(old.Get(key), new.Get(key)) {
			return notAllowed("%s of the %s was changed", key, what)
		}
	}
	return nil
}

// explainExtensions allows developer extensions (ISO 32000-2, 7.12) that stand in the catalog itself: names and
// numbers that draw nothing.
func (c *changes) explainExtensions(o pdf.Object) error {
	extensions, ok := o.(*pdf.Dict)
	if !ok {
		return nil // absent, or a reference whose target counts as any other object
	}
	for _, key := range extensions.Keys() {
		entry, ok := extensions.Get(key).(*pdf.Dict)
		if !ok {
			continue
		}
		for _, inner := range entry.Keys() {
			switch entry.Get(inner).(type) {
			case pdf.Name, int64, pdf.String:
			default:
				return notAllowed("Extensions of the catalog hold more than names and numbers")
			}
		}
	}
	return nil
}

// explainInfo allows a new information dictionary of plain strings in the place of the old one: writers note when
// and by what the file was changed.
func (c *changes) explainInfo() error {
	ref, ok := c.old.Trailer().Get("Info").(pdf.Ref)
	if !ok || !c.modified[ref.Num] {
		return nil
	}
	for _, f := range []*pdf.File{c.old, c.new} {
		value, err := f.Get(ref.Num)
		if err != nil {
			return err
		}
		info, ok := value.(*pdf.Dict)
		if !ok {
			return notAllowed("the information dictionary became something else")
		}
		for _, key := range info.Keys() {
			switch info.Get(key).(type) {
			case pdf.String, pdf.Name:
			default:
				return notAllowed("the information dictionary holds more than strings")
			}
		}
	}
	delete(c.modified, ref.Num)
	return nil
}

// checkDangling demands that the signed revision does not refer to numbers that came later: such a reference was
// nothing when it was signed and would be something now.
func (c *changes) checkDangling() error {
	if len(c.added) == 0 {
		return nil
	}
	if c.refersToAdded(c.old.Trailer(), 0) {
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
		if c.refersToAdded(object, 0) {
			return notAllowed("object %d referred to something that was added later", num)
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

func (c *changes) refersToAdded(o pdf.Object, depth int) bool {
	if depth > 128 {
		return true
	}
	switch o := o.(type) {
	case pdf.Ref:
		return c.added[o.Num]
	case pdf.Array:
		for _, item := range o {
			if c.refersToAdded(item, depth+1) {
				return true
			}
		}
	case *pdf.Stream:
		return c.refersToAdded(o.Dict, depth+1)
	case *pdf.Dict:
		for _, key := range o.Keys() {
			if c.refersToAdded(o.Get(key), depth+1) {
				return true
			}
		}
	}
	return false
}

// equal compares direct values; references are equal when they name the same object. Streams never are.
func equal(a, b pdf.Object) bool {
	switch a := a.(type) {
	case pdf.Array:
		b, ok := b.(pdf.Array)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *pdf.Dict:
		b, ok := b.(*pdf.Dict)
		if !ok || a.Len() != b.Len() || a.HasDuplicates() || b.HasDuplicates() {
			return false
		}
		for _, key := range a.Keys() {
			if !equal(a.Get(key), b.Get(key)) {
				return false
			}
		}
		return true
	case *pdf.Stream:
		return false
	}
	switch b.(type) {
	case pdf.Array, *pdf.Dict, *pdf.Stream: // would not be comparable
		return false
	}
	return a == b
}
