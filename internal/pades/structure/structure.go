// Package structure takes the widgets of a signature into the structure tree of a tagged PDF (ISO 32000-2, 14.7 and 14.8).
//
// It imports the standard library, internal/finding, internal/problem and internal/pades/pdf only.
package structure

import (
	"errors"
	"slices"

	"kyso/internal/finding"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Tags is where the structure tree of a tagged file takes in the widgets of a signature (14.7, 14.8.4.5): an element Form for
// each, and its entry in the parent tree, so that readers that speak come to the signature. The objects that change are those on
// one path, whatever the size of the tree.
type Tags struct {
	file *pdf.File
	root node   // StructTreeRoot
	top  node   // the element that the new ones go under; the root itself in a file without one for the document
	path []node // of the parent tree, from its top to its last leaf
	next int64  // key of the parent tree

	forms []formElement
}

// node is an object on the way; one that stands in another has no reference.
type node struct {
	ref  pdf.Ref
	dict *pdf.Dict
}

type formElement struct {
	key          int64
	widget, page pdf.Ref
}

// Bounds of what is read and written of a structure tree.
const (
	tagBytes = 64 << 10 // of one object
	tagDepth = 8        // of the parent tree
	leafFull = 128      // entries; a further leaf then begins
)

// Outside is why a signature stays out of a structure tree.
type Outside struct{ Why *finding.Kind }

func (u Outside) Error() string { return u.Why.Say().EN }

// Why a structure tree is left alone.
var (
	structureOdd = finding.Define("structure-odd", "Cây cấu trúc của tệp không đúng chuẩn: chữ ký không được thêm vào cây này.",
		"The structure tree is not as the standard has it: a signature is not added to it.")
	structureHuge = finding.Define("structure-huge", "Cây cấu trúc của tệp có một phần quá lớn: chữ ký không được thêm vào cây này.",
		"The structure tree is too large in one piece: a signature is not added to it.")
)

var oddStructure, hugeStructure = Outside{structureOdd}, Outside{structureHuge}

// Read returns nil for a file that is not tagged. An error of type Outside says why a tagged one is signed outside its
// structure; nothing of it stops a signature.
func Read(f *pdf.File) (*Tags, error) {
	root, err := f.Catalog()
	if err != nil {
		return nil, err
	}
	t := &Tags{file: f}
	mark, err := t.dict(root.Get("MarkInfo"))
	if err != nil || mark.Get("Marked") != true || root.Get("StructTreeRoot") == nil {
		return nil, err
	}
	if t.root, err = t.node(root.Get("StructTreeRoot")); err != nil {
		return nil, err
	}
	roles, err := t.dict(t.root.dict.Get("RoleMap"))
	if err != nil {
		return nil, err
	}
	if t.root.ref.Num == 0 || t.root.ref == f.RootRef() || roles.Get("Form") != nil {
		return nil, oddStructure
	}
	if err := t.readTop(); err != nil {
		return nil, err
	}
	return t, t.readParents()
}

// value reads an object of bounded length, without repairing the file.
func (t *Tags) value(o pdf.Object) (pdf.Object, error) {
	for range tagDepth {
		ref, ok := o.(pdf.Ref)
		if !ok {
			return o, nil
		}
		var err error
		o, err = t.file.PeekShort(ref.Num, tagBytes)
		switch problem.CodeOf(err) {
		case problem.DocumentBroken:
			return nil, oddStructure
		case problem.DocumentTooComplex:
			return nil, hugeStructure
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, oddStructure
}

func (t *Tags) dict(o pdf.Object) (*pdf.Dict, error) {
	value, err := t.value(o)
	d, _ := value.(*pdf.Dict)
	return d, err
}

func (t *Tags) node(o pdf.Object) (node, error) {
	d, err := t.dict(o)
	if err == nil && (d == nil || d.HasDuplicates()) {
		err = oddStructure
	}
	ref, _ := o.(pdf.Ref)
	return node{ref, d}, err
}

// readTop finds the element of the whole document: the only kid of the root. One that is too long to be written again has the
// new elements next to it.
func (t *Tags) readTop() error {
	t.top = t.root
	kids, err := t.kids(t.root.dict)
	if err != nil || len(kids) != 1 {
		return err
	}
	if _, ok := kids[0].(pdf.Ref); !ok {
		return nil
	}
	top, err := t.node(kids[0])
	if err == nil {
		_, err = t.kids(top.dict)
	}
	if errors.Is(err, hugeStructure) {
		return nil
	}
	role, _ := top.dict.Get("S").(pdf.Name)
	if slices.Contains([]pdf.Name{"Document", "Part", "Art", "Sect", "Div"}, role) && top.dict.Get("P") == pdf.Object(t.root.ref) {
		t.top = top
	}
	return err
}

// kids returns /K, which may be a list, an object that is one, or a single kid.
func (t *Tags) kids(d *pdf.Dict) (pdf.Array, error) {
	k := d.Get("K")
	value, err := t.value(k)
	if list, many := value.(pdf.Array); many || err != nil || k == nil {
		return list, err
	}
	return pdf.Array{k}, nil
}

// readParents follows the parent tree to its last leaf, and finds the next key.
func (t *Tags) readParents() error {
	at := t.root.dict.Get("ParentTree")
	for range tagDepth {
		n, err := t.node(at)
		if err != nil {
			return err
		}
		if len(t.path) > 0 && (n.ref.Num == 0 || len(t.limits(n)) != 2) || t.onPath(n.ref) {
			return oddStructure
		}
		t.path = append(t.path, n)
		kids, err := t.array(n.dict, "Kids")
		if err != nil {
			return err
		}
		if kids == nil {
			return t.readLeaf(n)
		}
		if len(kids) == 0 || n.dict.Get("Nums") != nil {
			return oddStructure
		}
		at = kids[len(kids)-1]
	}
	return oddStructure
}

func (t *Tags) onPath(ref pdf.Ref) bool {
	return ref.Num > 0 && (ref == t.root.ref || ref == t.top.ref || slices.ContainsFunc(t.path, func(n node) bool { return n.ref == ref }))
}

func (t *Tags) array(d *pdf.Dict, key pdf.Name) (pdf.Array, error) {
	value, err := t.value(d.Get(key))
	list, ok := value.(pdf.Array)
	if err == nil && !ok && value != nil {
		err = oddStructure
	}
	return list, err
}

func (t *Tags) limits(n node) pdf.Array {
	limits, err := t.array(n.dict, "Limits")
	if err != nil {
		return nil
	}
	return limits
}

// readLeaf takes the next key from the root, or from the last entry where the root has none or one that is used.
func (t *Tags) readLeaf(leaf node) error {
	nums, err := t.array(leaf.dict, "Nums")
	if err != nil {
		return err
	}
	if len(nums)%2 != 0 || nums == nil {
		return oddStructure
	}
	t.next, _ = t.root.dict.Get("ParentTreeNextKey").(int64)
	if len(nums) > 0 {
		last, ok := pdf.Int(nums[len(nums)-2])
		if !ok || last < 0 || last > 1<<30 {
			return oddStructure
		}
		t.next = max(t.next, last+1)
	}
	if t.next < 0 || t.next > 1<<30 {
		return oddStructure
	}
	return nil
}

// Touches reports whether one of the objects that would be written again has another part in the file.
func (t *Tags) Touches(others ...pdf.Ref) bool {
	return slices.ContainsFunc(others, t.onPath)
}

// Add gives a widget its key.
func (t *Tags) Add(widget *pdf.Dict, ref, page pdf.Ref) {
	widget.Set("StructParent", t.next)
	t.forms = append(t.forms, formElement{t.next, ref, page})
	t.next++
}

// Write adds the elements, and their entries in the parent tree.
func (t *Tags) Write(u *pdf.Update) error {
	var elements, entries pdf.Array
	for _, form := range t.forms {
		ref := u.Add(pdf.NewDict("Type", pdf.Name("StructElem"), "S", pdf.Name("Form"), "P", t.top.ref, "Pg", form.page,
			"K", pdf.NewDict("Type", pdf.Name("OBJR"), "Pg", form.page, "Obj", form.widget)))
		elements, entries = append(elements, ref), append(entries, form.key, ref)
	}
	root := t.root.dict.Clone()
	top := root
	if t.top.ref != t.root.ref {
		top = t.top.dict.Clone()
	}
	if err := t.addKids(u, top, elements); err != nil {
		return err
	}
	if t.top.ref != t.root.ref {
		u.Set(t.top.ref, top)
	}
	if err := t.addEntries(u, root, entries); err != nil {
		return err
	}
	root.Set("ParentTreeNextKey", t.next)
	u.Set(t.root.ref, root)
	return nil
}

func (t *Tags) addKids(u *pdf.Update, d *pdf.Dict, elements pdf.Array) error {
	kids, err := t.kids(d)
	if err != nil {
		return err
	}
	kids = slices.Concat(kids, elements)
	value, err := t.value(d.Get("K"))
	if _, many := value.(pdf.Array); !many {
		d.Set("K", kids)
	} else {
		t.put(u, d, "K", kids)
	}
	return err
}

// addEntries appends to the last leaf of the parent tree, or begins another leaf next to a full one. The limits above follow.
func (t *Tags) addEntries(u *pdf.Update, root *pdf.Dict, entries pdf.Array) error {
	last := len(t.path) - 1
	leaf := t.path[last].dict.Clone()
	nums, err := t.array(leaf, "Nums")
	if err != nil {
		return err
	}
	if last > 0 && len(nums) >= 2*leafFull {
		fresh := u.Add(pdf.NewDict("Limits", pdf.Array{entries[0], t.next - 1}, "Nums", entries))
		last--
		leaf = t.path[last].dict.Clone()
		kids, err := t.array(leaf, "Kids")
		if err != nil {
			return err
		}
		t.put(u, leaf, "Kids", append(slices.Clone(kids), fresh))
	} else {
		t.put(u, leaf, "Nums", slices.Concat(nums, entries))
	}
	for i := last; i >= 0; i-- {
		n := t.path[i]
		if i < last {
			leaf = n.dict.Clone()
		}
		if i > 0 {
			leaf.Set("Limits", pdf.Array{t.limits(n)[0], t.next - 1})
		}
		switch {
		case n.ref.Num == 0:
			root.Set("ParentTree", leaf)
		case i == last || i > 0:
			u.Set(n.ref, leaf)
		}
	}
	return nil
}

// put writes a list where it stands: in its dictionary, or as an object of its own.
func (t *Tags) put(u *pdf.Update, d *pdf.Dict, key pdf.Name, list pdf.Array) {
	if ref, ok := d.Get(key).(pdf.Ref); ok {
		u.Set(ref, list)
		return
	}
	d.Set(key, list)
}
