package prepare

import (
	"errors"
	"fmt"
	"slices"

	"kyso/internal/pades/appearance"
	"kyso/internal/pades/document"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/pades/structure"
	"kyso/internal/problem"
)

// builder gathers what a signature touches and then writes it.
type builder struct {
	file    *pdf.File
	opt     Options
	archive bool // a document time-stamp and not a signature

	form  *form.Form
	field *pdf.SignatureField // that is there and empty; nil for a new one
	name  string
	spots []spot
	tags  *structure.Tags // of a tagged file that shows a new field

	empty []spot // of the fields for signers to come

	rewritten           map[pdf.Ref]*pdf.Dict // that the update writes
	update              *pdf.Update
	byteRange, contents *pdf.Slot
	value               pdf.Ref
}

// spot is where a signature stands: one page, or one widget of a field that is there.
type spot struct {
	page   *pdf.Page // nil for a widget that is on no page
	geo    geometry.Page
	place  geometry.Rect // on the shown page; no area when nothing is shown
	widget pdf.Ref       // of the field that is there; zero for a new one
	dict   *pdf.Dict
}

func (s spot) visible() bool { return s.place.Width() > 0 && s.place.Height() > 0 }

// read does all reading before anything is written.
func (b *builder) read() error {
	var err error
	if b.form, err = form.Read(b.file); err != nil {
		return err
	}
	if err := b.opt.checkFirst(b.form); err != nil {
		return err
	}
	if err := b.readEmptyFields(); err != nil {
		return err
	}
	if err := b.chooseField(); err != nil {
		return err
	}
	if b.opt.Field != "" || b.opt.FieldNumber != 0 {
		return b.readField()
	}
	name := b.form.FreeName
	if b.archive {
		name = b.form.ArchiveName
	}
	if b.name, err = name(); err != nil {
		return err
	}
	return b.readPages()
}

// readPages finds a place on every page that is to show the signature.
func (b *builder) readPages() error {
	pages, err := b.pages()
	if err != nil {
		return err
	}
	for _, page := range pages {
		s := spot{page: page}
		if !b.opt.Box.Invisible {
			if err := b.choosePlace(&s); err != nil {
				return err
			}
		}
		b.spots = append(b.spots, s)
	}
	if err := b.checkEmptyFields(); err != nil {
		return err
	}
	if err := b.checkCover(); err != nil {
		return err
	}
	return b.readTags()
}

// pages returns the pages of the box, each once, in the order asked for.
func (b *builder) pages() ([]*pdf.Page, error) {
	box := b.opt.Box
	if box.AllPages {
		var all []*pdf.Page
		err := b.file.WalkPages(func(p *pdf.Page) (bool, error) {
			if all = append(all, p); len(all) > geometry.MaxWidgets {
				return false, tooManyPages(b.opt.Box)
			}
			return true, nil
		})
		if err == nil && len(all) == 0 {
			err = problem.New(problem.DocumentBroken, "the file has no pages")
		}
		return all, err
	}
	numbers := box.Pages
	if len(numbers) == 0 {
		numbers = []int{box.Page}
	}
	if len(numbers) > geometry.MaxWidgets {
		return nil, tooManyPages(b.opt.Box)
	}
	seen := make(map[pdf.Ref]bool, len(numbers))
	var out []*pdf.Page
	for _, number := range numbers {
		if number < 0 {
			return nil, b.noPage(number)
		}
		page, err := b.file.Page(number)
		if err != nil {
			return nil, fmt.Errorf("finding the page: %w", err)
		}
		if page == nil {
			return nil, b.noPage(number)
		}
		if !seen[page.Ref] {
			out = append(out, page)
		}
		seen[page.Ref] = true
	}
	return out, nil
}

func tooManyPages(box geometry.Box) error {
	field := "pages"
	if box.AllPages {
		field = "all_pages"
	}
	return problem.OfField(problem.PlacementInvalid, field, fmt.Sprintf("a signature is shown on at most %d pages", geometry.MaxWidgets),
		fmt.Sprintf("Chữ ký hiển thị trên tối đa %d trang", geometry.MaxWidgets))
}

// noPage says how many pages there are.
func (b *builder) noPage(number int) error {
	count, err := b.file.PageCount()
	if err != nil {
		return fmt.Errorf("counting the pages: %w", err)
	}
	field := "page"
	if len(b.opt.Box.Pages) > 0 {
		field = "pages"
	}
	return problem.OfField(problem.PlacementInvalid, field, fmt.Sprintf("there is no page %d: the file has %d", number, count),
		fmt.Sprintf("Không có trang %d: tệp có %d trang", number, count))
}

// choosePlace puts the box on a page.
func (b *builder) choosePlace(s *spot) error {
	var err error
	if s.geo, err = geometry.Of(b.file, s.page); err != nil {
		return fmt.Errorf("reading the page boxes: %w", err)
	}
	taken, err := b.taken(s)
	if err != nil {
		return fmt.Errorf("reading the annotations: %w", err)
	}
	drawn, err := b.drawn(s)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	s.place, err = s.geo.Place(b.opt.Box, taken, drawn)
	if problem.CodeOf(err) == problem.PlacementInvalid && b.opt.Box.Width == 0 && b.opt.Box.Height == 0 {
		return nil // no place was asked for, and there is none on so small a page
	}
	return err
}

// taken lists where form fields stand on the page, for the default box to keep clear of.
func (b *builder) taken(s *spot) ([]geometry.Rect, error) {
	if b.opt.Box.Width != 0 || b.opt.Box.Height != 0 {
		return nil, nil
	}
	annots, err := b.file.Array(s.page.Dict.Get("Annots"))
	if err != nil {
		return nil, err
	}
	const enough = 500
	var out []geometry.Rect
	for _, item := range annots[:min(len(annots), enough)] {
		annot, err := b.file.Dict(item)
		if err != nil {
			return nil, err
		}
		if annot.Get("Subtype") != pdf.Name("Widget") {
			continue
		}
		corners, err := b.file.Array(annot.Get("Rect"))
		if err != nil {
			return nil, err
		}
		r, ok, err := geometry.ReadRect(b.file, corners)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, s.geo.ToShown(r))
		}
	}
	return out, nil
}

// firstPage is the number of the page that the signature stands on first; 0 when it is on none.
func (b *builder) firstPage() int {
	if len(b.spots) == 0 || b.spots[0].page == nil {
		return 0
	}
	return b.spots[0].page.Number
}

// write fills the update.
func (b *builder) write() error {
	b.update, b.rewritten = pdf.NewUpdate(b.file), map[pdf.Ref]*pdf.Dict{}
	if b.field != nil {
		return b.fillField()
	}
	ref := b.update.Reserve()
	b.value = b.update.Add(b.signature())
	field := pdf.NewDict("FT", pdf.Name("Sig"), "T", pdf.TextString(b.name), "V", b.value)
	if lock := b.opt.Lock; lock != nil {
		field.Set("Lock", b.update.Add(lock.Dict("SigFieldLock")))
	}
	if b.tags != nil {
		field.Set("TU", pdf.TextString("Chữ ký số (digital signature): "+b.opt.SignerName))
	}
	if err := b.addWidgets(ref, field); err != nil {
		return err
	}
	if b.tags != nil {
		if err := b.tags.Write(b.update); err != nil {
			return fmt.Errorf("adding the widget to the structure: %w", err)
		}
	}
	more, err := b.addEmptyFields()
	if err != nil {
		return err
	}
	if err := b.addToForm(append([]pdf.Ref{ref}, more...)); err != nil {
		return fmt.Errorf("adding the field to the form: %w", err)
	}
	return nil
}

// addWidgets writes the field: in one with its widget, as usual, or with a widget for each of several pages.
func (b *builder) addWidgets(ref pdf.Ref, field *pdf.Dict) error {
	looks := map[look]pdf.Ref{}
	if len(b.spots) == 1 {
		widget, err := b.widget(b.spots[0], looks)
		if err != nil {
			return err
		}
		for _, key := range field.Keys() {
			widget.Set(key, field.Get(key))
		}
		b.tag(widget, ref, b.spots[0])
		b.update.Set(ref, widget)
		return b.addToPage(b.spots[0].page, ref)
	}
	kids := make(pdf.Array, 0, len(b.spots))
	for _, s := range b.spots {
		widget, err := b.widget(s, looks)
		if err != nil {
			return err
		}
		widget.Set("Parent", ref)
		widget.Set("V", b.value) // poppler and MuPDF look for it here and nowhere else
		kid := b.update.Reserve()
		b.tag(widget, kid, s)
		b.update.Set(kid, widget)
		kids = append(kids, kid)
		if err := b.addToPage(s.page, kid); err != nil {
			return err
		}
	}
	field.Set("Kids", kids)
	b.update.Set(ref, field)
	return nil
}

func (b *builder) tag(widget *pdf.Dict, ref pdf.Ref, s spot) {
	if b.tags != nil && s.visible() {
		b.tags.Add(widget, ref, s.page.Ref)
	}
}

// look is what makes two appearances equal.
type look struct {
	width, height float64
	rotate        int
}

// widget returns the widget annotation for a spot (12.5.6.19).
func (b *builder) widget(s spot, looks map[look]pdf.Ref) (*pdf.Dict, error) {
	const printLocked = 132 // print, locked (12.5.3)
	d := pdf.NewDict("Type", pdf.Name("Annot"), "Subtype", pdf.Name("Widget"), "F", int64(printLocked), "P", s.page.Ref)
	if !s.visible() {
		d.Set("Rect", pdf.Array{int64(0), int64(0), int64(0), int64(0)})
		return d, nil
	}
	d.Set("Rect", s.geo.ToUser(s.place).Array())
	appearance, err := b.appearance(s, looks)
	if err == nil {
		d.Set("AP", pdf.NewDict("N", appearance))
	}
	return d, err
}

// appearance draws what a spot shows, once for all that look alike.
func (b *builder) appearance(s spot, looks map[look]pdf.Ref) (pdf.Ref, error) {
	as := look{s.place.Width(), s.place.Height(), s.geo.Rotate}
	if ref, ok := looks[as]; ok {
		return ref, nil
	}
	ref, err := appearance.Add(b.update, s.geo, as.width, as.height, b.opt.Content())
	if err != nil {
		return ref, fmt.Errorf("drawing the appearance: %w", err)
	}
	looks[as] = ref
	return ref, nil
}

// addToPage appends a widget to /Annots. The list goes into the page itself also when it was an object of its own: pages may
// share one, and would all show the signature.
func (b *builder) addToPage(p *pdf.Page, widget pdf.Ref) error {
	page := b.rewritten[p.Ref]
	if page == nil {
		page = p.Dict.Clone()
	}
	_, annots, err := b.list(page.Get("Annots"))
	if err != nil {
		return fmt.Errorf("adding the widget to the page: %w", err)
	}
	page.Set("Annots", append(annots, widget))
	if b.tags != nil && page.Get("Tabs") == nil {
		page.Set("Tabs", pdf.Name("S")) // the order of the structure (ISO 14289-1, 7.18.3)
	}
	b.rewritten[p.Ref] = page
	b.update.Set(p.Ref, page)
	return nil
}

// list copies an array; ref is where it stands when it is an indirect object of its own.
func (b *builder) list(o pdf.Object) (ref pdf.Ref, items pdf.Array, err error) {
	array, err := b.file.Array(o)
	if err != nil {
		return pdf.Ref{}, nil, err
	}
	if array != nil {
		ref, _ = o.(pdf.Ref)
	}
	return ref, append(make(pdf.Array, 0, len(array)+1), array...), nil
}

// addToForm appends fields to the form, in the fewest objects that must change: an indirect list of fields
// alone when the flags are set already, else the form, else the catalog.
func (b *builder) addToForm(more []pdf.Ref) error {
	listRef, fields, err := b.list(b.form.Dict.Get("Fields"))
	if err != nil {
		return err
	}
	dict := b.form.Dict.Clone()
	for _, field := range more {
		fields = append(fields, field)
	}
	if listRef.Num > 0 {
		b.update.Set(listRef, fields)
	} else {
		dict.Set("Fields", fields)
	}
	return b.setForm(dict, listRef.Num == 0)
}

// setForm writes the form with the flags of a signed one, when it changed or has other flags; and the catalog, when the form
// stands in it or the signature certifies.
func (b *builder) setForm(dict *pdf.Dict, changed bool) error {
	flags, _, err := b.file.IntOf(dict.Get("SigFlags"))
	if err != nil {
		return err
	}
	if flags&3 != 3 {
		dict.Set("SigFlags", flags|3) // signatures exist, append only (12.7.3, table 225)
		changed = true
	}
	own := b.form.Ref.Num > 0 && b.form.Dict != nil
	if own && changed {
		b.update.Set(b.form.Ref, dict)
	}
	inCatalog := !own && changed
	if !inCatalog && b.opt.Certify == form.Approval {
		return nil
	}
	root, err := b.file.Catalog()
	if err != nil {
		return err
	}
	root = root.Clone()
	if inCatalog && b.form.Signed() == 0 {
		root.Set("AcroForm", b.update.Add(dict)) // Poppler loses fields that it adds to a form in the catalog itself
	} else if inCatalog {
		root.Set("AcroForm", dict)
	}
	if err := b.certify(root); err != nil {
		return err
	}
	document.DeclarePAdES(b.file, root)
	b.update.Set(b.file.RootRef(), root)
	return nil
}

// readTags finds where the structure of a tagged file takes in what the signature shows. Inspect says when it does not.
func (b *builder) readTags() error {
	if !slices.ContainsFunc(b.spots, spot.visible) {
		return nil
	}
	var err error
	b.tags, err = structure.Read(b.file)
	if _, outside := errors.AsType[structure.Outside](err); outside {
		b.tags, err = nil, nil
	}
	others := []pdf.Ref{b.file.RootRef(), b.form.Ref}
	for _, s := range b.spots {
		others = append(others, s.page.Ref)
	}
	if b.tags != nil && b.tags.Touches(others...) {
		b.tags = nil
	}
	return err
}
