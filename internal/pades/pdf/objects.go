package pdf

import (
	"time"

	"kyso/internal/pades/pdf/syntax"
)

// The objects of PDF (7.3), as the room of their syntax has them.
type (
	// Object is one of: nil (null), bool, int64, Real, Name, String, Array, *Dict, Ref, *Stream; and, in updates only,
	// float64 and *Slot.
	Object = syntax.Object
	// Real is a number with a fraction, or one too long for an int64, as it is spelled in the file.
	Real = syntax.Real
	// Name is a name without its slash, #xx sequences decoded.
	Name = syntax.Name
	// String is a string as raw bytes, escapes decoded.
	String = syntax.String
	// Array is an array object.
	Array = syntax.Array
	// Ref is an indirect reference.
	Ref = syntax.Ref
	// Stream is a stream object whose data still lies in the file.
	Stream = syntax.Stream
	// Dict is a dictionary that keeps the order of its keys. A nil *Dict reads as empty.
	Dict = syntax.Dict
	// Slot is a value whose place is needed, to fill it in later: /ByteRange and /Contents of a signature.
	Slot = syntax.Slot
)

// NewDict returns a dictionary of alternating keys (string or Name) and values.
func NewDict(pairs ...any) *Dict { return syntax.NewDict(pairs...) }

// Number returns the value of a number.
func Number(o Object) (float64, bool) { return syntax.Number(o) }

// Int returns the value of an integer, or of a real without fraction.
func Int(o Object) (int64, bool) { return syntax.Int(o) }

// Equal compares values as readers do: 595.0 is 595, null is as good as absent, and a string is the same in parentheses and in
// digits. References are equal when they name the same object; streams never are.
func Equal(a, b Object) bool { return syntax.Equal(a, b) }

// Append writes an object in PDF syntax. The form depends on the value only.
func Append(out []byte, o Object) ([]byte, error) { return syntax.Append(out, o) }

// Operators reads a content stream (7.8.2) and calls visit with each operator and its operands, until visit returns false. An inline
// image comes as "BI" with its dictionary. It returns false when the stream ends in what is no content.
func Operators(content []byte, visit func(operator string, operands []Object) bool) bool {
	return syntax.Operators(content, visit)
}

// TextString encodes text as a text string (7.9.2.2): ASCII as it is, anything else as UTF-16BE with a mark.
func TextString(s string) String { return syntax.TextString(s) }

// DecodeText returns the UTF-8 form of a text string.
func DecodeText(s String) string { return syntax.DecodeText(s) }

// ShownStrings returns the text that a content stream shows (9.4.3), as far as that can be read without its fonts: complete is
// false for what is not ASCII and for a stream with images in it.
func ShownStrings(content []byte) (text string, complete bool) { return syntax.ShownStrings(content) }

// Date writes a time, in its zone, as a date (7.9.4). The zone lies whole hours from UTC.
func Date(t time.Time) String { return syntax.Date(t) }

// ParseDate reads a PDF date such as D:20260131093000+07'00' (ISO 32000-2, 7.9.4).
func ParseDate(s string) (time.Time, bool) { return syntax.ParseDate(s) }
