package form

import (
	"maps"

	"kyso/internal/pades/pdf"
)

// Permissions are what signatures of a file forbid.
type Permissions struct {
	DocMDP int // the strictest P of a certification or lock; 0 when there is none
	Locks  FieldLocks
}

// FieldLocks is what all FieldMDP transforms and signature field locks say together: which fields may not change
// (12.8.2.4).
type FieldLocks struct {
	all     bool
	locked  map[string]bool // named by an Include
	exclude bool            // there is an Exclude
	exempt  map[string]bool // named by every Exclude
}

// readPermissions looks at the certification signature that /Perms names (12.8.6).
func (p *Permissions) readPermissions(f *pdf.File) error {
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
	return p.ReadReferences(f, certification)
}

// ReadLocks looks at the transforms of a signature and at the lock of its field, which has been in force since
// the field was signed (12.7.5.5).
func (p *Permissions) ReadLocks(f *pdf.File, field pdf.SignatureField) error {
	lock, err := f.Dict(field.Field.Get("Lock"))
	if err != nil {
		return err
	}
	if lock != nil {
		if err := p.addFieldLock(f, lock); err != nil {
			return err
		}
		if level, ok, err := f.IntOf(lock.Get("P")); err != nil {
			return err
		} else if ok {
			p.restrict(int(level))
		}
	}
	return p.ReadReferences(f, field.Value)
}

// ReadReferences looks at the signature reference dictionaries (12.8.1, table 256).
func (p *Permissions) ReadReferences(f *pdf.File, signature *pdf.Dict) error {
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
			level, ok, err := f.IntOf(params.Get("P"))
			if err != nil {
				return err
			}
			if !ok {
				level = 2 // the default of table 257
			}
			p.restrict(int(level))
		case "FieldMDP":
			if err := p.addFieldLock(f, params); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Permissions) restrict(level int) {
	if level >= 1 && level <= 3 && (p.DocMDP == 0 || level < p.DocMDP) {
		p.DocMDP = level
	}
}

func (p *Permissions) addFieldLock(f *pdf.File, d *pdf.Dict) error {
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
	p.Locks.add(action, names)
	return nil
}

// add takes in one lock. An action that is unknown covers everything.
func (l *FieldLocks) add(action pdf.Name, names map[string]bool) {
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

// Cover reports whether a field of that name may not be added.
func (l *FieldLocks) Cover(name string) bool {
	return l.all || l.locked[name] || l.exclude && !l.exempt[name]
}
