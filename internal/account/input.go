package account

import (
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

// Printer returns the first letter of a text that the papers cannot show; "" when they can show all. It is injected: papers
// are written elsewhere.
type Printer func(text string) string

// Input judges what people and VNeID send. What the papers, the certificate or the CA would refuse later, it refuses now
// and says in which field.
type Input struct {
	Unprintable Printer // nil prints everything
}

func invalid(field, en, vi string) error { return problem.OfField(problem.Invalid, field, en, vi) }

// The upper bounds of X.520 (RFC 5280, Appendix A.1), in characters: a CA refuses more.
const (
	maxName     = 64  // ub-common-name
	maxLocality = 128 // ub-locality-name and ub-state-name
	maxText     = 300 // of what stands in papers only
	maxRequest  = 64
)

// Email returns an address in NFC with its domain in lower case.
func (i Input) Email(s string) (string, error) {
	wrong := invalid("email", "not an e-mail address", "Địa chỉ thư điện tử không đúng")
	s = norm.NFC.String(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", wrong
	}
	local, domain, _ := strings.Cut(s, "@")
	if !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") || len(local) > 64 {
		return "", wrong
	}
	s = local + "@" + strings.ToLower(domain)
	return s, i.printed("email", s)
}

// Name returns a name in NFC with single blanks. It becomes the common name of a certificate, in capitals.
func (i Input) Name(s string) (string, error) {
	const field = "full_name"
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	if n := max(utf8.RuneCountInString(s), utf8.RuneCountInString(strings.ToUpper(s))); !utf8.ValidString(s) || n == 0 || n > maxName {
		return "", invalid(field, "a name has 1 to 64 characters", "Họ tên có từ 1 đến 64 ký tự")
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" '’ʼ.-", r) {
			return "", invalid(field, "a name holds letters only", "Họ tên chỉ gồm chữ cái")
		}
	}
	if err := i.printed(field, s); err != nil {
		return "", err
	}
	return s, i.printed(field, strings.ToUpper(s))
}

// printed refuses a text with a letter that the papers cannot show.
func (i Input) printed(field, text string) error {
	if i.Unprintable == nil {
		return nil
	}
	if letter := i.Unprintable(text); letter != "" {
		return invalid(field, "the letter "+strconv.Quote(letter)+" cannot be printed", "Chữ “"+letter+"” không in được")
	}
	return nil
}

// IDNumber judges a citizen number (PPP G YY NNNNNN, Decree 137/2015 Art. 13) against birth date and sex. An unknown
// province is a warning: lists change.
func IDNumber(id, birthDate, sex string) ([]string, error) {
	const field = "id_number"
	if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
		return nil, invalid(field, "a citizen number has 12 digits", "Số định danh cá nhân có 12 chữ số")
	}
	born, err := time.Parse(time.DateOnly, birthDate)
	if err != nil {
		return nil, invalid("birth_date", "the birth date is not a date", "Ngày sinh không đúng")
	}
	digit, year := int(id[3]-'0'), born.Year()
	if want := (year-1900)/100*2 + map[string]int{"female": 1}[sex]; year < 1900 || digit != want {
		return nil, invalid(field, "the citizen number does not fit birth year and sex", "Số định danh không khớp năm sinh và giới tính")
	}
	if yy, _ := strconv.Atoi(id[4:6]); yy != year%100 {
		return nil, invalid(field, "the citizen number does not fit the birth year", "Số định danh không khớp năm sinh")
	}
	if province, _ := strconv.Atoi(id[:3]); province < 1 || province > 96 && province < 100 {
		return []string{"the citizen number's province is not known"}, nil
	}
	return nil, nil
}

// text checks free text of a person.
func (i Input) text(field, s string, most int) (string, error) {
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	if n := max(utf8.RuneCountInString(s), utf8.RuneCountInString(strings.ToUpper(s))); !utf8.ValidString(s) || n > most {
		return "", invalid(field, "must be text of at most "+strconv.Itoa(most)+" characters", "Tối đa "+strconv.Itoa(most)+" ký tự")
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return "", invalid(field, "a text holds characters that cannot be seen", "Có ký tự không nhìn thấy được")
		}
	}
	return s, i.printed(field, s)
}

// Person normalises and judges a person record. The warnings are for officers.
func (i Input) Person(p registration.Person, now time.Time) (registration.Person, []string, error) {
	var err error
	if p.FullName, err = i.Name(p.FullName); err != nil {
		return p, nil, err
	}
	if p.Sex != "male" && p.Sex != "female" {
		return p, nil, invalid("sex", "the sex is male or female", "Giới tính là nam hoặc nữ")
	}
	warnings, err := IDNumber(p.IDNumber, p.BirthDate, p.Sex)
	if err != nil {
		return p, nil, err
	}
	if p.Phone, err = Phone(p.Phone); err != nil {
		return p, nil, err
	}
	for _, field := range []struct {
		name  string
		value *string
		most  int
	}{
		{"nationality", &p.Nationality, maxText}, {"province", &p.Province, maxLocality}, {"commune", &p.Commune, maxLocality},
		{"address", &p.Address, maxText}, {"id_issued_by", &p.IDIssuedBy, maxText},
	} {
		if *field.value, err = i.text(field.name, *field.value, field.most); err != nil {
			return p, nil, err
		}
	}
	for _, field := range []struct{ name, value string }{{"province", p.Province}, {"commune", p.Commune}} { // they stand in the certificate in capitals
		if err := i.printed(field.name, strings.ToUpper(field.value)); err != nil {
			return p, nil, err
		}
	}
	if p.Province == "" {
		return p, nil, invalid("province", "the province is missing", "Thiếu tỉnh, thành phố")
	}
	return p, warnings, dates(p, now)
}

func dates(p registration.Person, now time.Time) error {
	today := now.UTC().Add(7 * time.Hour).Format(time.DateOnly)
	if p.BirthDate > today {
		return invalid("birth_date", "the birth date lies in the future", "Ngày sinh ở tương lai")
	}
	for _, date := range []struct{ name, value string }{{"id_issued_on", p.IDIssuedOn}, {"id_expires_on", p.IDExpiresOn}} {
		if _, err := time.Parse(time.DateOnly, date.value); date.value != "" && err != nil {
			return invalid(date.name, "a date of the identity card is not a date", "Ngày không đúng, cần theo dạng năm-tháng-ngày")
		}
	}
	switch {
	case p.IDIssuedOn > today:
		return invalid("id_issued_on", "the identity card is issued in the future", "Ngày cấp ở tương lai")
	case p.IDExpiresOn != "" && p.IDExpiresOn < today:
		return invalid("id_expires_on", "the identity card has expired", "Thẻ căn cước đã hết hạn")
	}
	return nil
}

// Request normalises and judges a request from VNeID: the person, both consents once each, a token with a life.
func (i Input) Request(r registration.Request, now time.Time) (registration.Request, []string, error) {
	var warnings []string
	var err error
	if r.Person, warnings, err = i.Person(r.Person, now); err != nil {
		return r, nil, problem.Within("person", err)
	}
	if err := i.consents(r.Consents, now); err != nil {
		return r, nil, err
	}
	id, err := i.text("request_id", r.RequestID, maxRequest)
	switch {
	case err != nil:
		return r, nil, err
	case id == "" || id != r.RequestID || len(r.RequestID) > maxRequest:
		return r, nil, invalid("request_id", "must be an id of at most 64 bytes", "")
	case r.Issuer == "":
		return r, nil, invalid("issuer", "must be the code of a CA", "")
	case len(r.HandoffToken) < 16:
		return r, nil, invalid("handoff_token", "must have 16 characters or more", "")
	case !r.ExpiresAt.After(now):
		return r, nil, invalid("expires_at", "must lie in the future", "")
	}
	return r, warnings, nil
}

// consents demands both, each by itself, given after it was shown.
func (i Input) consents(list []registration.Consent, now time.Time) error {
	seen := map[string]int{}
	for n, c := range list {
		seen[c.Purpose]++
		at := func(field, en string) error { return invalid("consents["+strconv.Itoa(n)+"]."+field, en, "") }
		if _, err := i.text("text_version", c.TextVersion, maxRequest); err != nil {
			return problem.Within("consents["+strconv.Itoa(n)+"]", err)
		}
		switch {
		case c.AcceptedAt.IsZero() || c.AcceptedAt.Before(c.ShownAt) || c.AcceptedAt.After(now.Add(5*time.Minute)):
			return at("accepted_at", "a consent was given before it was shown, or in the future")
		case c.TextVersion == "":
			return at("text_version", "a consent does not say to which text")
		case len(c.TextSHA256) != 64:
			return at("text_sha256", "a consent does not say to which text")
		}
	}
	if len(list) != 2 || seen[registration.PurposeTerms] != 1 || seen[registration.PurposePersonalData] != 1 {
		return invalid("consents", "terms and personal-data are needed, each by itself and once", "")
	}
	return nil
}

// Mask shows enough of a number to recognise it: 079******345.
func Mask(id string) string {
	if len(id) < 7 {
		return strings.Repeat("*", len(id))
	}
	return id[:3] + strings.Repeat("*", len(id)-6) + id[len(id)-3:]
}
