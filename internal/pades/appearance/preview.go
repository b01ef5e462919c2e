package appearance

import (
	"bytes"
	"fmt"
	"strings"

	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Preview returns a PDF of one page that shows what Prepare would draw into a box of this size: the same code draws it.
// Errors: problem.PlacementInvalid
// when the box is too small for its text, problem.Invalid.
func Preview(width, height float64, c Content) ([]byte, error) {
	if width < geometry.LeastWidth || height < geometry.LeastHeight {
		return nil, problem.New(problem.PlacementInvalid, "the box of %.0f × %.0f points is too small", width, height)
	}
	page := blankPage(width, height)
	src := bytes.NewReader(page)
	file, err := pdf.Open(src, src.Size(), pdf.Limits{})
	if err != nil {
		return nil, fmt.Errorf("opening the blank page: %w", err)
	}
	u := pdf.NewUpdate(file)
	form, err := Add(u, geometry.Page{}, width, height, c)
	if err != nil {
		return nil, err
	}
	u.Set(pdf.Ref{Num: previewPage}, pdf.NewDict("Type", pdf.Name("Page"), "Parent", pdf.Ref{Num: 2},
		"MediaBox", pdf.Array{int64(0), int64(0), geometry.Round(width), geometry.Round(height)},
		"Resources", pdf.NewDict("XObject", pdf.NewDict("Look", form)), "Contents", u.AddStream(pdf.NewDict(), []byte("/Look Do"))))
	added, err := u.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing the preview: %w", err)
	}
	return append(page, added...), nil
}

const previewPage = 3

// blankPage is the smallest PDF with one page.
func blankPage(width, height float64) []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
		fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.2f %.2f]>>", width, height)}
	out := []byte("%PDF-1.7\n")
	var table strings.Builder
	table.WriteString("xref\n0 4\n0000000000 65535 f \n")
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", len(out))
		out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	return fmt.Appendf(out, "%strailer\n<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", table.String(), len(out))
}
