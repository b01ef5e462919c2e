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

// aTree is a richForm with another structure: the tree's root, the document element, and the parent tree from object 18 on.
func aTree(root, document, parents string, more map[int]string) map[int]string {
	out := map[int]string{structureNum: root, documentNum: document, parentsNum: parents}
	maps.Copy(out, more)
	return out
}

const (
	aRoot     = "<</Type/StructTreeRoot/K 17 0 R/ParentTree 18 0 R/ParentTreeNextKey 2>>"
	aDocument = "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R]>>"
	aLeaf     = "<</Nums[0[19 0 R]1 20 0 R]>>"
)

// longLeaf is a leaf of a parent tree, and long a text that makes an object long.
func longLeaf(entries int) string {
	var b strings.Builder
	for i := range entries {
		fmt.Fprintf(&b, " %d 19 0 R", 2+i)
	}
	return b.String()
}

var long = strings.Repeat(" ", 70_000)

// A signature that is shown becomes part of the structure of a tagged file, however its tree is written: one element for its
// widget, which the parent tree finds from the widget's key. What was there stays, in the verdict of an earlier signature, too.
func TestSignaturesJoinTheStructure(t *testing.T) {
	w := newWorld(t)
	for name, a := range map[string]struct {
		objects map[int]string
		key     int64
		under   int // the parent of the element
	}{
		"as usual":           {nil, 2, documentNum},
		"a parent in it":     {aTree("<</Type/StructTreeRoot/K[17 0 R]/ParentTree<</Nums[0[19 0 R]1 20 0 R]>>>>", aDocument, aLeaf, nil), 2, documentNum},
		"a single kid":       {aTree(aRoot, "<</Type/StructElem/S/Document/P 16 0 R/K 19 0 R>>", aLeaf, nil), 2, documentNum},
		"no kid":             {aTree(aRoot, "<</Type/StructElem/S/Document/P 16 0 R>>", aLeaf, nil), 2, documentNum},
		"two on top":         {aTree("<</Type/StructTreeRoot/K[19 0 R 17 0 R]/ParentTree 18 0 R/ParentTreeNextKey 9>>", "<</Type/StructElem/S/Document/P 16 0 R/K[20 0 R]>>", aLeaf, map[int]string{paragraphNum: "<</Type/StructElem/S/P/P 16 0 R/Pg 3 0 R/K 0>>"}), 9, structureNum},
		"a key that is used": {aTree("<</Type/StructTreeRoot/K 17 0 R/ParentTree 18 0 R/ParentTreeNextKey 1>>", aDocument, aLeaf, nil), 2, documentNum},
		"lists as objects": {aTree("<</Type/StructTreeRoot/K 25 0 R/ParentTree 18 0 R>>", "<</Type/StructElem/S/Document/P 16 0 R/K 26 0 R>>", "<</Nums 27 0 R>>",
			map[int]string{25: "[17 0 R]", 26: "[19 0 R 20 0 R]", 27: "[0[19 0 R]1 20 0 R]"}), 2, documentNum},
		"leaves": {aTree(aRoot, aDocument, "<</Kids[25 0 R 26 0 R]>>", map[int]string{25: "<</Limits[0 0]/Nums[0[19 0 R]]>>", 26: "<</Limits[1 1]/Kids[27 0 R]>>",
			27: "<</Limits[1 1]/Nums[1 20 0 R]>>"}), 2, documentNum},
		"a full leaf": {aTree("<</Type/StructTreeRoot/K 17 0 R/ParentTree 18 0 R>>", aDocument, "<</Kids[25 0 R]>>", map[int]string{25: "<</Limits[0 201]/Nums[0[19 0 R]1 20 0 R" + longLeaf(200) + "]>>"}), 202, documentNum},
		"a full leaf below": {aTree("<</Type/StructTreeRoot/K 17 0 R/ParentTree 18 0 R>>", aDocument, "<</Kids[25 0 R]>>", map[int]string{25: "<</Limits[0 201]/Kids[26 0 R]>>",
			26: "<</Limits[0 201]/Nums[0[19 0 R]1 20 0 R" + longLeaf(200) + "]>>"}), 202, documentNum},
		"a long document": {aTree("<</Type/StructTreeRoot/K[17 0 R]/ParentTree 18 0 R>>", strings.Replace(aDocument, "/K", long+"/K", 1), aLeaf, nil), 2, structureNum},
	} {
		file, field := w.signedRich(a.objects, nil)
		if report, err := pades.Inspect(bytes.NewReader(file), pades.Policy{}); err != nil || len(report.Warnings) > 0 {
			t.Errorf("%s: %v, warnings %q", name, err, report.Warnings)
		}
		signed := w.mustSign(file, func(o *pades.PrepareOptions) { o.Box = pades.Box{Page: 1, X: 300, Y: 300, Width: 200, Height: 60} })
		checkTagged(t, name, signed, a.key, a.under)
		first := signatureNamed(t, signed, field)
		for _, s := range w.verify(signed, w.evidence(w.Now)).Signatures {
			if s.Verdict != pades.TotalPassed || s.Field == first && s.LaterChanges != "signatures" {
				t.Errorf("%s: %s: %s, later changes %q, %q", name, s.Field, s.Verdict, s.LaterChanges, s.Problems)
			}
		}
	}
}

// checkTagged finds the widget of the last field from its key in the parent tree, as readers do, with a reader of its own.
func checkTagged(t *testing.T, name string, file []byte, key int64, under int) {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	fields := signatureFields(t, file)
	widget := fields[len(fields)-1]
	root, _ := f.Catalog()
	tree, _ := f.Dict(root.Get("StructTreeRoot"))
	found := lookUp(t, f, tree.Get("ParentTree"), key, true)
	element, _ := f.Dict(found)
	object, _ := f.Dict(element.Get("K"))
	parent, _ := element.Get("P").(pdf.Ref)
	page, _ := f.Page(1)
	if widget.Field.Get("StructParent") != key || object.Get("Obj") != pdf.Object(widget.Ref) || element.Get("S") != pdf.Name("Form") || parent.Num != under ||
		tree.Get("ParentTreeNextKey") != key+1 || page.Dict.Get("Tabs") != pdf.Name("S") {
		t.Errorf("%s: key %v leads to %v with %v under %v", name, widget.Field.Get("StructParent"), element, object, parent)
	}
	if said, _ := f.TextOf(widget.Field.Get("TU")); !strings.HasPrefix(said, "Chữ ký số (digital signature): ") {
		t.Errorf("%s: the field is called %q", name, said)
	}
	above, _ := f.Dict(parent)
	kids, _ := f.Array(above.Get("K"))
	if len(kids) == 0 || kids[len(kids)-1] != found {
		t.Errorf("%s: the parent's kids are %v", name, kids)
	}
	if lookUp(t, f, tree.Get("ParentTree"), 1, true) != (pdf.Ref{Num: linkElementNum}) {
		t.Errorf("%s: an earlier key leads elsewhere", name)
	}
}

// lookUp goes by the limits of a number tree (7.9.7).
func lookUp(t *testing.T, f *pdf.File, o pdf.Object, key int64, top bool) pdf.Object {
	t.Helper()
	node, _ := f.Dict(o)
	if limits, _ := f.Array(node.Get("Limits")); top != (limits == nil) {
		t.Fatalf("a node of the parent tree has the limits %v", limits)
	} else if !top && (key < limits[0].(int64) || key > limits[1].(int64)) {
		return nil
	}
	nums, _ := f.Array(node.Get("Nums"))
	for i := 0; i < len(nums); i += 2 {
		if nums[i] == pdf.Object(key) {
			return nums[i+1]
		}
	}
	kids, _ := f.Array(node.Get("Kids"))
	for _, kid := range kids {
		if found := lookUp(t, f, kid, key, false); found != nil {
			return found
		}
	}
	return nil
}

// What cannot be taken in is signed as before, and Inspect says so; a file that is not tagged is left alone without a word.
func TestSignaturesOutsideTheStructure(t *testing.T) {
	w := newWorld(t)
	for name, objects := range map[string]map[int]string{
		"a huge parent tree": aTree(aRoot, aDocument, "<</Nums[0[19 0 R]1 20 0 R"+longLeaf(9000)+"]>>", nil),
		"no parent tree":     aTree("<</Type/StructTreeRoot/K 17 0 R>>", aDocument, aLeaf, nil),
		"half an entry":      aTree(aRoot, aDocument, "<</Nums[0[19 0 R]1]>>", nil),
		"no limits":          aTree(aRoot, aDocument, "<</Kids[25 0 R]>>", map[int]string{25: aLeaf}),
		"a circle":           aTree(aRoot, aDocument, "<</Kids[25 0 R]>>", map[int]string{25: "<</Limits[0 1]/Kids[25 0 R]>>"}),
		"another Form":       aTree("<</Type/StructTreeRoot/K 17 0 R/ParentTree 18 0 R/RoleMap<</Form/P>>>>", aDocument, aLeaf, nil),
		"a tree of nothing":  aTree("[]", aDocument, aLeaf, nil),
	} {
		file := richForm(objects)
		report, err := pades.Inspect(bytes.NewReader(file), pades.Policy{})
		if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "a signature is not added to it") {
			t.Errorf("%s: %v, warnings %+v", name, err, report)
		}
		signed := w.mustSign(file, func(o *pades.PrepareOptions) { o.Box = pades.Box{Page: 1, X: 300, Y: 300, Width: 200, Height: 60} })
		if tail := signed[len(file):]; bytes.Contains(tail, []byte("/StructElem")) || bytes.Contains(tail, []byte("/StructParent ")) || len(tail) > 120_000 {
			t.Errorf("%s: the structure was written, in %d bytes", name, len(tail))
		}
		want(t, w.verify(signed, w.evidence(w.Now)), pades.TotalPassed, "", "B-B")
	}
	plain := bytes.Replace(richForm(nil), []byte("/Marked true"), []byte("/Marked null"), 1)
	if report, err := pades.Inspect(bytes.NewReader(plain), pades.Policy{}); err != nil || len(report.Warnings) > 0 {
		t.Errorf("a file that is not tagged: %v, %+v", err, report)
	}
}

// A signature on several pages has an element for each widget.
func TestEachWidgetHasItsElement(t *testing.T) {
	w := newWorld(t)
	file := makePDF("<</Type/Catalog/Pages 2 0 R/MarkInfo<</Marked true>>/StructTreeRoot 5 0 R>>", "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/MediaBox[0 0 595 842]>>",
		"<</Type/Page/Parent 2 0 R>>", "<</Type/Page/Parent 2 0 R>>", "<</Type/StructTreeRoot/ParentTree<</Nums[]>>>>")
	signed := w.mustSign(file, func(o *pades.PrepareOptions) {
		o.Box = pades.Box{AllPages: true, X: 300, Y: 300, Width: 200, Height: 60}
	})
	f, err := pdf.Open(bytes.NewReader(signed), int64(len(signed)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	kids, _ := f.Array(signatureFields(t, signed)[0].Field.Get("Kids"))
	for i, kid := range kids {
		widget, _ := f.Dict(kid)
		element, _ := f.Dict(lookUp(t, f, mustTree(t, f).Get("ParentTree"), int64(i), true))
		object, _ := f.Dict(element.Get("K"))
		if widget.Get("StructParent") != int64(i) || object.Get("Obj") != kid || element.Get("Pg") != widget.Get("P") {
			t.Errorf("widget %d: %v, element %v", i, widget, element)
		}
	}
	if len(kids) != 2 {
		t.Errorf("%d widgets", len(kids))
	}
}

func mustTree(t *testing.T, f *pdf.File) *pdf.Dict {
	t.Helper()
	root, err := f.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := f.Dict(root.Get("StructTreeRoot"))
	if err != nil || tree == nil {
		t.Fatalf("no tree: %v", err)
	}
	return tree
}
