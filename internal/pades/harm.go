package pades

import (
	"fmt"

	"kyso/internal/pades/changes"
	"kyso/internal/pades/document"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Harmed compares what was said of the signatures of a file with what is said of them after something was appended. It returns ""
// when no verdict got worse, else what did, without the names that others gave to their fields. newField says that the caller asked
// for a field of its own after a certification, and took what that does to it.
func Harmed(before, after *Verification, newField bool) string {
	now := make(map[[4]int64]*SignatureReport, len(after.Signatures))
	for i := range after.Signatures {
		now[after.Signatures[i].ByteRange] = &after.Signatures[i]
	}
	for i := range before.Signatures {
		was := &before.Signatures[i]
		if was.ByteRange == [4]int64{} {
			continue // it had no shape before
		}
		is := now[was.ByteRange]
		if is == nil {
			return fmt.Sprintf("signature %d of the file is gone", i+1)
		}
		if newField && is.Intact && is.LaterChanges == string(changes.NewSignatureField) && is.Verdict != TotalFailed {
			continue
		}
		if worse(is.Verdict, was.Verdict) || was.Intact && !is.Intact || changedMore(is, was) {
			return fmt.Sprintf("signature %d of the file was %s and is %s %s", i+1, was.Verdict, is.Verdict, is.SubIndication)
		}
	}
	return ""
}

// changedMore reports whether more was done after a signature than before, other than adding signatures and what validates them.
func changedMore(is, was *SignatureReport) bool {
	kind := changes.Kind(is.LaterChanges)
	return kind != changes.ValidationData && kind != changes.Signatures && changes.Worse(kind, changes.Kind(was.LaterChanges))
}

// spareWork bounds what Prepare reads of a file that is signed already; it takes a second at most.
const spareWork = 32 << 20

// spare refuses a file whose earlier signatures would be judged worse with the increment, before anybody is asked to approve. What
// is too much to compare is left to the verification of the finished file.
func (b *builder) spare(src document.Source, increment []byte) error {
	if b.form.Signed() == 0 || b.file.Rebuilt() {
		return nil
	}
	whole := document.Append(src, increment)
	f, err := pdf.Open(whole, whole.Size(), pdf.Limits{})
	if err != nil {
		return fmt.Errorf("opening the prepared file: %w", err)
	}
	found, err := changes.Compare(whole, src.Size(), f, changes.Rules{Work: spareWork})
	if err != nil {
		return err
	}
	if found.Kind == changes.ValidationData || found.Kind == changes.Signatures || found.Kind == changes.Unknown {
		return nil
	}
	return problem.New(problem.DocumentBroken, "a further signature would harm an earlier one: %s", found.Why.EN)
}
