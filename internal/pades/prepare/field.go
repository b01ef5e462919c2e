package prepare

import (
	"fmt"
	"slices"

	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// readField finds the empty field that is to be signed, and its widgets.
func (b *builder) readField() error {
	if !b.opt.Box.IsZero() {
		return problem.New(problem.PlacementInvalid, "a field of the file has its own place")
	}
	field, err := b.form.EmptyField(b.file, b.opt.Field, b.opt.FieldNumber)
	if err != nil {
		return err
	}
	if err := checkSeed(b.file, field.Field, b.opt); err != nil {
		return err
	}
	if err := b.keepLock(field); err != nil {
		return err
	}
	b.field, b.name = field, field.Name
	kids, err := b.file.Array(field.Field.Get("Kids"))
	if err != nil {
		return err
	}
	if len(kids) == 0 {
		kids = pdf.Array{field.Ref}
	}
	if len(kids) > geometry.MaxWidgets {
		return problem.New(problem.DocumentTooComplex, "the field has %d widgets", len(kids))
	}
	for _, kid := range kids {
		ref, ok := kid.(pdf.Ref)
		if !ok {
			return problem.New(problem.DocumentBroken, "a widget of the field is not an indirect object")
		}
		if err := b.readWidget(ref); err != nil {
			return fmt.Errorf("reading the widgets of the field: %w", err)
		}
	}
	return nil
}

// readWidget takes in one widget of the field. One without a page of its own is looked for on all pages.
func (b *builder) readWidget(ref pdf.Ref) error {
	d, err := b.file.Dict(ref)
	if err != nil {
		return err
	}
	if d == nil {
		return problem.New(problem.DocumentBroken, "a widget of the field is missing")
	}
	if value, err := b.file.Resolve(d.Get("V")); err != nil {
		return err
	} else if value != nil {
		return problem.OfField(problem.PlacementInvalid, "field_number", "the field is signed already, in one of its widgets", "Ô ký này đã được ký")
	}
	s := spot{widget: ref, dict: d}
	corners, err := b.file.Array(d.Get("Rect"))
	if err != nil {
		return err
	}
	r, ok, err := geometry.ReadRect(b.file, corners)
	if err != nil {
		return err
	}
	if ok && d.Get("Subtype") == pdf.Name("Widget") {
		if s.page, err = b.pageOf(ref, d); err != nil {
			return err
		}
	}
	if s.page != nil {
		if s.geo, err = geometry.Of(b.file, s.page); err != nil {
			return err
		}
		const least = 8 // points; nothing can be read in less
		if shown := s.geo.ToShown(r); shown.Width() >= least && shown.Height() >= least {
			s.place = shown
		}
	}
	b.spots = append(b.spots, s)
	return nil
}

// pageOf finds the page that lists a widget; /P of the widget is a hint that may be missing or wrong.
func (b *builder) pageOf(ref pdf.Ref, widget *pdf.Dict) (*pdf.Page, error) {
	var hit *pdf.Page
	hint, _ := widget.Get("P").(pdf.Ref)
	err := b.file.WalkPages(func(p *pdf.Page) (bool, error) {
		if hint.Num > 0 && p.Ref != hint {
			return true, nil
		}
		annots, err := b.file.Array(p.Dict.Get("Annots"))
		if slices.Contains(annots, pdf.Object(ref)) {
			hit = p
		}
		return hit == nil, err
	})
	if err != nil || hit != nil || hint.Num == 0 {
		return hit, err
	}
	return b.pageOf(ref, pdf.NewDict())
}

// fillField signs the field that is there: its value, and what its widgets show.
func (b *builder) fillField() error {
	field := b.field.Field.Clone()
	b.value = b.update.Add(b.signature())
	field.Set("V", b.value)
	if b.opt.Lock != nil && field.Get("Lock") == nil {
		field.Set("Lock", b.update.Add(b.opt.Lock.Dict("SigFieldLock")))
	}
	looks := map[look]pdf.Ref{}
	for _, s := range b.spots {
		widget := field
		if s.widget != b.field.Ref {
			widget = s.dict.Clone()
			widget.Set("V", b.value)
		}
		if s.visible() {
			appearance, err := b.appearance(s, looks)
			if err != nil {
				return err
			}
			widget.Set("AP", pdf.NewDict("N", appearance))
		}
		if widget != field {
			b.update.Set(s.widget, widget)
		}
	}
	b.update.Set(b.field.Ref, field)
	return b.setForm(b.form.Dict.Clone(), false)
}
