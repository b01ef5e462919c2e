package pades_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// signedForm is a file with one signed field, whose signature and field have the given attributes.
func signedForm(signature, field, catalog string) []byte {
	return onePage("", "/AcroForm<</Fields[6 0 R]/SigFlags 3>>"+catalog,
		"<</FT/Sig/T(Signature1)/V 7 0 R"+field+">>",
		"<</Type/Sig/Filter/X/SubFilter/x/Contents<00>/ByteRange[0 1 2 3]"+signature+">>")
}

func reference(method, params string) string {
	return "/Reference[<</TransformMethod/" + method + "/TransformParams<<" + params + ">>>>]"
}

func TestRefusals(t *testing.T) {
	encrypted := bytes.Replace(onePage("", ""), []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Encrypt<</Filter/Standard>>"), 1)
	circle := "<</S/GoTo/Next 7 0 R>>"
	for name, c := range map[string]struct {
		data   []byte
		policy pades.Policy
		want   problem.Code
	}{
		"plain":                  {onePage("", ""), pades.Policy{}, ""},
		"not a PDF":              {[]byte(strings.Repeat("x", 100)), pades.Policy{}, problem.DocumentBroken},
		"encrypted":              {encrypted, pades.Policy{}, problem.DocumentEncrypted},
		"too many bytes":         {onePage("", ""), pades.Policy{MaxSize: 500}, problem.TooLarge},
		"too many pages":         {makePDF("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>", "<</Type/Page>>", "<</Type/Page>>"), pades.Policy{MaxPages: 1}, problem.TooLarge},
		"more pages than stated": {makePDF("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 1>>", "<</Type/Page>>", "<</Type/Page>>"), pades.Policy{MaxPages: 1}, problem.TooLarge},
		"no pages":               {makePDF("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>"), pades.Policy{}, problem.DocumentBroken},
		"XFA":                    {onePage("", "/AcroForm<</Fields[]/XFA(x)>>"), pades.Policy{}, problem.DocumentXFA},
		"signed":                 {signedForm("", "", ""), pades.Policy{}, ""},
		"certified 1":            {signedForm(reference("DocMDP", "/P 1"), "", "/Perms<</DocMDP 7 0 R>>"), pades.Policy{}, problem.DocumentLocked},
		"certified 1, no perms":  {signedForm(reference("DocMDP", "/P 1"), "", ""), pades.Policy{}, problem.DocumentLocked},
		"certified 1, no field":  {onePage("", "/Perms<</DocMDP 6 0 R>>", "<</Type/Sig"+reference("DocMDP", "/P 1")+">>"), pades.Policy{}, problem.DocumentLocked},
		"certified 2":            {signedForm(reference("DocMDP", "/P 2"), "", "/Perms<</DocMDP 7 0 R>>"), pades.Policy{}, ""},
		"certified, no P":        {signedForm(reference("DocMDP", ""), "", ""), pades.Policy{}, ""},
		"fields all":             {signedForm(reference("FieldMDP", "/Action/All"), "", ""), pades.Policy{}, problem.DocumentLocked},
		"fields include":         {signedForm(reference("FieldMDP", "/Action/Include/Fields[(Signature2)]"), "", ""), pades.Policy{}, ""},
		"fields exclude":         {signedForm(reference("FieldMDP", "/Action/Exclude/Fields[(Other)]"), "", ""), pades.Policy{}, problem.DocumentLocked},
		"fields exclude ours":    {signedForm(reference("FieldMDP", "/Action/Exclude/Fields[(Signature5)]"), "", ""), pades.Policy{}, ""},
		"fields unknown":         {signedForm(reference("FieldMDP", "/Action/Sometimes"), "", ""), pades.Policy{}, problem.DocumentLocked},
		"lock all":               {signedForm("", "/Lock<</Action/All>>", ""), pades.Policy{}, problem.DocumentLocked},
		"lock P 1":               {signedForm("", "/Lock<</Action/Include/Fields[(a)]/P 1>>", ""), pades.Policy{}, problem.DocumentLocked},
		"lock, not signed":       {onePage("", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Sig/T(a)/Lock<</Action/All/P 1>>>>"), pades.Policy{}, ""},
		"script, allowed":        {onePage("", "/OpenAction<</S/JavaScript/JS(x)>>"), pades.Policy{}, ""},
		"script, refused":        {onePage("", "/OpenAction<</S/JavaScript/JS(x)>>"), pades.Policy{RefuseActiveContent: true}, problem.DocumentActive},
		"circle of actions":      {onePage("", "/OpenAction 6 0 R", circle, "<</S/Named/Next 6 0 R>>"), pades.Policy{RefuseActiveContent: true}, ""},
		"endless actions":        {onePage("", "/OpenAction<</S/GoTo/Next["+strings.Repeat("<</S/GoTo>>", 1200)+"]>>"), pades.Policy{}, problem.DocumentTooComplex},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pades.Inspect(bytes.NewReader(c.data), c.policy)
			if problem.CodeOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Prepare must refuse on its own what it can see cheaply: it runs later, on bytes that it cannot know to be those
// that were inspected.
func TestPrepareRefusesWhatInspectRefuses(t *testing.T) {
	signer := newTestSigner(t)
	for name, data := range map[string][]byte{
		"encrypted": bytes.Replace(onePage("", ""), []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Encrypt<</Filter/Standard>>"), 1),
		"XFA":       onePage("", "/AcroForm<</Fields[]/XFA(x)>>"),
		"locked":    signedForm(reference("DocMDP", "/P 1"), "", ""),
		"broken":    []byte(strings.Repeat("%PDF-1.4 ", 10)),
	} {
		_, inspected := pades.Inspect(bytes.NewReader(data), pades.Policy{})
		_, prepared := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Certificate: signer.cert, SigningTime: testTime})
		if inspected == nil || problem.CodeOf(prepared) != problem.CodeOf(inspected) {
			t.Errorf("%s: Inspect says %v, Prepare says %v", name, inspected, prepared)
		}
	}
}

func TestReport(t *testing.T) {
	annot := "<</Subtype/Link/Rect[0 0 1 1]/A<</S/URI/URI(x)/Next<</S/Launch/F(x)>>>>/AA<</E<</S/SubmitForm>>>>>>"
	data := onePage("/Rotate 90/CropBox[10 20 310 420]/Annots["+annot+"]/AA<</O<</S/Rendition/JS(x)>>>>",
		"/Version/2.0/Names<</JavaScript<</Names[(a)<</S/JavaScript>>]>>>>/AcroForm<</Fields[6 0 R 7 0 R]>>/Perms<</UR3 8 0 R>>",
		"<</FT/Tx/T(a)/AA<</K<</S/JavaScript>>>>>>",
		"<</FT/Sig/T(b)/V<</Contents<00>"+reference("DocMDP", "/P 2")+">>>>", "<<>>")
	report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	size := pades.PageSize{Width: 400, Height: 300, Rotate: 90}
	want := &pades.Report{Version: "2.0", Pages: 1, Signatures: 1, DocMDP: 2, FirstPage: size, LastPage: size,
		ActiveContent: []string{"JavaScript in the document's names", "JavaScript in a form field", "JavaScript in page 1",
			"Launch in an annotation of page 1", "SubmitForm in an annotation of page 1"},
		Fields: []pades.FieldReport{{Number: 1, Name: "b", Signed: true}}}
	var codes []string
	for _, f := range report.Findings {
		codes = append(codes, f.Code)
	}
	if got := strings.Join(codes, " "); got != "usage-rights new-field-after-certification active-scripts active-field active-page active-annotation active-annotation" {
		t.Errorf("findings %s", got)
	}
	report.Findings = nil
	if !reflect.DeepEqual(report, want) {
		t.Errorf("got  %+v\nwant %+v", report, want)
	}
}

// A page tree that lies about its counts is still walked to the right page.
func TestPagesAreFoundInSpiteOfWrongCounts(t *testing.T) {
	signer := newTestSigner(t)
	tree := func(root, left, right int) []byte {
		return makePDF("<</Type/Catalog/Pages 2 0 R>>",
			fmt.Sprintf("<</Type/Pages/Kids[3 0 R 4 0 R]/Count %d/MediaBox[0 0 300 300]>>", root),
			fmt.Sprintf("<</Type/Pages/Kids[5 0 R 6 0 R]/Count %d>>", left),
			fmt.Sprintf("<</Type/Pages/Kids[7 0 R 8 0 R 9 0 R]/Count %d>>", right),
			"<</Type/Page>>", "<</Type/Page>>", "<</Type/Page>>", "<</Type/Page>>", "<</Type/Page>>")
	}
	for name, c := range map[string]struct {
		data []byte
		page int
		want string // the page object that gets the widget
	}{
		"right, first":  {tree(5, 2, 3), 1, "5 0 obj"},
		"right, third":  {tree(5, 2, 3), 3, "7 0 obj"},
		"right, fourth": {tree(5, 2, 3), 4, "8 0 obj"},
		"right, last":   {tree(5, 2, 3), 0, "9 0 obj"},
		"zero":          {tree(0, 0, 0), 0, "9 0 obj"},
		"too many":      {tree(9, 2, 3), 0, "9 0 obj"},
		"branches zero": {tree(5, 0, 0), 2, "6 0 obj"},
	} {
		prepared, err := pades.Prepare(bytes.NewReader(c.data), pades.PrepareOptions{Certificate: signer.cert,
			SigningTime: testTime, Box: pades.Box{Page: c.page}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Contains(prepared.Increment, []byte("\n"+c.want+"\n<</Type /Page/Annots")) {
			t.Errorf("%s: page object %q was not changed", name, c.want)
		}
	}
}
