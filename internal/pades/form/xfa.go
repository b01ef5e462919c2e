package form

import (
	"bytes"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// readXFA decides about a form that is there as XFA, too (12.7.8 of ISO 32000-1; deprecated in PDF 2.0). Readers other than Acrobat show
// the pages and AcroForm; Acrobat makes the pages of a dynamic form from XFA alone, and shows its values in a static one. So a static
// form is signed, with a finding, when AcroForm is whole: every field has a widget with a look, which all readers show alike as long
// as no program fills it in. An empty XFA is none.
func (fm *Form) readXFA(f *pdf.File) error {
	parts, err := xfaParts(f, fm.Dict.Get("XFA"))
	if err != nil {
		return err
	}
	data := bytes.TrimSpace(bytes.Join(parts, nil))
	if len(data) == 0 {
		return nil
	}
	root, err := f.Catalog()
	if err != nil {
		return err
	}
	if needs, err := f.Resolve(root.Get("NeedsRendering")); err != nil {
		return err
	} else if needs == true || bytes.Contains(data, []byte("dynamicRender>required")) {
		return problem.New(problem.DocumentXFA, "the pages of the form are made from XFA (NeedsRendering)")
	}
	fm.XFA = true
	return fm.checkLooks(f)
}

// xfaParts returns the streams of an XFA entry: one, or an array of names and streams.
func xfaParts(f *pdf.File, entry pdf.Object) ([][]byte, error) {
	value, err := f.Resolve(entry)
	if err != nil || value == nil {
		return nil, err
	}
	list, ok := value.(pdf.Array)
	if !ok {
		list = pdf.Array{nil, value}
	}
	var parts [][]byte
	for i, item := range list {
		value, err := f.Resolve(item)
		if err != nil {
			return nil, err
		}
		stream, ok := value.(*pdf.Stream)
		switch {
		case value == nil || i%2 == 0: // nothing, or a name
			continue
		case !ok:
			return nil, problem.New(problem.DocumentXFA, "the XFA of the form is neither a stream nor a list of streams")
		}
		data, err := f.Data(stream)
		if problem.CodeOf(err) == problem.DocumentBroken {
			return nil, problem.New(problem.DocumentXFA, "the XFA of the form cannot be read")
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, data)
	}
	return parts, nil
}

// checkLooks refuses a form with a field that AcroForm does not show by itself. Buttons to press and signatures need no look.
func (fm *Form) checkLooks(f *pdf.File) error {
	shown, whole := 0, true
	err := f.WalkFields(func(_ string, typ pdf.Name, _ pdf.Ref, field *pdf.Dict) error {
		kids, err := f.Array(field.Get("Kids"))
		if err != nil || len(kids) > 0 || typ == "Sig" {
			return err
		}
		flags, _, err := f.IntOf(field.Get("Ff"))
		if err != nil {
			return err
		}
		visible, _, err := f.IntOf(field.Get("F"))
		if err != nil {
			return err
		}
		looks, err := f.Dict(field.Get("AP"))
		const pushButton, hidden, noView = 1 << 16, 1 << 1, 1 << 5
		shown++
		if typ == "Btn" && flags&pushButton != 0 || visible&(hidden|noView) != 0 {
			return err
		}
		whole = whole && field.Get("Subtype") == pdf.Name("Widget") && field.Get("Rect") != nil && looks.Get("N") != nil
		return err
	})
	if err != nil {
		return err
	}
	if shown == 0 || !whole {
		return problem.New(problem.DocumentXFA, "the form is made with XFA, and not every field of it is shown without")
	}
	return nil
}
