package forms

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/forms/tagged"
)

var day = time.Date(2026, 1, 4, 18, 30, 0, 0, time.UTC) // the fifth of January in Vietnam

// Tool runs a command-line tool on a file; one that is missing skips the test, and fails it in CI.
func Tool(t *testing.T, pdf []byte, name, debian string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s (Debian package %s) is missing", name, debian)
		}
		t.Skipf("%s (Debian package %s) is missing", name, debian)
	}
	file := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, arg := range args {
		if arg == "FILE" {
			args[i] = file
		}
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// The golden page: every Vietnamese letter with every tone in each face comes back from the file as it was set, letter
// by letter and without normalising.
func TestEveryLetterWithEveryToneInEachFace(t *testing.T) {
	var rows []string
	letters := 0
	for _, letter := range "aăâbcdđeêghiklmnoôơpqrstuưvxy" {
		row := string(letter)
		if strings.ContainsRune("aăâeêioôơuưy", letter) {
			for _, tone := range "\u0300\u0301\u0303\u0309\u0323" {
				row += " " + norm.NFC.String(string(letter)+string(tone))
			}
		}
		rows = append(rows, row+" "+strings.ToUpper(row))
		letters += 2 * len(strings.Fields(row))
	}
	if letters != 178 {
		t.Fatalf("%d letters; Vietnamese has 89, small and capital", letters)
	}
	for _, face := range faces {
		var page []line
		for i, row := range rows {
			page = append(page, line{x: 80, y: 780 - float64(i)*24, text: row, face: face.name, size: 14, align: left})
		}
		pdf, err := compose(tagged.New(), [][]line{page}, "Chữ", day)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for row := range strings.Lines(Tool(t, pdf, "pdftotext", "poppler-utils", "-layout", "FILE", "-")) {
			if row = squeeze(row); row != "" { // poppler takes single letters with even gaps for one word
				got = append(got, row)
			}
		}
		if len(got) != len(rows) {
			t.Fatalf("%s gives back %d rows of %d", face.name, len(got), len(rows))
		}
		for i, row := range rows {
			if got[i] != squeeze(row) || !printable(row, face.name) {
				t.Errorf("%s gives back %q for %q", face.name, got[i], row)
			}
		}
	}
}

// Highlands are the letters and words of languages of Viet Nam that are written in Latin letters of their own: Ê Đê, Gia Rai,
// Ba Na, Mnông, Cơ Ho, Chăm and Khmer as transliterated. Many have no single character in Unicode.
var highlands = []string{
	"H'Lan Niê Kđăm", "Y Ƀhiăp Êban", "H’Ƀuôn Ktla", "Êa Čư̆ M'gar", "ƀuôn Čuôr", "Y Čiêm Mlô", "Ñ ñ Č č Ƀ ƀ Đ đ",
	"Ă ă Ĕ ĕ Ê̆ ê̆ Ĭ ĭ Ŏ ŏ Ô̆ ô̆ Ơ̆ ơ̆ Ŭ ŭ Ư̆ ư̆ Â̆ â̆", "Rơ̆ Čăm H’Yăp", "B̆ b̆ D̆ d̆ N̆ n̆ C̆ c̆ J̆ j̆ W̆ w̆", "Ê̌ ê̌ Ơ̌ ơ̌ Ị̆ ị̆", "Ṷ ṷ Ḁ ḁ Ṛ ṛ ṃ ḥ ś ṣ ñ ā ī ū",
}

// Every letter of the highlands comes back from a file as it was set. That its marks stand over it, internal/pades/font tests.
func TestLettersOfTheHighlands(t *testing.T) {
	for _, face := range faces {
		var page []line
		for i, text := range highlands {
			page = append(page, line{x: 80, y: 780 - float64(i)*30, text: norm.NFD.String(text), face: face.name, size: 18, align: left})
		}
		pdf, err := compose(tagged.New(), [][]line{page}, "Chữ", day)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(Tool(t, pdf, "pdftotext", "poppler-utils", "-layout", "FILE", "-"), "\n")
		got = slices.DeleteFunc(got, func(s string) bool { return strings.TrimSpace(s) == "" || s == "\f" })
		for i, text := range highlands {
			if i >= len(got) || squeeze(got[i]) != squeeze(norm.NFC.String(text)) || !printable(norm.NFC.String(text), face.name) {
				t.Errorf("%s: %q came back as %q", face.name, text, got[min(i, len(got)-1)])
			}
		}
	}
}

// What pdfcpu's own layout would take for a place holder or a line break is text here.
func TestTextIsTakenAsItIs(t *testing.T) {
	for _, text := range []string{`100% %p %P %t %v %%`, `a\nb (c) \ <d>`, "Đường 3/2 & “ngõ 7”"} {
		pdf, err := compose(tagged.New(), [][]line{{{x: 80, y: 700, text: text, face: regular, size: 12, align: left}}}, text, day)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(Tool(t, pdf, "pdftotext", "poppler-utils", "FILE", "-")); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
		if got := Tool(t, pdf, "pdfinfo", "poppler-utils", "FILE"); !strings.Contains(got, text) {
			t.Errorf("the title is not %q:\n%s", text, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]bool{
		"Nguyễn Thị Thủy Tiên": true, "Đặng – “x”": true, "": true,
		"漢": false, "😀": false, "a\tb": false, "a\u202eb": false, "q\u0303": true, norm.NFD.String("ễ"): true, "\u0303a": false, "q\u0303\u0302\u0306\u030c\u0301": false, "a\u20dd": false, "\ue000": false, "\xff": false,
	} {
		if got := printable(text, regular); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	if _, err := loadFonts(); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("Thành phố Hồ Chí Minh, ", 20) + strings.Repeat("ễ", 300)
	parts := wrap(text, regular, textSize, 200)
	for _, part := range parts {
		if measure(part, regular, textSize) > 200 {
			t.Errorf("%q is too wide", part)
		}
	}
	if squeeze(strings.Join(parts, "")) != squeeze(text) {
		t.Error("text is lost")
	}
	if got := wrap(" \n ", regular, textSize, 200); !slices.Equal(got, []string{""}) {
		t.Errorf("got %q", got)
	}
}

// Nothing that is set leaves the margins, or comes closer to another line than it may, however long the texts are.
func TestNothingRunsOverTheEdge(t *testing.T) {
	if _, err := loadFonts(); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Nguyễn ", "Wwwwwwwwww", "ễ "} {
		for n := 0; n < 32; n += 5 {
			s := newSheet()
			s.motto(strings.Repeat("12/HĐ", 1+n*3), day)
			s.center(bold, 15, strings.Repeat(word, 1+n))
			for range n {
				s.heading("Điều 1. Tên")
				s.row("Nơi thường trú", strings.Repeat(word, n*6))
				s.text(regular, indent, strings.Repeat(word, n*5))
			}
			boxes := s.signatures("Kết quả", strings.Repeat(word, n), [2]party{{"A", "(Ký)", strings.Repeat(word, 20)}, {"B", "(Ký)", "B"}})
			s.numbered(strings.Repeat("Hợp đồng ", 1+n))
			if s.bad {
				t.Fatal("refused")
			}
			checkPages(t, fmt.Sprintf("%q × %d", word, n), s.pages, boxes[:])
		}
	}
}

func checkPages(t *testing.T, what string, pages [][]line, boxes []Box) {
	t.Helper()
	type area struct{ x1, y1, x2, y2 float64 }
	for n, page := range pages {
		var taken []area
		for _, b := range boxes {
			if b.Page == n+1 {
				taken = append(taken, area{b.X, b.Y, b.X + b.Width, b.Y + b.Height})
			}
		}
		for _, l := range page {
			if l.align == ruled || l.text == "" {
				continue
			}
			width, size := measure(l.text, l.face, l.size), float64(l.size)
			x := map[string]float64{center: l.x - width/2, right: l.x - width}[l.align]
			if x == 0 {
				x = l.x
			}
			here := area{x, l.y - size*0.2, x + width, l.y + size*0.7}
			if here.x1 < leftEdge-6 || here.x2 > rightEdge+6 || here.y1 < 24 || here.y2 > 815 {
				t.Fatalf("%s: %q leaves page %d: %+v", what, l.text, n+1, here)
			}
			for _, other := range taken {
				if here.x1 < other.x2-0.1 && other.x1 < here.x2-0.1 && here.y1 < other.y2 && other.y1 < here.y2 {
					t.Fatalf("%s: %q stands over something on page %d", what, l.text, n+1)
				}
			}
			taken = append(taken, here)
		}
	}
}

func TestDates(t *testing.T) {
	if got := vietnameseDate(day); got != "ngày 05 tháng 01 năm 2026" {
		t.Errorf("got %q", got)
	}
	if got := moment(day); got != "01:30:00 05/01/2026 (GMT+7)" {
		t.Errorf("got %q", got)
	}
	if moment(time.Time{}) != "" {
		t.Error("no time has a text")
	}
	for iso, want := range map[string]string{"2002-05-17": "17/05/2002", "": "", "không thời hạn": "không thời hạn"} {
		if got := shortDate(iso); got != want {
			t.Errorf("%q: %q, want %q", iso, got, want)
		}
	}
}

// Documents can be written at the same time, and leave nothing in the temporary folder.
func TestManyAtOnce(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	want, err := Sample(day)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan []byte, 8)
	for range cap(results) {
		go func() {
			pdf, _ := Sample(day) // no file on failure, which is not the wanted one
			results <- pdf
		}()
	}
	for range cap(results) {
		if got := <-results; !bytes.Equal(got, want) {
			t.Error("another file")
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := api.Validate(bytes.NewReader(want), nil); err != nil {
		t.Error(err)
	}
}

func BenchmarkSample(b *testing.B) {
	for b.Loop() {
		if _, err := Sample(day); err != nil {
			b.Fatal(err)
		}
	}
}

// squeeze leaves out blanks, which line breaks change.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }
