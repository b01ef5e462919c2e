package account

import (
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

func invalid(text string) error { return problem.New(problem.Invalid, "%s", text) }

var mobile = regexp.MustCompile(`^(?:\+?84|0)(3[2-9]|5[25689]|7[06-9]|8[1-9]|9\d)\d{7}$`)

// Phone returns a Vietnamese mobile number in E.164. Others cannot receive a code.
func Phone(s string) (string, error) {
	s = strings.NewReplacer(" ", "", ".", "", "-", "").Replace(strings.TrimSpace(s))
	if !mobile.MatchString(s) {
		return "", invalid("not a Vietnamese mobile number")
	}
	if strings.HasPrefix(s, "84") {
		s = "+" + s
	}
	n, err := phonenumbers.Parse(s, "VN")
	if err != nil || n.GetCountryCode() != 84 {
		return "", invalid("not a Vietnamese mobile number")
	}
	return phonenumbers.Format(n, phonenumbers.E164), nil
}

// Email returns an address in NFC with its domain in lower case.
func Email(s string) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", invalid("not an e-mail address")
	}
	local, domain, _ := strings.Cut(s, "@")
	if !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") || len(local) > 64 {
		return "", invalid("not an e-mail address")
	}
	return local + "@" + strings.ToLower(domain), nil
}

// maxName is how many characters a name may have.
const maxName = 200

// Name returns a name in NFC with single blanks.
func Name(s string) (string, error) {
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	if n := utf8.RuneCountInString(s); !utf8.ValidString(s) || n == 0 || n > maxName {
		return "", invalid("a name has 1 to 200 characters")
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" '’.-", r) {
			return "", invalid("a name holds letters only")
		}
	}
	return s, nil
}

// IDNumber judges a citizen number (PPP G YY NNNNNN, Decree 137/2015 Art. 13) against birth date and sex. An unknown
// province is a warning: lists change.
func IDNumber(id, birthDate, sex string) ([]string, error) {
	if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
		return nil, invalid("a citizen number has 12 digits")
	}
	born, err := time.Parse(time.DateOnly, birthDate)
	if err != nil {
		return nil, invalid("the birth date is not a date")
	}
	digit, year := int(id[3]-'0'), born.Year()
	if want := (year-1900)/100*2 + map[string]int{"female": 1}[sex]; year < 1900 || digit != want {
		return nil, invalid("the citizen number does not fit birth year and sex")
	}
	if yy, _ := strconv.Atoi(id[4:6]); yy != year%100 {
		return nil, invalid("the citizen number does not fit the birth year")
	}
	if province, _ := strconv.Atoi(id[:3]); province < 1 || province > 96 && province < 100 {
		return []string{"the citizen number's province is not known"}, nil
	}
	return nil, nil
}

// text checks free text of a person.
func text(s string, most int) (string, error) {
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return "", invalid("a text is too long or not UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return "", invalid("a text holds characters that cannot be seen")
		}
	}
	return s, nil
}

// Person normalises and judges a person record. The warnings are for officers.
func Person(p registration.Person, now time.Time) (registration.Person, []string, error) {
	var err error
	if p.FullName, err = Name(p.FullName); err != nil {
		return p, nil, err
	}
	if p.Sex != "male" && p.Sex != "female" {
		return p, nil, invalid("the sex is male or female")
	}
	warnings, err := IDNumber(p.IDNumber, p.BirthDate, p.Sex)
	if err != nil {
		return p, nil, err
	}
	if p.Phone, err = Phone(p.Phone); err != nil {
		return p, nil, err
	}
	for _, field := range []*string{&p.Nationality, &p.Province, &p.Commune, &p.Address, &p.IDIssuedBy} {
		if *field, err = text(*field, 300); err != nil {
			return p, nil, err
		}
	}
	if p.Province == "" {
		return p, nil, invalid("the province is missing")
	}
	return p, warnings, dates(p, now)
}

func dates(p registration.Person, now time.Time) error {
	today := now.UTC().Add(7 * time.Hour).Format(time.DateOnly)
	if p.BirthDate > today {
		return invalid("the birth date lies in the future")
	}
	for _, date := range []string{p.IDIssuedOn, p.IDExpiresOn} {
		if _, err := time.Parse(time.DateOnly, date); date != "" && err != nil {
			return invalid("a date of the identity card is not a date")
		}
	}
	switch {
	case p.IDIssuedOn > today:
		return invalid("the identity card is issued in the future")
	case p.IDExpiresOn != "" && p.IDExpiresOn < today:
		return invalid("the identity card has expired")
	}
	return nil
}

// Request normalises and judges a request from VNeID: the person, both consents once each, a token with a life.
func Request(r registration.Request, now time.Time) (registration.Request, []string, error) {
	var warnings []string
	var err error
	if r.Person, warnings, err = Person(r.Person, now); err != nil {
		return r, nil, err
	}
	seen := map[string]int{}
	for _, c := range r.Consents {
		seen[c.Purpose]++
		switch {
		case c.AcceptedAt.IsZero() || c.AcceptedAt.Before(c.ShownAt) || c.AcceptedAt.After(now.Add(5*time.Minute)):
			return r, nil, invalid("a consent was given before it was shown, or in the future")
		case c.TextVersion == "" || len(c.TextSHA256) != 64:
			return r, nil, invalid("a consent does not say to which text")
		}
	}
	switch {
	case len(r.Consents) != 2 || seen[registration.PurposeTerms] != 1 || seen[registration.PurposePersonalData] != 1:
		return r, nil, invalid("a consent is missing: terms and personal-data are needed, each by itself")
	case r.RequestID == "" || len(r.RequestID) > 64 || r.Issuer == "":
		return r, nil, invalid("a request has an id and an issuer")
	case len(r.HandoffToken) < 16 || !r.ExpiresAt.After(now):
		return r, nil, invalid("the hand-off token is too short or has expired")
	}
	return r, warnings, nil
}

// Fold turns Vietnamese into ASCII for order texts and SMS.
func Fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		switch {
		case r == 'đ':
			b.WriteByte('d')
		case r == 'Đ':
			b.WriteByte('D')
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Mask shows enough of a number to recognise it: 079******345.
func Mask(id string) string {
	if len(id) < 7 {
		return strings.Repeat("*", len(id))
	}
	return id[:3] + strings.Repeat("*", len(id)-6) + id[len(id)-3:]
}
