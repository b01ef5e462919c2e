package prepare

import (
	"errors"
	"fmt"

	"kyso/internal/pades/cover"
	"kyso/internal/pades/drawn"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// MaxEmptyFields is how many fields for signers to come a certification may bring.
const MaxEmptyFields = 20

// checkEmptyFields refuses fields for signers to come that could not be signed.
func (opt *Options) checkEmptyFields() error {
	wrong := func(en, vi string) error { return problem.OfField(problem.PlacementInvalid, "empty_fields", en, vi) }
	switch {
	case len(opt.EmptyFields) == 0:
		return nil
	case len(opt.EmptyFields) > MaxEmptyFields:
		return wrong(fmt.Sprintf("a certification brings at most %d empty fields", MaxEmptyFields), fmt.Sprintf("Chữ ký chứng thực mang theo tối đa %d ô ký trống", MaxEmptyFields))
	case opt.Certify != form.CertifyForms && opt.Certify != form.CertifyFormsAndNote:
		return wrong("empty fields come with a certification of kind 2 or 3", "Ô ký trống chỉ đi cùng chữ ký chứng thực mức 2 hoặc 3")
	case opt.Lock != nil:
		return wrong("a lock of all fields would lock the empty ones", "Khóa biểu mẫu sẽ khóa cả các ô ký trống")
	case opt.Field != "" || opt.FieldNumber != 0:
		return wrong("a field of the file cannot bring others along", "Khi ký vào ô có sẵn thì không thêm được ô ký trống")
	}
	return nil
}

// readEmptyFields finds a place for each field for a signer to come.
func (b *builder) readEmptyFields() error {
	for i, box := range b.opt.EmptyFields {
		wrong := func(err error) error {
			if problem.CodeOf(err) != problem.PlacementInvalid {
				return err
			}
			return problem.OfField(problem.PlacementInvalid, fmt.Sprintf("empty_fields[%d]", i), fmt.Sprintf("empty field %d: %v", i+1, err), viOf(err))
		}
		if box.Width == 0 || box.Height == 0 {
			return wrong(problem.OfField(problem.PlacementInvalid, "width", "it has no width and height", "Ô ký trống chưa có chiều rộng và chiều cao"))
		}
		var page *pdf.Page
		var err error
		if box.Page >= 0 {
			if page, err = b.file.Page(box.Page); err != nil {
				return fmt.Errorf("finding the page: %w", err)
			}
		}
		if page == nil {
			return wrong(b.noPage(box.Page))
		}
		s := spot{page: page}
		if s.geo, err = geometry.Of(b.file, page); err != nil {
			return fmt.Errorf("reading the page boxes: %w", err)
		}
		if s.place, err = s.geo.Place(box, nil, nil); err != nil {
			return wrong(err)
		}
		b.empty = append(b.empty, s)
	}
	return nil
}

// viOf is the Vietnamese text of a refusal.
func viOf(err error) string {
	if p, ok := errors.AsType[*problem.Error](err); ok && p.VI != "" {
		return p.VI
	}
	return problem.CodeOf(err).Text().VI
}

// checkEmptyFields refuses fields for signers to come that lie over each other or over the signature itself.
func (b *builder) checkEmptyFields() error {
	for i, s := range b.empty {
		for _, other := range append(append([]spot{}, b.spots...), b.empty[:i]...) {
			if other.page != nil && other.page.Ref == s.page.Ref && other.visible() && s.place.Overlaps(other.place) {
				return problem.OfField(problem.PlacementInvalid, fmt.Sprintf("empty_fields[%d]", i),
					fmt.Sprintf("empty field %d lies over another box of this signature", i+1), fmt.Sprintf("Ô ký trống %d đè lên khung khác của chữ ký này", i+1))
			}
		}
	}
	return nil
}

// addEmptyFields writes the fields for signers to come. They draw nothing: what they show comes with their signatures.
func (b *builder) addEmptyFields() ([]pdf.Ref, error) {
	const printed = 4 // 12.5.3
	var out []pdf.Ref
	b.form.Names[b.name] = true
	for _, s := range b.empty {
		name, err := b.form.FreeName()
		if err != nil {
			return nil, err
		}
		b.form.Names[name] = true
		ref := b.update.Add(pdf.NewDict("Type", pdf.Name("Annot"), "Subtype", pdf.Name("Widget"), "FT", pdf.Name("Sig"), "T", pdf.TextString(name),
			"F", int64(printed), "P", s.page.Ref, "Rect", s.geo.ToUser(s.place).Array()))
		if err := b.addToPage(s.page, ref); err != nil {
			return nil, err
		}
		out = append(out, ref)
	}
	return out, nil
}

// chooseField takes the first empty field of a file whose certification lets others sign: signing is what it permits, and a new
// field is not (12.8.2.2, table 257). Without one, a new field is for the caller to ask for.
func (b *builder) chooseField() error {
	if b.archive || b.opt.Field != "" || b.opt.FieldNumber != 0 || b.opt.AllowNewField || b.form.DocMDP < int(form.CertifyForms) {
		return nil
	}
	free, err := b.form.FirstEmpty(b.file)
	if err != nil {
		return err
	}
	switch {
	case free > 0 && b.opt.Box.IsZero():
		b.opt.FieldNumber = free
		return nil
	case free > 0:
		return problem.OfField(problem.DocumentLocked, "allow_new_field",
			fmt.Sprintf("the file is certified and has an empty signature field: sign into it (field_number %d), or allow a new one", free),
			fmt.Sprintf("Tài liệu đã được chứng thực và có sẵn ô ký trống: hãy ký vào ô đó (số %d), hoặc đồng ý thêm ô mới", free))
	}
	return problem.OfField(problem.DocumentLocked, "allow_new_field",
		"the file is certified and has no empty signature field: a new one is not among what the certification permits, and some programs call the file changed then",
		"Tài liệu đã được chứng thực và không có ô ký trống: mức chứng thực không cho phép thêm ô ký, một số phần mềm sẽ coi tài liệu là đã bị sửa")
}

// drawn lists where text and pictures stand on a page that others have signed, for the default box to keep clear of.
func (b *builder) drawn(s *spot) ([]geometry.Rect, error) {
	if b.archive || b.form.Signed() == 0 || b.opt.Box.Width != 0 || b.opt.Box.Height != 0 {
		return nil, nil
	}
	const enough = 5000
	var out []geometry.Rect
	crop := s.geo.Crop.Drawn()
	reader := &drawn.Reader{File: b.file, Work: cover.Work}
	err := reader.Page(s.page, crop, func(m drawn.Mark) {
		r := m.Bounds()
		if m.Kind != drawn.Shape && r.Area() > 0 && r.Area() < crop.Area()/2 && len(out) < enough {
			out = append(out, s.geo.ToShown(geometry.Rect{X0: r.X0, Y0: r.Y0, X1: r.X1, Y1: r.Y1}))
		}
	})
	if problem.CodeOf(err) == problem.DocumentTooComplex {
		err = nil
	}
	return out, err
}

// checkCover refuses a box that lies over what earlier signers signed, before the owner is asked to approve. The box that kyso chooses
// itself, and those of fields, are not the caller's choice.
func (b *builder) checkCover() error {
	box := b.opt.Box
	if b.opt.AllowCover || b.archive || b.form.Signed() == 0 || box.Width == 0 && box.Height == 0 {
		return nil
	}
	list, err := cover.Signatures(b.file, b.form.Signatures)
	if err != nil {
		return err
	}
	search := cover.New(b.file, list)
	for _, s := range b.spots {
		if !s.visible() {
			continue
		}
		under, err := search.Box(s.page, s.geo.ToUser(s.place).Drawn())
		if err != nil {
			return err
		}
		if err := refuseCover(s.page.Number, under); err != nil {
			return err
		}
	}
	return nil
}

// refuseCover says why a box may not stand in its place.
func refuseCover(page int, under cover.Under) error {
	var en, vi string
	switch {
	case under.Over >= 0:
		en, vi = fmt.Sprintf("the box covers an earlier signature on page %d", page), fmt.Sprintf("Khung chữ ký che một chữ ký đã có ở trang %d", page)
	case under.Large:
		en = fmt.Sprintf("the box covers %d%% of page %d, which others have signed", cover.Percent(under.Share), page)
		vi = fmt.Sprintf("Khung chữ ký che %d%% trang %d mà người khác đã ký", cover.Percent(under.Share), page)
	case under.Text:
		en, vi = fmt.Sprintf("the box covers text on page %d, which others have signed", page), fmt.Sprintf("Khung chữ ký che chữ ở trang %d mà người khác đã ký", page)
	default:
		return nil
	}
	return problem.OfField(problem.PlacementCovers, "allow_cover", en, vi)
}
