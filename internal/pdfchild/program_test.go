package pdfchild

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/pdfchild/wire"
)

func TestAMissingProgramIsNamedWithItsRemedy(t *testing.T) {
	for _, path := range []string{"/nowhere/kyso-pdf", ""} { // none lies in the folder of a test binary
		err := (&Runner{Program: path}).Warm()
		if err == nil || !strings.Contains(err.Error(), "KYSO_PDF_PROGRAM") || !strings.Contains(err.Error(), "kyso-pdf") {
			t.Errorf("%q: %v", path, err)
		}
	}
	if err := (&Runner{Program: "/bin/true"}).Warm(); err == nil || !strings.Contains(err.Error(), "/bin/true: it does not answer") {
		t.Errorf("another program: %v", err)
	}
}

// A field that one side does not know would be lost without a word.
func TestAProgramOfAnotherReleaseIsRefused(t *testing.T) {
	for shape, refused := range map[string]bool{wire.Shape(): false, "0123456789abcdef": true, "": true} {
		hello, err := json.Marshal(wire.Hello{Shape: shape})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := wire.Write(&out, wire.FrameHello, hello); err != nil {
			t.Fatal(err)
		}
		err = (&process{out: bufio.NewReader(&out)}).greet()
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "another release") {
			t.Errorf("%q: %v", shape, err)
		}
	}
}

// At an upgrade the file is replaced while programs run.
func TestARunningProgramKeepsTheOneThatItBeganWith(t *testing.T) {
	content, err := os.ReadFile(hostileProgram)
	if err != nil {
		t.Fatal(err)
	}
	r := runner(t, &Runner{MaxParallel: 1})
	r.Program = filepath.Join(t.TempDir(), "kyso-pdf")
	if err := os.WriteFile(r.Program, content, 0o700); err != nil {
		t.Fatal(err)
	}
	s := r.Session()
	first := pid(t, s)
	next := r.Program + ".next"
	if err := os.WriteFile(next, []byte("that of the next release"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, r.Program); err != nil {
		t.Fatal(err)
	}
	if err := plain(s, pdftest.Exit); err == nil {
		t.Error("the child survived")
	}
	if _, err := s.Inspect(context.Background(), bytes.NewReader(smallPDF(10)), pades.Policy{}); err != nil || pid(t, s) == first {
		t.Errorf("after the upgrade: %v", err)
	}
}
