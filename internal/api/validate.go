package api

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

var (
	serialPattern = regexp.MustCompile(`^[0-9a-f]{1,64}$`)
	actorPattern  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9:._-]{0,63}$`)
)

const (
	maxPage     = 1 << 20
	maxDistance = 1 << 20 // points; ISO 32000 Annex C speaks of 14,400, readers allow more with UserUnit
)

// provider finds a remote signing provider by name.
func (s *server) provider(name string) (signing.Provider, bool) {
	i := slices.IndexFunc(s.Providers, func(p signing.Provider) bool { return p.Name == name })
	if i < 0 {
		return signing.Provider{}, false
	}
	return s.Providers[i], true
}

// checkProvider returns the provider and the user id as that one has it kept. Without a name the first provider is taken.
func (s *server) checkProvider(name, user string, fields *fieldErrors) (provider, userID string) {
	p, known := s.provider(cmp.Or(name, s.Providers[0].Name))
	if !known {
		var names []string
		for _, p := range s.Providers {
			names = append(names, p.Name)
		}
		fields.add("body.provider", "must be one of "+strings.Join(names, ", "))
		return name, user
	}
	userID, err := p.CheckUser(user)
	if wrong, ok := errors.AsType[*problem.Error](err); ok {
		fields.say(fieldLocation(wrong.Field), wrong.Message, wrong.VI)
	} else if err != nil {
		fields.add("body.user", err.Error())
	}
	return p.Name, userID
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
