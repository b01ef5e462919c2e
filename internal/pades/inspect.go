package pades

import (
	"errors"
	"fmt"
	"slices"

	"kyso/internal/pades/cover"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// withDefaults fills in the bounds.
func (p Policy) withDefaults() Policy {
	if p.MaxSize <= 0 {
		p.MaxSize = 256 << 20
	}
	if p.MaxPages <= 0 {
		p.MaxPages = 20000
	}
	return p
}

// MaxFileBytes is the longest file that is signed, extended or verified: 2 GiB. Offsets of longer ones do not fit into the 31 bits
// that many readers and validators keep them in, so that others could not verify what we sign; and verifying reads the file once
// for each signature.
const MaxFileBytes = 2 << 30

// CheckSize refuses a file that is longer, without reading it.
func CheckSize(src Source) error {
	if src.Size() > MaxFileBytes {
		return problem.OfField(problem.TooLarge, "", fmt.Sprintf("the file has %d bytes, and at most %d can be handled", src.Size(), int64(MaxFileBytes)),
			fmt.Sprintf("Tệp có %d byte; tối đa %d byte (2 GiB)", src.Size(), int64(MaxFileBytes)))
	}
	return nil
}

// open applies the checks that every phase repeats: size, structure, encryption.
func open(src Source, policy Policy) (*pdf.File, error) {
	policy = policy.withDefaults()
	if err := CheckSize(src); err != nil {
		return nil, err
	}
	if src.Size() > policy.MaxSize {
		return nil, problem.New(problem.TooLarge, "the file has more than %d bytes", policy.MaxSize)
	}
	f, err := pdf.Open(src, src.Size(), pdf.Limits{Pages: policy.MaxPages})
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	if err := readable(f); err != nil {
		return nil, err
	}
	if f.AttachmentsLocked() {
		return nil, problem.New(problem.DocumentAttached, "the attachments of the file are encrypted, so that the signer cannot see all that is signed")
	}
	if existing, _ := f.MaySign(); !existing {
		return nil, problem.New(problem.DocumentLocked, "the owner of the encrypted file allows neither to fill in fields nor to sign (ISO 32000-2, table 22, bits 6 and 9)")
	}
	count, err := f.PageCount()
	if err != nil {
		return nil, fmt.Errorf("counting the pages: %w", err)
	}
	if count > policy.MaxPages {
		return nil, problem.New(problem.TooLarge, "the file has more than %d pages", policy.MaxPages)
	}
	return f, nil
}

// readable says why a file cannot be read, when it is encrypted.
func readable(f *pdf.File) error {
	switch f.LockedBy() {
	case pdf.NoBarrier:
		return nil
	case pdf.NeedsPassword:
		return problem.New(problem.DocumentEncrypted, "the file is encrypted and does not open without a password")
	case pdf.NeedsCertificate:
		return problem.New(problem.DocumentRecipients, "the file is encrypted to the certificates of its recipients")
	}
	return problem.New(problem.DocumentCipher, "the file is encrypted by a security handler or with an algorithm that is not known here")
}

// Inspect decides whether the file may be signed and reports what is on it. A refusal is a problem: one of
// DocumentBroken, DocumentEncrypted, DocumentXFA, DocumentLocked, DocumentActive, DocumentMisleading, DocumentTooComplex,
// TooLarge.
// It reads untrusted bytes: run it where it may be killed.
func Inspect(src Source, policy Policy) (*Report, error) {
	f, err := open(src, policy)
	if err != nil {
		return nil, err
	}
	var report *Report
	err = settled(f, func() (err error) {
		report, err = inspect(f, policy)
		return err
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// settled does something again when it found the file damaged on the way: what was read before the file was scanned and after
// that do not go together.
func settled(f *pdf.File, do func() error) error {
	before := f.Rebuilt()
	err := do()
	if f.Rebuilt() == before {
		return err
	}
	return do()
}

func inspect(f *pdf.File, policy Policy) (*Report, error) {
	fm, err := readForm(f)
	if err != nil {
		return nil, err
	}
	report := &Report{Version: f.Version(), Signatures: fm.signed(), DocMDP: fm.docMDP}
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
func (r *Report) fields(f *pdf.File, fm *form) error {
	_, full := fm.freeName()
	taken := map[string]bool{} // some writers put the value into a widget
	for _, field := range fm.signatures {
		value, err := f.Resolve(field.Field.Get("V"))
		if err != nil {
			return err
		}
		taken[field.Name] = taken[field.Name] || value != nil
	}
	for i, field := range fm.signatures {
		one := FieldReport{Number: i + 1, Name: field.Name, Signed: taken[field.Name]}
		one.Locked = !one.Signed && fm.locked(field.Name)
		if !one.Signed && !one.Locked && field.Ref.Num > 0 {
			full = nil
		}
		r.Fields = append(r.Fields, one)
	}
	return full
}

// placeFields says on which pages the fields stand, while the pages are walked.
func (r *Report) placeFields(fm *form, p *pdf.Page, annots pdf.Array) {
	for _, annot := range annots {
		ref, ok := annot.(pdf.Ref)
		if !ok {
			continue
		}
		if i, ok := fm.widgets[ref]; ok && r.Fields[i].Page == 0 {
			r.Fields[i].Page = p.Number
		}
	}
}

// pages walks the page tree: count, sizes of the first and the last page, actions on the way.
func (r *Report) pages(f *pdf.File, fm *form, active *activity, hidden *search) error {
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

func pageSize(f *pdf.File, p *pdf.Page) (PageSize, error) {
	g, err := pageGeometry(f, p)
	if err != nil {
		return PageSize{}, err
	}
	width, height := g.shown()
	return PageSize{Width: width, Height: height, Rotate: g.rotate}, nil
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
	_, err = readTags(f)
	if outside, ok := errors.AsType[untagged](err); ok {
		r.note(outside.why.Say())
		return nil
	}
	return err
}

// note adds a finding that is no reason to refuse the file.
func (r *Report) note(found Finding) {
	r.Findings, r.Warnings = append(r.Findings, found), append(r.Warnings, found.EN)
}

// signatures looks for signatures over each other, and for a certification that has no room for another one.
func (s *search) signatures(fm *form) error {
	list, err := cover.Signatures(s.file, fm.signatures)
	if err != nil {
		return err
	}
	found, err := cover.New(s.file, list, shownPart(s.file)).Find()
	if err != nil {
		return err
	}
	for _, c := range found {
		for _, f := range coverFindings(c, list) {
			s.add(f)
		}
	}
	if fm.docMDP < int(CertifyForms) {
		return nil
	}
	free, err := fm.firstEmpty(s.file)
	if err == nil && free == 0 {
		s.add(newField.Say())
	}
	return err
}
