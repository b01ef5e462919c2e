package syntax

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Slot is a value whose place is needed, to fill it in later: /ByteRange and /Contents of a signature. It is written
// as Open, Size times Fill and Close; Offset becomes its place within the increment.
type Slot struct {
	Open, Close string
	Fill        byte
	Size        int
	Offset      int
}

// Len returns how many bytes the slot takes.
func (s *Slot) Len() int { return len(s.Open) + s.Size + len(s.Close) }

// Append writes an object in PDF syntax. The form depends on the value only.
func Append(out []byte, o Object) ([]byte, error) {
	switch v := o.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case Real:
		return append(out, v...), nil
	case float64:
		return appendReal(out, v)
	case Name:
		return appendName(out, v), nil
	case String:
		return appendString(out, v), nil
	case Ref:
		out = strconv.AppendInt(out, int64(v.Num), 10)
		out = append(out, ' ')
		out = strconv.AppendInt(out, int64(v.Gen), 10)
		return append(out, " R"...), nil
	case Array:
		return appendArray(out, v)
	case *Dict:
		return appendDict(out, v)
	case *Slot:
		return appendSlot(out, v), nil
	}
	return nil, fmt.Errorf("a %T cannot be written inside an object", o)
}

func appendSlot(out []byte, s *Slot) []byte {
	s.Offset = len(out)
	out = append(out, s.Open...)
	start := len(out)
	out = slices.Grow(out, s.Size+len(s.Close))[:start+s.Size]
	for i := range out[start:] {
		out[start+i] = s.Fill
	}
	return append(out, s.Close...)
}

func appendReal(out []byte, v float64) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, fmt.Errorf("%v is not a PDF number", v)
	}
	return strconv.AppendFloat(out, v+0, 'f', -1, 64), nil // + 0 takes the sign off a negative zero
}

func appendName(out []byte, name Name) []byte {
	out = append(out, '/')
	for i := range len(name) {
		c := name[i]
		if c == '#' || c <= ' ' || c >= 0x7f || !IsRegular(c) {
			out = append(out, '#', upperHex[c>>4], upperHex[c&15])
			continue
		}
		out = append(out, c)
	}
	return out
}

const upperHex = "0123456789ABCDEF"

// appendString writes printable bytes in parentheses, and hexadecimal digits when there is anything else.
func appendString(out []byte, s String) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return appendHex(out, s)
		}
	}
	out = append(out, '(')
	for i := range len(s) {
		if c := s[i]; c == '(' || c == ')' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return append(out, ')')
}

func appendHex(out []byte, s String) []byte {
	out = append(out, '<')
	for i := range len(s) {
		out = append(out, upperHex[s[i]>>4], upperHex[s[i]&15])
	}
	return append(out, '>')
}

func appendArray(out []byte, a Array) ([]byte, error) {
	out = append(out, '[')
	var err error
	for i, item := range a {
		if i > 0 {
			out = append(out, ' ')
		}
		if out, err = Append(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendDict(out []byte, d *Dict) ([]byte, error) {
	out = append(out, "<<"...)
	var err error
	if d != nil {
		for i := range d.entries {
			out = append(appendName(out, d.entries[i].key), ' ')
			if out, err = Append(out, d.entries[i].value); err != nil {
				return nil, err
			}
		}
	}
	return append(out, ">>"...), nil
}
