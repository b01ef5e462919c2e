package account_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/account"
	"kyso/internal/forms"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// TestBadInputTable prints what each input answers: go test -v -run TestBadInputTable ./internal/account.
func TestBadInputTable(t *testing.T) {
	t.Logf("| input | answer |")
	check := func(kind, in, want string, got string, err error) {
		t.Helper()
		answer := got
		if err != nil {
			answer = string(problem.CodeOf(err))
			if problem.FieldOf(err) == "" {
				t.Errorf("%s %q: the error names no field", kind, in)
			}
			if problem.CodeOf(err) != problem.Invalid || in != "" && strings.Contains(err.Error(), in) {
				t.Errorf("%s %q: %v", kind, in, err)
			}
		}
		if answer != want {
			t.Errorf("%s %q answers %q, want %q", kind, in, answer, want)
		}
		t.Logf("| %s %.40q | %s |", kind, in, answer)
	}
	for in, want := range map[string]string{"0901234567": "+84901234567", "84901234567": "+84901234567", "+84 90 123 4567": "+84901234567",
		"090.123.4567": "+84901234567", "": "invalid", "1900 1234": "invalid", "02438251234": "invalid", "090123456": "invalid", "09012345678": "invalid",
		"0901234abc": "invalid", "+1 202 555 0100": "invalid", "٠٩٠١٢٣٤٥٦٧": "invalid", "０９０１２３４５６７": "+84901234567", "\u202a+84 90 123 45 67\u202c": "+84901234567", "\u2068090\u00a0123\u202f4567\u2069": "+84901234567",
		"(090) 123-4567": "+84901234567", "+84 (0)90 123 4567": "+84901234567", "+840901234567": "+84901234567", "0084901234567": "+84901234567", "0084 0901234567": "+84901234567",
		"84 0901234567": "+84901234567", "090\u20131234567": "+84901234567", "090\u20111234567": "+84901234567", "090/1234567": "+84901234567", "tel:+84901234567": "+84901234567",
		"090\t1234567": "+84901234567", "090\u200b1234567": "+84901234567", "01621234567": "+84321234567", "+84 162 123 4567": "+84321234567", "0199 123 4567": "+84591234567",
		"0842345678": "+84842345678", "842345678": "invalid", "84842345678": "+84842345678", "+84": "invalid", "901234567": "invalid", "090,1234567": "invalid", "0901234567 0901234568": "invalid",
		"++84901234567": "invalid", "00840": "invalid", "0901234567ext5": "invalid", "01131234567": "invalid", "+1 90 1234567": "invalid", "0401234567": "invalid"} {
		got, err := account.Phone(in)
		check("phone", in, want, got, err)
	}
	for in, want := range map[string]string{"Anh@Example.VN": "Anh@example.vn", "": "invalid", "anh": "invalid", "Anh <anh@example.vn>": "invalid",
		"anh@localhost": "invalid", "anh@example.vn\r\nBcc: x@y.vn": "invalid", strings.Repeat("a", 65) + "@example.vn": "invalid",
		"anh@" + strings.Repeat("a", 260) + ".vn": "invalid"} {
		got, err := account.Input{}.Email(in)
		check("e-mail", in, want, got, err)
	}
	for in, want := range map[string]string{norm.NFD.String("Trần Thị Ngọc Ánh"): "Trần Thị Ngọc Ánh", "  Lê   Văn  Tám ": "Lê Văn Tám", "": "invalid",
		strings.Repeat("ế", 64): strings.Repeat("ế", 64), strings.Repeat("ế", 65): "invalid", "Trần\x00Ánh": "invalid", "Trần \u202eÁnh": "invalid",
		"<script>": "invalid", "Trần 2": "invalid", "Tr\xff": "invalid", "Y’Nguyên": "Y’Nguyên"} {
		got, err := account.Input{}.Name(in)
		check("name", in, want, got, err)
	}
	for _, c := range []struct{ id, born, sex, want string }{
		{"001302004567", "2002-05-17", "female", "ok"}, {"079095012345", "1995-01-01", "male", "ok"}, {"001302004567", "2002-05-17", "male", "invalid"},
		{"001302004567", "2003-05-17", "female", "invalid"}, {"001302004567", "1902-05-17", "female", "invalid"}, {"00130200456", "2002-05-17", "female", "invalid"},
		{"00130200456a", "2002-05-17", "female", "invalid"}, {"001302004567", "2002-02-30", "female", "invalid"}, {"099302004567", "2002-05-17", "female", "warning"},
	} {
		warnings, err := account.IDNumber(c.id, c.born, c.sex)
		got := "ok"
		if len(warnings) > 0 {
			got = "warning"
		}
		check("citizen number", c.id+" "+c.born+" "+c.sex, c.want, got, err)
	}
	for in, want := range map[string]string{"mật khẩu rất dài": "ok", "ngắn": "invalid", "matkhau123": "invalid", "Mật Khẩu 123": "invalid", "12345678": "invalid",
		"901234567 abc": "invalid", strings.Repeat("x", 129): "invalid"} {
		check("password", in, want, "ok", account.Password(in, "+84901234567", "anh@example.vn"))
	}
}

func TestRequestNeedsBothConsents(t *testing.T) {
	now := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	consent := func(purpose string) registration.Consent {
		return registration.Consent{Purpose: purpose, TextVersion: "v/1", TextSHA256: strings.Repeat("a", 64), ShownAt: now.Add(-2 * time.Minute), AcceptedAt: now.Add(-time.Minute)}
	}
	good := registration.Request{RequestID: "V-1", Issuer: "VNPT-CA", HandoffToken: strings.Repeat("t", 32), ExpiresAt: now.Add(time.Hour),
		Consents: []registration.Consent{consent("terms"), consent("personal-data")},
		Person: registration.Person{IDNumber: "001302004567", FullName: norm.NFD.String("Trần Thị Ngọc Ánh"), BirthDate: "2002-05-17", Sex: "female",
			Province: "Hà Nội", Phone: "0901234567", IDExpiresOn: "2027-05-17"}}
	got, _, err := account.Input{}.Request(good, now)
	if err != nil || got.Person.FullName != "Trần Thị Ngọc Ánh" || got.Person.Phone != "+84901234567" {
		t.Fatalf("%+v, %v", got.Person, err)
	}
	input := account.Input{Unprintable: forms.Unprintable}
	for _, name := range highlanders {
		asks := good
		asks.Person.FullName = norm.NFD.String(name)
		if got, _, err := input.Request(asks, now); err != nil || got.Person.FullName != norm.NFC.String(name) {
			t.Errorf("%q: %q, %v", name, got.Person.FullName, err)
		}
	}
	for name, c := range map[string]struct {
		field string
		spoil func(*registration.Request)
	}{
		"letter without glyph":       {"person.full_name", func(r *registration.Request) { r.Person.FullName = "Trần 漢" }},
		"commune without glyph":      {"person.commune", func(r *registration.Request) { r.Person.Commune = "Xã 漢" }},
		"name longer than X.520":     {"person.full_name", func(r *registration.Request) { r.Person.FullName = strings.Repeat("Ế", 65) }},
		"province longer than X.520": {"person.province", func(r *registration.Request) { r.Person.Province = strings.Repeat("Ế", 129) }},
		"text of consent":            {"consents[0].text_version", func(r *registration.Request) { r.Consents[0].TextVersion = "漢" }},
		"long text of consent":       {"consents[0].text_version", func(r *registration.Request) { r.Consents[0].TextVersion = strings.Repeat("v", 65) }},
		"number":                     {"person.id_number", func(r *registration.Request) { r.Person.IDNumber = "1" }},
		"birth":                      {"person.birth_date", func(r *registration.Request) { r.Person.BirthDate = "hôm qua" }},
		"card":                       {"person.id_issued_on", func(r *registration.Request) { r.Person.IDIssuedOn = "01/02/2020" }},
		"no request":                 {"request_id", func(r *registration.Request) { r.RequestID = "" }},
		"request with signs":         {"request_id", func(r *registration.Request) { r.RequestID = "a\u202eb" }},
		"no issuer":                  {"issuer", func(r *registration.Request) { r.Issuer = "" }},
		"place of issue":             {"person.id_issued_by", func(r *registration.Request) { r.Person.IDIssuedBy = "公安" }},
		"one consent":                {"consents", func(r *registration.Request) { r.Consents = r.Consents[:1] }},
		"same twice":                 {"consents", func(r *registration.Request) { r.Consents = []registration.Consent{consent("terms"), consent("terms")} }},
		"before shown":               {"consents[0].accepted_at", func(r *registration.Request) { r.Consents[0].AcceptedAt = now.Add(-time.Hour) }},
		"in the future":              {"consents[0].accepted_at", func(r *registration.Request) { r.Consents[0].AcceptedAt = now.Add(time.Hour) }},
		"no text":                    {"consents[1].text_sha256", func(r *registration.Request) { r.Consents[1].TextSHA256 = "" }},
		"short token":                {"handoff_token", func(r *registration.Request) { r.HandoffToken = "x" }},
		"expired token":              {"expires_at", func(r *registration.Request) { r.ExpiresAt = now }},
		"expired card":               {"person.id_expires_on", func(r *registration.Request) { r.Person.IDExpiresOn = "2020-01-01" }},
		"born tomorrow":              {"person.id_number", func(r *registration.Request) { r.Person.BirthDate = "2102-01-01" }},
		"hidden letters":             {"person.address", func(r *registration.Request) { r.Person.Address = "Số 1\u200b" }},
		"no province":                {"person.province", func(r *registration.Request) { r.Person.Province = "" }},
		"sex of nobody":              {"person.sex", func(r *registration.Request) { r.Person.Sex = "x" }},
		"phone of a firm":            {"person.phone", func(r *registration.Request) { r.Person.Phone = "19001234" }},
	} {
		bad := good
		bad.Consents = append([]registration.Consent{}, good.Consents...)
		c.spoil(&bad)
		if _, _, err := input.Request(bad, now); problem.CodeOf(err) != problem.Invalid || problem.FieldOf(err) != c.field {
			t.Errorf("%s: %v of field %q, want %q", name, err, problem.FieldOf(err), c.field)
		}
	}
}

// highlanders have names as people of the Ê Đê, Gia Rai, Ba Na and Mnông write them.
var highlanders = []string{"H'Lan Niê Kđăm", "Y Ƀhiăp Êban", "H’Ƀuôn Ktla", "HʼNiê Čư̆", "Rơ̆ Čăm H’Yăp", "Ñă B̆inh D̆ơ̆ng", "Y-Čiêm Mlô"}

func TestMask(t *testing.T) {
	if got := account.Mask("079095012345"); got != "079******345" {
		t.Errorf("masked to %q", got)
	}
}

// TestTheCommonestPasswordsAreRefused takes the list as attackers have it: each of the 3,000 commonest passwords that are long
// enough is refused, and so is each in capitals, with blanks, and in the decomposed form of Unicode.
func TestTheCommonestPasswordsAreRefused(t *testing.T) {
	refused := 0
	for _, word := range frequency.FrequencyLists["passwords"] {
		if utf8.RuneCountInString(word) < 8 {
			continue
		}
		for _, written := range []string{word, strings.ToUpper(word), word[:1] + " " + word[1:], strings.ToUpper(word[:1]) + word[1:]} {
			if account.Password(written, "", "") == nil {
				t.Fatalf("%q is taken", written)
			}
		}
		refused++
	}
	if refused < 3000 {
		t.Errorf("the list has %d passwords only", refused)
	}
	for _, word := range []string{"Mật khẩu 123", "ANH YÊU EM", "anh yêu em", "Không Biết", "mật khẩu mới"} {
		for _, written := range []string{norm.NFC.String(word), norm.NFD.String(word), norm.NFD.String(strings.ToUpper(word))} {
			if account.Password(written, "", "") == nil {
				t.Errorf("%q is taken", written)
			}
		}
	}
	t.Logf("%d passwords of the list are refused", refused)
}
