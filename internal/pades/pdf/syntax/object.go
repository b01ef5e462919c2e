// Package syntax reads and writes the objects of PDF: its lexical rules, its objects and its content streams (ISO 32000-2, 7.2, 7.3
// and 7.8.2). It knows no file.
package syntax

import (
	"maps"
	"math"
	"slices"

	"kyso/internal/problem"
)

// Object is one of: nil (null), bool, int64, Real, Name, String, Array, *Dict, Ref, *Stream; and, in updates only,
// float64 and *Slot.
type Object any

// Real is a number with a fraction, or one too long for an int64, as it is spelled in the file: what is copied must read the
// same to every reader, and 595.0 is not 595 to those that compare types, nor 0.1000000000000000001 what a float64 makes of it.
type Real string

// Value returns the number that readers take it for.
func (r Real) Value() float64 { return realValue([]byte(r)) }

// Name is a name without its slash, #xx sequences decoded.
type Name string

// String is a string as raw bytes, escapes decoded.
type String string

// Array is an array object.
type Array []Object

// Ref is an indirect reference.
type Ref struct{ Num, Gen int }

// Stream is a stream object whose data still lies in the file.
type Stream struct {
	Dict   *Dict
	Offset int64 // of the first data byte, in the file

	Ref Ref // whose key the data is encrypted with, in an encrypted file
}

// Dict is a dictionary that keeps the order of its keys. A nil *Dict reads as empty.
type Dict struct {
	entries   []entry
	index     map[Name]int // only for dictionaries with many keys
	duplicate bool
}

type entry struct {
	key        Name
	value      Object
	start, end int64
}

// indexFrom is the number of keys from which a Dict keeps an index, so that hostile sizes stay linear.
const indexFrom = 16

// NewDict returns a dictionary of alternating keys (string or Name) and values.
func NewDict(pairs ...any) *Dict {
	d := &Dict{entries: make([]entry, 0, len(pairs)/2)}
	for i := 0; i+1 < len(pairs); i += 2 {
		switch key := pairs[i].(type) {
		case string:
			d.Set(Name(key), pairs[i+1])
		case Name:
			d.Set(key, pairs[i+1])
		}
	}
	return d
}

func (d *Dict) find(key Name) int {
	if d == nil {
		return -1
	}
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range d.entries {
		if d.entries[i].key == key {
			return i
		}
	}
	return -1
}

// Get returns the value of key as it stands, nil when absent.
func (d *Dict) Get(key Name) Object {
	if i := d.find(key); i >= 0 {
		return d.entries[i].value
	}
	return nil
}

// Set replaces the value of key in its place, or appends it.
func (d *Dict) Set(key Name, value Object) { d.put(entry{key: key, value: value, start: -1, end: -1}) }

func (d *Dict) put(e entry) (replaced bool) {
	if i := d.find(e.key); i >= 0 {
		d.entries[i] = e
		return true
	}
	d.entries = append(d.entries, e)
	if d.index != nil {
		d.index[e.key] = len(d.entries) - 1
	} else if len(d.entries) > indexFrom {
		d.index = make(map[Name]int, 2*len(d.entries))
		for i := range d.entries {
			d.index[d.entries[i].key] = i
		}
	}
	return false
}

// Len returns the number of keys.
func (d *Dict) Len() int {
	if d == nil {
		return 0
	}
	return len(d.entries)
}

// Keys returns the keys in order.
func (d *Dict) Keys() []Name {
	if d == nil {
		return nil
	}
	keys := make([]Name, len(d.entries))
	for i := range d.entries {
		keys[i] = d.entries[i].key
	}
	return keys
}

// Span returns where the value of key stands in the file, first byte and end. ok is false when the key is absent
// or the dictionary does not lie in the file in plain (it came from an object stream, or was made here).
func (d *Dict) Span(key Name) (start, end int64, ok bool) {
	i := d.find(key)
	if i < 0 || d.entries[i].start < 0 {
		return 0, 0, false
	}
	return d.entries[i].start, d.entries[i].end, true
}

// HasDuplicates reports whether a key stood twice; readers differ in which one they take.
func (d *Dict) HasDuplicates() bool { return d != nil && d.duplicate }

// Clone returns a copy whose keys can be changed; values are shared.
func (d *Dict) Clone() *Dict {
	if d == nil {
		return &Dict{}
	}
	return &Dict{entries: slices.Clone(d.entries), index: maps.Clone(d.index), duplicate: d.duplicate}
}

// Number returns the value of a number.
func Number(o Object) (float64, bool) {
	switch v := o.(type) {
	case int64:
		return float64(v), true
	case Real:
		return v.Value(), true
	case float64:
		return v, true
	}
	return 0, false
}

// Int returns the value of an integer, or of a real without fraction.
func Int(o Object) (int64, bool) {
	switch v := o.(type) {
	case int64:
		return v, true
	case Real, float64:
		if n, _ := Number(v); n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

// Broken says that the bytes are no PDF.
func Broken(format string, args ...any) error {
	return problem.New(problem.DocumentBroken, format, args...)
}

// TooComplex says that a bound on the work was reached.
func TooComplex(format string, args ...any) error {
	return problem.New(problem.DocumentTooComplex, format, args...)
}
