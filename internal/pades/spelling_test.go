package pades_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// corpusFiles calls visit with every PDF file of the corpus that is not huge.
func corpusFiles(t *testing.T, visit func(name string, data []byte)) {
	t.Helper()
	dir := corpusDir(t)
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".pdf") {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && len(data) < 4<<20 {
			visit(strings.TrimPrefix(path, dir), data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCopiedObjectsKeepTheirValue writes every object of every file of the corpus again. What is read then must be equal and be
// spelled in the same way: signing copies objects, and whoever compares revisions must find nothing but what was added.
func TestCopiedObjectsKeepTheirValue(t *testing.T) {
	objects := 0
	corpusFiles(t, func(name string, data []byte) {
		f, err := pdf.Open(bytes.NewReader(data), int64(len(data)), pdf.Limits{})
		if err != nil || f.Locked() || f.Rebuilt() {
			return
		}
		u := pdf.NewUpdate(f)
		was := map[int]pdf.Object{}
		for num := 1; num < f.NextNumber(); num++ {
			object, err := f.Get(num)
			if err != nil || f.Rebuilt() {
				return
			}
			if encrypt, ok := f.Trailer().Get("Encrypt").(pdf.Ref); ok && encrypt.Num == num {
				continue // what the rest is encrypted with
			}
			if was[num] = stripped(object); was[num] != nil {
				u.Set(pdf.Ref{Num: num}, was[num])
			}
		}
		increment, err := u.Bytes()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		written := append(bytes.Clone(data), increment...)
		again, err := pdf.Open(bytes.NewReader(written), int64(len(written)), pdf.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for num, object := range was {
			objects++
			now, err := again.Get(num)
			if err != nil {
				t.Errorf("%s: object %d: %v", name, num, err)
				continue
			}
			before, err1 := pdf.Append(nil, object)
			after, err2 := pdf.Append(nil, now)
			if err := errors.Join(err1, err2); err != nil || !bytes.Equal(before, after) || pdf.Equal(object, object) && !pdf.Equal(object, now) {
				t.Errorf("%s: object %d was %.300s and is %.300s, %v", name, num, before, after, err)
			}
		}
	})
	if objects < 1000 {
		t.Fatalf("only %d objects were written", objects)
	}
	t.Logf("%d objects", objects)
}

// TestSpelling: numbers and strings of the file stand in a copied page as they did.
func TestSpelling(t *testing.T) {
	w := newWorld(t)
	attributes := "/MediaBox[0.0 +0 595.0 842.0000]/UserUnit 1.0/X[.5 -.5 4. 0.1000000000000000001 99999999999999999999 --7 1.5]/Y<61 62>"
	signed := w.signB(onePage(attributes, ""))
	page := signed[bytes.LastIndex(signed, []byte("/Type /Page")):]
	for _, spelled := range []string{"595.0 842.0000]", "/UserUnit 1.0", "[.5 -.5 4. 0.1000000000000000001 99999999999999999999 --7 1.5]"} {
		if !bytes.Contains(page, []byte(spelled)) {
			t.Errorf("%s is spelled otherwise: %.600s", spelled, page)
		}
	}
}

// TestDanglingReferences: numbers that the trailer, the catalog, the form or a page refer to in vain are not taken.
func TestDanglingReferences(t *testing.T) {
	w := newWorld(t)
	for name, data := range map[string][]byte{
		"catalog":        onePage("", "/DSS 6 0 R/Extensions 7 0 R/X[8 0 R]/AF 9 0 R"),
		"form":           onePage("", "/AcroForm<</Fields[6 0 R 9 0 R]/DR 7 0 R/CO[8 0 R]>>"),
		"page":           onePage("/Annots[6 0 R 8 0 R]/Resources 7 0 R", ""),
		"content":        onePage("/Contents[4 0 R 6 0 R 7 0 R 8 0 R]", ""),
		"trailer":        bytes.Replace(onePage("", ""), []byte("/Root"), []byte("/Info 6 0 R/X[7 0 R 8 0 R]/Root"), 1),
		"object streams": rewritten(t, onePage("/X[6 0 R 7 0 R 8 0 R]", ""), "--object-streams=generate", "--preserve-unreferenced"),
	} {
		file := w.signB(data)
		for range 3 {
			v := w.verify(file, w.evidence(w.Now))
			for i, s := range v.Signatures {
				if s.Verdict != pades.TotalPassed || i < len(v.Signatures)-1 && s.LaterChanges != "signatures" {
					t.Errorf("%s: signature %d: %s %s %q", name, i+1, s.Verdict, s.LaterChanges, s.Problems)
				}
			}
			file = w.signB(file)
		}
	}
}
