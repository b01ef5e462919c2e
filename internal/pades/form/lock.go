package form

import "kyso/internal/pades/pdf"

// Certification says that the first signature of a file certifies it, and what is allowed afterwards (12.8.2.2). The numbers
// are those of /P.
type Certification int

// The certifications. Validation data and document time-stamps may always be added.
const (
	Approval            Certification = 0 // no certification
	CertifyNoChanges    Certification = 1
	CertifyForms        Certification = 2 // filling in forms and signing
	CertifyFormsAndNote Certification = 3 // and annotations
)

// Lock says which form fields may not change once the signature is there (12.8.2.4).
type Lock struct {
	Action LockAction `json:"action"`
	Fields []string   `json:"fields,omitempty"` // fully qualified names, for include and exclude
}

// LockAction says what the fields of a Lock are.
type LockAction string

// The actions.
const (
	LockAll     LockAction = "all"
	LockInclude LockAction = "include" // the fields named
	LockExclude LockAction = "exclude" // all but the fields named
)

// Dict writes a lock for the field or for the transform of its signature; both have the same keys.
func (l *Lock) Dict(typ pdf.Name) *pdf.Dict {
	d := pdf.NewDict("Type", typ)
	switch l.Action {
	case LockInclude:
		d.Set("Action", pdf.Name("Include"))
	case LockExclude:
		d.Set("Action", pdf.Name("Exclude"))
	default:
		d.Set("Action", pdf.Name("All"))
		return d
	}
	fields := make(pdf.Array, 0, len(l.Fields))
	for _, name := range l.Fields {
		fields = append(fields, pdf.TextString(name))
	}
	d.Set("Fields", fields)
	return d
}

// ReadLock reads the lock that the author of a form gave to a field.
func ReadLock(f *pdf.File, own *pdf.Dict) (*Lock, error) {
	action, err := f.NameOf(own.Get("Action"))
	if err != nil {
		return nil, err
	}
	lock := &Lock{Action: LockAll}
	switch action {
	case "Include":
		lock.Action = LockInclude
	case "Exclude":
		lock.Action = LockExclude
	}
	if lock.Action != LockAll {
		list, err := f.Array(own.Get("Fields"))
		if err != nil {
			return nil, err
		}
		for _, item := range list {
			name, err := f.TextOf(item)
			if err != nil {
				return nil, err
			}
			lock.Fields = append(lock.Fields, name)
		}
	}
	return lock, nil
}
