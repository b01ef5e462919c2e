package account_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/account"
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
		"0901234abc": "invalid", "+1 202 555 0100": "invalid", "٠٩٠١٢٣٤٥٦٧": "invalid", "0401234567": "invalid"} {
		got, err := account.Phone(in)
		check("phone", in, want, got, err)
	}
	for in, want := range map[string]string{"Anh@Example.VN": "Anh@example.vn", "": "invalid", "anh": "invalid", "Anh <anh@example.vn>": "invalid",
		"anh@localhost": "invalid", "anh@example.vn\r\nBcc: x@y.vn": "invalid", strings.Repeat("a", 65) + "@example.vn": "invalid",
		"anh@" + strings.Repeat("a", 260) + ".vn": "invalid"} {
		got, err := account.Email(in)
		check("e-mail", in, want, got, err)
	}
	for in, want := range map[string]string{norm.NFD.String("Trần Thị Ngọc Ánh"): "Trần Thị Ngọc Ánh", "  Lê   Văn  Tám ": "Lê Văn Tám", "": "invalid",
		strings.Repeat("ế", 200): strings.Repeat("ế", 200), strings.Repeat("ế", 201): "invalid", "Trần\x00Ánh": "invalid", "Trần \u202eÁnh": "invalid",
		"<script>": "invalid", "Trần 2": "invalid", "Tr\xff": "invalid", "Y’Nguyên": "Y’Nguyên"} {
		got, err := account.Name(in)
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
	got, _, err := account.Request(good, now)
	if err != nil || got.Person.FullName != "Trần Thị Ngọc Ánh" || got.Person.Phone != "+84901234567" {
		t.Fatalf("%+v, %v", got.Person, err)
	}
	for name, spoil := range map[string]func(*registration.Request){
		"one consent":     func(r *registration.Request) { r.Consents = r.Consents[:1] },
		"same twice":      func(r *registration.Request) { r.Consents = []registration.Consent{consent("terms"), consent("terms")} },
		"before shown":    func(r *registration.Request) { r.Consents[0].AcceptedAt = now.Add(-time.Hour) },
		"in the future":   func(r *registration.Request) { r.Consents[0].AcceptedAt = now.Add(time.Hour) },
		"no text":         func(r *registration.Request) { r.Consents[1].TextSHA256 = "" },
		"short token":     func(r *registration.Request) { r.HandoffToken = "x" },
		"expired token":   func(r *registration.Request) { r.ExpiresAt = now },
		"expired card":    func(r *registration.Request) { r.Person.IDExpiresOn = "2020-01-01" },
		"born tomorrow":   func(r *registration.Request) { r.Person.BirthDate = "2102-01-01" },
		"hidden letters":  func(r *registration.Request) { r.Person.Address = "Số 1\u200b" },
		"no province":     func(r *registration.Request) { r.Person.Province = "" },
		"sex of nobody":   func(r *registration.Request) { r.Person.Sex = "x" },
		"phone of a firm": func(r *registration.Request) { r.Person.Phone = "19001234" },
	} {
		bad := good
		bad.Consents = append([]registration.Consent{}, good.Consents...)
		spoil(&bad)
		if _, _, err := account.Request(bad, now); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFoldAndMask(t *testing.T) {
	if got := account.Fold("Đặng Thị Thủy đi Huế"); got != "Dang Thi Thuy di Hue" {
		t.Errorf("folded to %q", got)
	}
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
