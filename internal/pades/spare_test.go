package pades_test

import (
	"bytes"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/changes"
	"kyso/internal/pades/pdf"
)

// Prepare compares a signed file with its successor as far as 500 objects and 8 MiB go (prepare/spare.go), and delivery as far as there is
// anything. What the short comparison lets pass must be what the whole one lets pass, or a phone rings for a file that is not delivered.
func TestTheShortComparisonRefusesWhatTheWholeOneDoes(t *testing.T) {
	w := newWorld(t)
	files, cut := 0, 0
	corpusFiles(t, func(name string, data []byte) {
		first, err := w.signWith(data, func(*pades.PrepareOptions) {})
		if err != nil {
			return
		}
		second, err := w.signWith(first, func(*pades.PrepareOptions) {})
		if err != nil {
			return
		}
		short := laterChanges(t, second, len(first), pdf.Limits{Reads: 500}, &changes.Budget{Work: 8 << 20, Reads: 500})
		whole := laterChanges(t, second, len(first), pdf.Limits{}, nil)
		files++
		if short == changes.Unknown {
			cut++
		}
		if short != whole && short != changes.Unknown || short == changes.Unknown && whole != changes.ValidationData && whole != changes.Signatures && whole != changes.Unknown {
			t.Errorf("%s: the short comparison says %s, the whole one %s", name, short, whole)
		}
	})
	t.Logf("%d files, %d of them too large for the short comparison", files, cut)
	if files < 300 || cut == 0 {
		t.Errorf("%d files were compared, %d beyond the short comparison: that shows nothing", files, cut)
	}
}

// laterChanges is what follows the first end bytes, within limits.
func laterChanges(t *testing.T, file []byte, end int, limits pdf.Limits, budget *changes.Budget) changes.Kind {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), limits)
	if err != nil {
		t.Fatal(err)
	}
	found, err := changes.Compare(bytes.NewReader(file), int64(end), f, changes.Rules{Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	return found.Kind
}
