package pades_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// The preview holds the words that the signature will hold, in one page of the size of the box.
func TestPreview(t *testing.T) {
	look := pades.PreviewOptions{Width: 200, Height: 64}
	look.SignerName, look.Reason, look.SigningTime = "Nguyễn Thị Bích Phượng", "Phê duyệt", time.Date(2026, 11, 26, 3, 4, 5, 0, time.UTC)
	out, err := pades.Preview(look)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := pades.Inspect(bytes.NewReader(out), pades.Policy{}); err != nil || r.Pages != 1 || r.FirstPage.Width != 200 || r.FirstPage.Height != 64 {
		t.Fatalf("%+v, %v", r, err)
	}
	needTools(t, "pdftotext")
	path := filepath.Join(t.TempDir(), "preview.pdf")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), "pdftotext", "-raw", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Nguyễn Thị Bích Phượng", "26/11/2026 10:04:05 +07:00", "Phê duyệt"} {
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	look.Width, look.Height = 3, 3
	if _, err := pades.Preview(look); problem.CodeOf(err) != problem.PlacementInvalid {
		t.Errorf("a box of 3 points: %v", err)
	}
}
