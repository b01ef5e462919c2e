package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// TestPlacements signs with the command line into a field that the author of a form left, on all pages with a certification, and
// as the last one. The name of the field never leaves the file.
func TestPlacements(t *testing.T) {
	w, c := sharedWorld(t)
	const user, field = "ICA.079095063002", "Chữ ký của Nguyễn Thị Canh Chừng"
	do(t, c.knobs(t.Context(), user, map[string]any{"decision": "approve"}))
	starter, folder := program(t, "kyso"), t.TempDir()
	form := filepath.Join(folder, "form.pdf")
	do(t, os.WriteFile(form, formPDF(field), 0o600))
	run := func(want string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), starter, append(args, "--user", user, "--timeout", "60s")...)
		cmd.Env = append(os.Environ(), "KYSO_URL="+w.Addresses.API, "KYSO_API_KEY="+w.Addresses.APIKey, "KYSO_LANG=en")
		out, err := cmd.CombinedOutput()
		if (err == nil) != (want == "") || !strings.Contains(string(out), want) {
			t.Fatalf("kyso %v: %v: %s", args, err, out)
		}
	}
	verified := func(file string, certifies int) *pades.Verification {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(folder, file))
		do(t, err)
		v, err := w.App.Verify(t.Context(), bytes.NewReader(data))
		do(t, err)
		// The fields come in the order of the form, so the certification need not be the first.
		certifying := slices.ContainsFunc(v.Signatures, func(s pades.SignatureReport) bool { return s.Certifies == certifies })
		if v.Verdict != pades.TotalPassed || !certifying {
			t.Errorf("%s: %s, %+v", file, v.Verdict, v.Signatures)
		}
		return v
	}
	run("", "sign", form, "--field", field)
	run("The file holds a page that it does not show", "sign", form, "--field", "none", "--force")
	if v := verified("form-signed.pdf", 0); v.Signatures[0].Field != field {
		t.Errorf("signed in %s", v.Signatures[0].Field)
	}
	run("no signature field", "sign", form, "--field", "Bên B", "--force")
	run("", "sign", form, "--pages", "all", "--certify", "2", "--box", "20,20,200,60", "--force")
	verified("form-signed.pdf", 2)
	last := filepath.Join(folder, "last.pdf")
	run("", "sign", filepath.Join(folder, "form-signed.pdf"), "--lock", "--out", last)
	if v := verified("last.pdf", 2); len(v.Signatures) != 2 {
		t.Errorf("%+v", v)
	}
	run("document-locked", "sign", last, "--out", filepath.Join(folder, "none.pdf"))
	holdsNone(t, w, map[string][]byte{}, map[string][]byte{"name of the field": []byte(field)})
}

// formPDF is a page with an empty signature field, and a page that nothing shows.
func formPDF(field string) []byte {
	var out bytes.Buffer
	offsets := make([]int, 0, 4)
	out.WriteString("%PDF-1.7\n")
	for _, body := range []string{
		"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>",
		"<</Type/Page/Parent 2 0 R/Annots[4 0 R]>>",
		fmt.Sprintf("<</Type/Annot/Subtype/Widget/FT/Sig/T<%X>/Rect[50 100 250 164]/P 3 0 R/F 4>>", string(pdf.TextString(field))),
		"<</Type/Page/Parent 2 0 R>>",
	} {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	start := out.Len()
	out.WriteString("xref\n0 6\n0000000000 65535 f\r\n")
	for _, at := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n\r\n", at)
	}
	fmt.Fprintf(&out, "trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", start)
	return out.Bytes()
}
