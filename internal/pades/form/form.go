// Package form reads what the interactive form of a file and the signatures in it say about adding one more signature (ISO 32000-2,
// 12.7 and 12.8.2).
//
// It imports the standard library, internal/problem, and of internal/pades dss, geometry and pdf only.
package form

import (
	"fmt"
	"slices"
	"strings"

	"kyso/internal/pades/dss"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Form is what the interactive form of a file says about adding one more signature.
type Form struct {
	Permissions

	Dict       *pdf.Dict // nil when there is none
	Ref        pdf.Ref   // zero when dict is direct
	Names      map[string]bool
	Signatures []pdf.SignatureField
	Widgets    map[pdf.Ref]int // of signature fields, and the fields themselves: index into signatures
	XFA        bool            // the form is there a second time, as XFA
	ownerLocks bool            // the owner of an encrypted file allows no new fields (table 22)
}

// Read walks the form once: names in use, signatures, locks. XFA that is more than a copy is a refusal: such a form is drawn by
// a script from other data than the pages that are signed.
func Read(f *pdf.File) (*Form, error) {
	out := &Form{Names: map[string]bool{}}
	_, added := f.MaySign()
	out.ownerLocks = !added
	var err error
	if out.Dict, out.Ref, err = f.AcroForm(); err != nil {
		return nil, err
	}
	if err := out.readXFA(f); err != nil {
		return nil, err
	}
	if out.Dict != nil {
		err = f.WalkFields(func(name string, _ pdf.Name, _ pdf.Ref, _ *pdf.Dict) error {
			top, _, _ := strings.Cut(name, ".")
			out.Names[top] = true
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the form: %w", err)
		}
		if out.Signatures, err = f.SignatureFields(); err != nil {
			return nil, fmt.Errorf("reading the signature fields: %w", err)
		}
		if err := out.findWidgets(f); err != nil {
			return nil, fmt.Errorf("reading the widgets: %w", err)
		}
	}
	if err := out.readPermissions(f); err != nil {
		return nil, fmt.Errorf("reading the permissions: %w", err)
	}
	for _, field := range out.Signatures {
		if field.Value == nil {
			continue
		}
		if err := out.ReadLocks(f, field); err != nil {
			return nil, fmt.Errorf("reading the locks: %w", err)
		}
	}
	return out, out.checkFinish(f)
}

// findWidgets notes which annotations belong to which signature field.
func (fm *Form) findWidgets(f *pdf.File) error {
	fm.Widgets = make(map[pdf.Ref]int, len(fm.Signatures))
	for i, field := range fm.Signatures {
		fm.Widgets[field.Ref] = i
		kids, err := f.Array(field.Field.Get("Kids"))
		if err != nil {
			return err
		}
		for _, kid := range kids[:min(len(kids), geometry.MaxWidgets)] {
			if ref, ok := kid.(pdf.Ref); ok {
				fm.Widgets[ref] = i
			}
		}
	}
	return nil
}

// checkFinish refuses what could be signed and not be finished: Extend and Verify will read the security store and
// every signature. Better now than after a person has approved.
func (fm *Form) checkFinish(f *pdf.File) error {
	if fm.Signed() >= MaxSignatures {
		return problem.New(problem.DocumentTooComplex, "the file has %d signatures already", fm.Signed())
	}
	if _, err := dss.Read(f); err != nil {
		return fmt.Errorf("reading the document security store: %w", err)
	}
	return nil
}

// Signed returns how many signature fields carry a signature.
func (fm *Form) Signed() int {
	n := 0
	for _, field := range fm.Signatures {
		if field.Value != nil {
			n++
		}
	}
	return n
}

// FreeName returns a name for a new signature field. It refuses when the file forbids every change (P = 1), or
// when a lock covers whatever name we might take.
func (fm *Form) FreeName() (string, error) {
	if fm.ownerLocks {
		return "", problem.New(problem.DocumentLocked, "the owner of the encrypted file allows no new signature field (ISO 32000-2, table 22, bits 4 and 6)")
	}
	if fm.DocMDP == 1 {
		return "", problem.New(problem.DocumentLocked, "a certification signature forbids every change")
	}
	for n := fm.Signed() + 1; n <= fm.Signed()+len(fm.Names)+1000; n++ {
		name := fmt.Sprintf("Signature%d", n)
		if !fm.Names[name] && !fm.Locks.Cover(name) {
			return name, nil
		}
	}
	return "", problem.New(problem.DocumentLocked, "an earlier signature locks the fields of the form")
}

// ArchiveName returns a free name for the field of a document time-stamp.
func (fm *Form) ArchiveName() (string, error) {
	for n := 1; n <= len(fm.Names)+1; n++ {
		if name := fmt.Sprintf("Timestamp%d", n); !fm.Names[name] {
			return name, nil
		}
	}
	return "", problem.New(problem.Internal, "no name is free")
}

// FirstEmpty returns the number of the first field that may be signed; 0 when there is none.
func (fm *Form) FirstEmpty(f *pdf.File) (int, error) {
	for i := range fm.Signatures {
		_, err := fm.EmptyField(f, "", i+1)
		if err == nil {
			return i + 1, nil
		}
		if problem.CodeOf(err).Kind() != problem.KindInvalid {
			return 0, err
		}
	}
	return 0, nil
}

// EmptyField returns the field with that name, or with that number in the order of the form, when it may be signed.
func (fm *Form) EmptyField(f *pdf.File, name string, number int) (*pdf.SignatureField, error) {
	i := number - 1
	if name != "" {
		i = slices.IndexFunc(fm.Signatures, func(f pdf.SignatureField) bool { return f.Name == name })
	}
	if i < 0 || i >= len(fm.Signatures) {
		return nil, problem.OfField(problem.PlacementInvalid, "field_number", "the file has no such signature field", "Tệp không có ô ký này")
	}
	field := &fm.Signatures[i]
	value, err := f.Resolve(field.Field.Get("V"))
	if err != nil {
		return nil, err
	}
	switch {
	case value != nil:
		return nil, problem.OfField(problem.PlacementInvalid, "field_number", "the field is signed already", "Ô ký này đã được ký")
	case field.Ref.Num == 0:
		return nil, problem.New(problem.DocumentBroken, "the field is not an indirect object")
	case fm.Locked(field.Name):
		return nil, problem.New(problem.DocumentLocked, "an earlier signature locks the field")
	}
	return field, nil
}

// Locked reports whether an earlier signature forbids to sign an empty field.
func (fm *Form) Locked(name string) bool {
	return fm.DocMDP == int(CertifyNoChanges) || fm.Locks.Cover(name)
}

// MaxSignatures bounds the work on one file: each signature means hashing the file once.
const MaxSignatures = 100
