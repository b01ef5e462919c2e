package api_test

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/api"
)

// Every name that a file may have comes in by the query and by both forms of Content-Disposition, and goes out as it came, in
// NFC and in no more bytes than a file system takes.
func TestFilesMayHaveAnyName(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("ế", 83) + "ab.pdf" // 255 bytes
	for _, name := range []string{
		"Hợp đồng (1).pdf", "100% #1?.pdf", "a+b & c=d.pdf", `nói "được".pdf`, "it's.pdf", "a;b,c.pdf", "..a..pdf", ".pdf", "a%20b.pdf", "%.pdf", "H’Ƀuôn Čư̆.pdf",
		norm.NFD.String("Hợp đồng.pdf"), long, norm.NFD.String(long), "no extension", "UPPER.PDF", "a\u00a0b.pdf", "漢字.pdf", "😀.pdf", "a'b''c.pdf", "~$a.pdf", "-rf.pdf",
	} {
		encoded := strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
		for how, got := range map[string]answer{
			"query":     b.do(http.MethodPost, "/v1/documents?name="+url.QueryEscape(name), pdf, "Content-Type", "application/pdf"),
			"filename*": b.do(http.MethodPost, "/v1/documents", pdf, "Content-Type", "application/pdf", "Content-Disposition", "attachment; filename*=UTF-8''"+encoded),
			"filename":  b.do(http.MethodPost, "/v1/documents", pdf, "Content-Type", "application/pdf", "Content-Disposition", `attachment; filename="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)+`"`),
		} {
			var document api.DocumentBody
			got.into(t, &document)
			if document.Name != norm.NFC.String(name) {
				t.Errorf("%q by %s is called %q", name, how, document.Name)
				continue
			}
			_, params, err := mime.ParseMediaType(b.get(document.Self + "/content").header.Get("Content-Disposition"))
			if err != nil || params["filename"] != norm.NFC.String(name) {
				t.Errorf("%q by %s is given out as %q, %v", name, how, params["filename"], err)
			}
		}
		signed := api.SignedName(norm.NFC.String(name))
		if len(signed) > 255 || !utf8.ValidString(signed) || !strings.HasSuffix(strings.ToLower(signed), "-signed.pdf") {
			t.Errorf("%q is called %q when it is signed: %d bytes", name, signed, len(signed))
		}
	}
	for given, want := range map[string]string{"a\nb.pdf": "ab.pdf", "../../etc/passwd": "passwd", `C:\x\y.pdf`: "y.pdf", "..": "document.pdf", strings.Repeat("ế", 90) + ".pdf": strings.Repeat("ế", 83) + ".pdf"} {
		var document api.DocumentBody
		b.do(http.MethodPost, "/v1/documents?name="+url.QueryEscape(given), pdf, "Content-Type", "application/pdf").into(t, &document)
		if document.Name != want {
			t.Errorf("%q is called %q, want %q", given, document.Name, want)
		}
	}
}
