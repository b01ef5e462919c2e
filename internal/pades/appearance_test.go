package pades_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// A word as pdftotext finds it on the shown page: points from the upper left corner.
type shownWord struct {
	Text string  `xml:",chardata"`
	X0   float64 `xml:"xMin,attr"`
	Y0   float64 `xml:"yMin,attr"`
	X1   float64 `xml:"xMax,attr"`
	Y1   float64 `xml:"yMax,attr"`
}

type shownPage struct {
	Height float64     `xml:"height,attr"` // as written, before rotation
	Words  []shownWord `xml:"word"`
}

// shownWords extracts the words of the last page with their places.
func shownWords(t *testing.T, signed []byte, name string) shownPage {
	t.Helper()
	needTools(t, "pdftotext")
	path := keep(t, signed, name)
	out, err := exec.Command("pdftotext", "-bbox", "-cropbox", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Pages []shownPage `xml:"body>doc>page"`
	}
	decoder := xml.NewDecoder(bytes.NewReader(out))
	decoder.Strict = false
	decoder.Entity = xml.HTMLEntity
	if err := decoder.Decode(&doc); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return doc.Pages[len(doc.Pages)-1]
}

// keep writes a file for a judge, under KYSO_KEEP when somebody wants to look at it afterwards.
func keep(t *testing.T, data []byte, name string) string {
	t.Helper()
	dir := os.Getenv("KYSO_KEEP")
	if dir == "" {
		dir = t.TempDir()
	}
	path := filepath.Join(dir, name+".pdf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The box must be where a reader asked for it on the page as shown, with upright text inside it, whatever the
// rotation and the crop box.
func TestBoxStandsWhereItIsShown(t *testing.T) {
	signer := newTestSigner(t)
	box := pades.Box{Page: 1, X: 30, Y: 120, Width: 190, Height: 70}
	for _, crop := range []string{"", "/CropBox[50 40 450 700]", "/MediaBox[-100 -50 400 500]/CropBox[-500 -50 2000 450]"} {
		for _, rotate := range []int{0, 90, 180, 270, -90, 450, 45} {
			name := fmt.Sprintf("rotate%d-%d", rotate, len(crop))
			t.Run(name, func(t *testing.T) {
				data := onePage(fmt.Sprintf("/Rotate %d%s", rotate, crop), "")
				signed, report, err := signer.sign(data, pades.PrepareOptions{Box: box, Reason: "Tôi đồng ý"})
				if err != nil {
					t.Fatal(err)
				}
				page := shownWords(t, signed, name)
				checkWords(t, page, report.FirstPage.Height, box)
			})
		}
	}
}

// checkWords demands that the words of the appearance lie in the box and read from left to right.
func checkWords(t *testing.T, page shownPage, height float64, box pades.Box) {
	t.Helper()
	var found []string
	for _, w := range page.Words {
		if w.Text == "Noi" || w.Text == "dung" {
			continue
		}
		found = append(found, w.Text)
		top, bottom := height-box.Y-box.Height, height-box.Y
		if w.X0 < box.X-1 || w.X1 > box.X+box.Width+1 || w.Y0 < top-2 || w.Y1 > bottom+2 {
			t.Errorf("%q stands at %g,%g–%g,%g, outside the box", w.Text, w.X0, w.Y0, w.X1, w.Y1)
		}
		if len([]rune(w.Text)) > 4 && w.X1-w.X0 < w.Y1-w.Y0 {
			t.Errorf("%q does not stand upright", w.Text)
		}
	}
	want := "Ký bởi: Nguyễn Thị Ngọc Ánh Ngày ký: 20/11/2026 15:04:05 +07:00 Lý do: Tôi đồng ý"
	if got := norm.NFC.String(strings.Join(found, " ")); got != want {
		t.Errorf("the appearance reads %q, want %q", got, want)
	}
}

func TestLongAndForeignNamesFit(t *testing.T) {
	signer := newTestSigner(t)
	ng := strings.Repeat("Nguyễn Phước Thị Mỹ Hạnh ", 9)
	for name, opt := range map[string]pades.PrepareOptions{
		"long":     {SignerName: ng, Reason: "Phê duyệt hợp đồng cung cấp dịch vụ chứng thực chữ ký số công cộng", Location: "Thành phố Hồ Chí Minh"},
		"tiny":     {SignerName: ng, Reason: ng, Location: ng, Box: pades.Box{Page: 1, X: 10, Y: 10, Width: 80, Height: 20}},
		"unbroken": {SignerName: strings.Repeat("Ư", 300)},
		"foreign":  {SignerName: "Владимир Ωμέγα 株式会社 Ångström", Reason: "e\u0302\u0323 dạng NFD \u202Eesrever"},
		"empty":    {Reason: " \t\n", Box: pades.Box{Page: 1, X: 100, Y: 300, Width: 400, Height: 200}},
		"image":    {Image: seal(t), Box: pades.Box{Page: 1, X: 100, Y: 300, Width: 240, Height: 80}},
	} {
		t.Run(name, func(t *testing.T) {
			signed, _, err := signer.sign(onePage("", ""), opt)
			if err != nil {
				t.Fatal(err)
			}
			page := shownWords(t, signed, name)
			box := opt.Box
			if box.Width == 0 {
				box = pades.Box{X: 595 - 36 - 200, Y: 36, Width: 200, Height: 64}
			}
			for _, w := range page.Words {
				if w.Text == "Noi" || w.Text == "dung" {
					continue
				}
				if w.X0 < box.X-1 || w.X1 > box.X+box.Width+1 || w.Y1 > page.Height-box.Y+1 {
					t.Errorf("%q stands at %g,%g–%g,%g, outside the box", w.Text, w.X0, w.Y0, w.X1, w.Y1)
				}
			}
		})
	}
}

// seal draws a red ring on a clear ground.
func seal(t *testing.T) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 120, 120))
	for y := range 120 {
		for x := range 120 {
			if d := (x-60)*(x-60) + (y-60)*(y-60); d < 58*58 && d > 48*48 || d < 20*20 {
				img.SetNRGBA(x, y, color.NRGBA{R: 200, G: 20, B: 30, A: 220})
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPlacementRefusals(t *testing.T) {
	signer := newTestSigner(t)
	for name, box := range map[string]pades.Box{
		"no such page":  {Page: 2, X: 10, Y: 10, Width: 100, Height: 50},
		"negative page": {Page: -1},
		"off the right": {Page: 1, X: 500, Y: 10, Width: 100, Height: 50},
		"below":         {Page: 1, X: 10, Y: -5, Width: 100, Height: 50},
		"too small":     {Page: 1, X: 10, Y: 10, Width: 79, Height: 19},
		"negative":      {Page: 1, X: 100, Y: 100, Width: -50, Height: 50},
		"only a width":  {Page: 1, X: 100, Y: 100, Width: 50},
	} {
		if _, _, err := signer.sign(onePage("", ""), pades.PrepareOptions{Box: box}); problem.CodeOf(err) != problem.PlacementInvalid {
			t.Errorf("%s: got %v, want %s", name, err, problem.PlacementInvalid)
		}
	}
}

// A page that is too small for the default box gets an invisible signature: nobody asked for a place. Who names a box that
// does not fit is told.
func TestPageTooSmallForTheDefaultBox(t *testing.T) {
	w := newWorld(t)
	small := bytes.Replace(onePage("", ""), []byte("/MediaBox[0 0 595 842]"), []byte("/MediaBox[0 0  72  72]"), 1)
	if bytes.Equal(small, onePage("", "")) {
		t.Fatal("the page was not made smaller")
	}
	in := w.prepare(small, pades.Box{})
	in.Value = w.value(&in.Prepared)
	if !bytes.Contains(in.Prepared.Increment, []byte("/Rect [0 0 0 0]")) {
		t.Error("the signature is visible")
	}
	want(t, w.verify(w.embed(small, in), w.evidence(w.Now)), pades.TotalPassed, "", "B-B")
	if _, err := pades.Prepare(bytes.NewReader(small), pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now,
		Box: pades.Box{Page: 1, Width: 100, Height: 40}}); problem.CodeOf(err) != problem.PlacementInvalid {
		t.Errorf("a box that does not fit: %v", err)
	}
}
