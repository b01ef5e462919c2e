package pades_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// revise appends an incremental update to a signed file, as an attacker would.
func revise(t testing.TB, file []byte, change func(f *pdf.File, u *pdf.Update)) []byte {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	u := pdf.NewUpdate(f)
	change(f, u)
	increment, err := u.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(file), increment...)
}

// object returns a copy of a dictionary of the file.
func object(t testing.TB, f *pdf.File, num int) *pdf.Dict {
	t.Helper()
	d, err := f.Dict(pdf.Ref{Num: num})
	if err != nil || d == nil {
		t.Fatalf("object %d is no dictionary: %v", num, err)
	}
	return d.Clone()
}

// with returns a copy of a dictionary with one more key.
func with(d *pdf.Dict, key pdf.Name, value pdf.Object) *pdf.Dict {
	d = d.Clone()
	d.Set(key, value)
	return d
}

// In a file of onePage, object 1 is the catalog, 2 the page tree, 3 the page, 4 its content, 5 the font.
const catalogNum, treeNum, pageNum, contentNum, fontNum = 1, 2, 3, 4, 5

// TestIncrementalSaving appends revisions that must take the verdict away, and those that must not.
func TestIncrementalSaving(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signB(onePage("", ""))
	set := func(num int, key pdf.Name, value pdf.Object) func(*pdf.File, *pdf.Update) {
		return func(f *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: num}, with(object(t, f, num), key, value)) }
	}
	fieldNum := signatureField(t, file).Ref.Num
	form := func(change func(*pdf.Dict)) func(*pdf.File, *pdf.Update) {
		return func(f *pdf.File, u *pdf.Update) {
			acro, _, err := f.AcroForm()
			if err != nil {
				t.Fatal(err)
			}
			acro = acro.Clone()
			change(acro)
			u.Set(f.RootRef(), with(object(t, f, catalogNum), "AcroForm", acro))
		}
	}
	attacks := map[string]func(*pdf.File, *pdf.Update){
		"content replaced": func(_ *pdf.File, u *pdf.Update) {
			u.Set(pdf.Ref{Num: contentNum}, pdf.NewDict("Length", int64(0)))
		},
		"page shows other content": func(f *pdf.File, u *pdf.Update) {
			u.Set(pdf.Ref{Num: pageNum}, with(object(t, f, pageNum), "Contents", u.AddStream(pdf.NewDict(), []byte("evil"))))
		},
		"page rotated":      set(pageNum, "Rotate", int64(180)),
		"page resources":    set(pageNum, "Resources", pdf.NewDict()),
		"page with action":  set(pageNum, "AA", pdf.NewDict()),
		"page cropped":      set(pageNum, "CropBox", pdf.Array{int64(0), int64(0), int64(9), int64(9)}),
		"font replaced":     set(fontNum, "BaseFont", pdf.Name("ZapfDingbats")),
		"page added":        set(treeNum, "Kids", pdf.Array{pdf.Ref{Num: pageNum}, pdf.Ref{Num: pageNum}}),
		"page taken away":   set(treeNum, "Kids", pdf.Array{}),
		"page count":        set(treeNum, "Count", int64(2)),
		"tree media box":    set(treeNum, "MediaBox", pdf.Array{int64(0), int64(0), int64(9), int64(9)}),
		"action on opening": set(catalogNum, "OpenAction", pdf.NewDict("S", pdf.Name("JavaScript"), "JS", pdf.String("1"))),
		"names":             set(catalogNum, "Names", pdf.NewDict()),
		"layers":            set(catalogNum, "OCProperties", pdf.NewDict()),
		"permissions":       set(catalogNum, "Perms", pdf.NewDict()),
		"other page tree": func(f *pdf.File, u *pdf.Update) {
			u.Set(f.RootRef(), with(object(t, f, 1), "Pages", u.Add(object(t, f, treeNum))))
		},
		"extensions draw": set(catalogNum, "Extensions", pdf.NewDict("X", pdf.NewDict("Y", pdf.Array{}))),
		"annotation added": func(f *pdf.File, u *pdf.Update) {
			annot := u.Add(pdf.NewDict("Type", pdf.Name("Annot"), "Subtype", pdf.Name("FreeText")))
			u.Set(pdf.Ref{Num: pageNum}, with(object(t, f, pageNum), "Annots", pdf.Array{pdf.Ref{Num: fieldNum}, annot}))
		},
		"widget taken off":      set(pageNum, "Annots", pdf.Array{}),
		"field unsigned":        set(fieldNum, "V", nil),
		"field moved":           set(fieldNum, "Rect", pdf.Array{int64(0), int64(0), int64(500), int64(500)}),
		"field looks different": set(fieldNum, "AP", pdf.NewDict()),
		"field with action":     set(fieldNum, "A", pdf.NewDict("S", pdf.Name("URI"))),
		"field renamed":         set(fieldNum, "T", pdf.String("Other")),
		"fields emptied":        form(func(d *pdf.Dict) { d.Set("Fields", pdf.Array{}) }),
		"XFA added":             form(func(d *pdf.Dict) { d.Set("XFA", pdf.Array{}) }),
		"appearances on demand": form(func(d *pdf.Dict) { d.Set("NeedAppearances", true) }),
		"signature dictionary replaced": func(_ *pdf.File, u *pdf.Update) {
			s := signatureField(t, file)
			u.Set(s.ValueRef, s.Value.Clone())
		},
		"store with a script": set(catalogNum, "DSS", pdf.NewDict("JS", pdf.String("1"))),
		"store of something": func(f *pdf.File, u *pdf.Update) {
			u.Set(f.RootRef(), with(object(t, f, 1), "DSS", pdf.NewDict("Certs", pdf.Array{u.AddStream(pdf.NewDict(), []byte("q Q"))})))
		},
		"store of the page": set(catalogNum, "DSS", pdf.NewDict("Certs", pdf.Array{pdf.Ref{Num: contentNum}})),
		"store is the page": set(catalogNum, "DSS", pdf.Ref{Num: pageNum}),
		"store and content": func(f *pdf.File, u *pdf.Update) {
			set(catalogNum, "DSS", pdf.NewDict())(f, u)
			set(pageNum, "UserUnit", int64(2))(f, u)
		},
		"object nobody needed": func(_ *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: 2}, pdf.NewDict("Type", pdf.Name("Pages"))) },
	}
	for name, attack := range attacks {
		changed := revise(t, file, attack)
		v := w.verify(changed, ev)
		if v.Verdict == pades.TotalPassed {
			t.Errorf("%s: accepted", name)
		}
		kind := "other"
		if name == "annotation added" {
			kind = "annotations"
		}
		for _, s := range v.Signatures {
			if s.Intact && s.LaterChanges != kind {
				t.Errorf("%s: later changes are called %q", name, s.LaterChanges)
			}
		}
	}
	for name, harmless := range map[string]func(*pdf.File, *pdf.Update){
		"empty store":      set(catalogNum, "DSS", pdf.NewDict()),
		"extension":        set(catalogNum, "Extensions", pdf.NewDict("ESIC", pdf.NewDict("BaseVersion", pdf.Name("1.7"), "ExtensionLevel", int64(2)))),
		"same page again":  func(f *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: pageNum}, object(t, f, pageNum)) },
		"an unused object": func(_ *pdf.File, u *pdf.Update) { u.Add(pdf.NewDict()) },
	} {
		v := w.verify(revise(t, file, harmless), ev)
		if v.Verdict != pades.TotalPassed || v.Signatures[0].LaterChanges != "validation-data" || v.Signatures[0].CoversAll {
			t.Errorf("%s: %+v", name, v.Signatures)
		}
	}
}

func signatureField(t testing.TB, file []byte) pdf.SignatureField {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	fields, err := f.SignatureFields()
	if err != nil || len(fields) == 0 {
		t.Fatalf("%d fields, %v", len(fields), err)
	}
	return fields[0]
}

// TestRawAppendices appends bytes without asking a PDF writer.
func TestRawAppendices(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signB(onePage("", ""))
	size := len(file)
	evil := "4 0 obj\n<</Length 4>>\nstream\nevil\nendstream\nendobj\n"
	table := fmt.Sprintf("xref\n4 1\n%010d 00000 n\r\n", size)
	at := size + len(evil)
	prev := strings.TrimSpace(string(file[bytes.LastIndex(file, []byte("startxref"))+9 : bytes.LastIndex(file, []byte("%%EOF"))]))
	end := fmt.Sprintf("startxref\n%d\n%%%%EOF\n", at)
	for name, tail := range map[string]string{
		"one byte":                   "x",
		"white space":                "\n\n",
		"comment":                    "% evil\n",
		"second end":                 "%%EOF\n",
		"object alone":               evil,
		"object and end":             evil + "%%EOF\n",
		"object and old startxref":   evil + "startxref\n" + prev + "\n%%EOF\n",
		"object and trailer":         evil + "trailer\n<</Root 1 0 R/Size 99>>\nstartxref\n" + prev + "\n%%EOF\n",
		"revision without Prev":      evil + table + "trailer\n<</Root 1 0 R/Size 99>>\n" + end,
		"revision with Prev":         evil + table + "trailer\n<</Root 1 0 R/Size 99/Prev " + prev + ">>\n" + end,
		"revision past the signed":   evil + table + "trailer\n<</Root 1 0 R/Size 99/Prev " + firstXRef(file) + ">>\n" + end,
		"another catalog":            evil + table + "trailer\n<</Root 2 0 R/Size 99/Prev " + prev + ">>\n" + end,
		"encryption":                 evil + table + "trailer\n<</Root 1 0 R/Size 99/Encrypt 4 0 R/Prev " + prev + ">>\n" + end,
		"deletion":                   "xref\n3 1\n0000000000 00001 f\r\ntrailer\n<</Root 1 0 R/Size 99/Prev " + prev + ">>\n" + fmt.Sprintf("startxref\n%d\n%%%%EOF\n", size),
		"page number taken again":    "xref\n3 1\n0000000015 00000 n\r\ntrailer\n<</Root 1 0 R/Size 99/Prev " + prev + ">>\n" + fmt.Sprintf("startxref\n%d\n%%%%EOF\n", size),
		"harmless but data behind":   "xref\n0 0\ntrailer\n<</Root 1 0 R/Size 99/Prev " + prev + ">>\n" + fmt.Sprintf("startxref\n%d\n%%%%EOF\nevil", size),
		"old revision of the file":   string(file),
		"the unsigned file":          string(onePage("", "")),
		"information from elsewhere": evil + table + "trailer\n<</Root 1 0 R/Info 4 0 R/Size 99/Prev " + prev + ">>\n" + end,
	} {
		if w.accepts(append(bytes.Clone(file), tail...), ev) {
			t.Errorf("%s: accepted", name)
		}
	}
	if w.accepts(file[:size-1], ev) || w.accepts(append([]byte("\n"), file...), ev) || w.accepts(append([]byte("%PDF-1.4\n"), file...), ev) {
		t.Error("a file that was cut or has something in front is accepted")
	}
}

func firstXRef(file []byte) string {
	_, rest, _ := bytes.Cut(file, []byte("startxref"))
	number, _, _ := bytes.Cut(rest, []byte("%%EOF"))
	return strings.TrimSpace(string(number))
}

// TestSignatureWrapping moves the signed end of the file behind forged bytes and announces it in a second /ByteRange,
// written into the unsigned padding of /Contents.
func TestSignatureWrapping(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signB(onePage("", ""))
	start, end := gap(t, file)
	signature := strings.TrimRight(string(file[start+1:end-1]), "0")
	signature += strings.Repeat("0", len(signature)%2)
	tail := file[end:]
	for name, format := range map[string]string{
		"second ByteRange": "<%s>/ByteRange[0 %d %d %d]%s",
		"as a comment":     "<%s>%%[0 %d %d %d]%s",
		"inside a string":  "<%s>/X([0 %d %d %d]%s)",
	} {
		wrapped := bytes.Clone(file)
		forged := fmt.Sprintf(format, signature, start, len(file), len(tail), "")
		hole := forged + strings.Repeat(" ", end-start-len(forged))
		copy(wrapped[start:end], hole)
		copy(wrapped[end:], bytes.Replace(tail, []byte("Rect"), []byte("Rekt"), 1))
		wrapped = append(wrapped, tail...)
		if w.accepts(wrapped, ev) {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestShadow signs a file that was prepared so that a later, innocent-looking revision changes what it shows.
func TestShadow(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	const far = 60
	dangling := w.signB(onePage(fmt.Sprintf("/Contents[4 0 R %d 0 R]", far), ""))
	fill := func(f *pdf.File, u *pdf.Update) {
		for u.Reserve().Num < far {
			u.Add(pdf.NewDict())
		}
		u.Set(pdf.Ref{Num: far}, pdf.NewDict("Evil", true))
		u.Set(f.RootRef(), with(object(t, f, 1), "DSS", pdf.NewDict()))
	}
	if w.accepts(revise(t, dangling, fill), ev) {
		t.Error("a dangling reference came to life unnoticed")
	}
	aliased := w.signB(onePage("", "/DSS<</Certs 6 0 R>>", "[4 0 R]"))
	grow := func(_ *pdf.File, u *pdf.Update) {
		u.Set(pdf.Ref{Num: 6}, pdf.Array{pdf.Ref{Num: contentNum}, u.AddStream(pdf.NewDict(), []byte("evil"))})
	}
	if w.accepts(revise(t, aliased, grow), ev) {
		t.Error("an array of page contents grew under the name of a store")
	}
	form := w.signB(onePage("", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Tx/T(amount)/V(1)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]>>"))
	pay := func(f *pdf.File, u *pdf.Update) {
		u.Set(pdf.Ref{Num: 6}, with(object(t, f, 6), "V", pdf.String("1000000")))
	}
	if w.accepts(revise(t, form, pay), ev) {
		t.Error("a form was filled in after signing")
	}
}

func TestRevisionsOfSeveralSigners(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	first := w.signT(onePage("", ""), w.Now)
	second := w.signT(first, w.Now)
	third := w.signT(w.extend(second, ev), w.Now)
	final := w.extend(third, w.evidence(w.Now))
	v := w.verify(final, ev)
	if v.Verdict != pades.TotalPassed || len(v.Signatures) != 3 {
		t.Fatalf("%+v", v)
	}
	for i, changes := range []string{"signatures", "signatures", "validation-data"} {
		s := v.Signatures[i]
		if s.LaterChanges != changes || s.CoversAll || s.Level != "B-LT" {
			t.Errorf("signature %d: %+v", i, s)
		}
	}
	piggyback := revise(t, first, func(f *pdf.File, u *pdf.Update) {
		u.Set(pdf.Ref{Num: pageNum}, with(object(t, f, pageNum), "UserUnit", int64(2)))
	})
	signed := w.signB(piggyback)
	v = w.verify(signed, ev)
	if v.Verdict != pades.TotalFailed || v.Signatures[0].LaterChanges != "other" || !v.Signatures[1].CoversAll {
		t.Errorf("a change between two signatures: %+v", v)
	}
	if got := v.Signatures[1].Verdict; got != pades.TotalPassed {
		t.Errorf("the second signer signed what is there, verdict %s", got)
	}
}

// TestFilledField signs in a field that stood empty in a signed file, as a form with two signers has it.
func TestFilledField(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	empty := "<</FT/Sig/T(second)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R>>"
	file := w.signB(onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]/SigFlags 3>>", empty))
	value := signatureField(t, w.signB(onePage("", ""))).Value
	sign := func(extra pdf.Name) []byte {
		return revise(t, file, func(f *pdf.File, u *pdf.Update) {
			field := with(object(t, f, 6), "V", u.Add(value.Clone()))
			if extra != "" {
				field.Set(extra, pdf.NewDict())
			}
			u.Set(pdf.Ref{Num: 6}, field)
		})
	}
	for extra, changes := range map[pdf.Name]string{"": "signatures", "AA": "other"} {
		for _, s := range w.verify(sign(extra), ev).Signatures {
			if s.Field != "second" && s.LaterChanges != changes {
				t.Errorf("with %q: %q, want %q: %v", extra, s.LaterChanges, changes, s.Problems)
			}
			if s.Field == "second" && s.Verdict != pades.TotalFailed {
				t.Error("a signature of another file is accepted in the field")
			}
		}
	}
}
