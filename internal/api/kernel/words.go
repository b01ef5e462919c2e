package kernel

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxNote is how many characters of an operator's reason are kept.
const MaxNote = 300

// MaxWords is how many characters an officer may write. They are sealed in the store and in no history.
const MaxWords = 1000

var (
	serialPattern = regexp.MustCompile(`^[0-9a-f]{1,64}$`)
	actorPattern  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9:._-]{0,63}$`)
)

// CheckText returns text in NFC. Reason and location are drawn on the page and shown in the panels of readers, so
// characters that break lines, turn the order of others round or do not show have no place.
func CheckText(location, text string, limit int, fields *FieldErrors) string {
	text = strings.TrimSpace(norm.NFC.String(text))
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unseen) {
		fields.Add(location, "must be text without control characters")
	}
	if utf8.RuneCountInString(text) > limit {
		fields.Add(location, fmt.Sprintf("must have at most %d characters", limit))
	}
	return text
}

// unseen reports control and format characters (bidi marks among them), line separators, and what was no text.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

// CheckNote is CheckText for a body's reason: words that go into the history of the process, where they stay and cannot be erased.
func CheckNote(text string, fields *FieldErrors) string {
	const location = "body.reason"
	text = CheckText(location, text, MaxNote, fields)
	if Personal(text) {
		fields.Add(location, "must not hold personal data such as numbers of people, phones or mail addresses")
	}
	return text
}

// CheckOpaque holds the id of a team or a person against what may stand in histories and logs.
func CheckOpaque(location, id string, fields *FieldErrors) {
	if !actorPattern.MatchString(id) || Personal(id) {
		fields.Add(location, "must be an opaque id: letters, digits and : . _ -, no personal data")
	}
}

// NormalSerial is the form in which serial numbers are compared: lower-case hex without separators.
func NormalSerial(serial string) string {
	return strings.ToLower(strings.NewReplacer(":", "", " ", "", "-", "").Replace(serial))
}

// CheckSerial returns a serial number as NormalSerial has it, and refuses what is none.
func CheckSerial(location, serial string, fields *FieldErrors) string {
	serial = NormalSerial(serial)
	if serial != "" && !serialPattern.MatchString(serial) {
		fields.Add(location, "must be a certificate's serial number in hex")
	}
	return serial
}
