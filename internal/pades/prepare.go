package pades

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

const (
	defaultHole = 32 << 10
	leastHole   = 4 << 10
	mostHole    = 4 << 20

	// Room for four numbers of 19 digits, so that no file size changes the length of the text.
	byteRangeLength = len("[0 ") + 3*20 + len("]")
)

// Prepare writes the one incremental update of a signature: field and widget, appearance, signature dictionary
// with an empty hole. It returns the digests that everything later is checked against. The same input gives the
// same bytes. Refusals are those of Inspect, and PlacementInvalid.
func Prepare(src Source, opt PrepareOptions) (*Prepared, error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	f, err := open(src, opt.Policy)
	if err != nil {
		return nil, err
	}
	b := &builder{file: f, opt: opt}
	if err := b.read(); err != nil {
		return nil, err
	}
	if err := b.write(); err != nil {
		return nil, err
	}
	return b.finish(src)
}

// complete fills in defaults and refuses what cannot be prepared.
func (opt *PrepareOptions) complete() error {
	if opt.Certificate == nil {
		return problem.New(problem.Invalid, "there is no certificate")
	}
	if opt.SigningTime.IsZero() {
		return problem.New(problem.Invalid, "there is no signing time")
	}
	if opt.HoleSize == 0 {
		opt.HoleSize = defaultHole
	}
	if opt.HoleSize < leastHole || opt.HoleSize > mostHole {
		return problem.New(problem.Invalid, "the hole must have %d to %d bytes", leastHole, mostHole)
	}
	if opt.SignerName == "" {
		opt.SignerName = opt.Certificate.Subject.CommonName
	}
	opt.SignerName = norm.NFC.String(opt.SignerName)
	opt.Reason, opt.Location = norm.NFC.String(opt.Reason), norm.NFC.String(opt.Location)
	return nil
}

// builder gathers what a signature touches and then writes it.
type builder struct {
	file    *pdf.File
	opt     PrepareOptions
	archive bool // a document time-stamp and not a signature

	form  *form
	name  string // of the new field
	page  *pdf.Page
	geo   geometry
	place rect // on the shown page; zero when invisible

	update              *pdf.Update
	byteRange, contents *pdf.Slot
}

// read does all reading before anything is written.
func (b *builder) read() error {
	var err error
	if b.form, err = readForm(b.file); err != nil {
		return err
	}
	name := b.form.freeName
	if b.archive {
		name = b.form.archiveName
	}
	if b.name, err = name(); err != nil {
		return err
	}
	if b.opt.Box.Page < 0 {
		return problem.New(problem.PlacementInvalid, "there is no page %d", b.opt.Box.Page)
	}
	if b.page, err = b.file.Page(b.opt.Box.Page); err != nil {
		return fmt.Errorf("finding the page: %w", err)
	}
	if b.page == nil {
		return problem.New(problem.PlacementInvalid, "there is no page %d", b.opt.Box.Page)
	}
	if b.opt.Box.Invisible {
		return nil
	}
	if b.geo, err = pageGeometry(b.file, b.page); err != nil {
		return fmt.Errorf("reading the page boxes: %w", err)
	}
	taken, err := b.taken()
	if err != nil {
		return fmt.Errorf("reading the annotations: %w", err)
	}
	b.place, err = b.geo.place(b.opt.Box, taken)
	if problem.CodeOf(err) == problem.PlacementInvalid && b.opt.Box.Width == 0 && b.opt.Box.Height == 0 {
		b.opt.Box.Invisible = true // nobody asked for a place, and there is none on so small a page
		return nil
	}
	return err
}

// taken lists where form fields stand on the page, for the default box to keep clear of.
func (b *builder) taken() ([]rect, error) {
	if b.opt.Box.Width != 0 || b.opt.Box.Height != 0 {
		return nil, nil
	}
	annots, err := b.file.Array(b.page.Dict.Get("Annots"))
	if err != nil {
		return nil, err
	}
	const enough = 500
	var out []rect
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
		r, ok, err := readRect(b.file, corners)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, b.geo.toShown(r))
		}
	}
	return out, nil
}

// write fills the update.
func (b *builder) write() error {
	b.update = pdf.NewUpdate(b.file)
	widget := b.update.Reserve()
	field := pdf.NewDict("Type", pdf.Name("Annot"), "Subtype", pdf.Name("Widget"), "FT", pdf.Name("Sig"),
		"T", pdf.TextString(b.name), "F", int64(132), // print, locked (12.5.3)
		"P", b.page.Ref, "V", b.update.Add(b.signature()))
	if b.opt.Box.Invisible {
		field.Set("Rect", pdf.Array{int64(0), int64(0), int64(0), int64(0)})
	} else {
		field.Set("Rect", b.geo.toUser(b.place).array())
		appearance, err := addAppearance(b.update, b.geo, b.place.width(), b.place.height(), b.opt)
		if err != nil {
			return fmt.Errorf("drawing the appearance: %w", err)
		}
		field.Set("AP", pdf.NewDict("N", appearance))
	}
	b.update.Set(widget, field)
	if err := b.addToPage(widget); err != nil {
		return fmt.Errorf("adding the widget to the page: %w", err)
	}
	if err := b.addToForm(widget); err != nil {
		return fmt.Errorf("adding the field to the form: %w", err)
	}
	return nil
}

// signature returns the signature dictionary (12.8.1, table 255; ETSI EN 319 142-1, 6.3).
func (b *builder) signature() *pdf.Dict {
	b.byteRange = &pdf.Slot{Fill: ' ', Size: byteRangeLength}
	b.contents = &pdf.Slot{Open: "<", Fill: '0', Size: 2 * b.opt.HoleSize, Close: ">"}
	if b.archive {
		return archiveSignature(b.byteRange, b.contents)
	}
	d := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"),
		"SubFilter", pdf.Name("ETSI.CAdES.detached"), "ByteRange", b.byteRange, "Contents", b.contents,
		"M", pdf.String(pdfDate(b.opt.SigningTime)))
	for _, item := range []struct{ key, value string }{
		{"Name", b.opt.SignerName}, {"Reason", b.opt.Reason}, {"Location", b.opt.Location},
	} {
		if item.value != "" {
			d.Set(pdf.Name(item.key), pdf.TextString(item.value))
		}
	}
	return d
}

// pdfDate writes a date (7.9.4) in the zone of Viet Nam.
func pdfDate(t time.Time) string {
	return t.In(vietnamTime).Format("D:20060102150405") + "+07'00'"
}

// addToPage appends the widget to /Annots. An indirect array is replaced alone, so that the page keeps its bytes.
func (b *builder) addToPage(widget pdf.Ref) error {
	ref, annots, err := b.list(b.page.Dict.Get("Annots"))
	if err != nil {
		return err
	}
	annots = append(annots, widget)
	if ref.Num > 0 {
		b.update.Set(ref, annots)
		return nil
	}
	page := b.page.Dict.Clone()
	page.Set("Annots", annots)
	b.update.Set(b.page.Ref, page)
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

// addToForm appends the field to the form, in the fewest objects that must change: an indirect list of fields
// alone when the flags are set already, else the form, else the catalog.
func (b *builder) addToForm(widget pdf.Ref) error {
	listRef, fields, err := b.list(b.form.dict.Get("Fields"))
	if err != nil {
		return err
	}
	fields = append(fields, widget)
	flags, _, err := b.file.IntOf(b.form.dict.Get("SigFlags"))
	if err != nil {
		return err
	}
	dict := b.form.dict.Clone()
	if listRef.Num > 0 {
		b.update.Set(listRef, fields)
		if flags&3 == 3 {
			return nil
		}
	} else {
		dict.Set("Fields", fields)
	}
	dict.Set("SigFlags", flags|3) // signatures exist, append only (12.7.3, table 225)
	if b.form.ref.Num > 0 && b.form.dict != nil {
		b.update.Set(b.form.ref, dict)
		return nil
	}
	root, err := b.file.Catalog()
	if err != nil {
		return err
	}
	root = root.Clone()
	root.Set("AcroForm", dict)
	declarePAdES(b.file, root)
	b.update.Set(b.file.RootRef(), root)
	return nil
}

// declarePAdES names the extension whose structures we write (7.12; ETSI EN 319 142-1 recommends it). PDF 2.0 has
// them itself. A catalog that is not written anyway is left alone.
func declarePAdES(f *pdf.File, root *pdf.Dict) {
	extensions, ok := root.Get("Extensions").(*pdf.Dict)
	if f.Version() >= "2.0" || !ok && root.Get("Extensions") != nil || extensions.Get("ESIC") != nil {
		return
	}
	extensions = extensions.Clone()
	extensions.Set("ESIC", pdf.NewDict("BaseVersion", pdf.Name("1.7"), "ExtensionLevel", int64(1)))
	root.Set("Extensions", extensions)
}

// finish writes the increment, fills in the byte range and takes the digests.
func (b *builder) finish(src Source) (*Prepared, error) {
	increment, err := b.update.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing the update: %w", err)
	}
	start := src.Size() + int64(b.contents.Offset)
	end := start + int64(b.contents.Len())
	total := src.Size() + int64(len(increment))
	p := &Prepared{Increment: increment, Field: b.name, Page: b.page.Number,
		ByteRange: [4]int64{0, start, end, total - end}, HoleOffset: int64(b.contents.Offset) + 1,
		HoleLength: int64(b.contents.Size)}
	text := fmt.Appendf(nil, "[0 %d %d %d]", start, end, total-end)
	copy(increment[b.byteRange.Offset:], text)
	return p, p.digest(src, b.opt)
}

// digest takes H1, H2 and H3. Both digests of the file share everything before the hole.
func (p *Prepared) digest(src Source, opt PrepareOptions) error {
	whole, err := sourceHash(src, opt.HashState)
	if err != nil {
		return err
	}
	hole := p.HoleOffset - 1
	after := hole + p.HoleLength + 2
	whole.Write(p.Increment[:hole])
	covered, err := cloneHash(whole)
	if err != nil {
		return err
	}
	whole.Write(p.Increment[hole:])
	covered.Write(p.Increment[after:])
	whole.Sum(p.H1[:0])
	covered.Sum(p.H2[:0])
	if opt.Certificate != nil { // a document time-stamp has none of ours
		if p.SignedAttrs, err = cms.SignedAttrs(p.H2[:], opt.Certificate); err != nil {
			return fmt.Errorf("writing the signed attributes: %w", err)
		}
	}
	p.H3 = sha256.Sum256(p.SignedAttrs)
	return nil
}

// sourceHash returns SHA-256 after all bytes of the source: continued from the stored state or, without one, by
// reading the source once.
func sourceHash(src Source, state []byte) (hash.Hash, error) {
	if state != nil {
		return resumeHash(state)
	}
	h := sha256.New()
	// The wrapping keeps io.CopyBuffer to the buffer given.
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{io.NewSectionReader(src, 0, src.Size())},
		make([]byte, 256<<10))
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	if n != src.Size() {
		return nil, fmt.Errorf("reading the file: %w", io.ErrUnexpectedEOF)
	}
	return h, nil
}
