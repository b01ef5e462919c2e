package pades_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// honestRevisions are what programs of others write after a signature, in their own ways, by the kind that it is.
func honestRevisions(w *world) map[string]map[string]later {
	certificate := stream("", string(w.CA.Cert.Raw))
	filled := "<</FT/Sig/T(second)/V 61 0 R/Type/Annot/Subtype/Widget/Rect[200 10 300 30]/P 3 0 R/F 132/AP<</N 13 0 R>>>>"
	return map[string]map[string]later{
		"validation-data": {
			"metadata, information and version": {metadataNum: stream("/Type/Metadata/Subtype/XML", "<x>new</x>"), infoNum: "<</Producer(new)/ModDate(D:2026)/Trapped/False>>", catalogNum: richCatalogWith("/1.6", "/1.7")},
			"a store of any make": {catalogNum: richCatalogWith("/Lang", "/DSS 60 0 R/Lang"), 60: "<</Certs[61 0 R 62 0 R]/CRLs[62 0 R]/VRI<</AB<</Cert[61 0 R]/TU(D:2026)>>>>>>", 61: certificate,
				62: stream("", string([]byte{0x30, 3, 2, 1, 0x85}))}, // a certificate that nobody can read
			"an extension of PDF 2.0": {catalogNum: richCatalogWith("/Lang", "/Extensions<</ISO_[<</BaseVersion/2.0/ExtensionLevel 32002/URL(https://a)>>]>>/Lang")},
			"the same in other words": {pageNum: richPageWith(allAnnots, "/LastModified(D:2026)/Tabs/S"), 2: "<</Count 1.0/Type/Pages/Kids[3 0 R]/MediaBox[0 0 595.00 842]/Resources<</Font<</F1 5 0 R>>>>>>"},
			"lists as objects":        {pageNum: strings.Replace(richPageWith(allAnnots, ""), "["+allAnnots+"]", " 60 0 R", 1), 60: "[" + allAnnots + "]"},
			"a field closed":          {amountNum: "<</Ff 1/FT/Tx/T(amount)/V(100)/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 12 0 R>>/TM(x)/Lang(vi)/H/N/StructParent 7>>"},
			"defaults of the form":    {formNum: "<</Fields[7 0 R 8 0 R 9 0 R S 0 R]/SigFlags 3/DA(/Arial 9 Tf)/DR<</Font<</Helv 24 0 R/Arial 5 0 R>>/Encoding<</X 60 0 R>>>>>>", 60: "<</Type/Encoding>>"},
			"numbers of nothing":      {60: "<</Type/Font>>", 61: stream("", "q Q")},
		},
		"signatures": {
			"keys that describe":   newField("/H/N/StructParent 2/C[0 0 1]/TM(x)/Lang(vi)/AS/N/Contents(signed)/SV<</Ff 0>>/MK<<>>/Q 0/DV 61 0 R/TU(x)/AP<</N 62 0 R>>", later{62: stream("/Subtype/Form/BBox[0 0 1 1]", "q Q")}),
			"a name above":         newField("", later{freshNum: "<</T(a)/Kids[62 0 R]>>", 62: "<</T(b)/Kids[63 0 R]/Parent 60 0 R>>", 63: "<</FT/Sig/T(c)/V 61 0 R/Parent 62 0 R/Subtype/Widget/Rect[0 0 9 9]/P 3 0 R>>", pageNum: richPageWith(allAnnots+" 63 0 R", "")}),
			"the empty field":      {secondNum: filled, 61: anySignature},
			"a look in its place":  {secondNum: filled, 61: anySignature, secondLookNum: stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", "BT (signed) Tj ET")},
			"into the structure":   newField("/StructParent 2", later{structureNum: "<</Type/StructTreeRoot/K[17 0 R]/ParentTree 62 0 R/ParentTreeNextKey 3>>", documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 62: "<</Nums[0 64 0 R 1 20 0 R 2 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/Pg 3 0 R/K<</Type/OBJR/Obj 60 0 R>>>>", 64: "[19 0 R]"}),
			"on no page of itself": newField("", later{freshNum: "<</FT/Sig/T(third)/V 61 0 R/Type/Annot/Subtype/Widget/Rect[300 300 400 400]>>"}),
		},
		"form-filling": {
			"a text":                     {amountNum: "<</FT/Tx/T(amount)/V(999)/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 60 0 R>>>>", 60: stream("/Subtype/Form", "(999) Tj")},
			"a look":                     {amountLookNum: stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]", "(999) Tj")},
			"a box":                      {checkNum: "<</FT/Btn/T(agreed)/V/Yes/AS/Yes/Type/Annot/Subtype/Widget/Rect[10 50 20 60]/P 3 0 R/F 4/AP<</N<</Yes 12 0 R/Off 12 0 R>>>>>>"},
			"a field for another signer": newField("", later{freshNum: "<</FT/Sig/T(third)/Type/Annot/Subtype/Widget/Rect[300 300 400 400]/P 3 0 R/F 4>>"}),
		},
		"annotations": {
			"a note":             {pageNum: richPageWith(allAnnots+" 60 0 R 61 0 R", ""), 60: "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(x)/Popup 61 0 R>>", 61: "<</Type/Annot/Subtype/Popup/Parent 60 0 R/Rect[0 0 9 9]>>"},
			"a white square":     {pageNum: richPageWith(allAnnots+" 60 0 R", ""), 60: "<</Type/Annot/Subtype/Square/Rect[0 0 595 842]/IC[1 1 1]>>"},
			"a remark changed":   {remarkNum: "<</Type/Annot/Subtype/Text/Rect[100 700 120 720]/Contents(another)>>"},
			"a remark taken off": {pageNum: richPageWith("7 0 R 8 0 R 9 0 R 10 0 R S 0 R", "")},
			"another order":      {pageNum: richPageWith("11 0 R 7 0 R 8 0 R 9 0 R 10 0 R S 0 R", "")},
			"a link elsewhere":   {linkNum: "<</Type/Annot/Subtype/Link/Rect[10 700 60 720]/A<</S/URI/URI(http://b)>>/StructParent 1>>"},
			"a form and a note":  {pageNum: richPageWith(allAnnots+" 60 0 R", ""), 60: "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>", checkNum: "<</FT/Btn/T(agreed)/V/Yes/AS/Yes/Type/Annot/Subtype/Widget/Rect[10 50 20 60]/P 3 0 R/F 4/AP<</N<</Yes 12 0 R/Off 12 0 R>>>>>>"},
		},
	}
}

// TestLaterRevisionsOfOthers: what a later revision did is called what it is, however its writer writes.
func TestLaterRevisionsOfOthers(t *testing.T) {
	w := newWorld(t)
	file, field := w.signedRich(nil, nil)
	for kind, revisions := range honestRevisions(w) {
		for name, revision := range revisions {
			s := w.afterwards(file, field, revision)
			verdict, sub := pades.Indeterminate, "SIG_CONSTRAINTS_FAILURE"
			if kind == "signatures" || kind == "validation-data" {
				verdict, sub = pades.TotalPassed, ""
			}
			if s.LaterChanges != kind || s.Verdict != verdict || s.SubIndication != sub {
				t.Errorf("%s: %q is called %q: %s %s %q", kind, name, s.LaterChanges, s.Verdict, s.SubIndication, s.Problems)
			}
		}
	}
}

// afterwards is what is said of the first signature of a file when a revision follows.
func (w *world) afterwards(file []byte, field int, revision later) *pades.SignatureReport {
	w.T.Helper()
	objects := map[int]string{}
	for num, text := range revision {
		objects[num] = strings.ReplaceAll(text, "S 0 R", fmt.Sprintf("%d 0 R", field))
	}
	name := signatureNamed(w.T, file, field)
	v := w.verify(reviseRaw(w.T, file, objects), w.evidence(w.Now))
	for i := range v.Signatures {
		if v.Signatures[i].Field == name {
			return &v.Signatures[i]
		}
	}
	w.T.Fatal("the first signature was not found")
	return nil
}

func signatureFields(t testing.TB, file []byte) []pdf.SignatureField {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	fields, err := f.SignatureFields()
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func signatureNamed(t testing.TB, file []byte, num int) string {
	t.Helper()
	for _, field := range signatureFields(t, file) {
		if field.Ref.Num == num {
			return field.Name
		}
	}
	t.Fatalf("no field %d", num)
	return ""
}

// TestAttacksOnRoles: for everything that a role allows to change, what an attacker might hide behind it.
func TestAttacksOnRoles(t *testing.T) {
	w := newWorld(t)
	evil := stream("/Type/XObject/Subtype/Form/BBox[0 0 595 842]", "1 g 0 0 595 842 re f")
	js := "<</S/JavaScript/JS(app.alert(1))>>"
	formWith := func(keys string) string {
		return "<</Fields[7 0 R 8 0 R 9 0 R S 0 R]/SigFlags 3/DA(/Helv 0 Tf 0 g)/DR<</Font<</Helv 24 0 R>>>>" + keys + ">>"
	}
	fields := func(list string) string { return strings.Replace(formWith(""), "7 0 R 8 0 R 9 0 R S 0 R", list, 1) }
	sign := "<</FT/Sig/T(second)/V 61 0 R/Type/Annot/Subtype/Widget/Rect[200 10 300 30]/P 3 0 R/F 132/AP<</N 13 0 R>>"
	for name, a := range map[string]struct {
		more     map[int]string
		revision later
	}{
		// Looks.
		"the look of the empty field":         {nil, later{secondLookNum: evil}},
		"a look that a stamp takes":           {nil, later{secondNum: sign + ">>", 61: "<</Type/DocTimeStamp/SubFilter/ETSI.RFC3161>>", secondLookNum: evil}},
		"the signed field's own":              {nil, later{-1: "/AP<</N 60 0 R>>/Rect[0 0 595 842]", 60: evil}},
		"a font of a look":                    {nil, later{fontNum: "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"}},
		"a field moved":                       {nil, later{secondNum: strings.Replace(sign+">>", "[200 10 300 30]", "[0 0 595 842]", 1), 61: anySignature}},
		"a text field moved":                  {nil, later{amountNum: "<</FT/Tx/T(amount)/V(100)/Type/Annot/Subtype/Widget/Rect[0 0 500 500]/P 3 0 R/F 4/AP<</N 12 0 R>>>>"}},
		"defaults of a field without a look":  {map[int]string{amountNum: "<</FT/Tx/T(amount)/V(100)/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4>>"}, later{formNum: strings.Replace(formWith(""), "/Helv 24 0 R", "/Helv 60 0 R", 1), 60: "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"}},
		"defaults of fields to be drawn anew": {map[int]string{formNum: strings.Replace(strings.Replace(formWith("/NeedAppearances true"), " S 0 R", "", 1), "/SigFlags 3", "", 1)}, later{formNum: formWith("/NeedAppearances true/Q 2")}},
		"fields to be drawn anew":             {nil, later{formNum: formWith("/NeedAppearances true")}},
		// What starts something.
		"a field with an action":                  {nil, newField("/A"+js, nil)},
		"a field with a script":                   {nil, newField("/AA<</E"+js+">>", nil)},
		"a field on a layer":                      {nil, newField("/OC 21 0 R", nil)},
		"a field that is filled in with a script": {nil, later{amountNum: "<</FT/Tx/T(amount)/V(9)/AA<</K" + js + ">>/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 12 0 R>>>>"}},
		"a note with a script":                    {nil, later{pageNum: richPageWith(allAnnots+" 60 0 R", ""), 60: "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/AA<</E" + js + ">>>>"}},
		"a link that starts a program":            {nil, later{pageNum: richPageWith(allAnnots+" 60 0 R", ""), 60: "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/Launch/F(x)>>>>"}},
		"a link that then starts a script":        {nil, later{linkNum: "<</Type/Annot/Subtype/Link/Rect[10 700 60 720]/A<</S/URI/URI(http://a)/Next" + js + ">>/StructParent 1>>"}},
		"a calculation order":                     {nil, later{formNum: formWith("/CO[7 0 R]")}},
		"a second form":                           {nil, later{formNum: formWith("/XFA 60 0 R"), 60: stream("", "<xdp/>")}},
		"an action on the page":                   {nil, newField("", later{pageNum: richPageWith(allAnnots+" 60 0 R", "/AA<</O"+js+">>")})},
		// Fields.
		"a text field added":               {nil, newField("", later{freshNum: "<</FT/Tx/T(third)/V(1)/Type/Annot/Subtype/Widget/Rect[300 300 400 400]/P 3 0 R>>"})},
		"a text field below a name":        {nil, newField("", later{freshNum: "<</T(a)/Kids[62 0 R]>>", 62: "<</FT/Tx/T(c)/V(1)/Parent 60 0 R/Subtype/Widget/Rect[0 0 9 9]/P 3 0 R>>", pageNum: richPageWith(allAnnots+" 62 0 R", "")})},
		"a widget without a field":         {nil, later{pageNum: richPageWith(allAnnots+" 60 0 R", ""), 60: "<</Type/Annot/Subtype/Widget/FT/Tx/V(1)/Rect[0 0 9 9]/AP<</N 61 0 R>>>>", 61: evil}},
		"a widget more of a text field":    {nil, later{amountNum: "<</FT/Tx/T(amount)/V(100)/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 12 0 R>>/Kids[60 0 R]>>", 60: "<</Subtype/Widget/Parent 7 0 R/Rect[0 0 99 99]>>"}},
		"a link that becomes a field":      {nil, later{formNum: fields("7 0 R 8 0 R 9 0 R S 0 R 10 0 R"), linkNum: "<</Type/Annot/Subtype/Widget/FT/Sig/T(x)/V 61 0 R/Rect[10 700 60 720]>>", 61: anySignature}},
		"a remark that becomes a widget":   {nil, later{remarkNum: "<</Type/Annot/Subtype/Widget/Rect[100 700 120 720]/Contents(a remark)>>"}},
		"a field removed":                  {nil, later{formNum: fields("7 0 R 9 0 R S 0 R")}},
		"a field renamed":                  {nil, later{amountNum: "<</FT/Tx/T(other)/V(100)/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 12 0 R>>>>"}},
		"a field made a password":          {nil, later{amountNum: "<</Ff 8192/FT/Tx/T(amount)/V(100)/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 12 0 R>>>>"}},
		"a field taken off its page":       {nil, later{pageNum: richPageWith("8 0 R 9 0 R 10 0 R 11 0 R S 0 R", "")}},
		"a field with the first signature": {nil, later{secondNum: strings.Replace(sign+">>", "61 0 R", "V 0 R", 1)}},
		"a signature that is a name":       {nil, later{secondNum: strings.Replace(sign+">>", "61 0 R", "/Sig", 1)}},
		// Identity.
		"a layer by another name":         {nil, later{pageNum: strings.Replace(richPageWith(allAnnots, ""), "/MC0 21 0 R", "/MC0 60 0 R", 1), 60: "<</Type/OCG/Name(draft)>>"}},
		"a layer in place":                {nil, later{pageNum: strings.Replace(richPageWith(allAnnots, ""), "/MC0 21 0 R", "/MC0<</Type/OCG/Name(draft)>>", 1)}},
		"a layer switched on":             {nil, later{catalogNum: richCatalogWith("/OFF[21 0 R]", "/OFF[]")}},
		"a layer renamed":                 {nil, later{layerNum: "<</Type/OCG/Name(final)>>"}},
		"content by another name":         {nil, later{pageNum: strings.Replace(richPageWith(allAnnots, ""), "/Contents 4 0 R", "/Contents 60 0 R", 1), 60: evil}},
		"an outline that leads elsewhere": {nil, later{outlineNum: "<</Title(one)/Parent 22 0 R/Dest[3 0 R/XYZ 0 0 9]/SE 19 0 R>>"}},
		"an outline with another title":   {nil, later{outlineNum: "<</Title(two)/Parent 22 0 R/Dest[3 0 R/Fit]/SE 19 0 R>>"}},
		// Structure: what readers that speak follow.
		"an element that says something else": {nil, later{paragraphNum: "<</Type/StructElem/S/P/P 17 0 R/Pg 3 0 R/K 0/ActualText(evil)>>"}},
		"the structure removed":               {nil, later{structureNum: "null"}},
		"the structure taken off":             {nil, later{catalogNum: richCatalogWith("/StructTreeRoot 16 0 R", "")}},
		"a structure of nothing":              {nil, later{structureNum: "[]"}},
		"an action in the parents":            {nil, later{parentsNum: "<</Nums[0[19 0 R]1 20 0 R]/AA<</O" + js + ">>>>"}},
		"an element removed":                  {nil, later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[20 0 R]>>"}},
		"elements in another order":           {nil, later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[20 0 R 19 0 R]>>"}},
		"an element for what was there":       {nil, later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/P/P 17 0 R/Pg 3 0 R/K 0/Alt(evil)>>"}},
		"a new element that speaks":           {nil, newField("", later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/ActualText(evil)/K<</Type/OBJR/Obj 60 0 R>>>>"})},
		"a new element of nothing":            {nil, newField("", later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/Alt(evil)>>"})},
		"a new figure":                        {nil, newField("", later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[63 0 R 19 0 R 20 0 R]>>", 63: "<</Type/StructElem/S/Figure/P 17 0 R/Alt(evil)/K<</Type/OBJR/Obj 60 0 R>>>>"})},
		"a new element for another widget":    {nil, newField("", later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/Alt(evil)/K<</Type/OBJR/Obj 7 0 R>>>>"})},
		"another description beside a field":  {nil, newField("", later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]/Alt(evil)>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/K<</Type/OBJR/Obj 60 0 R>>>>"})},
		"roles exchanged beside a field":      {nil, newField("", later{structureNum: "<</Type/StructTreeRoot/K 17 0 R/ParentTree 18 0 R/ParentTreeNextKey 2/RoleMap<</P/Artifact>>>>"})},
		"a parent exchanged":                  {nil, later{parentsNum: "<</Nums[0[20 0 R]1 20 0 R]>>"}},
		"a parent added":                      {nil, later{parentsNum: "<</Nums[0[19 0 R]1 20 0 R 2 19 0 R]>>"}},
		// What describes.
		"a version taken back":         {nil, later{catalogNum: richCatalogWith("/1.6", "/1.3")}},
		"information that is the page": {map[int]string{infoNum: "<</Producer(x)/X[1]>>"}, later{infoNum: "<</Producer(x)/X[1 2]>>"}},
		"a permission":                 {nil, later{catalogNum: richCatalogWith("/Lang", "/Perms<</UR3 60 0 R>>/Lang"), 60: anySignature}},
		"a store that holds no data":   {nil, later{catalogNum: richCatalogWith("/Lang", "/DSS<</Certs[60 0 R]>>/Lang"), 60: evil}},
	} {
		file, field := w.signedRich(a.more, nil)
		revision := later{}
		maps.Copy(revision, a.revision)
		if text, ok := revision[-1]; ok {
			delete(revision, -1)
			revision[field] = ownField(t, file, field, text)
		}
		for num, text := range revision {
			revision[num] = strings.ReplaceAll(text, "V 0 R", fmt.Sprintf("%d 0 R", signatureValue(t, file, field)))
		}
		if before := w.verify(file, w.evidence(w.Now)); before.Signatures[0].Verdict != pades.TotalPassed {
			t.Fatalf("%s: the file itself is %+v", name, before.Signatures[0])
		}
		if s := w.afterwards(file, field, revision); s.Verdict == pades.TotalPassed || s.LaterChanges != "other" {
			t.Errorf("%s: %s, later changes %q, %q", name, s.Verdict, s.LaterChanges, s.Problems)
		}
	}
}

// ownField is the field of the first signature with more keys, or something else in its place.
func ownField(t *testing.T, file []byte, num int, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, "/") {
		return text
	}
	for _, field := range signatureFields(t, file) {
		if field.Ref.Num == num {
			written, err := pdf.Append(nil, field.Field)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Replace(strings.TrimSuffix(string(written), ">>"), "/Rect [0 0 0 0]", "", 1) + text + ">>"
		}
	}
	return ""
}

func signatureValue(t *testing.T, file []byte, num int) int {
	t.Helper()
	for _, field := range signatureFields(t, file) {
		if field.Ref.Num == num {
			return field.ValueRef.Num
		}
	}
	return 0
}

// TestLooksWithTwoRoles: what may change as the look of a field that is signed may not be drawn elsewhere, too.
func TestLooksWithTwoRoles(t *testing.T) {
	w := newWorld(t)
	field := "<</FT/Sig/T(second)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]/P 3 0 R/AP<</N 7 0 R>>>>"
	good := stream("/Subtype/Form/BBox[0 0 9 9]", "q Q")
	filled := later{6: "<</FT/Sig/T(second)/V 61 0 R/Type/Annot/Subtype/Widget/Rect[0 0 9 9]/P 3 0 R/AP<</N 7 0 R>>>>", 61: anySignature,
		7: stream("/Subtype/Form/BBox[0 0 9 9]", "evil")}
	for name, c := range map[string]struct{ page, kind string }{
		"a look":                  {"", "signatures"},
		"a look that is drawn":    {"/Resources<</XObject<</X 7 0 R>>>>", "other"},
		"a look that is content":  {"/Contents[4 0 R 7 0 R]", "other"},
		"a field that is a state": {"/Resources<</ExtGState<</G 6 0 R>>>>", "other"},
	} {
		file := w.mustSign(onePage("/Annots[6 0 R]"+c.page, "/AcroForm<</Fields[6 0 R]>>", field, good), func(o *pades.PrepareOptions) {
			o.Box = pades.Box{Page: 1, Invisible: true}
		})
		first := signatureFields(t, file)[1].Ref.Num
		if s := w.afterwards(file, first, filled); s.LaterChanges != c.kind {
			t.Errorf("%s: %q, %q", name, s.LaterChanges, s.Problems)
		}
	}
}

// TestAnnotationsListedTwice: a list that names one annotation twice is the same list when it comes again.
func TestAnnotationsListedTwice(t *testing.T) {
	w := newWorld(t)
	fields := "<</FT/Tx/T(a)/V(1)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]>>"
	file := w.mustSign(onePage("/Annots[6 0 R<</Type/Annot/Subtype/Link/Rect[1 1 2 2]>>6 0 R]", "/AcroForm<</Fields[6 0 R]>>", fields), func(o *pades.PrepareOptions) {
		o.Box = pades.Box{Page: 1, Invisible: true}
	})
	v := w.verify(w.signB(w.signB(file)), w.evidence(w.Now))
	for i, s := range v.Signatures {
		if s.Verdict != pades.TotalPassed || i < 2 && s.LaterChanges != "signatures" {
			t.Errorf("signature %d: %s %q %q", i+1, s.Verdict, s.LaterChanges, s.Problems)
		}
	}
}

// TestPermittedChanges: a certification and a lock forbid what they say, and what they permit is still said.
func TestPermittedChanges(t *testing.T) {
	w := newWorld(t)
	honest := honestRevisions(w)
	fill, note := honest["form-filling"]["a text"], honest["annotations"]["a note"]
	empty := honest["form-filling"]["a field for another signer"]
	for _, c := range []struct {
		name     string
		change   func(*pades.PrepareOptions)
		revision later
		kind     string
	}{
		{"P=1, filled in", func(o *pades.PrepareOptions) { o.Certify = pades.CertifyNoChanges }, fill, "other"},
		{"P=1, a note", func(o *pades.PrepareOptions) { o.Certify = pades.CertifyNoChanges }, note, "other"},
		{"P=2, filled in", func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms }, fill, "form-filling"},
		{"P=2, a note", func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms }, note, "other"},
		{"P=2, a field", func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms }, empty, "other"},
		{"P=3, a note", func(o *pades.PrepareOptions) { o.Certify = pades.CertifyFormsAndNote }, note, "annotations"},
		{"locked", func(o *pades.PrepareOptions) {
			o.Lock = &pades.Lock{Action: pades.LockInclude, Fields: []string{"amount"}}
		}, fill, "other"},
		{"another locked", func(o *pades.PrepareOptions) {
			o.Lock = &pades.Lock{Action: pades.LockInclude, Fields: []string{"agreed"}}
		}, fill, "form-filling"},
	} {
		file, field := w.signedRich(nil, c.change)
		revision := maps.Clone(c.revision)
		if root := revision[catalogNum]; root != "" {
			t.Fatalf("%s replaces the catalog, in which the certification stands", c.name)
		}
		s := w.afterwards(file, field, revision)
		verdict := pades.Indeterminate
		if c.kind == "other" {
			verdict = pades.TotalFailed
		}
		if s.LaterChanges != c.kind || s.Verdict != verdict {
			t.Errorf("%s: %q, %s, %q", c.name, s.LaterChanges, s.Verdict, s.Problems)
		}
	}
}

// TestContainers: a length, an object stream and a cross-reference stream stand for what is read through them.
func TestContainers(t *testing.T) {
	w := newWorld(t)
	plain := onePage("", "")
	digits, _, _ := strings.Cut(string(plain[bytes.Index(plain, []byte("/Length "))+len("/Length "):]), ">")
	length := onePage("/Contents 7 0 R", "", digits, "<</Length 6 0 R>>\nstream\n"+contentOf(plain)+"\nendstream")
	streams := rewritten(t, onePage("", ""), "--object-streams=generate")
	for name, data := range map[string][]byte{"length": length, "streams": streams} {
		file := w.signB(data)
		f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		tried := 0
		for num := 1; num < f.NextNumber(); num++ {
			object, err := f.Get(num)
			if err != nil {
				t.Fatal(err)
			}
			container, _ := object.(*pdf.Stream)
			if name == "length" && num != 6 || name == "streams" && (container == nil || container.Dict.Get("Type") != pdf.Name("ObjStm") && container.Dict.Get("Type") != pdf.Name("XRef")) {
				continue
			}
			tried++
			changed := revise(t, file, func(_ *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: num}, int64(9)) })
			if v, err := pades.Verify(bytes.NewReader(changed), w.options(w.evidence(w.Now), w.Now)); err == nil && v.Verdict == pades.TotalPassed {
				t.Errorf("%s: object %d was replaced", name, num)
			}
		}
		if tried == 0 {
			t.Errorf("%s: nothing was tried", name)
		}
	}
}

// contentOf is the data of the first stream of a file.
func contentOf(file []byte) string {
	_, rest, _ := bytes.Cut(file, []byte("stream\n"))
	data, _, _ := bytes.Cut(rest, []byte("\nendstream"))
	return string(data)
}

// TestLostEvidence: validation data that is gone is no change of the document, and what it proved cannot be told any more.
func TestLostEvidence(t *testing.T) {
	w := newWorld(t)
	file := w.signB(w.signLT(onePage("", ""), w.Now))
	for name, change := range map[string]func(f *pdf.File, u *pdf.Update){
		"the store": func(f *pdf.File, u *pdf.Update) { u.Set(f.RootRef(), with(object(t, f, catalogNum), "DSS", nil)) },
		"a list": func(f *pdf.File, u *pdf.Update) {
			ref, _ := object(t, f, catalogNum).Get("DSS").(pdf.Ref)
			u.Set(ref, with(object(t, f, ref.Num), "OCSPs", pdf.Array{}))
		},
	} {
		s := w.verify(revise(t, file, change), w.evidence(w.Now)).Signatures[1]
		if s.LaterChanges != "validation-data" || s.Verdict != pades.Indeterminate || s.SubIndication != "TRY_LATER" || !s.Intact {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
