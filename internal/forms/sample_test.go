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

	"kyso/internal/forms"
)

func TestSampleIsOneValidPage(t *testing.T) {
	pdf, err := forms.Sample(time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Validate(bytes.NewReader(pdf), nil); err != nil {
		t.Errorf("pdfcpu: %v", err)
	}
	pages, err := api.PageCount(bytes.NewReader(pdf), nil)
	if err != nil || pages != 1 {
		t.Errorf("%d pages, %v; want one", pages, err)
	}
}

// TestSampleTextIsReadable reads the text back with poppler: a missing glyph or ToUnicode map would show.
func TestSampleTextIsReadable(t *testing.T) {
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pdftotext (Debian package poppler-utils) is missing")
		}
		t.Skip("pdftotext (Debian package poppler-utils) is missing")
	}
	pdf, err := forms.Sample(time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sample.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(tool, file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "mười lăm triệu đồng", "Nguyễn Văn Minh", "(Ký số, ghi rõ họ tên)", "ngày 21 tháng 11 năm 2026"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the text of the page", want)
		}
	}
}
