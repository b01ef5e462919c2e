package inspect

import (
	"fmt"
	"slices"

	"kyso/internal/finding"
	"kyso/internal/pades/form"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Bounds of the search for actions.
const (
	maxFindings    = 20      // more are not listed
	maxChain       = 1000    // actions behind one trigger
	maxAnnotations = 500_000 // on all pages together; pages may share a list
)

// activity collects the actions of a file that run or send something: JavaScript, programs, data (12.6.4).
type activity struct {
	file        *pdf.File
	found       []string
	findings    []finding.Finding
	annotations int
}

// activeActions are the action types that are reported. Hide, Named, GoTo, URI and the like only navigate.
var activeActions = map[pdf.Name]bool{
	"JavaScript": true, "Launch": true, "ImportData": true, "SubmitForm": true, "RichMediaExecute": true,
}

// place is where an action hangs.
type place struct {
	name string // in ActiveContent
	kind *finding.Kind
	page int
}

func (a *activity) add(what pdf.Name, where place) {
	text := fmt.Sprintf("%s in %s", what, where.name)
	if len(a.found) == maxFindings || slices.Contains(a.found, text) {
		return
	}
	a.found = append(a.found, text)
	if where.page > 0 {
		a.findings = append(a.findings, where.kind.Say("name", string(what), "page", where.page))
	} else {
		a.findings = append(a.findings, where.kind.Say("name", string(what)))
	}
}

// What an action belongs to.
var (
	onOpening  = place{"OpenAction", activeOnOpening, 0}
	ofDocument = place{"the document", activeDocument, 0}
	ofNames    = place{"the document's names", activeScripts, 0}
	ofField    = place{"a form field", activeField, 0}
)

// document looks at what hangs on the catalog and on the fields of the form.
func (a *activity) document(fm *form.Form) error {
	root, err := a.file.Catalog()
	if err != nil {
		return err
	}
	if err := a.action(root.Get("OpenAction"), onOpening); err != nil {
		return err
	}
	if err := a.additional(root.Get("AA"), ofDocument); err != nil {
		return err
	}
	names, err := a.file.Dict(root.Get("Names"))
	if err != nil {
		return err
	}
	scripts, err := a.file.Dict(names.Get("JavaScript"))
	if err != nil {
		return err
	}
	if scripts.Get("Names") != nil || scripts.Get("Kids") != nil {
		a.add("JavaScript", ofNames)
	}
	if fm.Dict == nil {
		return nil
	}
	return a.file.WalkFields(func(_ string, _ pdf.Name, _ pdf.Ref, field *pdf.Dict) error {
		if err := a.action(field.Get("A"), ofField); err != nil {
			return err
		}
		return a.additional(field.Get("AA"), ofField)
	})
}

// page looks at a page and its annotations.
func (a *activity) page(p *pdf.Page, annots pdf.Array) error {
	if p.Dict.Get("AA") != nil {
		if err := a.additional(p.Dict.Get("AA"), place{fmt.Sprintf("page %d", p.Number), activePage, p.Number}); err != nil {
			return err
		}
	}
	if a.annotations += len(annots); a.annotations > maxAnnotations {
		return problem.New(problem.DocumentTooComplex, "there are more than %d annotations", maxAnnotations)
	}
	for _, item := range annots {
		annot, err := a.file.Dict(item)
		if err != nil {
			return err
		}
		if annot.Get("A") == nil && annot.Get("AA") == nil {
			continue
		}
		where := place{fmt.Sprintf("an annotation of page %d", p.Number), activeAnnotation, p.Number}
		if err := a.action(annot.Get("A"), where); err != nil {
			return err
		}
		if err := a.additional(annot.Get("AA"), where); err != nil {
			return err
		}
	}
	return nil
}

// additional looks at every trigger of an additional-actions dictionary (12.6.3).
func (a *activity) additional(o pdf.Object, where place) error {
	triggers, err := a.file.Dict(o)
	if err != nil || triggers == nil {
		return err
	}
	for _, key := range triggers.Keys() {
		if err := a.action(triggers.Get(key), where); err != nil {
			return err
		}
	}
	return nil
}

// action follows an action and what comes after it. /Next is one action or an array of them, and nothing in a
// file keeps it from being a circle.
func (a *activity) action(o pdf.Object, where place) error {
	queue := []pdf.Object{o}
	seen := map[pdf.Ref]bool{}
	for steps := 0; len(queue) > 0; steps++ {
		if steps > maxChain {
			return problem.New(problem.DocumentTooComplex, "a chain has more than %d actions", maxChain)
		}
		next := queue[0]
		queue = queue[1:]
		if ref, ok := next.(pdf.Ref); ok {
			if seen[ref] {
				continue
			}
			seen[ref] = true
		}
		value, err := a.file.Resolve(next)
		if err != nil {
			return err
		}
		switch v := value.(type) {
		case pdf.Array: // of /Next; a destination array in OpenAction holds no actions
			queue = append(queue, v[:min(len(v), maxChain)]...)
		case *pdf.Dict:
			kind, err := a.file.NameOf(v.Get("S"))
			if err != nil {
				return err
			}
			if activeActions[kind] {
				a.add(kind, where)
			} else if kind == "Rendition" && v.Get("JS") != nil {
				a.add("JavaScript", where)
			}
			if v.Get("Next") != nil {
				queue = append(queue, v.Get("Next"))
			}
		}
	}
	return nil
}
