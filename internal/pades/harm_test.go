package pades_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// TestSigningAgainHarmsNobody signs every signed file of the corpus again, on each of its pages. No earlier verdict may get worse.
func TestSigningAgainHarmsNobody(t *testing.T) {
	w := newWorld(t)
	signed := 0
	again := func(name string, data []byte) {
		before, err := pades.Verify(bytes.NewReader(data), w.options(pades.Evidence{}, w.Now))
		if err != nil {
			return
		}
		report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{})
		if err != nil || report.Signatures == 0 {
			return
		}
		for page := 1; page <= min(report.Pages, 20); page++ {
			file, err := w.signWith(data, func(o *pades.PrepareOptions) {
				o.Box = pades.Box{Page: page, X: 1, Y: 1, Width: 150, Height: 40}
				o.AllowCover, o.AllowNewField = true, true
			})
			if problem.CodeOf(err) == problem.PlacementInvalid || problem.CodeOf(err) == problem.DocumentLocked {
				continue
			}
			if err != nil {
				t.Errorf("%s, page %d: %v", name, page, err)
				continue
			}
			signed++
			after := w.verify(file, pades.Evidence{})
			if why := pades.Harmed(before, after, true); why != "" {
				t.Errorf("%s, page %d: %s", name, page, why)
			}
		}
	}
	corpusFiles(t, again)
	boxes := manyPagesOf(4, "/MediaBox[0.0 0.0 595.0 842.0]/CropBox[0 0 595.00 842]/UserUnit 1.0/Rotate 0.0")
	for range 3 {
		again("real boxes", w.mustSign(boxes, func(o *pades.PrepareOptions) { o.Box.Page = 2 }))
		boxes = w.signB(boxes)
	}
	if signed < 10 {
		t.Fatalf("only %d files were signed again", signed)
	}
	t.Logf("signed again %d times", signed)
}

// manyPagesOf is a file of pages with the same attributes.
func manyPagesOf(count int, attributes string) []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", ""}
	var kids strings.Builder
	for i := range count {
		fmt.Fprintf(&kids, "%d 0 R ", 3+i)
		objects = append(objects, "<</Type/Page/Parent 2 0 R"+attributes+">>")
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), count)
	return makePDF(objects...)
}

// TestHarmed: whatever gets worse for a signature is found, and what only adds to the file is not.
func TestHarmed(t *testing.T) {
	was := pades.SignatureReport{Field: "a person", Verdict: pades.TotalPassed, ByteRange: [4]int64{0, 10, 20, 30}, Intact: true, CoversAll: true}
	for name, c := range map[string]struct {
		change func(*pades.SignatureReport)
		harmed bool
	}{
		"nothing":         {func(*pades.SignatureReport) {}, false},
		"a signature":     {func(r *pades.SignatureReport) { r.CoversAll, r.LaterChanges = false, "signatures" }, false},
		"validation data": {func(r *pades.SignatureReport) { r.CoversAll, r.LaterChanges = false, "validation-data" }, false},
		"a form":          {func(r *pades.SignatureReport) { r.LaterChanges = "form-filling" }, true},
		"a change":        {func(r *pades.SignatureReport) { r.LaterChanges = "other" }, true},
		"a new field":     {func(r *pades.SignatureReport) { r.LaterChanges = "new-signature-field" }, true},
		"a verdict":       {func(r *pades.SignatureReport) { r.Verdict = pades.Indeterminate }, true},
		"its value":       {func(r *pades.SignatureReport) { r.Intact = false }, true},
		"its place":       {func(r *pades.SignatureReport) { r.ByteRange[1]++ }, true},
	} {
		is := was
		c.change(&is)
		why := pades.Harmed(&pades.Verification{Signatures: []pades.SignatureReport{was}}, &pades.Verification{Signatures: []pades.SignatureReport{{}, is}}, false)
		asked := pades.Harmed(&pades.Verification{Signatures: []pades.SignatureReport{was}}, &pades.Verification{Signatures: []pades.SignatureReport{is}}, true)
		if (asked != "") != (c.harmed && name != "a new field") {
			t.Errorf("%s, when a new field was asked for: %q", name, asked)
		}
		if (why != "") != c.harmed || strings.Contains(why, "person") {
			t.Errorf("%s: %q", name, why)
		}
	}
}
