package pades_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// FuzzRoles appends to a signed file with everything in it that later revisions may touch. Whatever passes must show what was signed.
func FuzzRoles(f *testing.F) {
	w := fuzzWorld(f)
	ev := w.evidence(w.Now)
	signed, field := w.signedRich(nil, nil)
	shown := drawn(f, signed)
	for _, revisions := range honestRevisions(w) {
		for _, revision := range revisions {
			objects := map[int]string{}
			for num, text := range revision {
				objects[num] = strings.ReplaceAll(text, "S 0 R", fmt.Sprintf("%d 0 R", field))
			}
			f.Add(reviseRaw(f, signed, objects)[len(signed):])
		}
	}
	f.Add(w.extend(signed, ev)[len(signed):])
	f.Add(w.archiveLTA(signed, w.Now)[len(signed):])
	f.Fuzz(func(t *testing.T, tail []byte) {
		file := append(bytes.Clone(signed), tail...)
		v, err := pades.Verify(bytes.NewReader(file), w.options(ev, w.Now))
		if err != nil || len(v.Signatures) == 0 || v.Signatures[0].Verdict != pades.TotalPassed {
			return
		}
		if now := drawn(t, file); now != shown {
			t.Fatalf("passes and shows\n%s\ninstead of\n%s", now, shown)
		}
	})
}

// drawn writes out all that the pages of a file are made of, but for the widgets of signatures.
func drawn(t testing.TB, file []byte) string {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = f.WalkPages(func(p *pdf.Page) (bool, error) {
		fmt.Fprintf(&out, "page %d %d\n", p.Number, p.Rotate)
		writeOut(&out, f, p.MediaBox, 3)
		writeOut(&out, f, p.CropBox, 3)
		for _, key := range slices.Sorted(slices.Values(p.Dict.Keys())) {
			if !undrawn[key] && key != "MediaBox" && key != "CropBox" && key != "Rotate" {
				writeOut(&out, f, p.Dict.Get(key), 12)
			}
		}
		annots, err := f.Array(p.Dict.Get("Annots"))
		for _, annot := range annots {
			if d, _ := f.Dict(annot); d.Get("FT") != pdf.Name("Sig") {
				writeOut(&out, f, d, 12)
			}
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// undrawn are keys that nothing is drawn from: what belongs to what, and what describes.
var undrawn = map[pdf.Name]bool{"Annots": true, "Parent": true, "P": true, "Tabs": true, "Metadata": true, "PieceInfo": true, "LastModified": true,
	"StructParent": true, "StructParents": true, "Lang": true, "MarkInfo": true, "H": true, "TM": true, "Ff": true, "Length": true}

// writeOut writes an object with all that it refers to.
func writeOut(out *bytes.Buffer, f *pdf.File, o pdf.Object, depth int) {
	o, err := f.Resolve(o)
	if err != nil || depth == 0 {
		fmt.Fprint(out, "(", err, ")")
		return
	}
	switch v := o.(type) {
	case pdf.Array:
		for _, item := range v {
			writeOut(out, f, item, depth-1)
		}
	case *pdf.Dict:
		for _, key := range slices.Sorted(slices.Values(v.Keys())) {
			if !undrawn[key] && v.Get(key) != nil {
				fmt.Fprintf(out, "/%s ", key)
				writeOut(out, f, v.Get(key), depth-1)
			}
		}
	case *pdf.Stream:
		data, err := f.Data(v)
		fmt.Fprintf(out, "stream %q %v", data, err)
		writeOut(out, f, v.Dict, depth-1)
	case int64, pdf.Real:
		number, _ := pdf.Number(v)
		fmt.Fprintf(out, "%g ", number)
	default:
		fmt.Fprintf(out, "%v ", v)
	}
	out.WriteByte('\n')
}

// TestEveryObjectUnderCover replaces every object of a file with everything in it, alone and together with honest revisions that
// others write. Whatever passes shows what was signed.
func TestEveryObjectUnderCover(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	signed, field := w.signedRich(nil, nil)
	shown := drawn(t, signed)
	name := signatureNamed(t, signed, field)
	honest := honestRevisions(w)
	tried, passed := 0, 0
	for cover, revision := range map[string]later{
		"nothing": nil, "a field": honest["signatures"]["keys that describe"], "the empty field": honest["signatures"]["a look in its place"],
		"the structure": honest["signatures"]["into the structure"], "defaults": honest["validation-data"]["defaults of the form"],
	} {
		file := signed
		if revision != nil {
			objects := map[int]string{}
			for num, text := range revision {
				objects[num] = strings.ReplaceAll(text, "S 0 R", fmt.Sprintf("%d 0 R", field))
			}
			file = reviseRaw(t, signed, objects)
		}
		f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for num := 1; num < freshNum+6; num++ {
			object, err := f.Get(num)
			if err != nil {
				t.Fatal(err)
			}
			if object == nil {
				continue
			}
			for _, replacement := range append(replacements(object), stripped(object)) {
				tried++
				bad := revise(t, file, func(_ *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: num}, replacement) })
				v, err := pades.Verify(bytes.NewReader(bad), w.options(ev, w.Now))
				if err != nil {
					continue
				}
				i := slices.IndexFunc(v.Signatures, func(s pades.SignatureReport) bool { return s.Field == name })
				if i < 0 || v.Signatures[i].Verdict != pades.TotalPassed {
					continue
				}
				passed++
				if now := drawn(t, bad); now != shown {
					t.Errorf("%s, object %d replaced by %v: passes and shows\n%.2000s", cover, num, replacement, now)
				}
			}
		}
	}
	t.Logf("%d of %d pass and show the same", passed, tried)
	if tried < 500 || passed == 0 {
		t.Errorf("%d of %d pass", passed, tried)
	}
}
