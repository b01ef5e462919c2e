package pades_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"kyso/internal/pades"
)

// hybrid is a file whose page lies in an object stream that only the stream beside its table names (ISO 32000-2,
// 7.5.8.4).
func hybrid() []byte {
	var out bytes.Buffer
	at := map[int]int{}
	put := func(num int, body string) {
		at[num] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", num, body)
	}
	out.WriteString("%PDF-1.5\n%\xE2\xE3\xCF\xD3\n")
	put(1, "<</Type/Catalog/Pages 2 0 R>>")
	page := "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"
	head := "3 0 "
	put(2, "<</Type/Pages/Kids[3 0 R]/Count 1>>")
	put(4, fmt.Sprintf("<</Type/ObjStm/N 1/First %d/Length %d>>\nstream\n%s\nendstream", len(head), len(head)+len(page), head+page))
	put(5, "<</Type/XRef/W[1 1 1]/Index[3 1]/Size 6/Length 3>>\nstream\n\x02\x04\x00\nendstream")
	start := out.Len()
	out.WriteString("xref\n0 6\n0000000003 65535 f\r\n")
	for _, num := range []int{1, 2} {
		fmt.Fprintf(&out, "%010d 00000 n\r\n", at[num])
	}
	out.WriteString("0000000000 00000 f\r\n")
	for _, num := range []int{4, 5} {
		fmt.Fprintf(&out, "%010d 00000 n\r\n", at[num])
	}
	fmt.Fprintf(&out, "trailer\n<</Size 6/Root 1 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n", at[5], start)
	return out.Bytes()
}

// rewritten lets qpdf write a file in another form; the same every time.
func rewritten(t *testing.T, data []byte, options ...string) []byte {
	t.Helper()
	return throughQPDF(t, data, append(options, "--deterministic-id"))
}

func throughQPDF(t *testing.T, data []byte, options []string) []byte {
	t.Helper()
	needTools(t, "qpdf")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pdf"), filepath.Join(dir, "out.pdf")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("qpdf", append(options, in, out)...).CombinedOutput(); err != nil {
		t.Fatalf("qpdf %v: %v\n%s", options, err, msg)
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// Whatever way a file finds its objects, two signatures in turn are accepted by others.
func TestEveryKindOfFileIsSignedTwice(t *testing.T) {
	signer := newTestSigner(t)
	plain := onePage("", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Tx/T(text)/V(x)>>")
	shifted := bytes.Replace(plain, []byte("%PDF-1.7\n"), []byte("%PDF-1.7\n% a comment that moves everything\n"), 1)
	for name, data := range map[string][]byte{
		"table":                   plain,
		"hybrid":                  hybrid(),
		"object streams":          rewritten(t, plain, "--object-streams=generate"),
		"linearized":              rewritten(t, plain, "--linearize"),
		"linearized with streams": rewritten(t, plain, "--linearize", "--object-streams=generate"),
		"old version":             rewritten(t, plain, "--force-version=1.3"),
		"junk before the header":  append([]byte("junk\n"), plain...),
		"damaged table":           shifted,
		"damaged streams": bytes.Replace(rewritten(t, plain, "--object-streams=generate"), []byte("\nstartxref\n"),
			[]byte("\n% moved\nstartxref\n1"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				signed, _, err := signer.sign(data, pades.PrepareOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.HasPrefix(signed, data) {
					t.Fatal("the original is not a prefix")
				}
				data = signed
			}
			accepted(t, data, 2)
		})
	}
}
