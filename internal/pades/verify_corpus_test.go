package pades_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/pades"
)

// TestVerifyAcceptsCorpus signs every file that can be signed, appends a document security store and a second
// signature, and wants Verify to pass all of them: strictness must not turn against honest files of odd make.
func TestVerifyAcceptsCorpus(t *testing.T) {
	dir := corpusDir(t)
	w := newWorld(t)
	ev := w.evidence(w.Now)
	tried := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".pdf") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) > 4<<20 {
			return err
		}
		if report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{}); err != nil || report.Signatures > 0 || report.LastPage.Width < 100 || report.LastPage.Height < 100 {
			return nil //nolint:nilerr // a refused file is no file of this test
		}
		tried++
		name := strings.TrimPrefix(path, dir)
		long := w.extend(w.signB(data), ev)
		checkPassed(t, name, w.verify(long, ev), "validation-data")
		checkPassed(t, name+" signed twice", w.verify(w.signB(long), ev), "signatures")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if tried < 200 {
		t.Fatalf("only %d files were signed", tried)
	}
}

func checkPassed(t *testing.T, name string, v *pades.Verification, changes string) {
	t.Helper()
	if v.Verdict != pades.TotalPassed || v.Signatures[0].LaterChanges != changes {
		t.Errorf("%s: %s, %+v", name, v.Verdict, v.Signatures)
	}
}
