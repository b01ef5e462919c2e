package pades

import (
	"fmt"
	"maps"
	"strings"

	"kyso/internal/pades/dss"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// form is what the interactive form of a file says about adding one more signature.
type form struct {
	dict       *pdf.Dict // nil when there is none
	ref        pdf.Ref   // zero when dict is direct
	names      map[string]bool
	signatures []pdf.SignatureField
	widgets    map[pdf.Ref]int // of signature fields, and the fields themselves: index into signatures
	docMDP     int             // the strictest P of a certification or lock; 0 when there is none
	locks      fieldLocks
	xfa        bool // the form is there a second time, as XFA
	ownerLocks bool // the owner of an encrypted file allows no new fields (table 22)
}

// fieldLocks is what all FieldMDP transforms and signature field locks say together: which fields may not change
// (12.8.2.4).
type fieldLocks struct {
	all     bool
	locked  map[string]bool // named by an Include
	exclude bool            // there is an Exclude
	exempt  map[string]bool // named by every Exclude
}

// readForm walks the form once: names in use, signatures, locks. XFA that is more than a copy is a refusal: such a form is drawn by
// a script from other data than the pages that are signed.
func readForm(f *pdf.File) (*form, error) {
	out := &form{names: map[string]bool{}}
	_, added := f.MaySign()
	out.ownerLocks = !added
	var err error
	if out.dict, out.ref, err = f.AcroForm(); err != nil {
		return nil, err
	}
	if err := out.readXFA(f); err != nil {
		return nil, err
	}
	if out.dict != nil {
		err = f.WalkFields(func(name string, _ pdf.Name, _ pdf.Ref, _ *pdf.Dict) error {
			top, _, _ := strings.Cut(name, ".")
			out.names[top] = true
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the form: %w", err)
		}
		if out.signatures, err = f.SignatureFields(); err != nil {
			return nil, fmt.Errorf("reading the signature fields: %w", err)
		}
		if err := out.findWidgets(f); err != nil {
			return nil, fmt.Errorf("reading the widgets: %w", err)
		}
	}
	if err := out.readPermissions(f); err != nil {
		return nil, fmt.Errorf("reading the permissions: %w", err)
	}
	for _, field := range out.signatures {
		if field.Value == nil {
			continue
		}
		if err := out.readLocks(f, field); err != nil {
			return nil, fmt.Errorf("reading the locks: %w", err)
		}
	}
	return out, out.checkFinish(f)
}

// findWidgets notes which annotations belong to which signature field.
func (fm *form) findWidgets(f *pdf.File) error {
	fm.widgets = make(map[pdf.Ref]int, len(fm.signatures))
	for i, field := range fm.signatures {
		fm.widgets[field.Ref] = i
		kids, err := f.Array(field.Field.Get("Kids"))
		if err != nil {
			return err
		}
		for _, kid := range kids[:min(len(kids), geometry.MaxWidgets)] {
			if ref, ok := kid.(pdf.Ref); ok {
				fm.widgets[ref] = i
			}
		}
	}
	return nil
}

// checkFinish refuses what could be signed and not be finished: Extend and Verify will read the security store and
// every signature. Better now than after a person has approved.
func (fm *form) checkFinish(f *pdf.File) error {
	if fm.signed() >= maxSignatures {
		return problem.New(problem.DocumentTooComplex, "the file has %d signatures already", fm.signed())
	}
	if _, err := dss.Read(f); err != nil {
		return fmt.Errorf("reading the document security store: %w", err)
	}
	return nil
}

// signed returns how many signature fields carry a signature.
func (fm *form) signed() int {
	n := 0
	for _, field := range fm.signatures {
		if field.Value != nil {
			n++
		}
	}
	return n
}

// readPermissions looks at the certification signature that /Perms names (12.8.6).
func (fm *form) readPermissions(f *pdf.File) error {
	root, err := f.Catalog()
	if err != nil {
		return err
	}
	perms, err := f.Dict(root.Get("Perms"))
	if err != nil {
		return err
	}
	certification, err := f.Dict(perms.Get("DocMDP"))
	if err != nil || certification == nil {
		return err
	}
	return fm.readReferences(f, certification)
}

// readLocks looks at the transforms of a signature and at the lock of its field, which has been in force since
// the field was signed (12.7.5.5).
func (fm *form) readLocks(f *pdf.File, field pdf.SignatureField) error {
	lock, err := f.Dict(field.Field.Get("Lock"))
	if err != nil {
		return err
	}
	if lock != nil {
		if err := fm.addFieldLock(f, lock); err != nil {
			return err
		}
		if p, ok, err := f.IntOf(lock.Get("P")); err != nil {
			return err
		} else if ok {
			fm.restrict(int(p))
		}
	}
	return fm.readReferences(f, field.Value)
}

// readReferences looks at the signature reference dictionaries (12.8.1, table 256).
func (fm *form) readReferences(f *pdf.File, signature *pdf.Dict) error {
	list, err := f.Array(signature.Get("Reference"))
	if err != nil {
		return err
	}
	for _, item := range list {
		reference, err := f.Dict(item)
		if err != nil {
			return err
		}
		method, err := f.NameOf(reference.Get("TransformMethod"))
		if err != nil {
			return err
		}
		params, err := f.Dict(reference.Get("TransformParams"))
		if err != nil {
			return err
		}
		switch method {
		case "DocMDP":
			p, ok, err := f.IntOf(params.Get("P"))
			if err != nil {
				return err
			}
			if !ok {
				p = 2 // the default of table 257
			}
			fm.restrict(int(p))
		case "FieldMDP":
			if err := fm.addFieldLock(f, params); err != nil {
				return err
			}
		}
	}
	return nil
}

func (fm *form) restrict(p int) {
	if p >= 1 && p <= 3 && (fm.docMDP == 0 || p < fm.docMDP) {
		fm.docMDP = p
	}
}

func (fm *form) addFieldLock(f *pdf.File, d *pdf.Dict) error {
	action, err := f.NameOf(d.Get("Action"))
	if err != nil {
		return err
	}
	list, err := f.Array(d.Get("Fields"))
	if err != nil {
		return err
	}
	names := make(map[string]bool, len(list))
	for _, item := range list {
		name, err := f.TextOf(item)
		if err != nil {
			return err
		}
		names[name] = true
	}
	fm.locks.add(action, names)
	return nil
}

// add takes in one lock. An action that is unknown covers everything.
func (l *fieldLocks) add(action pdf.Name, names map[string]bool) {
	switch action {
	case "Include":
		if l.locked == nil {
			l.locked = map[string]bool{}
		}
		maps.Copy(l.locked, names)
	case "Exclude":
		if l.exclude {
			maps.DeleteFunc(l.exempt, func(name string, _ bool) bool { return !names[name] })
		} else {
			l.exclude, l.exempt = true, names
		}
	default:
		l.all = true
	}
}

// cover reports whether a field of that name may not be added.
func (l *fieldLocks) cover(name string) bool {
	return l.all || l.locked[name] || l.exclude && !l.exempt[name]
}

// freeName returns a name for a new signature field. It refuses when the file forbids every change (P = 1), or
// when a lock covers whatever name we might take.
func (fm *form) freeName() (string, error) {
	if fm.ownerLocks {
		return "", problem.New(problem.DocumentLocked, "the owner of the encrypted file allows no new signature field (ISO 32000-2, table 22, bits 4 and 6)")
	}
	if fm.docMDP == 1 {
		return "", problem.New(problem.DocumentLocked, "a certification signature forbids every change")
	}
	for n := fm.signed() + 1; n <= fm.signed()+len(fm.names)+1000; n++ {
		name := fmt.Sprintf("Signature%d", n)
		if !fm.names[name] && !fm.locks.cover(name) {
			return name, nil
		}
	}
	return "", problem.New(problem.DocumentLocked, "an earlier signature locks the fields of the form")
}
