package verify

import (
	"kyso/internal/pades/changes"
	"kyso/internal/pades/cover"
	"kyso/internal/pades/form"
	"kyso/internal/pades/pdf"
)

// checkCoverage finds out what lies behind the signed bytes. What the document shows may have been replaced by filling in forms and
// by annotations, too: a signature permits that unless it says otherwise, and does not vouch for what it shows then.
func (v *verifier) checkCoverage(s *signature) error {
	r := s.report
	if r.CoversAll = s.end == v.src.Size(); r.CoversAll {
		return nil
	}
	rules, err := v.rulesOf(s.field)
	if err != nil {
		return err
	}
	found, err := changes.Compare(v.src, s.end, v.file, rules)
	if err != nil {
		return err
	}
	r.LaterChanges = string(found.Kind)
	switch found.Kind {
	case changes.Other:
		r.fail(TotalFailed, subFormat, changedLater.Say("why", found.Why))
	case changes.Unknown:
		r.failAs(Indeterminate, subGeneric, whyUnexamined, notCompared.Say("why", found.Why))
	case changes.FormFilling:
		r.failAs(Indeterminate, subConstraints, whyFilled, formFilled.Say())
	case changes.NewSignatureField:
		r.failAs(Indeterminate, subConstraints, whyNewField, fieldAdded.Say())
	case changes.Annotations:
		r.failAs(Indeterminate, subConstraints, whyAnnotated, annotated.Say())
	}
	if found.Lost {
		r.failAs(Indeterminate, subTryLater, whyLost, dataLost.Say())
	}
	return nil
}

// comparisons is what all comparisons of one file cost together: some seconds of a core. A file of many signatures over many objects could be made to take minutes.
var comparisons = changes.Budget{Work: 512 << 20, Reads: 1_000_000}

// rulesOf reads what the signature and the lock of its field forbid. With DocMDP and P = 1 that is every change (ISO 32000-2,
// 12.8.2.2); validation data and document time-stamps are not changes in that sense.
func (v *verifier) rulesOf(field pdf.SignatureField) (changes.Rules, error) {
	var rules form.Permissions
	err := rules.ReadLocks(v.file, field)
	return changes.Rules{DocMDP: rules.DocMDP, Locked: rules.Locks.Cover, Budget: &v.budget}, err
}

// checkCovers adds to the report of a signature, and to those of all before it, that it lies over what they signed. It decides no
// verdict: each signed what the file was.
func (v *verifier) checkCovers(signatures []*signature) error {
	var fields []pdf.SignatureField
	var reports []*SignatureReport
	for _, s := range signatures {
		if s.field.Value != nil {
			fields, reports = append(fields, s.field), append(reports, s.report)
		}
	}
	list, err := cover.Signatures(v.file, fields)
	if err != nil {
		return err
	}
	found, err := cover.New(v.file, list).Find()
	if err != nil {
		return err
	}
	for _, c := range found {
		for i, r := range reports {
			if i == c.By || list[i].End < list[c.By].End {
				for _, f := range c.Findings(list) {
					r.note(f)
				}
			}
		}
	}
	return nil
}
