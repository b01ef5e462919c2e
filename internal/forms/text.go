package forms

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/pdfcpu/pdfcpu/pkg/font"
	"golang.org/x/text/unicode/norm"
)

// wrap breaks a text into lines that are no wider than width. A word that is wider by itself is cut.
func wrap(text, face string, size int, width float64) []string {
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(norm.NFC.String(text)) {
		for {
			joined := strings.TrimSpace(current + " " + word)
			if measure(joined, face, size) <= width {
				current = joined
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

// cut returns the longest beginning of a word that fits, at least one character.
func cut(word, face string, size int, width float64) string {
	end := 0
	for i, r := range word {
		next := i + len(string(r))
		if end > 0 && measure(word[:next], face, size) > width {
			break
		}
		end = next
	}
	return word[:end]
}

func measure(text, face string, size int) float64 {
	width, err := font.TextWidth(text, face, size)
	if err != nil {
		return float64(len(text) * size) // wider than any text; a character without a glyph is refused later
	}
	return width
}

// printable reports whether a face shows every character of a text, which is in NFC. A combining mark that is left in
// NFC has no place over its letter without a layout engine, and a control character has no look at all.
func printable(text, face string) bool {
	for _, r := range text {
		if unicode.In(r, unicode.M, unicode.Cc, unicode.Cf, unicode.Co) || fonts.metrics[face].Chars[uint32(r)] == 0 {
			return false
		}
	}
	return true
}

// vietnameseDate is a day as documents write it.
func vietnameseDate(at time.Time) string {
	at = at.In(vietnam)
	return fmt.Sprintf("ngày %02d tháng %02d năm %d", at.Day(), at.Month(), at.Year())
}

// moment is a time as documents write it, empty for none.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(vietnam).Format("15:04:05 02/01/2006 (GMT+7)")
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
