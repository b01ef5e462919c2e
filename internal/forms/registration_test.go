package forms_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
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

func documents(t testing.TB, s forms.Subscriber) map[string]forms.Written {
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
	titles := map[string]string{"request": "PHIẾU ĐỀ NGHỊ CẤP CHỨNG THƯ CHỮ KÝ SỐ", "contract": "HỢP ĐỒNG CUNG CẤP VÀ SỬ DỤNG",
		"acceptance": "BIÊN BẢN NGHIỆM THU DỊCH VỤ"}
	pages := map[string]int{"request": 1, "contract": 2, "acceptance": 1}
	for name, w := range documents(t, subscriber) {
		if err := api.Validate(bytes.NewReader(w.PDF), nil); err != nil {
			t.Errorf("%s: pdfcpu: %v", name, err)
		}
		if n, err := api.PageCount(bytes.NewReader(w.PDF), nil); err != nil || n != pages[name] {
			t.Errorf("%s: %d pages, %v; want %d", name, n, err, pages[name])
		}
		sum := sha256.Sum256(w.PDF)
		if w.SHA256 != hex.EncodeToString(sum[:]) || w.Template != name+"/1" {
			t.Errorf("%s: template %q, digest %q", name, w.Template, w.SHA256)
		}
		for _, box := range []forms.Box{w.Subscriber, w.Provider} {
			if box.Page != pages[name] || box.X < 85 || box.X+box.Width > 540 || box.Y < 60 || box.Y+box.Height > 800 || box.Width < 150 || box.Height < 50 {
				t.Errorf("%s: box %+v", name, box)
			}
		}
		if w.Subscriber.X == w.Provider.X {
			t.Errorf("%s: both sign in the same place", name)
		}
		text := textOf(t, w.PDF)
		for _, want := range []string{"CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Ngày 26 tháng 11 năm 2026",
			titles[name], subscriber.FullName, subscriber.IDNumber, company.Name, "300.000 đồng (ba trăm nghìn đồng)", fmt.Sprintf("Trang 1/%d", pages[name])} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if folder := os.Getenv("KYSO_KEEP"); folder != "" {
			if err := os.WriteFile(filepath.Join(folder, name+".pdf"), w.PDF, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What PDF/A and readers for the blind want.
func TestDocumentsDescribeThemselves(t *testing.T) {
	for name, w := range documents(t, subscriber) {
		forms.Tool(t, w.PDF, "qpdf", "qpdf", "--check", "FILE")
		plain := forms.Tool(t, w.PDF, "qpdf", "qpdf", "--qdf", "--object-streams=disable", "FILE", "-")
		for _, want := range []string{"/Lang (vi-VN)", "/DisplayDocTitle true", "/Subtype /XML", "<pdf:Producer>kyso", "2026-11-26T10:00:00+07:00",
			"/CreationDate (D:20261126100000+07'00')", "/FontFile2", "/ToUnicode"} {
			if !strings.Contains(plain, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
		for line := range strings.Lines(forms.Tool(t, w.PDF, "pdffonts", "poppler-utils", "FILE")) {
			if strings.Contains(line, "Liberation") && !strings.Contains(line, "yes yes yes") {
				t.Errorf("%s: a font is not embedded, not a subset or without characters: %s", name, line)
			}
		}
		if info := forms.Tool(t, w.PDF, "pdfinfo", "poppler-utils", "FILE"); strings.Contains(info, subscriber.FullName) || strings.Contains(info, "Warning") {
			t.Errorf("%s: %s", name, info)
		}
	}
}

// The same data gives the same bytes, whatever keyboard typed it; other data does not.
func TestSameDataGivesSameBytes(t *testing.T) {
	first := documents(t, subscriber)
	decomposed := subscriber
	decomposed.FullName, decomposed.Address = norm.NFD.String(subscriber.FullName), norm.NFD.String(subscriber.Address)
	decomposed.IDIssuedBy = norm.NFD.String(subscriber.IDIssuedBy)
	other := subscriber
	other.FullName = "Trần Thị Ngọc Ảnh"
	for name, w := range documents(t, subscriber) {
		if !bytes.Equal(w.PDF, first[name].PDF) {
			t.Errorf("%s differs from run to run", name)
		}
	}
	for name, w := range documents(t, decomposed) {
		if !bytes.Equal(w.PDF, first[name].PDF) {
			t.Errorf("%s differs with text in NFD", name)
		}
	}
	for name, w := range documents(t, other) {
		if bytes.Equal(w.PDF, first[name].PDF) || !strings.Contains(textOf(t, w.PDF), other.FullName) {
			t.Errorf("%s does not show another name", name)
		}
	}
}

// A name as long as names can be, and a long address, wrap and are there as a whole; what is empty leaves no label.
func TestLongAndEmptyFields(t *testing.T) {
	long := subscriber
	long.FullName = string([]rune(strings.Repeat("Nguyễn Thị Thủy Tiên ", 10))[:200])
	long.Address = strings.Repeat("Số 18 ngõ 175/5/49 đường Lạc Long Quân, ", 12) + "Hà Nội"
	for name, w := range documents(t, long) {
		if err := api.Validate(bytes.NewReader(w.PDF), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text := squeeze(textOf(t, w.PDF, "-raw"))
		if !strings.Contains(text, squeeze(long.FullName)) || (name != "acceptance" && !strings.Contains(text, squeeze(long.Address))) {
			t.Errorf("%s: a long text is not there as a whole", name)
		}
	}
	bare := forms.Subscriber{FullName: subscriber.FullName, IDNumber: subscriber.IDNumber}
	for name, w := range documents(t, bare) {
		text := textOf(t, w.PDF)
		for _, label := range []string{"Ngày sinh", "Giới tính", "Quốc tịch", "Ngày cấp", "Nơi thường trú", "Thư điện tử"} {
			if strings.Contains(text, label) {
				t.Errorf("%s: %q without a value", name, label)
			}
		}
	}
}

func TestFreePlanAndMissingParts(t *testing.T) {
	w, err := forms.Contract(forms.ContractData{Number: "1", At: at, Subscriber: subscriber, Provider: company, Plan: forms.Plan{Code: "FREE", NameVI: "FREE"}})
	if err != nil {
		t.Fatal(err)
	}
	text := textOf(t, w.PDF)
	if !strings.Contains(text, "Gói dịch vụ được cung cấp miễn phí.") {
		t.Error("a free plan has a price")
	}
	for _, not := range []string{"FREE – FREE", "0 đồng", "0 tháng", "Phụ lục", "phiếu đề nghị"} {
		if strings.Contains(text, not) {
			t.Errorf("the contract says %q", not)
		}
	}
	w, err = forms.AcceptanceRecord(forms.AcceptanceData{Number: "1", At: at, ContractAt: at, Subscriber: subscriber, Provider: company, Plan: paid})
	if err != nil {
		t.Fatal(err)
	}
	if text := textOf(t, w.PDF); strings.Contains(text, "0001") || strings.Contains(text, "Kích hoạt") {
		t.Error("a time that is not there is printed")
	}
}

func TestContractHasItsArticles(t *testing.T) {
	text := textOf(t, documents(t, subscriber)["contract"].PDF)
	last := -1
	for n := 1; n <= 8; n++ {
		i := strings.Index(text, fmt.Sprintf("Điều %d. ", n))
		if i <= last {
			t.Errorf("article %d is missing or out of order", n)
		}
		last = i
	}
	if !strings.Contains(squeeze(text), strings.Repeat("ab", 20)) {
		t.Error("the annex is not named by its digest")
	}
}

// The error of a text that cannot be printed does not hold the text: it ends in workflow histories.
func TestWhatCannotBePrintedIsRefused(t *testing.T) {
	for _, name := range []string{"Trần 漢 Ánh", "Trần 😀", "a\u202eb", "a\u20dd", strings.Repeat("Nguyễn ", 500)} {
		s := subscriber
		s.FullName = name
		for _, err := range []error{
			second(forms.RequestForm(forms.RequestData{Number: "1", At: at, Subscriber: s, Provider: company, Plan: paid})),
			second(forms.Contract(forms.ContractData{Number: "1", At: at, Subscriber: s, Provider: company, Plan: paid})),
			second(forms.AcceptanceRecord(forms.AcceptanceData{Number: "1", At: at, Subscriber: s, Provider: company, Plan: paid})),
		} {
			if problem.CodeOf(err) != problem.Invalid || strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "Trần") {
				t.Errorf("%.20q: got %v, want invalid without the text", name, err)
			}
		}
	}
}

func second(_ forms.Written, err error) error { return err }

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// textOf is the text as pdftotext reads it, not normalised.
func textOf(t *testing.T, pdf []byte, args ...string) string {
	t.Helper()
	return forms.Tool(t, pdf, "pdftotext", "poppler-utils", append(append([]string{"-layout"}, args...), "FILE", "-")...)
}
