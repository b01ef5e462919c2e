package syntax

import (
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// TextString encodes text as a text string (7.9.2.2): ASCII as it is, anything else as UTF-16BE with a mark.
func TextString(s string) String {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x7f || s[i] < 0x20 && s[i] != '\n' && s[i] != '\t' && s[i] != '\r' {
			ascii = false
			break
		}
	}
	if ascii {
		return String(s)
	}
	units := utf16.Encode([]rune(s))
	out := make([]byte, 2, 2+2*len(units))
	out[0], out[1] = 0xFE, 0xFF
	for _, u := range units {
		out = append(out, byte(u>>8), byte(u))
	}
	return String(out)
}

// DecodeText returns the UTF-8 form of a text string.
func DecodeText(s String) string {
	switch {
	case strings.HasPrefix(string(s), "\xFE\xFF"):
		return decodeUTF16(string(s[2:]), 0, 1)
	case strings.HasPrefix(string(s), "\xFF\xFE"): // forbidden, and common
		return decodeUTF16(string(s[2:]), 1, 0)
	case strings.HasPrefix(string(s), "\xEF\xBB\xBF"): // PDF 2.0
		return strings.ToValidUTF8(string(s[3:]), "\uFFFD")
	}
	var out strings.Builder
	for i := range len(s) {
		out.WriteRune(docEncoding(s[i]))
	}
	return out.String()
}

func decodeUTF16(s string, high, low int) string {
	units := make([]uint16, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		units = append(units, uint16(s[i+high])<<8|uint16(s[i+low]))
	}
	return string(utf16.Decode(units))
}

// Codes 0x18 to 0x1F and 0x80 to 0xA0 of PDFDocEncoding (annex D.2); 0x9F has no character.
var (
	docLow  = []rune("\u02D8\u02C7\u02C6\u02D9\u02DD\u02DB\u02DA\u02DC")
	docHigh = []rune("\u2022\u2020\u2021\u2026\u2014\u2013\u0192\u2044\u2039\u203A\u2212\u2030\u201E\u201C\u201D\u2018" +
		"\u2019\u201A\u2122\uFB01\uFB02\u0141\u0152\u0160\u0178\u017D\u0131\u0142\u0153\u0161\u017E\uFFFD\u20AC")
)

func docEncoding(c byte) rune {
	switch {
	case c >= 0x18 && c <= 0x1F:
		return docLow[c-0x18]
	case c >= 0x80 && c <= 0xA0:
		return docHigh[c-0x80]
	case c == 0x7F || c == 0xAD:
		return utf8.RuneError
	}
	return rune(c)
}

// ShownStrings returns the text that a content stream shows (9.4.3), as far as that can be read without its fonts: complete is
// false for what is not ASCII and for a stream with images in it.
func ShownStrings(content []byte) (text string, complete bool) {
	const most = 1 << 16
	var out strings.Builder
	known := true
	ended := Operators(content, func(operator string, operands []Object) bool {
		switch operator {
		case "Tj", "TJ", "'", "\"":
			known = appendStrings(&out, operands)
		case "BI", "Do":
			known = false
		}
		known = known && out.Len() < most
		return known
	})
	return out.String(), ended && known
}

// appendStrings writes strings, and those of arrays with distances between them. It is false for bytes beyond ASCII.
func appendStrings(out *strings.Builder, operands []Object) bool {
	for _, o := range operands {
		switch v := o.(type) {
		case String:
			if strings.ContainsFunc(string(v), func(r rune) bool { return r >= 0x7F }) {
				return false
			}
			out.WriteString(string(v))
		case Array:
			if !appendStrings(out, v) {
				return false
			}
		}
	}
	return true
}

// Date writes a time, in its zone, as a date (7.9.4). The zone lies whole hours from UTC.
func Date(t time.Time) String { return String(t.Format("D:20060102150405-07'00'")) }

// ParseDate reads a PDF date such as D:20260131093000+07'00' (ISO 32000-2, 7.9.4).
func ParseDate(s string) (time.Time, bool) {
	s = strings.ReplaceAll(s, "'", "")
	for _, layout := range []string{"D:20060102150405-0700", "D:20060102150405Z0000", "D:20060102150405Z", "D:20060102150405"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
