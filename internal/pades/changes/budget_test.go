package changes

import (
	"bytes"
	"fmt"
	"testing"

	"kyso/internal/pades/pdf"
)

// revisions are a document and a second revision of it, which adds an object that nothing uses.
func revisions(pages int) (file []byte, end int64) {
	var out bytes.Buffer
	var at []int
	object := func(text string) {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(at), text)
	}
	out.WriteString("%PDF-1.7\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	kids := ""
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", 3+i)
	}
	object(fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids, pages))
	for range pages {
		object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>")
	}
	first := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f\r\n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&out, "%010d 00000 n\r\n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, first)
	end = int64(out.Len())
	object("(nothing)")
	second := out.Len()
	fmt.Fprintf(&out, "xref\n%d 1\n%010d 00000 n\r\ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", len(at), at[len(at)-1], len(at)+1, first, second)
	return out.Bytes(), end
}

// What several comparisons of one file may cost is one sum: when it is used up the answer is that nothing is known, and no more is read.
func TestComparisonsShareABudget(t *testing.T) {
	file, end := revisions(100)
	compare := func(budget *Budget) Kind {
		whole, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		found, err := Compare(bytes.NewReader(file), end, whole, Rules{Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		return found.Kind
	}
	if kind := compare(nil); kind != ValidationData {
		t.Fatalf("without a budget: %s", kind)
	}
	once := Budget{Work: 1 << 20, Reads: 1000}
	if kind := compare(&once); kind != ValidationData {
		t.Fatalf("within the budget: %s", kind)
	}
	work, reads := 1<<20-once.Work, 1000-once.Reads
	if reads < 100 || work < 5000 {
		t.Errorf("100 pages cost %d objects and %d bytes", reads, work)
	}
	for _, b := range []*Budget{{Work: 2*work + work/2, Reads: 1000}, {Work: 1 << 20, Reads: 2*reads + reads/2}} {
		for n, want := range []Kind{ValidationData, ValidationData, Unknown, Unknown} {
			if kind := compare(b); kind != want {
				t.Errorf("comparison %d: %s, want %s; left %+v", n+1, kind, want, *b)
			}
		}
	}
}
