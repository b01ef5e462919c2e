package prepare

import (
	"fmt"

	"kyso/internal/pades/changes"
	"kyso/internal/pades/document"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// What Prepare reads of a file that is signed already: so much that a contract of many pages is compared whole, and so little that a
// signature in a book costs no more than one in a contract.
const (
	spareReads = 500
	spareWork  = 8 << 20
)

// spare refuses a file whose earlier signatures would be judged worse with the increment, before the owner is asked to approve. What
// is too much to compare is left to the verification of the finished file. TestTheShortComparisonRefusesWhatTheWholeOneDoes signs the corpus
// twice: the whole comparison finds no harm in the files that are too large for this one. It tries no files that are made to do harm.
func (b *builder) spare(src document.Source, increment []byte) error {
	if b.form.Signed() == 0 || b.file.Rebuilt() {
		return nil
	}
	whole := document.Append(src, increment)
	f, err := pdf.Open(whole, whole.Size(), pdf.Limits{Reads: spareReads})
	if err != nil {
		return fmt.Errorf("opening the prepared file: %w", err)
	}
	found, err := changes.Compare(whole, src.Size(), f, changes.Rules{Budget: &changes.Budget{Work: spareWork, Reads: spareReads}})
	if err != nil {
		return err
	}
	if found.Kind == changes.ValidationData || found.Kind == changes.Signatures || found.Kind == changes.Unknown {
		return nil
	}
	return problem.New(problem.DocumentBroken, "a further signature would harm an earlier one: %s", found.Why.EN)
}
