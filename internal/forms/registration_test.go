package forms_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/forms"
	"kyso/internal/problem"
)

var (
	at         = time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	subscriber = forms.Subscriber{FullName: "Trần Thị Ngọc Ánh", BirthDate: "2002-05-17", Sex: "female", Nationality: "VN",
		IDNumber: "001302004567", IDIssuedOn: "2021-06-01", IDIssuedBy: "Cục Cảnh sát QLHC về TTXH",
		Address: "Số 18 đường Trần Thái Tông, Phường Cầu Giấy, Thành phố Hà Nội", Phone: "+84901234567", Email: "anh@example.vn"}
	company = forms.Provider{Name: "CÔNG TY CỔ PHẦN KÝ SỐ THỬ NGHIỆM", ShortName: "KYSO", TaxCode: "0100000000", Licence: "01/GP-TN",
		Representative: "Lê Thị Hồng Nhung", Title: "Giám đốc", Address: "Số 1 phố Tràng Tiền, Hà Nội", Hotline: "1900 0000"}
	paid = forms.Plan{Code: "PS1", NameVI: "SmartCA cá nhân PS1", PriceVND: 300_000, Months: 12}
)

func documents(t *testing.T, s forms.Subscriber) map[string]forms.Written {
	t.Helper()
	out := map[string]forms.Written{}
	add := func(name string, w forms.Written, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = w
	}
	w, err := forms.RequestForm(forms.RequestData{Number: "A1/2026/PYC-KYSO", At: at, Subscriber: s, Provider: company, Plan: paid, VNeIDRequest: "VNEID-1",
		Consents: []forms.ConsentLine{{"terms", "terms/1", at}, {"personal-data", "personal-data/1", at}}})
	add("request", w, err)
	w, err = forms.Contract(forms.ContractData{Number: "A1/2026/HD-KYSO", At: at, Subscriber: s, Provider: company, Plan: paid,
		RequestNumber: "A1/2026/PYC-KYSO", RequestSHA256: strings.Repeat("ab", 32)})
	add("contract", w, err)
	w, err = forms.AcceptanceRecord(forms.AcceptanceData{Number: "A1/2026/BBNT-KYSO", At: at, ContractNumber: "A1/2026/HD-KYSO", ContractAt: at,
		Subscriber: s, Provider: company, Plan: paid, Serial: "5401ff", Subject: "CN=TRẦN THỊ NGỌC ÁNH, UID=CCCD:001302004567", Issuer: "KYSO SANDBOX CA RS",
		NotBefore: at, NotAfter: at.AddDate(1, 0, 0), ActivatedAt: at, Device: "điện thoại"})
	add("acceptance", w, err)
	return out
}

func TestDocumentsAreValidAndReadable(t *testing.T) {
	for name, w := range documents(t, subscriber) {
		if err := api.Validate(bytes.NewReader(w.PDF), nil); err != nil {
			t.Errorf("%s: pdfcpu: %v", name, err)
		}
		if w.Subscriber.Page < 1 || w.Subscriber.Y < 60 || w.Provider.Width == 0 {
			t.Errorf("%s: boxes %+v, %+v", name, w.Subscriber, w.Provider)
		}
		text := textOf(t, w.PDF)
		for _, want := range []string{"CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", subscriber.FullName, subscriber.IDNumber, "Trang 1/"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if file := os.Getenv("KYSO_KEEP"); file != "" {
			if err := os.WriteFile(filepath.Join(file, name+".pdf"), w.PDF, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestContractNamesThePrice(t *testing.T) {
	text := textOf(t, documents(t, subscriber)["contract"].PDF)
	for _, want := range []string{"300.000 đồng", "ba trăm nghìn đồng", "Điều 8. Hiệu lực"} {
		if !strings.Contains(text, want) {
			t.Errorf("the contract lacks %q", want)
		}
	}
}

// A name as long as names can be wraps; one typed on another kind of keyboard gives the same text.
func TestLongAndDecomposedNames(t *testing.T) {
	long := subscriber
	long.FullName = strings.TrimSpace(strings.Repeat("Nguyễn Thị Thủy Tiên ", 10))[:200]
	long.FullName = strings.ToValidUTF8(long.FullName, "")
	for name, w := range documents(t, long) {
		if err := api.Validate(bytes.NewReader(w.PDF), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	decomposed := subscriber
	decomposed.FullName = norm.NFD.String(subscriber.FullName)
	if text := textOf(t, documents(t, decomposed)["acceptance"].PDF); !strings.Contains(text, subscriber.FullName) {
		t.Error("a name in NFD is printed as something else")
	}
}

func TestCharacterWithoutGlyphIsRefused(t *testing.T) {
	s := subscriber
	s.FullName = "Trần 漢 Ánh"
	_, err := forms.Contract(forms.ContractData{Number: "1", At: at, Subscriber: s, Provider: company, Plan: paid})
	if problem.CodeOf(err) != problem.Invalid {
		t.Errorf("got %v, want invalid", err)
	}
}

// Every Vietnamese letter with every tone, small and capital, comes back from the page.
func TestEveryLetterWithEveryTone(t *testing.T) {
	var letters strings.Builder
	for _, vowel := range "aăâeêioôơuưy" {
		for _, tone := range []string{"", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"} {
			letters.WriteString(norm.NFC.String(string(vowel)+tone) + " ")
		}
	}
	all := letters.String() + "đ"
	all += " " + strings.ToUpper(all)
	s := subscriber
	s.Address = all
	text := textOf(t, documents(t, s)["request"].PDF)
	for letter := range strings.FieldsSeq(all) {
		if !strings.Contains(text, letter) {
			t.Errorf("the page lacks %q", letter)
		}
	}
}

func textOf(t *testing.T, pdf []byte) string {
	t.Helper()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pdftotext (Debian package poppler-utils) is missing")
		}
		t.Skip("pdftotext is missing")
	}
	file := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "-layout", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return norm.NFC.String(string(out))
}
