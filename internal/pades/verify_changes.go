package pades

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

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
	roles      map[int]int  // how often a modified number was explained by the role that it plays
	locks      fieldLocks   // what the signature locks
	final      bool         // it permits no change at all
	signatures bool
}

// errNotAllowed is the reason why a later change is "other".
type errNotAllowed string

func (e errNotAllowed) Error() string { return string(e) }

func notAllowed(format string, args ...any) error { return errNotAllowed(fmt.Sprintf(format, args...)) }

// laterChanges classifies what follows the signed revision. The error is for a failing reader only.
func (v *verifier) laterChanges(s *signature) (kind, why string, err error) {
	c := &changes{new: v.file, added: map[int]bool{}, modified: map[int]bool{}, roles: map[int]int{}}
	if err = c.readRules(s.field); err == nil {
		err = c.classify(v.src, s.end)
	}
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

// readRules reads what the signature and the lock of its field forbid. With DocMDP and P = 1 that is every change
// (ISO 32000-2, 12.8.2.2); validation data and document time-stamps are not changes in that sense.
func (c *changes) readRules(field pdf.SignatureField) error {
	var rules form
	if err := rules.readLocks(c.new, field); err != nil {
		return err
	}
	c.locks, c.final = rules.locks, rules.docMDP == 1
	return nil
}

func (c *changes) classify(src Source, end int64) error {
	old, err := pdf.Open(io.NewSectionReader(src, 0, end), end, pdf.Limits{})
	if err != nil {
		return err
	}
	if old.Locked() || old.Rebuilt() || c.new.Rebuilt() {
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
	if c.signatures && c.final {
		return notAllowed("it was certified to be the last signature")
	}
	if err := c.checkReferences(); err != nil {
		return err
	}
	if c.old.Rebuilt() || c.new.Rebuilt() {
		return notAllowed("a revision is damaged")
	}
	return nil
}

// theEnd is how a revision ends (7.5.5).
var theEnd = regexp.MustCompile(`startxref\s+(\d{1,19})\s+%%EOF\s*$`)

// checkEnd demands that the file ends with the revision that was read: nothing may hide behind the last %%EOF, nor behind an
// end that only some readers take for one.
func (c *changes) checkEnd(src Source) error {
	tail := make([]byte, min(96, src.Size()))
	if _, err := src.ReadAt(tail, src.Size()-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	found := theEnd.FindSubmatch(tail)
	if found == nil {
		return notAllowed("data follows the end of the file")
	}
	at, err := strconv.ParseInt(string(found[1]), 10, 64)
	if sections := c.new.Sections(); err != nil || len(sections) == 0 || at != sections[0].Offset-c.new.Base() {
		return notAllowed("the file ends with another revision than the one that is read")
	}
	return nil
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
	if err := c.explainExtensions(oldRoot.Get("Extensions"), newRoot.Get("Extensions")); err != nil {
		return err
	}
	if err := c.explainStore(oldRoot.Get("DSS"), newRoot.Get("DSS")); err != nil {
		return err
	}
	if err := c.explainInfo(); err != nil {
		return err
	}
	if err := c.explainMetadata(oldRoot.Get("Metadata")); err != nil {
		return err
	}
	return c.explainForm(oldRoot.Get("AcroForm"), newRoot.Get("AcroForm"))
}

// sameExcept demands that two dictionaries agree in all keys but some.
func (c *changes) sameExcept(what string, before, after *pdf.Dict, except ...pdf.Name) error {
	if after.HasDuplicates() {
		return notAllowed("a key of the %s stands twice", what)
	}
	free := make(map[pdf.Name]bool, len(except))
	for _, key := range except {
		free[key] = true
	}
	for _, key := range append(before.Keys(), after.Keys()...) {
		if !free[key] && !equal(before.Get(key), after.Get(key)) {
			return notAllowed("%s of the %s was changed", key, what)
		}
	}
	return nil
}

// explainExtensions allows developer extensions (ISO 32000-2, 7.12) that stand in the catalog itself: names and
// numbers that draw nothing.
func (c *changes) explainExtensions(before, after pdf.Object) error {
	extensions, ok := after.(*pdf.Dict)
	if !ok {
		if !equal(before, after) {
			return notAllowed("Extensions of the catalog were removed")
		}
		return nil // absent, or a reference whose target counts as any other object
	}
	if old, ok := before.(*pdf.Dict); ok {
		for _, key := range old.Keys() {
			if extensions.Get(key) == nil { // its level may rise
				return notAllowed("an extension was taken out of the catalog")
			}
		}
	} else if before != nil {
		return notAllowed("Extensions of the catalog became something else")
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
	c.explained(ref, ref)
	return nil
}

// explainMetadata allows a new XMP packet in the place of the old one (14.3.2): it is drawn nowhere.
func (c *changes) explainMetadata(o pdf.Object) error {
	ref, ok := o.(pdf.Ref)
	if !ok || !c.modified[ref.Num] {
		return nil
	}
	for _, f := range []*pdf.File{c.old, c.new} {
		value, err := f.Get(ref.Num)
		if err != nil {
			return err
		}
		packet, ok := value.(*pdf.Stream)
		if !ok || packet.Dict.Get("Type") != pdf.Name("Metadata") || packet.Dict.Get("Subtype") != pdf.Name("XML") {
			return notAllowed("the metadata became something else")
		}
	}
	c.explained(ref, ref)
	return nil
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
