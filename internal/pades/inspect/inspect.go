// Package inspect decides whether a file may be signed, and finds what may mislead the person who is asked to sign it.
//
// It imports the standard library, internal/finding, internal/problem, x/text for normal forms, and of internal/pades cover,
// document, form, geometry, pdf and structure only.
package inspect

import (
	"errors"
	"fmt"
	"slices"

	"kyso/internal/finding"
	"kyso/internal/pades/cover"
	"kyso/internal/pades/document"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/pades/structure"
	"kyso/internal/problem"
)

// File is what pades.Inspect does.
func File(src document.Source, policy document.Policy) (*Report, error) {
	f, err := document.Open(src, policy)
	if err != nil {
		return nil, err
	}
	var report *Report
	err = document.Settled(f, func() (err error) {
		report, err = inspect(f, policy)
		return err
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

func inspect(f *pdf.File, policy document.Policy) (*Report, error) {
	fm, err := form.Read(f)
	if err != nil {
		return nil, err
	}
	report := &Report{Version: f.Version(), Signatures: fm.Signed(), DocMDP: fm.DocMDP}
	if err := report.fields(f, fm); err != nil {
		return nil, fmt.Errorf("reading the signature fields: %w", err)
	}
	active := &activity{file: f}
	if err := active.document(fm); err != nil {
		return nil, fmt.Errorf("looking for active content: %w", err)
	}
	hidden := &search{file: f, shown: map[int]bool{}, seen: map[pdf.Ref]bool{}}
	if err := report.pages(f, fm, active, hidden); err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	if err := hidden.document(fm); err != nil {
		return nil, fmt.Errorf("looking for hidden content: %w", err)
	}
	if err := hidden.signatures(fm); err != nil {
		return nil, fmt.Errorf("looking for signatures over each other: %w", err)
	}
	report.Findings = hidden.found
	if i := slices.IndexFunc(hidden.found, misleads); policy.RefuseHiddenContent && i >= 0 {
		return nil, problem.New(problem.DocumentMisleading, "the file may mislead: %s on page %d", hidden.found[i].Code, hidden.found[i].Page)
	}
	if policy.RefuseActiveContent && len(active.found) > 0 {
		return nil, problem.New(problem.DocumentActive, "the file has active content: %s", active.found[0])
	}
	report.ActiveContent, report.Findings = active.found, append(report.Findings, active.findings...)
	return report, report.warn(f)
}

// fields lists the signature fields. When the file takes no new one and has no empty one either, it is refused.
func (r *Report) fields(f *pdf.File, fm *form.Form) error {
	_, full := fm.FreeName()
	taken := map[string]bool{} // some writers put the value into a widget
	for _, field := range fm.Signatures {
		value, err := f.Resolve(field.Field.Get("V"))
		if err != nil {
			return err
		}
		taken[field.Name] = taken[field.Name] || value != nil
	}
	for i, field := range fm.Signatures {
		one := FieldReport{Number: i + 1, Name: field.Name, Signed: taken[field.Name]}
		one.Locked = !one.Signed && fm.Locked(field.Name)
		if !one.Signed && !one.Locked && field.Ref.Num > 0 {
			full = nil
		}
		r.Fields = append(r.Fields, one)
	}
	return full
}

// placeFields says on which pages the fields stand, while the pages are walked.
func (r *Report) placeFields(fm *form.Form, p *pdf.Page, annots pdf.Array) {
	for _, annot := range annots {
		ref, ok := annot.(pdf.Ref)
		if !ok {
			continue
		}
		if i, ok := fm.Widgets[ref]; ok && r.Fields[i].Page == 0 {
			r.Fields[i].Page = p.Number
		}
	}
}

// pages walks the page tree: count, sizes of the first and the last page, actions on the way.
func (r *Report) pages(f *pdf.File, fm *form.Form, active *activity, hidden *search) error {
	var last *pdf.Page
	err := f.WalkPages(func(p *pdf.Page) (bool, error) {
		r.Pages = p.Number
		if p.Number == 1 {
			size, err := pageSize(f, p)
			if err != nil {
				return false, err
			}
			r.FirstPage = size
		}
		last = p
		annots, err := f.Array(p.Dict.Get("Annots"))
		if err != nil {
			return false, err
		}
		r.placeFields(fm, p, annots)
		if err := active.page(p, annots); err != nil {
			return false, err
		}
		return true, hidden.page(p, annots)
	})
	if err != nil {
		return err
	}
	if last == nil {
		return problem.New(problem.DocumentBroken, "the file has no pages")
	}
	r.LastPage, err = pageSize(f, last)
	return err
}

func pageSize(f *pdf.File, p *pdf.Page) (geometry.PageSize, error) {
	g, err := geometry.Of(f, p)
	if err != nil {
		return geometry.PageSize{}, err
	}
	width, height := g.Size()
	return geometry.PageSize{Width: width, Height: height, Rotate: g.Rotate}, nil
}

// warn adds what does not stop a signature and yet deserves a word.
func (r *Report) warn(f *pdf.File) error {
	root, err := f.Catalog()
	if err != nil {
		return err
	}
	if f.Rebuilt() {
		r.note(crossReferencesRebuilt.Say())
	}
	if count, err := f.PageCount(); err != nil {
		return err
	} else if count != r.Pages {
		r.note(pageCountWrong.Say("said", count, "counted", r.Pages))
	}
	if root.Get("Collection") != nil {
		r.note(portfolio.Say())
	}
	_, err = structure.Read(f)
	if outside, ok := errors.AsType[structure.Outside](err); ok {
		r.note(outside.Why.Say())
		return nil
	}
	return err
}

// note adds a finding that is no reason to refuse the file.
func (r *Report) note(found finding.Finding) {
	r.Findings, r.Warnings = append(r.Findings, found), append(r.Warnings, found.EN)
}

// signatures looks for signatures over each other, and for a certification that has no room for another one.
func (s *search) signatures(fm *form.Form) error {
	list, err := cover.Signatures(s.file, fm.Signatures)
	if err != nil {
		return err
	}
	found, err := cover.New(s.file, list).Find()
	if err != nil {
		return err
	}
	for _, c := range found {
		for _, f := range c.Findings(list) {
			s.add(f)
		}
	}
	if fm.DocMDP < int(form.CertifyForms) {
		return nil
	}
	free, err := fm.FirstEmpty(s.file)
	if err == nil && free == 0 {
		s.add(newField.Say())
	}
	return err
}
