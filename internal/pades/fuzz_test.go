package pades_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/cms/cmstest"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// fuzzWorld is a world whose keys and time are the same in every process: workers of a fuzz test are processes.
func fuzzWorld(f *testing.F) *world {
	f.Helper()
	pki := cmstest.Fixed(f, time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC))
	return &world{pki, pki.Signer(cmstest.FixedKey(f, "signer"), nil)}
}

// refusals are what Inspect and Prepare may say of a file and a placement that strangers made.
var refusals = map[problem.Code]bool{"": true, problem.DocumentBroken: true, problem.DocumentEncrypted: true, problem.DocumentXFA: true,
	problem.DocumentLocked: true, problem.DocumentTooComplex: true, problem.TooLarge: true, problem.PlacementInvalid: true,
	problem.DocumentRecipients: true, problem.DocumentCipher: true, problem.DocumentAttached: true}

// FuzzPrepare changes small files: what is not refused must come out with digests that hold.
func FuzzPrepare(f *testing.F) {
	w := fuzzWorld(f)
	f.Add(onePage("/Rotate 90", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Tx/T(a)>>"))
	f.Add(signedForm(reference("FieldMDP", "/Action/Include/Fields[(x)]"), "/Lock<</P 2>>", "/OpenAction<</S/GoTo/Next 7 0 R>>"))
	f.Add(onePage("/Annots[6 0 R]", "", "<</Subtype/Widget/Rect[300 10 590 110]>>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := pades.Inspect(bytes.NewReader(data), pades.Policy{}); !refusals[problem.CodeOf(err)] {
			t.Fatalf("inspecting: %v", err)
		}
		p, err := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now})
		if !refusals[problem.CodeOf(err)] {
			t.Fatalf("preparing: %v", err)
		}
		if err == nil && sha256.Sum256(append(bytes.Clone(data), p.Increment...)) != p.H1 {
			t.Fatal("H1 is not the digest of the prepared file")
		}
	})
}

// FuzzFields signs into fields that strangers made, certifies, locks and shows on every page. What is not refused verifies, and the
// same again gives the same bytes.
func FuzzFields(f *testing.F) {
	w := fuzzWorld(f)
	f.Add(contractForm(), 1, 0, false, false)
	f.Add(contractForm(), 2, 2, false, false)
	f.Add(contractForm(), 3, 1, true, false)
	f.Add(manyPages(5), 0, 3, false, true)
	f.Add(onePage("", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Sig/T(x)/SV<</Ff 3/Filter/Adobe.PPKLite/SubFilter[/ETSI.CAdES.detached]>>/Lock<</Action/All>>>>"), 1, 0, false, false)
	f.Add(onePage("/Annots[7 0 R]", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Sig/T(x)/Kids[7 0 R 7 0 R 6 0 R]>>", "<</Subtype/Widget/Parent 6 0 R/Rect[1 2 300 400]>>"), 1, 0, true, false)
	f.Fuzz(func(t *testing.T, data []byte, number, certify int, lock, all bool) {
		if bytes.Contains(data, []byte("/ByteRange")) {
			return // what others signed is judged by FuzzVerify
		}
		opt := pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now, FieldNumber: number, Certify: pades.Certification(certify), Box: pades.Box{AllPages: all}}
		if lock {
			opt.Lock = &pades.Lock{Action: pades.LockAll}
		}
		p, err := pades.Prepare(bytes.NewReader(data), opt)
		if code := problem.CodeOf(err); !refusals[code] && code != problem.Invalid {
			t.Fatalf("preparing: %v", err)
		}
		if err != nil {
			return
		}
		again, err := pades.Prepare(bytes.NewReader(data), opt)
		if err != nil || !bytes.Equal(again.Increment, p.Increment) {
			t.Fatalf("the same input gives other bytes: %v", err)
		}
		state := hashState(t, data)
		signed, err := pades.Embed(pades.EmbedInput{Prepared: *p, SourceSize: int64(len(data)), HashState: state, Value: w.sign(t, p.H3), Certificate: w.signer.Cert})
		if err != nil {
			t.Fatalf("embedding: %v", err)
		}
		v, err := pades.Verify(bytes.NewReader(append(bytes.Clone(data), signed.Increment...)), w.options(pades.Evidence{}, w.Now))
		if !refusals[problem.CodeOf(err)] {
			t.Fatalf("verifying: %v", err)
		}
		if err == nil && !slices.ContainsFunc(v.Signatures, func(s pades.SignatureReport) bool { return s.ByteRange == p.ByteRange && s.Intact && s.CoversAll }) {
			t.Fatalf("the signature does not verify: %+v", v)
		}
	})
}

// FuzzVerify: no input makes Verify panic, and none but the seeds passes.
func FuzzVerify(f *testing.F) {
	w := fuzzWorld(f)
	ev := w.evidence(w.Now)
	lt := w.signLT(onePage("", ""), w.Now)
	seeds := [][]byte{onePage("", ""), w.signB(onePage("", "")), w.signT(onePage("/Rotate 90", ""), w.Now), lt, w.signB(lt)}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		v, err := pades.Verify(bytes.NewReader(file), w.options(ev, w.Now))
		if err != nil || v.Verdict != pades.TotalPassed {
			return
		}
		for _, s := range v.Signatures {
			if !s.Intact || s.LaterChanges == "other" {
				t.Fatalf("passed: %+v", s)
			}
		}
		for _, seed := range seeds[1:3] {
			if bytes.HasPrefix(file, seed[:700]) {
				return
			}
		}
		t.Fatal("a file that nobody signed passed")
	})
}

// FuzzIncrement appends to a signed file. Whatever passes must show the pages that were signed.
func FuzzIncrement(f *testing.F) {
	w := fuzzWorld(f)
	ev := w.evidence(w.Now)
	page := onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]>>", "<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(1)/Rect[10 10 60 30]>>")
	signed := w.signT(page, w.Now)
	shown := drawn(f, signed)
	f.Add(w.extend(signed, ev)[len(signed):])
	f.Add(w.signB(signed)[len(signed):])
	f.Add(w.archiveLTA(signed, w.Now)[len(signed):])
	for num := 1; num <= 8; num++ {
		f.Add(revise(f, signed, func(_ *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: num}, pdf.NewDict("Type", pdf.Name("Page"))) })[len(signed):])
	}
	f.Fuzz(func(t *testing.T, tail []byte) {
		file := append(bytes.Clone(signed), tail...)
		v, err := pades.Verify(bytes.NewReader(file), w.options(ev, w.Now))
		if err != nil || v.Verdict != pades.TotalPassed {
			return
		}
		if now := drawn(t, file); now != shown {
			t.Fatalf("passes and shows\n%s\ninstead of\n%s", now, shown)
		}
	})
}

// FuzzByteRange signs honestly over whatever four numbers say: a forger who has a key. Only the file but for its own
// /Contents may count.
func FuzzByteRange(f *testing.F) {
	w := fuzzWorld(f)
	ev := w.evidence(w.Now)
	data := onePage("", "")
	in := w.prepare(data, pades.Box{Invisible: true})
	size := int64(len(data) + len(in.Prepared.Increment))
	start, end := in.Prepared.ByteRange[1], in.Prepared.ByteRange[2]
	written := fmt.Appendf(nil, "[0 %d %d %d]", start, end, size-end)
	at := bytes.Index(in.Prepared.Increment, written)
	room := at + len(written) + bytes.IndexByte(in.Prepared.Increment[at+len(written):], '/') - at
	f.Add(int64(0), start, end, size-end)
	f.Add(int64(0), start, start, size-start)
	f.Add(int64(0), start+1, end-1, size-end+1)
	f.Add(int64(0), start, end, size-end-1)
	f.Add(int64(1), start-1, end, size-end)
	f.Add(end, size-end, int64(0), start)
	f.Add(int64(0), size, size, int64(0))
	f.Add(int64(math.MinInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, a, b, c, d int64) {
		forged := in
		forged.Prepared.Increment = bytes.Clone(in.Prepared.Increment)
		text := fmt.Appendf(nil, "[%d %d %d %d]", a, b, c, d)
		if len(text) > room {
			return
		}
		copy(forged.Prepared.Increment[at:at+room], bytes.Repeat([]byte(" "), room))
		copy(forged.Prepared.Increment[at:], text)
		whole := append(bytes.Clone(data), forged.Prepared.Increment...)
		covered, ok := ranges(whole, a, b, c, d)
		if !ok {
			covered = append(bytes.Clone(whole[:start]), whole[end:]...)
		}
		file := w.forge(t, whole, covered, int(start), int(end))
		v, err := pades.Verify(bytes.NewReader(file), w.options(ev, w.Now))
		passed := err == nil && v.Verdict == pades.TotalPassed
		if right := a == 0 && b == start && c == end && d == size-end; passed != right {
			t.Fatalf("[%d %d %d %d] of %d bytes with a gap from %d to %d: passed is %v (%+v, %v)", a, b, c, d, size, start, end, passed, v, err)
		}
	})
}

// ranges takes the bytes that two ranges name, when they lie in the file.
func ranges(file []byte, a, b, c, d int64) ([]byte, bool) {
	size := int64(len(file))
	inside := func(start, length int64) bool {
		return start >= 0 && length >= 0 && start <= size && length <= size-start
	}
	if !inside(a, b) || !inside(c, d) {
		return nil, false
	}
	return append(bytes.Clone(file[a:a+b]), file[c:c+d]...), true
}

// FuzzPlacement puts boxes on pages of every shape: a box is refused, or stands where it was asked for and nowhere else.
func FuzzPlacement(f *testing.F) {
	w := fuzzWorld(f)
	f.Add(0.0, 0.0, 595.0, 842.0, 0, 1, 100.0, 100.0, 200.0, 64.0)
	f.Add(-300.0, -400.0, 300.0, 400.0, 90, 0, 0.0, 0.0, 0.0, 0.0)
	f.Add(0.0, 0.0, 20000.0, 20000.0, 270, 1, 19800.0, 19900.0, 200.0, 64.0)
	f.Add(10.5, 20.25, 11.0, 21.0, 180, 1, 0.0, 0.0, 80.0, 20.0)
	f.Add(0.0, 0.0, 595.0, 842.0, 45, -1, math.Inf(1), math.NaN(), -1.0, 1e300)
	f.Fuzz(func(t *testing.T, x0, y0, x1, y1 float64, rotate, page int, x, y, width, height float64) {
		data := onePage(fmt.Sprintf("/MediaBox[%f %f %f %f]/Rotate %d", x0, y0, x1, y1, rotate), "")
		box := pades.Box{Page: page, X: x, Y: y, Width: width, Height: height}
		opt := pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now, Box: box}
		report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{})
		if !refusals[problem.CodeOf(err)] {
			t.Fatalf("inspecting: %v", err)
		}
		p, err := pades.Prepare(bytes.NewReader(data), opt)
		if !refusals[problem.CodeOf(err)] {
			t.Fatalf("preparing: %v", err)
		}
		if err != nil {
			return
		}
		again, err := pades.Prepare(bytes.NewReader(data), opt)
		if err != nil || !bytes.Equal(again.Increment, p.Increment) {
			t.Fatalf("the same input gives other bytes: %v", err)
		}
		shown, visible := shownBox(t, append(bytes.Clone(data), p.Increment...), report)
		if !visible {
			if width != 0 || height != 0 {
				t.Fatalf("a box of %f × %f was left out", width, height)
			}
			return
		}
		const slack = 0.51
		if shown[0] < -slack || shown[1] < -slack || shown[2] > report.FirstPage.Width+slack || shown[3] > report.FirstPage.Height+slack {
			t.Fatalf("the box %v is not on the page of %v", shown, report.FirstPage)
		}
		if width != 0 && (math.Abs(shown[0]-x) > slack || math.Abs(shown[1]-y) > slack || math.Abs(shown[2]-x-width) > slack || math.Abs(shown[3]-y-height) > slack) {
			t.Fatalf("the box is at %v and was asked for at %+v", shown, box)
		}
	})
}

// shownBox finds the widget of the first signature and turns its rectangle by hand to the page as shown.
func shownBox(t testing.TB, file []byte, report *pades.Report) (box [4]float64, visible bool) {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := f.Page(1)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := f.SignatureFields()
	if err != nil || len(fields) != 1 {
		t.Fatalf("%d fields: %v", len(fields), err)
	}
	numbers := func(a pdf.Array) (out [4]float64) {
		for i := range out {
			out[i], _ = pdf.Number(a[i])
		}
		return out
	}
	r := numbers(fields[0].Field.Get("Rect").(pdf.Array))
	if r == [4]float64{} {
		return r, false
	}
	media := [4]float64{0, 0, 612, 792}
	if m := numbers(page.MediaBox); m[0] != m[2] && m[1] != m[3] {
		media = [4]float64{min(m[0], m[2]), min(m[1], m[3]), max(m[0], m[2]), max(m[1], m[3])}
	}
	for range report.FirstPage.Rotate / 90 { // a quarter clockwise: the top of the page becomes its right side
		r = [4]float64{r[1], -r[2], r[3], -r[0]}
		media = [4]float64{media[1], -media[2], media[3], -media[0]}
	}
	return [4]float64{r[0] - media[0], r[1] - media[1], r[2] - media[0], r[3] - media[1]}, true
}

// forge signs bytes honestly and puts the CMS into the gap of a file.
func (w *world) forge(t testing.TB, file, covered []byte, start, end int) []byte {
	t.Helper()
	sum := sha256.Sum256(covered)
	attrs, err := cms.SignedAttrs(sum[:], w.signer.Cert)
	if err != nil {
		t.Fatal(err)
	}
	match, err := cms.MatchValue(w.signer.Cert, attrs, w.sign(t, sha256.Sum256(attrs)))
	if err != nil {
		t.Fatal(err)
	}
	der, err := cms.Assemble(cms.Parts{SignedAttrs: attrs, Signature: match.Signature, Algorithm: match.Algorithm, Certificate: w.signer.Cert})
	if err != nil {
		t.Fatal(err)
	}
	copy(file[start+1:end-1], bytes.Repeat([]byte("0"), end-start-2))
	hex.Encode(file[start+1:end-1], der)
	return file
}
