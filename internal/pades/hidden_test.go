package pades_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// TestFindings: files that were prepared to look otherwise after signing are flagged, each for its reason; honest ones are not.
func TestFindings(t *testing.T) {
	w := newWorld(t)
	field := func(value, shown string) []byte {
		content := "/Tx BMC q BT /Helv 12 Tf 2 5 Td [(" + shown[:1] + ") -20 (" + shown[1:] + ")] TJ ET Q EMC"
		return onePage("/Annots[7 0 R]", "/AcroForm<</Fields[7 0 R]>>", "null",
			"<</Type/Annot/Subtype/Widget/FT/Tx/T"+hexText("Số tiền")+"/V("+value+")/Rect[10 10 110 30]/AP<</N 8 0 R>>>>",
			fmt.Sprintf("<</Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</Helv 5 0 R>>>>/Length %d>>\nstream\n%s\nendstream", len(content), content))
	}
	plain := onePage("", "", "null")
	content := func(text string) func(*pdf.File, *pdf.Update) {
		return func(_ *pdf.File, u *pdf.Update) {
			stream := u.AddStream(pdf.NewDict(), []byte("BT /F1 10 Tf 60 60 Td ("+text+") Tj ET"))
			page := pdf.NewDict("Type", pdf.Name("Page"), "Parent", pdf.Ref{Num: 2}, "Contents", stream)
			u.Set(pdf.Ref{Num: 3}, page)
		}
	}
	box := func(kind, more string) []byte {
		return onePage("/Annots[<</Type/Annot/Subtype/"+kind+"/Rect[10 10 300 300]"+more+">>]", "")
	}
	for name, c := range map[string]struct {
		data []byte
		want []pades.FindingCode
	}{
		"plain":                    {plain, nil},
		"bytes before the header":  {append([]byte("<html>\n"), plain...), []pades.FindingCode{pades.BytesBeforeHeader}},
		"bytes behind the end":     {append(bytes.Clone(plain), "attached"...), []pades.FindingCode{pades.BytesAfterEnd}},
		"lines behind the end":     {append(bytes.Clone(plain), "\r\n\n \x00"...), nil},
		"usage rights":             {onePage("", "/Perms<</UR3 6 0 R>>", "<</Type/Sig/Filter/Adobe.PPKLite>>"), []pades.FindingCode{pades.UsageRights}},
		"signed":                   {w.signB(w.signB(plain)), nil},
		"to B-LTA":                 {w.archiveLTA(w.signLT(plain, w.Now), w.Now), nil},
		"object streams":           {encrypt(t, plain, "--object-streams=generate"), nil},
		"linearized":               {encrypt(t, manyPages(9), "--linearize"), nil},
		"a page replaced":          {revise(t, plain, content("other terms")), []pades.FindingCode{pades.ReplacedContent}},
		"contents replaced":        {revise(t, plain, func(_ *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: 4}, u.AddStream(pdf.NewDict(), []byte("q Q"))) }), []pades.FindingCode{pades.ReplacedContent}},
		"a font replaced":          {revise(t, plain, func(_ *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: 5}, pdf.NewDict("Type", pdf.Name("Font"))) }), []pades.FindingCode{pades.ReplacedContent}},
		"written again":            {revise(t, plain, func(f *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: 3}, object(t, f, 3)) }), nil},
		"a second catalog":         {onePage("", "", "<</Type/Catalog/Pages 2 0 R>>"), []pades.FindingCode{pades.HiddenPage}},
		"a page in waiting":        {onePage("", "", "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>"), []pades.FindingCode{pades.HiddenPage}},
		"a stamp":                  {box("Stamp", "/AP<</N 4 0 R>>"), []pades.FindingCode{pades.Overlay}},
		"a white square":           {box("Square", "/IC[1 1 1]"), []pades.FindingCode{pades.Overlay}},
		"a hidden stamp":           {box("Stamp", "/F 2/AP<</N 4 0 R>>"), nil},
		"a link":                   {box("Link", "/AP<</N 4 0 R>>"), nil},
		"a layer switched off":     {onePage("", "/OCProperties<</OCGs[6 0 R]/D<</OFF[6 0 R]>>>>", "<</Type/OCG/Name(x)>>"), []pades.FindingCode{pades.HiddenLayer}},
		"a layer":                  {onePage("", "/OCProperties<</OCGs[6 0 R]/D<</ON[6 0 R]>>>>", "<</Type/OCG/Name(x)>>"), nil},
		"a field":                  {field("1 000", "1000"), nil},
		"a field cut short":        {field("1000000 dong", "1000000"), nil},
		"a field that lies":        {field("9000", "1000"), []pades.FindingCode{pades.ValueMismatch}},
		"a button that lies":       {onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]>>", "<</Subtype/Widget/FT/Btn/T(a)/V/No/AS/Yes>>"), []pades.FindingCode{pades.ValueMismatch}},
		"a button":                 {onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]>>", "<</Subtype/Widget/FT/Btn/T(a)/V/Yes/AS/Yes>>"), nil},
		"fields drawn anew":        {onePage("", "/AcroForm<</NeedAppearances true/Fields[6 0 R]>>", "<</FT/Tx/T(a)>>"), []pades.FindingCode{pades.RedrawnFields}},
		"too much to look through": {sparse(), []pades.FindingCode{pades.NotExamined}},
	} {
		report, err := pades.Inspect(bytes.NewReader(c.data), pades.Policy{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []pades.FindingCode
		for _, f := range report.Findings {
			got = append(got, f.Code)
			if f.VI == "" || f.EN == "" || strings.Contains(f.VI+f.EN, "%!") {
				t.Errorf("%s: said as %+v", name, f)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		_, err = pades.Inspect(bytes.NewReader(c.data), pades.Policy{RefuseHiddenContent: true})
		honest := []pades.FindingCode{pades.RedrawnFields, pades.NotExamined, pades.BytesBeforeHeader, pades.BytesAfterEnd, pades.UsageRights}
		refuse := len(c.want) > 0 && !slices.Contains(honest, c.want[0])
		if refuse != (problem.CodeOf(err) == problem.DocumentMisleading) {
			t.Errorf("%s: refused when asked to: %v", name, err)
		}
	}
}

// sparse is a file whose numbers reach further than anybody would look.
func sparse() []byte {
	return bytes.Replace(onePage("", ""), []byte("/Size 6"), []byte("/Size 30001"), 1)
}
