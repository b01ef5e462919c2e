// Package tagged gives a document the structure that readers for the blind go by, and that PDF/UA-1 and PDF/A-2a require: a
// tree of elements, the content that each element has on the pages, and the colour space that the pages are meant in.
//
// It imports pdfcpu only, which has no structure trees of its own.
package tagged

import (
	"errors"
	"fmt"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// Role is a standard structure type (ISO 32000-1, 14.8.4).
type Role string

// The roles that the papers use.
const (
	Document  Role = "Document"
	Division  Role = "Div"
	Title     Role = "H1"
	Heading   Role = "H2"
	Paragraph Role = "P"
	List      Role = "L"
	ListItem  Role = "LI"
	Label     Role = "Lbl"
	ListBody  Role = "LBody"
	Table     Role = "Table"
	Row       Role = "TR"
	Header    Role = "TH"
	Cell      Role = "TD"
	Figure    Role = "Figure"
)

// Element is a part of a document. Its content and its kids are read in the order in which they were added.
type Element struct {
	Role Role
	Lang string // of the text, where it is not that of the document
	Alt  string // what a Figure shows
	// Column says that a Header stands over its column; others stand before their row.
	Column bool

	kids []any // *Element or mark
}

// mark is marked content: the page, from 0, and its number there.
type mark struct{ page, id int }

// New returns the root of a document.
func New() *Element { return &Element{Role: Document} }

// Add appends a kid.
func (e *Element) Add(role Role) *Element {
	kid := &Element{Role: role}
	e.kids = append(e.kids, kid)
	return kid
}

// Pages are the elements of all marked content, by page and number.
type Pages [][]*Element

// Mark gives an element a piece of content on a page, and returns its number there.
func (p Pages) Mark(page int, e *Element) int {
	id := len(p[page])
	p[page] = append(p[page], e)
	e.kids = append(e.kids, mark{page, id})
	return id
}

// Write adds the tree to a document whose pages exist, and names it in the catalog. An element without content is left out;
// a paper without any has no structure, which is an error.
func Write(table *model.XRefTable, root *Element, marked Pages, pages []types.IndirectRef) error {
	catalog, err := table.Catalog()
	if err != nil {
		return err
	}
	tree := types.Dict{"Type": types.Name("StructTreeRoot")}
	w := &writer{table: table, pages: pages, refs: map[*Element]types.IndirectRef{}}
	ref := w.add(tree)
	kid, ok := w.element(root, ref)
	if !ok {
		return errors.Join(append(w.errs, errors.New("a document without content has no structure"))...)
	}
	tree["K"] = kid
	tree["ParentTree"] = w.parents(marked)
	tree["ParentTreeNextKey"] = types.Integer(len(marked))
	catalog["StructTreeRoot"] = ref
	catalog["MarkInfo"] = types.Dict{"Marked": types.Boolean(true)}
	return errors.Join(w.errs...)
}

type writer struct {
	table *model.XRefTable
	pages []types.IndirectRef
	refs  map[*Element]types.IndirectRef
	errs  []error
}

func (w *writer) add(o types.Object) types.IndirectRef {
	ref, err := w.table.IndRefForNewObject(o)
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("adding to the structure: %w", err))
		return types.IndirectRef{}
	}
	return *ref
}

// element writes an element and what is under it; false when that is nothing.
func (w *writer) element(e *Element, parent types.IndirectRef) (types.IndirectRef, bool) {
	first, ok := firstPage(e)
	if !ok {
		return types.IndirectRef{}, false
	}
	d := types.Dict{"Type": types.Name("StructElem"), "S": types.Name(string(e.Role)), "P": parent, "Pg": w.pages[first]}
	ref := w.add(d)
	w.refs[e] = ref
	var kids types.Array
	for _, kid := range e.kids {
		switch kid := kid.(type) {
		case mark:
			kids = append(kids, w.content(kid, first))
		case *Element:
			if ref, ok := w.element(kid, ref); ok {
				kids = append(kids, ref)
			}
		}
	}
	d["K"] = kids
	if e.Lang != "" {
		d["Lang"] = types.StringLiteral(e.Lang)
	}
	if e.Alt != "" {
		d["Alt"] = types.NewHexLiteral([]byte(types.EncodeUTF16String(e.Alt)))
	}
	if a := attributes(e); a != nil {
		d["A"] = a
	}
	return ref, true
}

// content names a piece of content; one that lies on another page than the element's first names its page.
func (w *writer) content(m mark, first int) types.Object {
	if m.page == first {
		return types.Integer(m.id)
	}
	return types.Dict{"Type": types.Name("MCR"), "Pg": w.pages[m.page], "MCID": types.Integer(m.id)}
}

// firstPage is the page of the first content under an element.
func firstPage(e *Element) (int, bool) {
	for _, kid := range e.kids {
		switch kid := kid.(type) {
		case mark:
			return kid.page, true
		case *Element:
			if page, ok := firstPage(kid); ok {
				return page, true
			}
		}
	}
	return 0, false
}

// attributes are what a role needs besides its name (ISO 32000-1, 14.8.5; ISO 14289-1, 7.5 and 7.6).
func attributes(e *Element) types.Dict {
	switch e.Role {
	case List:
		return types.Dict{"O": types.Name("List"), "ListNumbering": types.Name("Decimal")}
	case Header:
		scope := "Row"
		if e.Column {
			scope = "Column"
		}
		return types.Dict{"O": types.Name("Table"), "Scope": types.Name(scope)}
	}
	return nil
}

// parents is the number tree from marked content to its elements: one array for each page (14.7.4.4).
func (w *writer) parents(marked Pages) types.IndirectRef {
	nums := types.Array{}
	for page, elements := range marked {
		list := types.Array{}
		for _, e := range elements {
			list = append(list, w.refs[e])
		}
		nums = append(nums, types.Integer(page), w.add(list))
	}
	return w.add(types.Dict{"Nums": nums})
}
