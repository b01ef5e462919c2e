package pades_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// contractForm is a page with two empty signature fields, as an author of forms leaves them, and a text field.
func contractForm(more ...string) []byte {
	objects := []string{
		"<</Fields[7 0 R 8 0 R 9 0 R 12 0 R]>>", // 6
		"<</Type/Annot/Subtype/Widget/FT/Sig/T" + hexText("Bên A") + "/Rect[50 100 250 164]/P 3 0 R/F 4>>",                                   // 7
		"<</FT/Sig/T" + hexText("Bên B") + "/Kids[10 0 R 11 0 R]/Lock<</Type/SigFieldLock/Action/Include/Fields[" + hexText("Giá") + "]>>>>", // 8
		"<</Type/Annot/Subtype/Widget/FT/Tx/T" + hexText("Giá") + "/V(100)/Rect[300 200 500 220]/P 3 0 R/F 4>>",                              // 9
		"<</Type/Annot/Subtype/Widget/Parent 8 0 R/Rect[300 100 500 164]/P 3 0 R/F 4>>",                                                      // 10
		"<</Type/Annot/Subtype/Widget/Parent 8 0 R/Rect[300 400 400 430]/F 4>>",                                                              // 11
		"<</FT/Sig/T(archive)>>", // 12
	}
	return onePage("/Rotate 90/Annots[7 0 R 9 0 R 10 0 R 11 0 R]", "/AcroForm 6 0 R", append(objects, more...)...)
}

// hexText is a text string as it stands in a file.
func hexText(s string) string {
	return fmt.Sprintf("<%X>", string(pdf.TextString(s)))
}

// signWith signs with options and returns the file, or the refusal.
func (w *world) signWith(data []byte, change func(*pades.PrepareOptions)) ([]byte, error) {
	opt := pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now, HashState: hashState(w.T, data)}
	change(&opt)
	prepared, err := pades.Prepare(bytes.NewReader(data), opt)
	if err != nil {
		return nil, err
	}
	in := pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: opt.HashState, Value: w.value(prepared), Certificate: w.signer.Cert}
	return w.embed(data, in), nil
}

// mustSign is signWith for what has to work.
func (w *world) mustSign(data []byte, change func(*pades.PrepareOptions)) []byte {
	w.T.Helper()
	signed, err := w.signWith(data, change)
	if err != nil {
		w.T.Fatal(err)
	}
	return signed
}

// passes demands that every signature of a file counts, and what it says of the changes after each.
func (w *world) passes(file []byte, later ...string) {
	w.T.Helper()
	v := w.verify(file, w.evidence(w.Now))
	if v.Verdict != pades.TotalPassed || len(v.Signatures) != len(later) {
		w.T.Fatalf("%s with %d signatures: %+v", v.Verdict, len(v.Signatures), v.Signatures)
	}
	for i, s := range v.Signatures {
		if s.LaterChanges != later[i] {
			w.T.Errorf("after %s: %q, want %q", s.Field, s.LaterChanges, later[i])
		}
	}
}

// foreign asks pdfsig and qpdf: the last signature is valid and covers the file.
func foreign(t *testing.T, file []byte, signatures int) {
	t.Helper()
	needTools(t, "pdfsig", "qpdf", "mutool")
	path := filepath.Join(t.TempDir(), "signed.pdf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := pdfsig(path)
	valid, total, empty := 0, 0, 0
	for _, block := range blocks {
		if strings.Contains(block, "The signature form field is not signed.") {
			empty++
			continue
		}
		if strings.Contains(block, "Signature is Valid.") {
			valid++
		}
		if strings.Contains(block, "- Total document signed") {
			total++
		}
	}
	if valid < signatures || valid != len(blocks)-empty || total == 0 {
		t.Errorf("pdfsig finds %d of %d valid, %d of the total document, want %d:\n%s", valid, len(blocks), total, signatures, blocks)
	}
	if check := qpdfCheck(path); check.exit != 0 {
		t.Errorf("qpdf: %+v", check)
	}
	out, _ := exec.Command("mutool", "sign", "-v", path).CombinedOutput()
	if !strings.Contains(string(out), "The document is unchanged since signing.") {
		t.Errorf("mutool:\n%s", out)
	}
}

func byName(name string) func(*pades.PrepareOptions) {
	return func(o *pades.PrepareOptions) { o.Field = name }
}

// TestExistingField signs into fields that the author of a form left empty: by name, by number, with two widgets, without.
func TestExistingField(t *testing.T) {
	w := newWorld(t)
	data := contractForm()
	report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	want := []pades.FieldReport{{Number: 1, Name: "Bên A", Page: 1}, {Number: 2, Name: "Bên B", Page: 1}, {Number: 3, Name: "archive"}}
	if fmt.Sprint(report.Fields) != fmt.Sprint(want) {
		t.Errorf("the report says %+v", report.Fields)
	}
	first := w.mustSign(data, byName("Bên A"))
	if bytes.Contains(first[len(data):], []byte("/AcroForm")) || bytes.Count(first[len(data):], []byte("/Subtype /Form")) != 1 {
		t.Error("more than the field was written, or it shows nothing")
	}
	w.passes(first, "")
	foreign(t, first, 1)
	second := w.mustSign(first, func(o *pades.PrepareOptions) { o.FieldNumber = 2 })
	w.passes(second, "signatures", "")
	foreign(t, second, 2)
	if n := bytes.Count(second[len(first):], []byte("/Subtype /Form")); n != 2 {
		t.Errorf("two widgets of different size show %d appearances", n)
	}
	if !bytes.Contains(second[len(first):], []byte("/FieldMDP")) {
		t.Error("the lock of the field did not get into the signature")
	}
	third := w.mustSign(second, byName("archive")) // has no widget
	w.passes(third, "signatures", "signatures", "")
	if touched := w.mustSign(first, byName("archive")); bytes.Contains(touched[len(first):], []byte("/Subtype /Form")) {
		t.Error("a field without a widget shows something")
	}
}

// TestFieldRefusals: what cannot be signed into is said before anybody is asked.
func TestFieldRefusals(t *testing.T) {
	w := newWorld(t)
	data := contractForm()
	signed := w.mustSign(data, byName("Bên A"))
	locked := w.mustSign(data, func(o *pades.PrepareOptions) {
		o.Field, o.Lock = "Bên A", &pades.Lock{Action: pades.LockInclude, Fields: []string{"Bên B"}}
	})
	seeded := func(seed string) []byte {
		return onePage("", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Sig/T(x)/SV<<"+seed+">>>>")
	}
	for name, c := range map[string]struct {
		data   []byte
		change func(*pades.PrepareOptions)
		code   problem.Code
	}{
		"not there":          {data, byName("Bên C"), problem.PlacementInvalid},
		"a text field":       {data, byName("Giá"), problem.PlacementInvalid},
		"number too high":    {data, func(o *pades.PrepareOptions) { o.FieldNumber = 4 }, problem.PlacementInvalid},
		"number below":       {data, func(o *pades.PrepareOptions) { o.FieldNumber = -1 }, problem.PlacementInvalid},
		"signed":             {signed, byName("Bên A"), problem.PlacementInvalid},
		"with a box":         {data, func(o *pades.PrepareOptions) { o.Field, o.Box.Page = "Bên A", 1 }, problem.PlacementInvalid},
		"locked":             {locked, byName("Bên B"), problem.DocumentLocked},
		"two locks":          {data, func(o *pades.PrepareOptions) { o.Field, o.Lock = "Bên B", &pades.Lock{Action: pades.LockAll} }, problem.DocumentLocked},
		"certified too late": {signed, func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms }, problem.DocumentLocked},
		"certified as 4":     {data, func(o *pades.PrepareOptions) { o.Certify = 4 }, problem.Invalid},
		"a lock of nothing":  {data, func(o *pades.PrepareOptions) { o.Lock = &pades.Lock{Action: pades.LockInclude} }, problem.Invalid},
		"another filter":     {seeded("/Ff 1/Filter/Entrust"), byName("x"), problem.DocumentLocked},
		"another kind":       {seeded("/Ff 2/SubFilter[/adbe.pkcs7.detached]"), byName("x"), problem.DocumentLocked},
		"another digest":     {seeded("/Ff 64/DigestMethod[(SHA512)]"), byName("x"), problem.DocumentLocked},
		"another reason":     {seeded("/Ff 8/Reasons[(Approved)]"), byName("x"), problem.DocumentLocked},
		"a certification":    {seeded("/MDP<</P 2>>"), byName("x"), problem.DocumentLocked},
		"a wish only":        {seeded("/SubFilter[/adbe.pkcs7.detached]/MDP<</P 0>>"), byName("x"), ""},
		"our kind":           {seeded("/Ff 2/SubFilter[/adbe.pkcs7.detached/ETSI.CAdES.detached]"), byName("x"), ""},
		"our certification":  {seeded("/MDP<</P 2>>"), func(o *pades.PrepareOptions) { o.Field, o.Certify = "x", pades.CertifyForms }, ""},
		"signed in a widget": {onePage("", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Sig/T(x)/Kids[7 0 R]>>", "<</Subtype/Widget/Parent 6 0 R/V<</Type/Sig>>>>"), byName("x"), problem.PlacementInvalid},
		"1,001 pages":        {data, func(o *pades.PrepareOptions) { o.Box.Pages = make([]int, 1001) }, problem.PlacementInvalid},
		"a page that is not": {data, func(o *pades.PrepareOptions) { o.Box.Pages = []int{1, 2} }, problem.PlacementInvalid},
	} {
		if _, err := w.signWith(c.data, c.change); problem.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
}

// TestCertifying: the first signature says what may follow, and what may not is refused, by us before signing and by us
// when others did it.
func TestCertifying(t *testing.T) {
	w := newWorld(t)
	data := contractForm()
	for p := pades.CertifyNoChanges; p <= pades.CertifyFormsAndNote; p++ {
		certified := w.mustSign(data, func(o *pades.PrepareOptions) { o.Certify = p })
		w.passes(certified, "")
		foreign(t, certified, 1)
		v := w.verify(certified, w.evidence(w.Now))
		if v.Signatures[0].Certifies != int(p) {
			t.Errorf("the report says %d, want %d", v.Signatures[0].Certifies, p)
		}
		long := w.extend(certified, w.evidence(w.Now))
		w.passes(w.archiveLTA(long, w.Now), "validation-data", "")
		report, err := pades.Inspect(bytes.NewReader(certified), pades.Policy{})
		again, signErr := w.signWith(certified, func(*pades.PrepareOptions) {})
		if p == pades.CertifyNoChanges {
			if problem.CodeOf(err) != problem.DocumentLocked || problem.CodeOf(signErr) != problem.DocumentLocked {
				t.Errorf("%v and %v: it was certified to be final", err, signErr)
			}
			continue
		}
		if err != nil || report.DocMDP != int(p) || signErr != nil {
			t.Fatalf("%+v, %v, %v", report, err, signErr)
		}
		w.passes(again, "", "signatures") // into the first empty field
		filled := revise(t, certified, func(f *pdf.File, u *pdf.Update) {
			u.Set(pdf.Ref{Num: 9}, with(object(t, f, 9), "V", pdf.String("1")))
		})
		first := w.verify(filled, w.evidence(w.Now)).Signatures[0]
		if first.Verdict != pades.Indeterminate || first.SubIndication != "SIG_CONSTRAINTS_FAILURE" || first.LaterChanges != "form-filling" || first.WhyVI == "" {
			t.Errorf("P=%d: a price was changed after signing: %+v", p, first)
		}
	}
}

// TestLocks: what a signature locks cannot be signed, what it leaves open can.
func TestLocks(t *testing.T) {
	w := newWorld(t)
	data := contractForm()
	lock := func(action pades.LockAction, fields ...string) []byte {
		return w.mustSign(data, func(o *pades.PrepareOptions) { o.Field, o.Lock = "Bên A", &pades.Lock{Action: action, Fields: fields} })
	}
	for name, c := range map[string]struct {
		file   []byte
		b, new problem.Code
	}{
		"all":     {lock(pades.LockAll), problem.DocumentLocked, problem.DocumentLocked},
		"include": {lock(pades.LockInclude, "Bên B"), problem.DocumentLocked, ""},
		"exclude": {lock(pades.LockExclude, "Bên B"), "", problem.DocumentLocked},
	} {
		w.passes(c.file, "")
		foreign(t, c.file, 1)
		_, err := w.signWith(c.file, byName("Bên B"))
		_, errNew := w.signWith(c.file, func(*pades.PrepareOptions) {})
		if problem.CodeOf(err) != c.b || problem.CodeOf(errNew) != c.new {
			t.Errorf("%s: Bên B %v, a new field %v", name, err, errNew)
		}
		report, err := pades.Inspect(bytes.NewReader(c.file), pades.Policy{})
		if err == nil && report.Fields[1].Locked != (c.b != "") {
			t.Errorf("%s: the report says %+v", name, report.Fields)
		}
		if refused := c.b != "" && c.new != ""; refused != (problem.CodeOf(err) == problem.DocumentLocked) {
			t.Errorf("%s: inspected %v", name, err)
		}
	}
}

// manyPages is a file of pages in several shapes, all with one list of annotations.
func manyPages(count int) []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "", "[]"}
	var kids strings.Builder
	for i := range count {
		fmt.Fprintf(&kids, "%d 0 R ", 4+i)
		annots := ""
		if i%2 == 1 {
			annots = "/Annots 3 0 R"
		}
		objects = append(objects, fmt.Sprintf("<</Type/Page/Parent 2 0 R/Rotate %d%s>>", i%4*90, annots))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 595 842]>>", kids.String(), count)
	return makePDF(objects...)
}

// TestOneBoxOnManyPages: one signature, one field, a widget on each page; appearances are drawn once for each rotation.
func TestOneBoxOnManyPages(t *testing.T) {
	w := newWorld(t)
	data := manyPages(12)
	first := w.signB(data)
	all := w.mustSign(first, func(o *pades.PrepareOptions) {
		o.Box = pades.Box{AllPages: true, X: 20, Y: 20, Width: 160, Height: 50}
	})
	w.passes(all, "signatures", "")
	foreign(t, all, 2)
	increment := all[len(first):]
	if widgets, looks := bytes.Count(increment, []byte("/Parent")), bytes.Count(increment, []byte("/Subtype /Form")); widgets < 12 || looks != 4 {
		t.Errorf("%d widgets, %d appearances", widgets, looks)
	}
	some := w.mustSign(data, func(o *pades.PrepareOptions) { o.Box = pades.Box{Pages: []int{2, 4, 0, 2}} })
	w.passes(some, "")
	if n := bytes.Count(some[len(data):], []byte("/Subtype /Widget")); n != 3 {
		t.Errorf("%d widgets on three pages", n)
	}
	report, err := pades.Inspect(bytes.NewReader(some), pades.Policy{})
	if err != nil || len(report.Fields) != 1 || report.Fields[0].Page != 2 || report.Signatures != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	w.passes(w.signB(w.extend(some, w.evidence(w.Now))), "signatures", "")
}

// TestTwentySigners: one file, twenty signatures in sequence; each increment stays small, each signature counts to the end.
func TestTwentySigners(t *testing.T) {
	w := newWorld(t)
	file := onePage("", "")
	var sizes []int
	for range 20 {
		next := w.mustSign(file, func(o *pades.PrepareOptions) { o.Reason = "Đồng ý" })
		sizes = append(sizes, len(next)-len(file))
		file = next
	}
	later := make([]string, 20)
	for i := range later[:19] {
		later[i] = "signatures"
	}
	w.passes(file, later...)
	foreign(t, file, 20)
	t.Logf("bytes added by each: %v", sizes)
	if least, most := sizes[0], sizes[19]; most > least+4<<10 {
		t.Errorf("increments grow from %d to %d bytes", least, most)
	}
}
