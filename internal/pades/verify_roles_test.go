package pades_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// signWithout signs and makes sure that an object is not rewritten by that.
func (w *world) signWithout(changing string, data []byte) []byte {
	w.T.Helper()
	in := w.prepare(data, pades.Box{Invisible: true})
	if strings.Contains(string(in.Prepared.Increment), "\n"+changing+" obj") {
		w.T.Fatalf("signing changes object %s", changing)
	}
	in.Value = w.value(&in.Prepared)
	return w.embed(data, in)
}

// TestObjectsWithTwoRoles signs files in which one object plays two roles: one in which it may change after signing,
// and one in which it is drawn. Whoever makes such a file plans to change what the signer saw.
func TestObjectsWithTwoRoles(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	certificate := stream("", string(w.CA.Cert.Raw))
	for name, c := range map[string]struct {
		file   []byte
		change map[int]string
	}{
		"a form that is page content": {
			w.signWithout("6 0", onePage("/Contents 6 0 R", "/AcroForm 6 0 R", stream("/Fields 7 0 R/SigFlags 3", "good"), "[]")),
			map[int]string{6: stream("/Fields 7 0 R/SigFlags 3", "evil")},
		},
		"a store that is a font": {
			w.signB(onePage("", fmt.Sprintf("/DSS %d 0 R", fontNum))),
			map[int]string{fontNum: "<</Type/DSS/Certs[99 0 R]>>", 99: certificate},
		},
		"certificates that are page content": {
			w.signB(onePage("/Contents 6 0 R", "/DSS<</Certs 6 0 R>>", "[4 0 R]")),
			map[int]string{6: "[99 0 R]", 99: certificate},
		},
		"information that is a font": {
			w.signB(bytes.Replace(onePage("", ""), []byte("trailer\n<<"), []byte("trailer\n<</Info 5 0 R"), 1)),
			map[int]string{fontNum: "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"},
		},
		"metadata that is page content": {
			w.signB(onePage("/Contents 6 0 R", "/Metadata 6 0 R", stream("/Type/Metadata/Subtype/XML", "good"))),
			map[int]string{6: stream("/Type/Metadata/Subtype/XML", "evil")},
		},
	} {
		if !w.accepts(c.file, ev) {
			t.Errorf("%s: the file as signed is not accepted: %+v", name, w.verify(c.file, ev))
		}
		if w.accepts(reviseRaw(t, c.file, c.change), ev) {
			t.Errorf("%s: a change is accepted", name)
		}
	}
}

// TestPageThatIsAStream replaces page content under the pretence that it is the page of a new field. A document
// time-stamp is to be had by anybody, so no other signer is needed.
func TestPageThatIsAStream(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signB(onePage("", ""))
	start := bytes.Index(file, []byte("stream\n")) + len("stream\n")
	length := bytes.Index(file, []byte("\nendstream")) - start
	field := signatureField(t, file).Ref.Num
	forged := reviseRaw(t, file, map[int]string{
		catalogNum: fmt.Sprintf("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%d 0 R 90 0 R]/SigFlags 3>>>>", field),
		contentNum: stream("", strings.Repeat("x", length)),
		90:         fmt.Sprintf("<</FT/Sig/T(stamp)/V 91 0 R/P %d 0 R>>", contentNum),
		91:         "<</SubFilter/ETSI.RFC3161>>",
	})
	if v := w.verify(forged, ev); v.Signatures[0].LaterChanges != "other" {
		t.Errorf("%s: %+v", v.Verdict, v.Signatures[0])
	}
}

// TestVisibleStamp: a document time-stamp must not show anything. Anybody can get one, and its appearance may cover
// what was signed.
func TestVisibleStamp(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	whole := pdf.Array{int64(0), int64(0), int64(595), int64(842)}
	file := w.signB(onePage("", ""))
	for name, c := range map[string]struct {
		shape   func(f *pdf.File, u *pdf.Update, field *pdf.Dict)
		changes string
	}{
		"no area": {func(*pdf.File, *pdf.Update, *pdf.Dict) {}, "validation-data"},
		"hidden": {func(_ *pdf.File, _ *pdf.Update, field *pdf.Dict) {
			field.Set("Rect", whole)
			field.Set("F", int64(2))
		}, "validation-data"},
		"appearance": {func(_ *pdf.File, u *pdf.Update, field *pdf.Dict) {
			look := u.AddStream(pdf.NewDict("Subtype", pdf.Name("Form"), "BBox", whole), []byte("1 g 0 0 595 842 re f"))
			field.Set("Rect", whole)
			field.Set("AP", pdf.NewDict("N", look))
		}, "other"},
		"background": {func(_ *pdf.File, _ *pdf.Update, field *pdf.Dict) {
			field.Set("Rect", whole)
			field.Set("MK", pdf.NewDict("BG", pdf.Array{int64(1)}))
		}, "other"},
		"nothing to draw": {func(_ *pdf.File, _ *pdf.Update, field *pdf.Dict) {
			field.Set("Rect", whole)
		}, "validation-data"},
		"rectangle elsewhere": {func(_ *pdf.File, u *pdf.Update, field *pdf.Dict) {
			field.Set("Rect", u.Add(whole))
			field.Set("AP", pdf.NewDict())
		}, "other"},
		"a page": {func(_ *pdf.File, _ *pdf.Update, field *pdf.Dict) {
			field.Set("Type", pdf.Name("Page"))
		}, "other"},
	} {
		stamped := w.appendFieldAs(file, stampValue(), w.stampOf, c.shape)
		if got := w.verify(stamped, ev).Signatures[0].LaterChanges; got != c.changes {
			t.Errorf("%s: later changes %q, want %q", name, got, c.changes)
		}
	}
}

// TestStampInAnEmptyField: filling a field that stood visible and empty with a time-stamp may not show anything new.
func TestStampInAnEmptyField(t *testing.T) {
	w := newWorld(t)
	empty := "<</FT/Sig/T(second)/Type/Annot/Subtype/Widget/Rect[0 0 595 842]/P 3 0 R>>"
	file := w.signB(onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]/SigFlags 3>>", empty))
	filled := revise(t, file, func(f *pdf.File, u *pdf.Update) {
		look := u.AddStream(pdf.NewDict("Subtype", pdf.Name("Form")), []byte("1 g 0 0 595 842 re f"))
		field := with(object(t, f, 6), "V", u.Add(stampValue()))
		u.Set(pdf.Ref{Num: 6}, with(field, "AP", pdf.NewDict("N", look)))
	})
	for _, s := range w.verify(filled, w.evidence(w.Now)).Signatures {
		if s.Field != "second" && s.LaterChanges != "other" {
			t.Errorf("later changes %q", s.LaterChanges)
		}
	}
}

// TestLockedField: a field that the signer locked may not be signed later (12.8.2.4).
func TestLockedField(t *testing.T) {
	w := newWorld(t)
	empty := "<</FT/Sig/T(second)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R>>"
	data := onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]/SigFlags 3>>", empty)
	for field, changes := range map[string]string{"second": "other", "third": "signatures"} {
		params := pdf.NewDict("Action", pdf.Name("Include"), "Fields", pdf.Array{pdf.String(field)})
		value := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.CAdES.detached"),
			"Reference", pdf.Array{pdf.NewDict("TransformMethod", pdf.Name("FieldMDP"), "TransformParams", params)})
		file := w.appendField(data, value, w.detached)
		filled := revise(t, file, func(f *pdf.File, u *pdf.Update) {
			u.Set(pdf.Ref{Num: 6}, with(object(t, f, 6), "V", u.Add(pdf.NewDict("SubFilter", pdf.Name("ETSI.CAdES.detached")))))
		})
		for _, s := range w.verify(filled, w.evidence(w.Now)).Signatures {
			if s.Field != "second" && s.LaterChanges != changes {
				t.Errorf("%s locked: later changes %q, want %q", field, s.LaterChanges, changes)
			}
		}
	}
}

// TestMetadata: programs note in the XMP packet when they changed the file. It is drawn nowhere.
func TestMetadata(t *testing.T) {
	w := newWorld(t)
	packet := "<</Type/Metadata/Subtype/XML/Length 3>>\nstream\nold\nendstream"
	file := w.signB(onePage("", "/Metadata 6 0 R", packet))
	for subtype, changes := range map[string]string{"XML": "validation-data", "Form": "other"} {
		revised := reviseRaw(t, file, map[int]string{6: stream("/Type/Metadata/Subtype/"+subtype, "new")})
		if got := w.verify(revised, w.evidence(w.Now)).Signatures[0].LaterChanges; got != changes {
			t.Errorf("%s: later changes %q, want %q", subtype, got, changes)
		}
	}
}

// TestAmbiguousRevision: of two cross-reference entries for one object, or two values of one trailer key, some readers
// take the first and some the last.
func TestAmbiguousRevision(t *testing.T) {
	w := newWorld(t)
	file := w.signB(onePage("", ""))
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := f.Entry(pageNum)
	if err != nil {
		t.Fatal(err)
	}
	prev := f.Sections()[0].Offset
	evil := "3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>\nendobj\n"
	row := func(at int64) string { return fmt.Sprintf("3 1\n%010d 00000 n\r\n", at) }
	for name, table := range map[string]string{
		"two entries": "xref\n" + row(page.Offset) + row(int64(len(file))) + "trailer\n<</Root 1 0 R/Size 99",
		"two roots":   "xref\n0 0\ntrailer\n<</Root 99 0 R/Root 1 0 R/Size 99",
	} {
		revised := append(bytes.Clone(file), evil...)
		at := len(revised)
		revised = fmt.Appendf(revised, "%s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", table, prev, at)
		if w.accepts(revised, w.evidence(w.Now)) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func stampValue() *pdf.Dict {
	return pdf.NewDict("Type", pdf.Name("DocTimeStamp"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.RFC3161"))
}

func (w *world) stampOf(signed []byte) []byte { return w.Stamp(signed, w.Now) }

// stream writes a stream object.
func stream(keys, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", keys, len(data), data)
}

// reviseRaw appends a revision of objects as text, with a classic table.
func reviseRaw(t testing.TB, file []byte, objects map[int]string) []byte {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(file)
	var table []byte
	for num, body := range objects {
		table = fmt.Appendf(table, "%d 1\n%010d 00000 n\r\n", num, len(out))
		out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", num, body)
	}
	at := len(out)
	info := ""
	if ref, ok := f.Trailer().Get("Info").(pdf.Ref); ok {
		info = fmt.Sprintf("/Info %d 0 R", ref.Num)
	}
	return fmt.Appendf(out, "xref\n%strailer\n<</Root %d 0 R%s/Size 120/Prev %d>>\nstartxref\n%d\n%%%%EOF\n",
		table, f.RootRef().Num, info, f.Sections()[0].Offset, at)
}
