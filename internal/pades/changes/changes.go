// Package changes says what later revisions did to a signed revision of a PDF file.
//
// It compares two documents, the signed one and the whole file, by the role that each object plays: page, annotation, field,
// widget, form, catalog, store of validation data, metadata. How a writer spread the change over objects and sections does not
// matter, what it changed does. Everything that no role allows to change must mean the same to every reader.
//
// The roles come from ISO 32000-2 (12.8.2.2: what DocMDP permits) and from what writers do: validation data, time-stamps and
// signatures change nothing that was shown; filling in fields and annotating may be permitted, and still replaces what readers
// see, so that both have kinds of their own.
//
// It imports the standard library, internal/finding, internal/problem and internal/pades/pdf only.
package changes

import (
	"errors"
	"fmt"
	"io"

	"kyso/internal/finding"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Kind is what later revisions did, from the least to the most.
type Kind string

// The kinds.
const (
	ValidationData Kind = "validation-data" // or nothing that any reader shows
	Signatures     Kind = "signatures"
	FormFilling    Kind = "form-filling" // values of fields
	Annotations    Kind = "annotations"

	// NewSignatureField is a further signature in a field that was not there, after a certification or lock that lets others sign:
	// ISO 32000-2, table 257, lists signing and no new field.
	NewSignatureField Kind = "new-signature-field"

	Unknown Kind = "not-examined" // too much to compare
	Other   Kind = "other"
)

// rank orders the kinds.
var rank = map[Kind]int{ValidationData: 0, Signatures: 1, FormFilling: 2, Annotations: 3, NewSignatureField: 4, Unknown: 5, Other: 6}

// Worse reports whether a says more against a file than b; "" is a file that nothing was appended to.
func Worse(a, b Kind) bool {
	if a == "" || b == "" {
		return a != "" && b == ""
	}
	return rank[a] > rank[b]
}

// Rules are what the signature forbids.
type Rules struct {
	DocMDP int                    // P of a certification or of the field's lock (12.8.2.2); 0 when there is none
	Locked func(name string) bool // whether a field may not change (12.8.2.4); nil locks nothing
	Budget *Budget                // what the answer may cost; nil means what package pdf allows each time
}

// Budget is what all comparisons of one file may cost together, each less than what is left. When it is used up the answer is Unknown.
type Budget struct {
	Work  int64 // bytes of signed revisions that are parsed
	Reads int   // objects of them that are read
}

// limits are what the next comparison may cost.
func (b *Budget) limits() pdf.Limits {
	if b == nil {
		return pdf.Limits{}
	}
	return pdf.Limits{Work: max(1, b.Work), Reads: max(1, b.Reads)}
}

// take takes what was done on a revision.
func (b *Budget) take(old *pdf.File) {
	if b != nil && old != nil {
		work, reads := old.Spent()
		b.Work, b.Reads = b.Work-work, b.Reads-reads
	}
}

// Result is the finding.
type Result struct {
	Kind Kind
	Why  finding.Finding // of Other and Unknown: a clause without names that the file gives
	Lost bool            // validation data that was there is gone
}

// comparison is one run of Compare.
type comparison struct {
	old, new *pdf.File
	rules    Rules
	result   Result

	touched  map[int]bool // numbers with another entry than the signed revision had
	replaced map[int]bool // those of them that have another value
	roles    map[int]role // of the signed revision
	compared map[int]bool // those of them that were compared in their role
	strict   *walk
	trial    *walk        // of what may differ
	lists    map[int]bool // of annotations, that were compared

	widgets map[int]bool // of fields that were signed later: they may come to a page
	fields  map[int]bool // fields and widgets that were compared as such
}

// role is what an object is for, where its identity matters.
type role uint8

const (
	rolePage role = iota + 1
	roleNode
	roleAnnotation
	roleField
	roleElement
	roleRoot // the catalog and the form: what signatures say that they are about (/Data, table 256)
)

// notAllowed is the reason why a change is Other.
type notAllowed struct{ why finding.Finding }

func (e notAllowed) Error() string { return e.why.EN }

// differs reports whether a comparison found a change that is not allowed, and not a fault of the file.
func differs(err error) bool {
	_, ok := errors.AsType[notAllowed](err)
	return ok
}

func refuse(why *finding.Kind) error { return notAllowed{why.Say()} }

// Compare finds out what was done to the first end bytes of a file. The error is for a failing reader only.
func Compare(src io.ReaderAt, end int64, whole *pdf.File, rules Rules) (Result, error) {
	c := &comparison{
		new: whole, rules: rules, result: Result{Kind: ValidationData}, touched: map[int]bool{}, replaced: map[int]bool{}, lists: map[int]bool{}, roles: map[int]role{}, compared: map[int]bool{},
		widgets: map[int]bool{}, fields: map[int]bool{},
	}
	c.strict, c.trial = newWalk(c), newWalk(c)
	err := c.run(src, end)
	rules.Budget.take(c.old)
	if reason, ok := errors.AsType[notAllowed](err); ok {
		return Result{Kind: Other, Why: reason.why, Lost: c.result.Lost}, nil
	}
	switch problem.CodeOf(err) {
	case problem.DocumentBroken:
		return Result{Kind: Other, Why: revisionUnreadable.Say()}, nil
	case problem.DocumentTooComplex:
		return Result{Kind: Unknown, Why: tooMuch.Say()}, nil
	}
	if err != nil {
		return Result{}, fmt.Errorf("comparing revisions: %w", err)
	}
	return c.result, nil
}

func (c *comparison) run(src io.ReaderAt, end int64) error {
	old, err := pdf.Open(io.NewSectionReader(src, 0, end), end, c.rules.Budget.limits())
	if problem.CodeOf(err) == problem.DocumentTooComplex && c.rules.Budget != nil {
		*c.rules.Budget = Budget{} // what it took is not known
	}
	if err != nil {
		return err
	}
	if old.Locked() || old.Rebuilt() || c.new.Rebuilt() || old.Base() != c.new.Base() {
		return refuse(signedNotWhole)
	}
	c.old = old
	for _, step := range []func() error{
		func() error { return c.checkEnd(src) },
		func() error { return c.readSections(end) },
		c.readRoles,
		c.compareForm,
		c.comparePages,
		c.compareCatalog,
		c.compareTrailer,
		c.checkRoles,
		c.checkOrphans,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if c.old.Rebuilt() || c.new.Rebuilt() {
		return refuse(revisionDamaged)
	}
	return nil
}

// raise takes in a change of a kind, when the signature permits it (ISO 32000-2, table 257).
func (c *comparison) raise(kind Kind) error {
	p := c.rules.DocMDP
	switch {
	case kind == Signatures && p == 1:
		return refuse(lastSignature)
	case kind == FormFilling && p == 1:
		return refuse(fieldForbidden)
	case kind == Annotations && (p == 1 || p == 2):
		return refuse(annotationForbidden)
	}
	if rank[kind] > rank[c.result.Kind] {
		c.result.Kind = kind
	}
	return nil
}

// locked reports whether the signature forbids that a field changes.
func (c *comparison) locked(name string) bool { return c.rules.Locked != nil && c.rules.Locked(name) }
