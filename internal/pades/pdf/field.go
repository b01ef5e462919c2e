package pdf

import (
	"errors"

	"kyso/internal/pades/pdf/syntax"
	"kyso/internal/problem"
)

// SignatureField is a field of type Sig in the form tree (12.7.5.5), signed or not.
type SignatureField struct {
	Name  string // fully qualified, in UTF-8
	Ref   Ref    // of the field; zero when it is a direct object
	Field *Dict  // nil when it cannot be read

	// What follows is set when the field is signed.
	Value         *Dict // the signature dictionary; nil when the field is empty
	ValueRef      Ref   // zero when the dictionary is a direct object
	ContentsStart int64 // of the '<' of /Contents in the file; -1 when it is not a hexadecimal string in plain
	ContentsEnd   int64 // behind the '>'
}

// AcroForm returns the form dictionary and its reference (zero when it is direct); nil when there is none.
func (f *File) AcroForm() (*Dict, Ref, error) {
	root, err := f.Catalog()
	if err != nil {
		return nil, Ref{}, err
	}
	ref, _ := root.Get("AcroForm").(Ref)
	form, err := f.Dict(root.Get("AcroForm"))
	return form, ref, err
}

// FieldFunc is called for every field and widget of the form tree. typ is the inherited field type.
type FieldFunc func(name string, typ Name, ref Ref, field *Dict) error

// WalkFields visits the form tree in order, parents before kids. Circles are cut.
func (f *File) WalkFields(visit FieldFunc) error {
	form, _, err := f.AcroForm()
	if err != nil || form == nil {
		return err
	}
	w := &fieldWalk{f: f, visit: visit, seen: map[int]bool{}}
	return w.kids(form.Get("Fields"), "", "", f.lim.Depth)
}

type fieldWalk struct {
	f       *File
	visit   FieldFunc
	damaged func(name string, ref Ref) // takes in what cannot be read; nil ends the walk with the error
	seen    map[int]bool
}

// broken takes in that something cannot be read below a name.
func (w *fieldWalk) broken(name string, o Object, err error) error {
	if w.damaged == nil || problem.CodeOf(err) != problem.DocumentBroken {
		return err
	}
	ref, _ := o.(Ref)
	w.damaged(name, ref)
	return nil
}

func (w *fieldWalk) kids(list Object, prefix string, typ Name, depth int) error {
	kids, err := w.f.Array(list)
	if err != nil {
		return w.broken(prefix, list, err)
	}
	if len(kids) > 0 && depth == 0 {
		return syntax.TooComplex("form fields are nested too deeply")
	}
	for _, kid := range kids {
		if err := w.field(kid, prefix, typ, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *fieldWalk) field(o Object, name string, typ Name, depth int) error {
	ref, _ := o.(Ref)
	if ref.Num > 0 {
		if w.seen[ref.Num] {
			return nil
		}
		w.seen[ref.Num] = true
	}
	d, err := w.f.Dict(o)
	if err != nil {
		return w.broken(name, o, err)
	}
	if d == nil {
		return nil
	}
	part, err := w.f.TextOf(d.Get("T"))
	if err == nil && d.Get("T") != nil {
		if name != "" {
			name += "."
		}
		name += part
	}
	own, err2 := w.f.NameOf(d.Get("FT"))
	if err = errors.Join(err, err2); err != nil {
		return w.broken(name, o, err)
	}
	if own != "" {
		typ = own
	}
	if err := w.visit(name, typ, ref, d); err != nil {
		return err
	}
	return w.kids(d.Get("Kids"), name, typ, depth-1)
}

// SignatureFields returns the signature fields of the form, in the order of the form. In a file that is kept as it is, a field that
// cannot be read is among them, because it may be one.
func (f *File) SignatureFields() ([]SignatureField, error) {
	form, _, err := f.AcroForm()
	if err != nil || form == nil {
		return nil, err
	}
	var fields []SignatureField
	values := map[string]Object{}
	w := &fieldWalk{f: f, seen: map[int]bool{}}
	if f.asItIs {
		w.damaged = func(name string, ref Ref) {
			fields = append(fields, SignatureField{Name: name, Ref: ref, ContentsStart: -1, ContentsEnd: -1})
		}
	}
	w.visit = func(name string, typ Name, ref Ref, d *Dict) error {
		if typ != "Sig" {
			return nil
		}
		// A widget below the field has no name and is no field of its own (12.7.4.1). It may repeat the value of the field, as
		// we write it, because some readers look for it there and nowhere else; another value makes it a signature in its own right.
		value, named := values[name]
		if d.Get("T") == nil && named && (d.Get("V") == nil || isRef(d.Get("V")) && d.Get("V") == value) {
			return nil
		}
		if d.Get("T") != nil {
			values[name] = d.Get("V")
		}
		if d.Get("T") == nil && d.Get("V") == nil && d.Get("FT") == nil {
			return nil
		}
		field, err := f.signatureField(d)
		if err != nil {
			return err
		}
		field.Name, field.Ref = name, ref
		fields = append(fields, field)
		return nil
	}
	return fields, w.kids(form.Get("Fields"), "", "", f.lim.Depth)
}

func isRef(o Object) bool {
	_, ok := o.(Ref)
	return ok
}

func (f *File) signatureField(d *Dict) (SignatureField, error) {
	field := SignatureField{Field: d, ContentsStart: -1, ContentsEnd: -1}
	field.ValueRef, _ = d.Get("V").(Ref)
	var err error
	if field.Value, err = f.Dict(d.Get("V")); f.asItIs && problem.CodeOf(err) == problem.DocumentBroken {
		return field, nil // whoever looks at V sees the same
	}
	if err != nil || field.Value == nil {
		return field, err
	}
	start, end, ok := field.Value.Span("Contents")
	if _, isString := field.Value.Get("Contents").(String); !ok || !isString {
		return field, nil
	}
	var first [1]byte
	if err := f.readInto(first[:], start); err != nil {
		return field, err
	}
	if first[0] == '<' {
		field.ContentsStart, field.ContentsEnd = start, end
	}
	return field, nil
}
