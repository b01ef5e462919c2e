package inspect

import (
	"bytes"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/finding"
	"kyso/internal/pades/cover"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// search looks for what may mislead a signer while Inspect walks the file.
type search struct {
	file  *pdf.File
	shown map[int]bool // object numbers of the pages in the tree
	found []finding.Finding
	seen  map[pdf.Ref]bool // content that was compared with its history
}

func (s *search) add(f finding.Finding) {
	for _, have := range s.found {
		if have.Code == f.Code && have.Page == f.Page && have.Name == f.Name {
			return
		}
	}
	if len(s.found) < maxReported {
		s.found = append(s.found, f)
	}
}

// page looks at a page that is shown: what it was, and what lies over it.
func (s *search) page(p *pdf.Page, annots pdf.Array) error {
	s.shown[p.Ref.Num] = true
	if err := s.history(p); err != nil {
		return err
	}
	for _, item := range annots {
		annot, err := s.file.Dict(item)
		if err != nil {
			return err
		}
		if err := s.annotation(p, annot); err != nil {
			return err
		}
	}
	return nil
}

// history compares a page, its contents and what they draw with what earlier revisions had under the same numbers.
// Annotations may come and go: signatures bring them.
func (s *search) history(p *pdf.Page) error {
	if len(s.file.Sections()) < 2 {
		return nil
	}
	earlier, err := s.file.Earlier(p.Ref.Num, maxHistory)
	if err != nil {
		return err
	}
	for _, old := range earlier {
		was, ok := old.(*pdf.Dict)
		if !ok || !pdf.Equal(was.Get("Contents"), p.Dict.Get("Contents")) || !pdf.Equal(was.Get("Resources"), p.Dict.Get("Resources")) {
			s.add(replacedContent.Say("page", p.Number))
			return nil
		}
	}
	changed, err := s.changed(p.Dict.Get("Contents"), 3)
	for node, up := p.Dict, 0; err == nil && !changed && node != nil && up < maxInherited; up++ { // resources are inherited
		if changed, err = s.changed(node.Get("Resources"), 6); err == nil {
			node, err = s.file.Dict(node.Get("Parent"))
		}
	}
	if changed {
		s.add(replacedContent.Say("page", p.Number))
	}
	return err
}

// maxInherited bounds how many ancestors of a page may hold its resources.
const maxInherited = 32

// changed reports whether something that an object leads to had another value in an earlier revision.
func (s *search) changed(o pdf.Object, depth int) (bool, error) {
	if depth == 0 {
		return false, nil
	}
	ref, isRef := o.(pdf.Ref)
	if isRef {
		if s.seen[ref] {
			return false, nil
		}
		if len(s.seen) >= maxExamined {
			s.add(cover.NotExamined())
			return false, nil
		}
		s.seen[ref] = true
	}
	value, err := s.file.Resolve(o)
	if err != nil {
		return false, err
	}
	if isRef {
		if differs, err := s.differs(ref, value); err != nil || differs {
			return differs, err
		}
	}
	var inner []pdf.Object
	switch v := value.(type) {
	case pdf.Array:
		inner = v
	case *pdf.Stream:
		inner = []pdf.Object{v.Dict.Get("Resources")}
	case *pdf.Dict:
		for _, key := range v.Keys() {
			if key != "Parent" && key != "StructParent" {
				inner = append(inner, v.Get(key))
			}
		}
	}
	for _, item := range inner {
		if item == nil {
			continue
		}
		if changed, err := s.changed(item, depth-1); err != nil || changed {
			return changed, err
		}
	}
	return false, nil
}

// differs compares an object with what it was.
func (s *search) differs(ref pdf.Ref, value pdf.Object) (bool, error) {
	earlier, err := s.file.Earlier(ref.Num, maxHistory)
	if err != nil {
		return false, err
	}
	for _, old := range earlier {
		a, wasStream := old.(*pdf.Stream)
		b, isStream := value.(*pdf.Stream)
		if !wasStream || !isStream {
			if !pdf.Equal(old, value) {
				return true, nil
			}
			continue
		}
		before, err1 := s.file.Data(a)
		now, err2 := s.file.Data(b)
		if err1 != nil || err2 != nil || !bytes.Equal(before, now) {
			return true, nil //nolint:nilerr // what cannot be read cannot be called the same
		}
	}
	return false, nil
}

// coverKinds are annotations that draw over a page. Links, pop-ups and marks on text leave it readable.
var coverKinds = map[pdf.Name]bool{
	"FreeText": true, "Stamp": true, "Square": true, "Circle": true, "Polygon": true, "Redact": true, "Watermark": true,
	"Screen": true, "Movie": true, "RichMedia": true, "3D": true, "FileAttachment": true,
}

// annotation reports one that can cover more than a hundredth of the page.
func (s *search) annotation(p *pdf.Page, annot *pdf.Dict) error {
	kind, err := s.file.NameOf(annot.Get("Subtype"))
	if err != nil || !coverKinds[kind] {
		return err
	}
	const hidden = 2
	if flags, _, err := s.file.IntOf(annot.Get("F")); err != nil || flags&hidden != 0 {
		return err
	}
	if annot.Get("AP") == nil && annot.Get("IC") == nil && kind != "Redact" {
		return nil
	}
	corners, err := s.file.Array(annot.Get("Rect"))
	if err != nil {
		return err
	}
	r, ok, err := geometry.ReadRect(s.file, corners)
	if err != nil || !ok {
		return err
	}
	g, err := geometry.Of(s.file, p)
	if err == nil && r.Width()*r.Height() > g.Crop.Width()*g.Crop.Height()/100 {
		s.add(overlay.Say("page", p.Number, "name", string(kind)))
	}
	return err
}

// form looks at the values of fields and at what is drawn for them.
func (s *search) form(fm *form.Form) error {
	if fm.Dict == nil {
		return nil
	}
	redrawn, err := s.file.Resolve(fm.Dict.Get("NeedAppearances"))
	if err != nil {
		return err
	}
	if redrawn == true && len(fm.Names) > len(fm.Signatures) {
		s.add(redrawnFields.Say())
	}
	values := map[string]pdf.Object{}
	return s.file.WalkFields(func(name string, typ pdf.Name, _ pdf.Ref, field *pdf.Dict) error {
		if v := field.Get("V"); v != nil {
			values[name] = v
		}
		mismatch, err := s.mismatch(typ, values[name], field)
		if mismatch {
			s.add(valueMismatch.Say("name", norm.NFC.String(name)))
		}
		return err
	})
}

func (s *search) mismatch(typ pdf.Name, v pdf.Object, widget *pdf.Dict) (bool, error) {
	value, err := s.file.Resolve(v)
	if err != nil {
		return false, err
	}
	switch typ {
	case "Btn":
		on, isName := value.(pdf.Name)
		state, hasState := widget.Get("AS").(pdf.Name)
		// One button of several is on; it must be the one that the value names, and a single one must be on or off with it.
		return isName && hasState && state != "Off" && on != state, nil
	case "Tx":
		text, ok := value.(pdf.String)
		if !ok {
			return false, nil
		}
		flags, _, err := s.file.IntOf(widget.Get("Ff"))
		const password = 1 << 13
		if err != nil || flags&password != 0 || widget.Get("AA") != nil { // shown as stars, or as a script formats it, which is reported as such
			return false, err
		}
		shown, readable, err := s.shownText(widget)
		return readable && !sameText(pdf.DecodeText(text), shown), err
	}
	return false, nil
}

// sameText compares letters and digits, as spaces and lines are a matter of layout; a field too narrow for its text shows a
// part of it.
func sameText(value, shown string) bool {
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || unicode.IsControl(r) {
				return -1
			}
			return r
		}, norm.NFC.String(s))
	}
	v, s := letters(value), letters(shown)
	return s == "" || strings.Contains(v, s)
}

// shownText reads the text out of the normal appearance of a field. It is readable when all its fonts have a simple encoding
// of Latin letters; others would need the whole of font handling, and a wrong alarm is worse than none.
func (s *search) shownText(widget *pdf.Dict) (text string, readable bool, err error) {
	ap, err := s.file.Dict(widget.Get("AP"))
	if err != nil {
		return "", false, err
	}
	normal, err := s.file.Resolve(ap.Get("N"))
	if err != nil {
		return "", false, err
	}
	stream, ok := normal.(*pdf.Stream)
	if !ok {
		return "", false, nil
	}
	if simple, err := s.simpleFonts(stream.Dict); err != nil || !simple {
		return "", false, err
	}
	data, err := s.file.Data(stream)
	if problem.CodeOf(err) == problem.DocumentBroken {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	text, readable = pdf.ShownStrings(data)
	return text, readable, nil
}

func (s *search) simpleFonts(form *pdf.Dict) (bool, error) {
	resources, err := s.file.Dict(form.Get("Resources"))
	if err != nil {
		return false, err
	}
	fonts, err := s.file.Dict(resources.Get("Font"))
	if err != nil || fonts.Len() == 0 || resources.Get("XObject") != nil {
		return false, err
	}
	for _, key := range fonts.Keys() {
		font, err := s.file.Dict(fonts.Get(key))
		if err != nil {
			return false, err
		}
		encoding, err := s.file.Resolve(font.Get("Encoding"))
		if err != nil {
			return false, err
		}
		if d, ok := encoding.(*pdf.Dict); ok && d.Get("Differences") != nil && d.Get("BaseEncoding") != nil {
			return false, nil
		}
		subtype := font.Get("Subtype")
		if subtype != pdf.Name("Type1") && subtype != pdf.Name("TrueType") || font.Get("ToUnicode") != nil || font.Get("FontDescriptor") != nil {
			return false, nil
		}
	}
	return true, nil
}

// document looks at what belongs to no page; the pages come first.
func (s *search) document(fm *form.Form) error {
	if err := s.form(fm); err != nil {
		return err
	}
	if fm.XFA {
		s.add(xfaCopy.Say())
	}
	if err := s.layers(); err != nil {
		return err
	}
	if err := s.edges(); err != nil {
		return err
	}
	return s.objects()
}

// edges looks at what stands outside the file proper, and at what Adobe signed for its own reader.
func (s *search) edges() error {
	if before := s.file.Header(); before > 0 {
		from := offsetsFromFile
		if s.file.Base() > 0 {
			from = offsetsFromHeader
		}
		s.add(bytesBeforeHeader.Say("count", before, "why", from))
	}
	behind, err := s.file.BehindEnd()
	if err != nil {
		return err
	}
	if behind > 0 {
		s.add(bytesAfterEnd.Say("count", behind))
	}
	root, err := s.file.Catalog()
	if err != nil {
		return err
	}
	perms, err := s.file.Dict(root.Get("Perms"))
	if err == nil && (perms.Get("UR3") != nil || perms.Get("UR") != nil) {
		s.add(usageRights.Say())
	}
	return err
}

// layers looks for optional content that is not shown.
func (s *search) layers() error {
	root, err := s.file.Catalog()
	if err != nil {
		return err
	}
	properties, err := s.file.Dict(root.Get("OCProperties"))
	if err != nil || properties == nil {
		return err
	}
	config, err := s.file.Dict(properties.Get("D"))
	if err != nil {
		return err
	}
	off, err := s.file.Array(config.Get("OFF"))
	if err != nil {
		return err
	}
	if len(off) > 0 || config.Get("BaseState") == pdf.Name("OFF") {
		s.add(hiddenLayer.Say())
	}
	return nil
}

// objects looks for pages and catalogs that nothing shows. It reads a file of its own: a damaged object that is not used would
// make this one scan and lose its sections.
func (s *search) objects() error {
	last := s.file.NextNumber()
	if s.file.Rebuilt() || last > maxExamined { // in what was rebuilt, old and new revisions cannot be told apart
		s.add(cover.NotExamined())
		return nil
	}
	scan, err := pdf.Open(s.file.Reader(), s.file.Size(), pdf.Limits{})
	if err != nil {
		return err
	}
	for num := 1; num < last; num++ {
		object, err := scan.Get(num)
		if scan.Rebuilt() || problem.CodeOf(err) == problem.DocumentBroken {
			s.add(cover.NotExamined()) // one damaged object must not end the search in silence
			return nil
		}
		if err != nil {
			return err
		}
		d, ok := object.(*pdf.Dict)
		if !ok {
			continue
		}
		switch typ := d.Get("Type"); {
		case typ == pdf.Name("Page") && !s.shown[num], typ == pdf.Name("Catalog") && num != s.file.RootRef().Num:
			s.add(hiddenPage.Say())
			return nil
		}
	}
	return nil
}
