package pades_test

import (
	"bytes"
	"maps"
	"strings"

	"kyso/internal/pades"
)

// The numbers of the objects of a richForm.
const (
	formNum = iota + 6
	amountNum
	secondNum
	checkNum
	linkNum
	remarkNum
	amountLookNum
	secondLookNum
	metadataNum
	infoNum
	structureNum
	documentNum
	parentsNum
	paragraphNum
	linkElementNum
	layerNum
	outlinesNum
	outlineNum
	lookFontNum
	freshNum = 60 // nothing has used it
)

// richForm is a page with all that later revisions may touch: a filled text field, an empty signature field and a check box with
// their looks, a link and a remark, a structure tree, a layer that is off, an outline, metadata and information. more replaces objects.
func richForm(more map[int]string) []byte {
	look := func(text string) string {
		return stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</Helv 24 0 R>>>>", "/Tx BMC BT /Helv 9 Tf ("+text+") Tj ET EMC")
	}
	objects := map[int]string{
		formNum:        "<</Fields[7 0 R 8 0 R 9 0 R]/DA(/Helv 0 Tf 0 g)/DR<</Font<</Helv 24 0 R>>>>>>",
		amountNum:      "<</FT/Tx/T(amount)/V(100)/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 12 0 R>>>>",
		secondNum:      "<</FT/Sig/T(second)/Type/Annot/Subtype/Widget/Rect[200 10 300 30]/P 3 0 R/F 4/AP<</N 13 0 R>>>>",
		checkNum:       "<</FT/Btn/T(agreed)/V/Off/AS/Off/Type/Annot/Subtype/Widget/Rect[10 50 20 60]/P 3 0 R/F 4/AP<</N<</Yes 12 0 R/Off 12 0 R>>>>>>",
		linkNum:        "<</Type/Annot/Subtype/Link/Rect[10 700 60 720]/A<</S/URI/URI(http://a)>>/StructParent 1>>",
		remarkNum:      "<</Type/Annot/Subtype/Text/Rect[100 700 120 720]/Contents(a remark)>>",
		amountLookNum:  look("100"),
		secondLookNum:  look("sign here"),
		metadataNum:    stream("/Type/Metadata/Subtype/XML", "<x>old</x>"),
		infoNum:        "<</Producer(old)>>",
		structureNum:   "<</Type/StructTreeRoot/K 17 0 R/ParentTree 18 0 R/ParentTreeNextKey 2>>",
		documentNum:    "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R]>>",
		parentsNum:     "<</Nums[0[19 0 R]1 20 0 R]>>",
		paragraphNum:   "<</Type/StructElem/S/P/P 17 0 R/Pg 3 0 R/K 0>>",
		linkElementNum: "<</Type/StructElem/S/Link/P 17 0 R/Pg 3 0 R/K<</Type/OBJR/Obj 10 0 R>>>>",
		layerNum:       "<</Type/OCG/Name(draft)>>",
		outlinesNum:    "<</First 23 0 R/Last 23 0 R/Count 1>>",
		outlineNum:     "<</Title(one)/Parent 22 0 R/Dest[3 0 R/Fit]/SE 19 0 R>>",
		lookFontNum:    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}
	maps.Copy(objects, more)
	var list []string
	for num := formNum; objects[num] != ""; num++ {
		list = append(list, objects[num])
	}
	file := onePage(richPage, richCatalog, list...)
	return bytes.Replace(file, []byte("trailer\n<<"), []byte("trailer\n<</Info 15 0 R"), 1)
}

const (
	richPage = "/Annots[7 0 R 8 0 R 9 0 R 10 0 R 11 0 R]/StructParents 0/Resources<</Font<</F1 5 0 R>>/Properties<</MC0 21 0 R>>>>/MediaBox[0 0 595.0 842]"

	richCatalog = "/AcroForm 6 0 R/Metadata 14 0 R/StructTreeRoot 16 0 R/MarkInfo<</Marked true>>/Lang(vi)/Outlines 22 0 R" +
		"/OCProperties<</OCGs[21 0 R]/D<</OFF[21 0 R]>>>>/Version/1.6"
)

// signedRich is a richForm whose signature is in a field that shows nothing, so that page and form can be written by hand.
func (w *world) signedRich(more map[int]string, change func(*pades.PrepareOptions)) (file []byte, field int) {
	w.T.Helper()
	file = w.mustSign(richForm(more), func(o *pades.PrepareOptions) {
		o.Box = pades.Box{Page: 1, Invisible: true}
		if change != nil {
			change(o)
		}
	})
	for _, f := range signatureFields(w.T, file) {
		if f.Value != nil {
			field = f.Ref.Num
		}
	}
	return file, field
}

// later is a revision, written as others write it: objects as text, in which S stands for the number of the first signature's field.
type later map[int]string

// anySignature is a signature dictionary; whether it holds is judged by itself.
const anySignature = "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached>>"

// newField is what a revision needs that adds a signature field 60 with the value 61.
func newField(keys string, more later) later {
	out := later{
		formNum:  "<</Fields[7 0 R 8 0 R 9 0 R S 0 R 60 0 R]/SigFlags 3/DA(/Helv 0 Tf 0 g)/DR<</Font<</Helv 24 0 R>>>>>>",
		pageNum:  "<</Type/Page/Parent 2 0 R/Contents 4 0 R/Annots[7 0 R 8 0 R 9 0 R 10 0 R 11 0 R S 0 R 60 0 R]" + from(richPage, "/StructParents") + ">>",
		freshNum: "<</FT/Sig/T(third)/V 61 0 R/Type/Annot/Subtype/Widget/Rect[300 300 400 400]/P 3 0 R/F 132" + keys + ">>",
		61:       anySignature,
	}
	maps.Copy(out, more)
	return out
}

// richPageWith is the page with other annotations and more keys.
func richPageWith(annots, more string) string {
	before, _, _ := strings.Cut(newField("", nil)[pageNum], "/Annots")
	return before + "/Annots[" + annots + "]" + from(richPage, "/StructParents") + more + ">>"
}

// from is the rest of a text that begins with a mark.
func from(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return mark + rest
}

const allAnnots = "7 0 R 8 0 R 9 0 R 10 0 R 11 0 R S 0 R"

// richCatalogWith is the catalog with one thing changed.
func richCatalogWith(old, replacement string) string {
	return "<</Type/Catalog/Pages 2 0 R" + strings.Replace(richCatalog, old, replacement, 1) + ">>"
}
