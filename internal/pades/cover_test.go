package pades_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// contractPage is a file of one page with a sum to pay at 100, 700, a picture at 300, 500, and nothing in its lower half.
func contractPage(attributes string) []byte {
	content := "1 g 0 0 595 842 re f 0 g BT /F1 12 Tf 100 700 Td (Gia thue: 10.000.000 dong/thang) Tj ET q 100 0 0 100 300 500 cm /Im0 Do Q"
	return makePDF(
		"<</Type/Catalog/Pages 2 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>/XObject<</Im0 6 0 R>>>>>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R"+attributes+">>",
		stream("", content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
		stream("/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", "\x80"),
	)
}

// signedAt adds a signature of another program, with an appearance in a box.
func (w *world) signedAt(file []byte, box [4]int64, content string, shape func(u *pdf.Update, form *pdf.Dict, field *pdf.Dict)) []byte {
	w.T.Helper()
	value := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.CAdES.detached"))
	return w.appendFieldAs(file, value, w.detached, func(_ *pdf.File, u *pdf.Update, field *pdf.Dict) {
		form := pdf.NewDict("Type", pdf.Name("XObject"), "Subtype", pdf.Name("Form"), "BBox", pdf.Array{int64(0), int64(0), box[2] - box[0], box[3] - box[1]})
		field.Set("Rect", pdf.Array{box[0], box[1], box[2], box[3]})
		if shape != nil {
			shape(u, form, field)
		}
		field.Set("AP", pdf.NewDict("N", u.AddStream(form, []byte(content))))
	})
}

// masked gives an appearance a picture with a soft mask of one sample.
func masked(alpha string) func(u *pdf.Update, form, field *pdf.Dict) {
	return func(u *pdf.Update, form, _ *pdf.Dict) {
		sample := func(more *pdf.Dict, data string) pdf.Ref {
			for _, key := range []string{"Width", "Height"} {
				more.Set(pdf.Name(key), int64(1))
			}
			more.Set("Subtype", pdf.Name("Image"))
			more.Set("BitsPerComponent", int64(8))
			more.Set("ColorSpace", pdf.Name("DeviceGray"))
			return u.AddStream(more, []byte(data))
		}
		picture := sample(pdf.NewDict("SMask", sample(pdf.NewDict(), alpha)), "\xff")
		form.Set("Resources", pdf.NewDict("XObject", pdf.NewDict("Im0", picture)))
	}
}

func codesOf(list []pades.Finding) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.Code)
	}
	return out
}

// TestSignaturesOverSignedContent: a later signature that covers what others signed is said of it and of those before it, and changes
// no verdict. One that stands where nothing is, is what every signer needs.
func TestSignaturesOverSignedContent(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	const fill = "1 g 0 0 595 842 re f"
	price, empty := [4]int64{98, 696, 260, 714}, [4]int64{60, 150, 260, 214}
	transparent := func(_ *pdf.Update, form, _ *pdf.Dict) {
		form.Set("Resources", pdf.NewDict("ExtGState", pdf.NewDict("G0", pdf.NewDict("ca", 0.2))))
	}
	for name, c := range map[string]struct {
		page    string
		box     [4]int64
		content string
		shape   func(u *pdf.Update, form, field *pdf.Dict)
		share   int // 0: no finding
		over    bool
	}{
		"white over a sum":              {"", price, fill, nil, 1, false},
		"text over a sum":               {"", price, "BT /F1 12 Tf 2 4 Td (Ky boi Nguyen Van An va Tran) Tj ET", nil, 1, false},
		"a frame around a sum":          {"", price, "0 0 162 18 re S", nil, 0, false},
		"a glass over a sum":            {"", price, "/G0 gs " + fill, transparent, 0, false},
		"a clear picture over a sum":    {"", price, "162 0 0 18 0 0 cm /Im0 Do", masked("\x00"), 0, false},
		"a picture over a sum":          {"", price, "162 0 0 18 0 0 cm /Im0 Do", masked("\xff"), 1, false},
		"a black line over a sum":       {"", price, "12 w 0 7 m 162 7 l S", nil, 1, false},
		"white over a picture":          {"", [4]int64{300, 500, 400, 600}, fill, nil, 2, false},
		"white beside a picture":        {"", [4]int64{390, 590, 500, 690}, fill, nil, 0, false},
		"white where nothing is":        {"", empty, fill, nil, 0, false},
		"a large clear box":             {"", [4]int64{0, 0, 595, 842}, "0 0 595 842 re S", nil, 100, true},
		"a large box where nothing is":  {"", [4]int64{60, 150, 540, 480}, fill, nil, 0, false},
		"over the first signature":      {"", [4]int64{360, 36, 560, 100}, "0 0 9 9 re S", nil, 3, true},
		"over a third of the first":     {"", [4]int64{300, 36, 420, 100}, "0 0 9 9 re S", nil, 0, false},
		"hidden":                        {"", price, fill, func(_ *pdf.Update, _, field *pdf.Dict) { field.Set("F", int64(2)) }, 0, false},
		"on a page on its side":         {"/Rotate 90", price, fill, nil, 1, false},
		"outside of what is shown":      {"/CropBox[0 0 595 600]", price, fill, nil, 0, false},
		"half outside of what is shown": {"/CropBox[0 0 595 705]", price, fill, nil, 1, false},
	} {
		first := w.signB(contractPage(c.page))
		file := w.signedAt(first, c.box, c.content, c.shape)
		v := w.verify(file, ev)
		report, err := pades.Inspect(bytes.NewReader(file), pades.Policy{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inspected := slices.DeleteFunc(report.Findings, func(f pades.Finding) bool { return f.Code != pades.CoversSigned && f.Code != pades.CoversSignature })
		for what, found := range map[string][]pades.Finding{"the first": v.Signatures[0].Findings, "the second": v.Signatures[1].Findings, "inspect": inspected} {
			var want []string
			if c.share > 0 {
				want = append(want, "covers-signed-content")
			}
			if c.over {
				want = append(want, "covers-signature")
			}
			if !slices.Equal(codesOf(found), want) {
				t.Errorf("%s, %s: %v, want %v", name, what, codesOf(found), want)
			} else if c.share > 0 && (found[0].Share != c.share || found[0].Page != 1) {
				t.Errorf("%s, %s: %+v", name, what, found[0])
			}
		}
		if v.Verdict != pades.TotalPassed {
			t.Errorf("%s: %s", name, v.Verdict)
		}
	}
}

// TestCoverWithoutAByteRange: whoever covers a page with a signature that is none is found, too.
func TestCoverWithoutAByteRange(t *testing.T) {
	w := newWorld(t)
	file := w.signB(contractPage(""))
	start := len(file)
	file = w.signedAt(file, [4]int64{90, 690, 300, 720}, "1 g 0 0 300 300 re f", nil)
	broken := append(bytes.Clone(file[:start]), bytes.Replace(file[start:], []byte("/ByteRange [0 "), []byte("/ByteRange [9 "), 1)...)
	if bytes.Equal(broken, file) {
		broken = append(bytes.Clone(file[:start]), bytes.Replace(file[start:], []byte("/ByteRange[0 "), []byte("/ByteRange[9 "), 1)...)
	}
	v := w.verify(broken, w.evidence(w.Now))
	if codes := codesOf(v.Signatures[0].Findings); bytes.Equal(broken, file) || v.Signatures[1].Verdict != pades.TotalFailed || !slices.Contains(codes, "covers-signed-content") {
		t.Errorf("%v %s", codes, v.Signatures[1].Verdict)
	}
}

// TestBoxesOverSignedContentAreRefused: what a later verifier would name is refused before anybody is asked, unless the caller takes
// it; and what every second signer does is not.
func TestBoxesOverSignedContentAreRefused(t *testing.T) {
	w := newWorld(t)
	unsigned := contractPage("")
	signed := w.signB(unsigned)
	box := func(x, y, width, height float64) pades.Box {
		return pades.Box{Page: 1, X: x, Y: y, Width: width, Height: height}
	}
	for name, c := range map[string]struct {
		file []byte
		box  pades.Box
		code problem.Code
	}{
		"over a sum":                 {signed, box(90, 690, 200, 24), problem.PlacementCovers},
		"over the page":              {signed, box(0, 0, 595, 842), problem.PlacementCovers},
		"over a signature":           {signed, box(350, 30, 220, 80), problem.PlacementCovers},
		"over a third of it":         {signed, box(250, 36, 170, 64), ""},
		"in empty space":             {signed, box(60, 200, 200, 64), ""},
		"over a word":                {signed, box(60, 640, 60, 60), problem.PlacementInvalid},
		"over the end of a line":     {signed, box(255, 640, 200, 64), ""},
		"invisible":                  {signed, pades.Box{Invisible: true}, ""},
		"where kyso puts it":         {signed, pades.Box{}, ""},
		"on all pages over a sum":    {signed, pades.Box{AllPages: true, X: 90, Y: 690, Width: 200, Height: 24}, problem.PlacementCovers},
		"over a sum, as the first":   {unsigned, box(90, 690, 200, 24), ""},
		"over the page, as the last": {w.signB(signed), box(0, 0, 595, 842), problem.PlacementCovers},
	} {
		opt := pades.PrepareOptions{Box: c.box}
		err := pades.CheckPlacement(bytes.NewReader(c.file), opt)
		if problem.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
		if _, err := w.signWith(c.file, func(o *pades.PrepareOptions) { o.Box = c.box }); problem.CodeOf(err) != c.code {
			t.Errorf("%s: prepared with %v, want %q", name, err, c.code)
		}
		if opt.AllowCover = true; c.code == problem.PlacementCovers {
			if err := pades.CheckPlacement(bytes.NewReader(c.file), opt); err != nil {
				t.Errorf("%s, allowed: %v", name, err)
			}
		}
	}
}

// fieldsFor is a page with empty signature fields.
func fieldsFor(names ...string) []byte {
	var refs string
	more := make([]string, 0, len(names))
	for i, name := range names {
		refs += fmt.Sprintf("%d 0 R ", 6+i)
		more = append(more, fmt.Sprintf("<</FT/Sig/T(%s)/Type/Annot/Subtype/Widget/F 4/P 3 0 R/Rect[50 %d 250 %d]>>", name, 300+100*i, 364+100*i))
	}
	return onePage("/Annots["+refs+"]", "/AcroForm<</Fields["+refs+"]/SigFlags 1>>", more...)
}

// TestSigningAfterACertification: with P = 2 and 3 a signature goes into an empty field, and a new one is for the caller to ask for.
func TestSigningAfterACertification(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	for _, p := range []pades.Certification{pades.CertifyForms, pades.CertifyFormsAndNote} {
		certified := w.mustSign(fieldsFor("A", "B"), func(o *pades.PrepareOptions) { o.Certify, o.AllowNewField = p, true })
		if _, err := w.signWith(certified, func(o *pades.PrepareOptions) { o.Box = pades.Box{Page: 1, X: 300, Y: 600, Width: 200, Height: 64} }); problem.CodeOf(err) != problem.DocumentLocked {
			t.Errorf("P=%d: a box beside empty fields: %v", p, err)
		}
		a := w.mustSign(certified, func(o *pades.PrepareOptions) { o.Box = pades.Box{} })
		b := w.mustSign(a, func(o *pades.PrepareOptions) { o.Box, o.Field = pades.Box{}, "B" })
		v := w.verify(b, ev)
		if len(v.Signatures) != 3 || v.Verdict != pades.TotalPassed || v.Signatures[2].LaterChanges != "signatures" {
			t.Errorf("P=%d: %+v", p, v)
		}
		report, err := pades.Inspect(bytes.NewReader(b), pades.Policy{RefuseHiddenContent: true})
		if err != nil || !slices.Contains(codesOf(report.Findings), "new-field-after-certification") {
			t.Errorf("P=%d, no field is left: %v %+v", p, err, report)
		}
		if _, err := w.signWith(b, func(o *pades.PrepareOptions) { o.Box = pades.Box{} }); problem.CodeOf(err) != problem.DocumentLocked {
			t.Errorf("P=%d: a new field was not asked for: %v", p, err)
		}
		asked := w.mustSign(b, func(o *pades.PrepareOptions) { o.Box, o.AllowNewField = pades.Box{}, true })
		v = w.verify(asked, ev)
		if s := v.Signatures[2]; s.LaterChanges != "new-signature-field" || s.Verdict != pades.Indeterminate || s.SubIndication != "SIG_CONSTRAINTS_FAILURE" || s.WhyVI == "" {
			t.Errorf("P=%d, a new field: %+v", p, s)
		}
		before := w.verify(b, ev)
		if pades.Harmed(before, v, false) == "" || pades.Harmed(before, v, true) != "" {
			t.Errorf("P=%d: the harm of a new field is %q, and %q when it was asked for", p, pades.Harmed(before, v, false), pades.Harmed(before, v, true))
		}
	}
	for name, file := range map[string][]byte{"empty fields": w.mustSign(fieldsFor("A"), func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms })} {
		report, err := pades.Inspect(bytes.NewReader(file), pades.Policy{})
		if err != nil || slices.Contains(codesOf(report.Findings), "new-field-after-certification") {
			t.Errorf("%s: %v %+v", name, err, report)
		}
	}
}

// TestEmptyFieldsOfACertification: a certification brings fields for the signers to come, and stays valid, to other programs, too,
// when they sign into them.
func TestEmptyFieldsOfACertification(t *testing.T) {
	w := newWorld(t)
	data := manyPagesOf(2, "/MediaBox[0 0 595 842]")
	fields := []pades.Box{{Page: 1, X: 50, Y: 50, Width: 200, Height: 64}, {Page: 0, X: 50, Y: 50, Width: 200, Height: 64}}
	certified := w.mustSign(data, func(o *pades.PrepareOptions) {
		o.Certify, o.EmptyFields, o.Box = pades.CertifyForms, fields, pades.Box{Page: 1}
	})
	w.passes(certified, "")
	foreign(t, certified, 1)
	report, err := pades.Inspect(bytes.NewReader(certified), pades.Policy{})
	if err != nil || len(report.Fields) != 3 || report.Fields[1].Page != 1 || report.Fields[2].Page != 2 || report.Fields[2].Name != "Signature3" {
		t.Fatalf("%v %+v", err, report)
	}
	first := w.mustSign(certified, func(o *pades.PrepareOptions) { o.Box = pades.Box{} })
	second := w.mustSign(first, func(o *pades.PrepareOptions) { o.Box = pades.Box{} })
	w.passes(second, "signatures", "signatures", "")
	foreign(t, second, 3)

	for name, c := range map[string]func(o *pades.PrepareOptions){
		"without a certification": func(o *pades.PrepareOptions) { o.Certify = pades.Approval },
		"after the last change":   func(o *pades.PrepareOptions) { o.Certify = pades.CertifyNoChanges },
		"with a lock of all":      func(o *pades.PrepareOptions) { o.Lock = &pades.Lock{Action: pades.LockAll} },
		"on no page": func(o *pades.PrepareOptions) {
			o.EmptyFields = []pades.Box{{Page: 3, X: 1, Y: 1, Width: 200, Height: 64}}
		},
		"on a page below": func(o *pades.PrepareOptions) {
			o.EmptyFields = []pades.Box{{Page: -1, X: 1, Y: 1, Width: 200, Height: 64}}
		},
		"off the page":       func(o *pades.PrepareOptions) { o.EmptyFields = []pades.Box{{X: 500, Y: 1, Width: 200, Height: 64}} },
		"without a size":     func(o *pades.PrepareOptions) { o.EmptyFields = []pades.Box{{X: 1, Y: 1}} },
		"over each other":    func(o *pades.PrepareOptions) { o.EmptyFields = []pades.Box{fields[0], fields[0]} },
		"over the signature": func(o *pades.PrepareOptions) { o.Box = pades.Box{Page: 1, X: 40, Y: 60, Width: 200, Height: 64} },
		"too many":           func(o *pades.PrepareOptions) { o.EmptyFields = make([]pades.Box, 21) },
	} {
		_, err := w.signWith(data, func(o *pades.PrepareOptions) {
			o.Certify, o.EmptyFields, o.Box = pades.CertifyForms, fields, pades.Box{Page: 1}
			c(o)
		})
		if problem.CodeOf(err) != problem.PlacementInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
