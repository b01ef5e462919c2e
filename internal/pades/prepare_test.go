package pades_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

func prepare(t *testing.T, signer *testSigner, data []byte, opt pades.PrepareOptions) *pades.Prepared {
	t.Helper()
	opt.Certificate, opt.SigningTime = signer.cert, testTime
	p, err := pades.Prepare(bytes.NewReader(data), opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDigestsAreThoseOfTheFile(t *testing.T) {
	signer := newTestSigner(t)
	data := onePage("", "")
	p := prepare(t, signer, data, pades.PrepareOptions{})
	file := append(bytes.Clone(data), p.Increment...)
	if sha256.Sum256(file) != p.H1 {
		t.Error("H1 is not the digest of the prepared file")
	}
	r := p.ByteRange
	if sha256.Sum256(append(bytes.Clone(file[:r[1]]), file[r[2]:r[2]+r[3]]...)) != p.H2 || r[0] != 0 || r[2]+r[3] != int64(len(file)) {
		t.Error("H2 is not the digest over the ByteRange")
	}
	if sha256.Sum256(p.SignedAttrs) != p.H3 {
		t.Error("H3 is not the digest of the signed attributes")
	}
	if hole := file[r[1]:r[2]]; hole[0] != '<' || hole[len(hole)-1] != '>' || len(hole) != 2*32<<10+2 ||
		len(bytes.Trim(hole[1:len(hole)-1], "0")) > 0 {
		t.Errorf("the hole begins %q and has %d bytes", hole[:5], len(hole))
	}
	if want := fmt.Sprintf("/ByteRange [0 %d %d %d]", r[1], r[2], r[3]); !bytes.Contains(file, []byte(want)) {
		t.Errorf("the file does not say %q", want)
	}
	if p.Field != "Signature1" || p.Page != 1 {
		t.Errorf("the field is %q on page %d", p.Field, p.Page)
	}
}

// A retry must give the bytes that were approved, and the stored state must do as well as the file.
func TestPrepareIsDeterministic(t *testing.T) {
	signer := newTestSigner(t)
	data := onePage("", "")
	opt := pades.PrepareOptions{Reason: "Đồng ý", Image: seal(t)}
	first := prepare(t, signer, data, opt)
	opt.HashState = hashState(t, data)
	again := prepare(t, signer, data, opt)
	if !bytes.Equal(first.Increment, again.Increment) || first.H1 != again.H1 || first.H3 != again.H3 {
		t.Error("the same input was prepared in two ways")
	}
}

// countingSource says which bytes were read.
type countingSource struct {
	*bytes.Reader
	read int64
}

func (s *countingSource) ReadAt(p []byte, off int64) (int, error) {
	s.read += int64(len(p))
	return s.Reader.ReadAt(p, off)
}

func TestTheSourceIsReadInSmallPieces(t *testing.T) {
	signer := newTestSigner(t)
	data := sized(8 << 20)
	src := &countingSource{Reader: bytes.NewReader(data)}
	_, err := pades.Prepare(src, pades.PrepareOptions{Certificate: signer.cert, SigningTime: testTime, HashState: hashState(t, data)})
	if err != nil {
		t.Fatal(err)
	}
	if src.read > 64<<10 {
		t.Errorf("%d bytes of %d were read", src.read, len(data))
	}
}

// Only what must change is written anew: other objects keep their bytes.
func TestFewestObjectsAreReplaced(t *testing.T) {
	signer := newTestSigner(t)
	const annots, fields = "[10 0 R]", "[11 0 R]"
	for name, c := range map[string]struct {
		page, catalog string
		more          []string
		changed       string // numbers of the old objects in the increment
	}{
		"nothing there":       {"", "", nil, "3 1"},
		"direct annotations":  {"/Annots" + annots, "", nil, "3 1"},
		"indirect list":       {"/Annots 6 0 R", "", []string{annots}, "3 1"}, // the list may be that of other pages, too
		"list is null":        {"/Annots 9 0 R", "", nil, "3 1"},
		"direct form":         {"", "/AcroForm<</Fields" + fields + "/DA(x)>>", nil, "3 1"},
		"indirect form":       {"", "/AcroForm 6 0 R", []string{"<</Fields" + fields + "/DA(x)/SigFlags 1>>"}, "3 6"},
		"indirect fields":     {"", "/AcroForm 6 0 R", []string{"<</Fields 7 0 R>>", fields}, "3 7 6"},
		"indirect and flags":  {"", "/AcroForm 6 0 R", []string{"<</Fields 7 0 R/SigFlags 3>>", fields}, "3 7"},
		"everything indirect": {"/Annots 8 0 R", "/AcroForm 6 0 R", []string{"<</Fields 7 0 R/SigFlags 7>>", fields, annots}, "3 7"},
	} {
		t.Run(name, func(t *testing.T) {
			data := onePage(c.page, c.catalog, c.more...)
			p := prepare(t, signer, data, pades.PrepareOptions{})
			first := 6 + len(c.more)
			var changed []string
			for line := range strings.SplitSeq(string(p.Increment), "\n") {
				var num int
				if _, err := fmt.Sscanf(line, "%d 0 obj", &num); err == nil && num < first {
					changed = append(changed, fmt.Sprint(num))
				}
			}
			if got := strings.Join(changed, " "); got != c.changed {
				t.Errorf("objects %s were replaced, want %s", got, c.changed)
			}
			if strings.Contains(c.catalog+strings.Join(c.more, ""), "/DA") && !bytes.Contains(p.Increment, []byte("/DA (x)")) {
				t.Error("the form lost its default appearance")
			}
			if !bytes.Contains(p.Increment, []byte("/SigFlags 3")) && !strings.Contains(strings.Join(c.more, ""), "/SigFlags") {
				t.Error("SigFlags was not set")
			}
			signed, _, err := signer.sign(data, pades.PrepareOptions{})
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, signed, 1)
		})
	}
}

// accepted lets pdfsig judge: so many valid signatures, the last of the whole document.
func accepted(t *testing.T, signed []byte, want int) {
	t.Helper()
	needTools(t, "pdfsig", "qpdf")
	path := keep(t, signed, strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()))
	out, _ := exec.Command("pdfsig", "-nocert", path).CombinedOutput()
	if n := strings.Count(string(out), "Signature is Valid."); n != want || strings.Count(string(out), "- Total document signed") != 1 {
		t.Errorf("pdfsig finds %d valid signatures, want %d:\n%s", n, want, out)
	}
	if r := qpdfCheck(path); r.exit != 0 {
		t.Errorf("qpdf --check says %+v", r)
	}
}

// Three signers in turn: each signature stays valid, names and places differ.
func TestSeveralSignatures(t *testing.T) {
	signer := newTestSigner(t)
	data := onePage("", "/AcroForm<</Fields[6 0 R]>>", "<</FT/Tx/T(Signature2)>>")
	var fields []string
	for range 3 {
		fields = append(fields, prepare(t, signer, data, pades.PrepareOptions{}).Field)
		signed, _, err := signer.sign(data, pades.PrepareOptions{})
		if err != nil {
			t.Fatal(err)
		}
		data = signed
	}
	if got := strings.Join(fields, " "); got != "Signature1 Signature3 Signature4" {
		t.Errorf("the fields are %s", got)
	}
	accepted(t, data, 3)
	report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{})
	if err != nil || report.Signatures != 3 {
		t.Errorf("the report says %+v, %v", report, err)
	}
	var boxes []shownWord
	for _, w := range shownWords(t, data, "three").Words {
		if w.Text == "Ánh" {
			boxes = append(boxes, w)
		}
	}
	if len(boxes) != 3 || boxes[0] == boxes[1] || boxes[1] == boxes[2] || boxes[0] == boxes[2] {
		t.Errorf("the default boxes lie over each other: %v", boxes)
	}
}

func TestInvisible(t *testing.T) {
	signer := newTestSigner(t)
	data := onePage("", "")
	p := prepare(t, signer, data, pades.PrepareOptions{Box: pades.Box{Invisible: true}})
	if bytes.Contains(p.Increment, []byte("/AP")) || !bytes.Contains(p.Increment, []byte("/Rect [0 0 0 0]")) || len(p.Increment) > 68<<10 {
		t.Errorf("an invisible signature of %d bytes has an appearance", len(p.Increment))
	}
	signed, _, err := signer.sign(data, pades.PrepareOptions{Box: pades.Box{Invisible: true}})
	if err != nil {
		t.Fatal(err)
	}
	accepted(t, signed, 1)
}

func TestNoEndOfLineAndJunk(t *testing.T) {
	signer := newTestSigner(t)
	plain := onePage("", "")
	for name, data := range map[string][]byte{
		"no end of line":  bytes.TrimRight(plain, "\n"),
		"carriage return": append(bytes.TrimRight(plain, "\n"), '\r'),
		"junk behind":     append(bytes.Clone(plain), "\x00\x00\x00trailing"...),
	} {
		t.Run(name, func(t *testing.T) {
			signed, _, err := signer.sign(data, pades.PrepareOptions{})
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, signed, 1)
		})
	}
}

func TestUserUnitAndOddPages(t *testing.T) {
	signer := newTestSigner(t)
	for name, page := range map[string]string{
		"user unit":      "/UserUnit 2",
		"tiny page":      "/MediaBox[0 0 110 60]",
		"turned corners": "/MediaBox[595 842 0 0]",
		"wild crop":      "/CropBox[1000 1000 1100 1100]",
		"crop of names":  "/CropBox[/a/b/c/d]",
		"no box":         "/MediaBox null",
	} {
		t.Run(name, func(t *testing.T) {
			signed, _, err := signer.sign(onePage(page, ""), pades.PrepareOptions{})
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, signed, 1)
		})
	}
}

func TestBadOptions(t *testing.T) {
	signer := newTestSigner(t)
	good := pades.PrepareOptions{Certificate: signer.cert, SigningTime: testTime}
	for name, change := range map[string]func(*pades.PrepareOptions){
		"no certificate": func(o *pades.PrepareOptions) { o.Certificate = nil },
		"no time":        func(o *pades.PrepareOptions) { o.SigningTime = time.Time{} },
		"hole too small": func(o *pades.PrepareOptions) { o.HoleSize = 100 },
		"hole too large": func(o *pades.PrepareOptions) { o.HoleSize = 1 << 30 },
		"not an image":   func(o *pades.PrepareOptions) { o.Image = []byte("GIF89a") },
		"broken image":   func(o *pades.PrepareOptions) { o.Image = seal(t)[:80] },
		"wrong state":    func(o *pades.PrepareOptions) { o.HashState = []byte("sha") },
	} {
		opt := good
		change(&opt)
		if _, err := pades.Prepare(bytes.NewReader(onePage("", "")), opt); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
