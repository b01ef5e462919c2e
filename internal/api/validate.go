package api

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// userPattern is what providers take as a user id: a citizen number (CCCD, 12 digits) or the older identity number
// (CMND, 9), a tax code (10 digits, a branch has 3 more), a passport number, or IntrustCA's form with its prefix.
var userPattern = regexp.MustCompile(`^(\d{9}|\d{12}|\d{10}(-?\d{3})?|[A-Z]{1,2}\d{6,8}|ICA\.[0-9A-Za-z][0-9A-Za-z._-]{2,59})$`)

var (
	serialPattern = regexp.MustCompile(`^[0-9a-f]{1,64}$`)
	actorPattern  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9:._-]{0,63}$`)
)

const (
	maxPage     = 1 << 20
	maxDistance = 1 << 20 // points; ISO 32000 Annex C speaks of 14,400, readers allow more with UserUnit
)

// checkUser returns the user id without white space around it.
func checkUser(user string, fields *fieldErrors) string {
	user = strings.TrimSpace(user)
	if !userPattern.MatchString(user) {
		fields.say("body.user", "must be a citizen number of 12 digits (or 9), a tax code, a passport number, or ICA. and the provider's id", "Mã người dùng không đúng dạng")
	}
	return user
}

// checkText returns text in NFC. Reason and location are drawn on the page and shown in the panels of readers, so
// characters that break lines, turn the order of others round or do not show have no place.
func checkText(location, text string, limit int, fields *fieldErrors) string {
	text = strings.TrimSpace(norm.NFC.String(text))
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unseen) {
		fields.add(location, "must be text without control characters")
	}
	if utf8.RuneCountInString(text) > limit {
		fields.add(location, fmt.Sprintf("must have at most %d characters", limit))
	}
	return text
}

// unseen reports control and format characters (bidi marks among them), line separators, and what was no text.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}

// checkNote is checkText for a body's reason: words that go into the history of the process, where they stay and cannot be erased.
func checkNote(text string, fields *fieldErrors) string {
	const location = "body.reason"
	text = checkText(location, text, maxNote, fields)
	if personal(text) {
		fields.add(location, "must not hold personal data such as numbers of people, phones or mail addresses")
	}
	return text
}

// checkOpaque holds the id of a team or a person against what may stand in histories and logs.
func checkOpaque(location, id string, fields *fieldErrors) {
	if !actorPattern.MatchString(id) || personal(id) {
		fields.add(location, "must be an opaque id: letters, digits and : . _ -, no personal data")
	}
}

// normalSerial is the form in which serial numbers are compared: lower-case hex without separators.
func normalSerial(serial string) string {
	return strings.ToLower(strings.NewReplacer(":", "", " ", "", "-", "").Replace(serial))
}

func checkSerial(location, serial string, fields *fieldErrors) string {
	serial = normalSerial(serial)
	if serial != "" && !serialPattern.MatchString(serial) {
		fields.add(location, "must be a certificate's serial number in hex")
	}
	return serial
}
