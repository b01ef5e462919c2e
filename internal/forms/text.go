package forms

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/font"
	"kyso/internal/vn"
)

// wrap breaks a text into lines that are no wider than width. A word that is wider by itself is cut.
func wrap(text, face string, size int, width float64) []string {
	var lines []string
	current, wide, space := "", 0, advance(" ", face)
	for word := range strings.FieldsSeq(norm.NFC.String(text)) {
		for {
			more := advance(word, face)
			if current == "" && points(more, face, size) <= width {
				current, wide = word, more
				break
			}
			if current != "" && points(wide+space+more, face, size) <= width {
				current, wide = current+" "+word, wide+space+more
				break
			}
			if current != "" {
				lines, current = append(lines, current), ""
				continue
			}
			head := cut(word, face, size, width)
			lines, word = append(lines, head), word[len(head):]
		}
	}
	return append(lines, current)
}

// part is a line of a text; more says that a space and another line follow.
type part struct {
	text string
	more bool
}

// broken breaks a text into lines as wrap does, and tells those that end between words from those that end in one.
func broken(text, face string, size int, width float64) []part {
	rest := strings.Join(strings.Fields(norm.NFC.String(text)), " ")
	var parts []part
	for _, l := range wrap(text, face, size, width) {
		var more bool
		rest, more = strings.CutPrefix(rest[len(l):], " ")
		parts = append(parts, part{l, more})
	}
	return parts
}

// cut returns the longest beginning of a word that fits, at least one letter.
func cut(word, face string, size int, width float64) string {
	end := 0
	for _, letter := range font.Letters(word) {
		next := end + len(letter)
		if end > 0 && measure(word[:next], face, size) > width {
			break
		}
		end = next
	}
	return word[:end]
}

// measure returns how wide a text is. A letter without a shape is refused later.
func measure(text, face string, size int) float64 { return points(advance(text, face), face, size) }

// advance is how wide a text is in the units of its face.
func advance(text, face string) int {
	f, width := fontOf(face), 0
	for _, letter := range font.Letters(text) {
		shape, _ := f.Shape(letter)
		width += shape.Advance
	}
	return width
}

// points turns the units of a face into points.
func points(units int, face string, size int) float64 {
	return float64(units) * float64(size) / float64(fontOf(face).UnitsPerEm)
}

// printable reports whether a face shows every letter of a text, which is in NFC.
func printable(text, face string) bool {
	for _, letter := range font.Letters(text) {
		if _, ok := fontOf(face).Shape(letter); !ok {
			return false
		}
	}
	return true
}

// vietnameseDate is a day as documents write it.
func vietnameseDate(at time.Time) string {
	at = at.In(vn.Zone)
	return fmt.Sprintf("ngày %02d tháng %02d năm %d", at.Day(), at.Month(), at.Year())
}

// moment is a time as documents write it, empty for none.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(vn.Zone).Format("15:04:05 02/01/2006 (GMT+7)")
}

// shortDate turns YYYY-MM-DD into 31/12/2026; anything else stays as it is.
func shortDate(iso string) string {
	at, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return iso
	}
	return at.Format("02/01/2006")
}

// joined joins what is not empty.
func joined(separator string, parts ...string) string {
	var there []string
	for _, part := range parts {
		if part != "" {
			there = append(there, part)
		}
	}
	return strings.Join(there, separator)
}
