package cli

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Visible makes text of others harmless to a terminal. Names in certificates, fields, files and answers may hold control characters
// that move the cursor, and marks that turn the order of what is read. Each is written as \u and four digits, which in JSON is the
// same character, and in words shows that it is there. Bytes that are no UTF-8 become U+FFFD.
func Visible(s string) string {
	if strings.IndexFunc(s, Misleads) < 0 && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for _, r := range s { // a byte that is no UTF-8 is U+FFFD here
		if Misleads(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Misleads reports whether a character is a control (C0 but the tab, DEL, C1), ends a line, or steers the direction of text (Unicode
// Standard Annex 9).
func Misleads(r rune) bool {
	switch {
	case r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f, r == 0x2028, r == 0x2029:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// visibleArgs is visible for what goes into a sentence. An error may have several lines; those after the
// first are indented, so that none looks like ours.
func visibleArgs(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		switch value := arg.(type) {
		case error:
			out[i] = visibleLines(value.Error())
		case fmt.Stringer:
			out[i] = Visible(value.String())
		default:
			if out[i] = arg; reflect.ValueOf(arg).Kind() == reflect.String {
				out[i] = Visible(reflect.ValueOf(arg).String())
			}
		}
	}
	return out
}

func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return strings.Join(lines, "\n  ")
}

// MaxLine is how many characters of a line are shown: names in a file may have millions, and JSON has them whole.
const MaxLine = 1000

// Shortened cuts lines that would push all others off the screen.
func Shortened(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		if out[i] = line; utf8.RuneCountInString(line) > MaxLine {
			out[i] = string([]rune(line)[:MaxLine]) + "…"
		}
	}
	return out
}
