package pdf

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

var kinds = map[string]func() []byte{"table": classicFile, "stream": streamFile, "hybrid": hybridFile}

// Every kind of file is read, updated in its own kind, and read again; another program finds no fault with it.
func TestUpdateKeepsTheKind(t *testing.T) {
	for name, build := range kinds {
		t.Run(name, func(t *testing.T) {
			data := build()
			for revision := 1; revision <= 3; revision++ {
				f := mustOpen(t, data)
				if f.Rebuilt() || len(f.Sections()) != revision {
					t.Fatalf("revision %d: %d sections, rebuilt %v", revision, len(f.Sections()), f.Rebuilt())
				}
				page := onlyPage(t, f)
				next := f.NextNumber()
				u := NewUpdate(f)
				added := u.Add(NewDict("Text", TextString("Lần ký"), "Number", 1.5))
				if added.Num != next {
					t.Errorf("the new object has number %d, want %d", added.Num, next)
				}
				changed := page.Dict.Clone()
				changed.Set("Kyso", added)
				u.Set(page.Ref, changed)
				increment, err := u.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				data = append(data, increment...)
				qpdfClean(t, data)
				again := mustOpen(t, data)
				if again.Sections()[0].Stream != (name == "stream") {
					t.Errorf("revision %d: a stream: %v", revision, again.Sections()[0].Stream)
				}
				d, err := again.Dict(onlyPage(t, again).Dict.Get("Kyso"))
				if err != nil || DecodeText(d.Get("Text").(String)) != "Lần ký" || !Equal(d.Get("Number"), 1.5) {
					t.Errorf("revision %d: read back %v, %v", revision, d, err)
				}
			}
		})
	}
}

// qpdfClean asks qpdf to find fault with a file.
func qpdfClean(t *testing.T, data []byte) {
	t.Helper()
	if _, err := exec.LookPath("qpdf"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("qpdf is not installed")
		}
		t.Log("qpdf is not installed; its judgement is left out")
		return
	}
	path := filepath.Join(t.TempDir(), "judged.pdf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("qpdf", "--check", path).CombinedOutput(); err != nil {
		t.Errorf("qpdf: %v\n%s", err, out)
	}
}

// A damaged file is read by a scan, and its update stands on its own so that no reader needs the damaged part.
func TestDamagedFilesAreRebuilt(t *testing.T) {
	damage := map[string]func([]byte) []byte{
		"wrong startxref": func(b []byte) []byte {
			return append(b[:bytes.LastIndex(b, []byte("startxref"))], "startxref\n7\n%%EOF\n"...)
		},
		"no startxref": func(b []byte) []byte { return b[:bytes.LastIndex(b, []byte("startxref"))] },
		"shifted": func(b []byte) []byte {
			return bytes.Replace(b, []byte("%PDF-1.7\n"), []byte("%PDF-1.7\n% three more bytes or so\n"), 1)
		},
		"garbage behind": func(b []byte) []byte {
			return append(b[:bytes.LastIndex(b, []byte("startxref"))], bytes.Repeat([]byte("x"), 3000)...)
		},
	}
	for kind, build := range kinds {
		for name, spoil := range damage {
			t.Run(kind+" "+name, func(t *testing.T) {
				data := spoil(build())
				f := mustOpen(t, data)
				page := onlyPage(t, f)
				if !f.Rebuilt() {
					t.Fatal("the damage was not noticed")
				}
				u := NewUpdate(f)
				changed := page.Dict.Clone()
				changed.Set("Kyso", u.Add(String("x")))
				u.Set(page.Ref, changed)
				increment, err := u.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				data = append(data, increment...)
				qpdfClean(t, data)
				again := mustOpen(t, data)
				if again.Rebuilt() || len(again.Sections()) != 1 {
					t.Errorf("the update needs more than itself: rebuilt %v, %d sections", again.Rebuilt(), len(again.Sections()))
				}
				if v, err := again.Resolve(onlyPage(t, again).Dict.Get("Kyso")); v != String("x") {
					t.Errorf("read back %v, %v", v, err)
				}
			})
		}
	}
}

// Entries that lead to the wrong place are found out when an object is asked for.
func TestWrongOffsetsAreNoticedLate(t *testing.T) {
	data := classicFile()
	f := mustOpen(t, data)
	entry, err := f.Entry(3)
	if err != nil {
		t.Fatal(err)
	}
	row := fmt.Appendf(nil, "%010d 00000 n", entry.Offset)
	data = bytes.Replace(data, row, fmt.Appendf(nil, "%010d 00000 n", entry.Offset+5), 1)
	f = mustOpen(t, data)
	if f.Rebuilt() {
		t.Fatal("the entry of an object that was not needed was checked")
	}
	u := NewUpdate(f)
	onlyPage(t, f)
	if !f.Rebuilt() {
		t.Error("the wrong entry was not noticed")
	}
	if _, err := u.Bytes(); err == nil {
		t.Error("an update that began before the damage was noticed was written")
	}
}

func TestJunkBeforeTheHeader(t *testing.T) {
	data := append([]byte("HTTP/1.1 200 OK\r\n\r\n"), classicFile()...)
	f := mustOpen(t, data)
	if f.Rebuilt() || f.Base() != 19 {
		t.Fatalf("base %d, rebuilt %v", f.Base(), f.Rebuilt())
	}
	onlyPage(t, f)
	u := NewUpdate(f)
	ref := u.Add(String("behind"))
	increment, err := u.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, increment...)
	qpdfClean(t, data)
	if v, err := mustOpen(t, data).Get(ref.Num); v != String("behind") {
		t.Errorf("read back %v, %v", v, err)
	}
}

// Rows that are not 20 bytes long, and a table numbered from 1, are known slips.
func TestLooseTables(t *testing.T) {
	good := classicFile()
	for name, data := range map[string][]byte{
		"short rows": bytes.ReplaceAll(good, []byte("\r\n"), []byte("\n")),
		"from one":   bytes.Replace(good, []byte("0 1\n0000000000 65535"), []byte("1 1\n0000000000 65535"), 1),
	} {
		f := mustOpen(t, data)
		if onlyPage(t, f); f.Rebuilt() {
			t.Errorf("%s: the table was given up", name)
		}
	}
}

func TestNumbersAreNeverUsedAgain(t *testing.T) {
	w := newWriter()
	w.object(1, catalogBody)
	w.object(2, pagesBody)
	w.object(3, pageBody)
	first := w.table("/Size 100/Root 1 0 R", 1, 2, 3)
	w.object(120, "(high)")
	w.table(fmt.Sprintf("/Size 4/Root 1 0 R/Prev %d", first), 120)
	if next := mustOpen(t, w.Bytes()).NextNumber(); next != 121 {
		t.Errorf("the next number is %d, want 121", next)
	}
	w = newWriter()
	w.object(1, catalogBody)
	w.object(2, pagesBody)
	w.object(3, pageBody)
	first = w.table("/Size 100/Root 1 0 R", 1, 2, 3)
	w.table(fmt.Sprintf("/Size 4/Root 1 0 R/Prev %d", first))
	if next := mustOpen(t, w.Bytes()).NextNumber(); next != 100 {
		t.Errorf("the next number is %d, want 100", next)
	}
}

// An object freed by a later revision is gone, and a missing one is null.
func TestFreedObjectsAreNull(t *testing.T) {
	w := newWriter()
	w.object(1, catalogBody)
	w.object(2, pagesBody)
	w.object(3, pageBody)
	w.object(4, "(old)")
	first := w.table("/Size 5/Root 1 0 R", 1, 2, 3, 4)
	at := w.Len()
	fmt.Fprintf(w, "xref\n4 1\n0000000000 00001 f\r\ntrailer\n<</Size 5/Root 1 0 R/Prev %d>>\n", first)
	w.startxref(at)
	f := mustOpen(t, w.Bytes())
	for _, num := range []int{4, 99, 0, -1} {
		if v, err := f.Get(num); v != nil || err != nil {
			t.Errorf("object %d is %v, %v", num, v, err)
		}
	}
}

// Object streams may extend each other; the header of a stream counts, not the index of the entry.
func TestObjectStreamsExtend(t *testing.T) {
	w := newWriter()
	w.object(1, catalogBody)
	w.objStm(4, 3, pageBody, 2, pagesBody)
	base := w.offsets[4]
	data := bytes.Clone(w.Bytes())
	w = newWriter()
	w.Write(data[len("%PDF-1.7\n"):])
	w.offsets[4] = base
	w.object(6, "<</Type/ObjStm/N 0/First 0/Extends 4 0 R/Length 0>>\nstream\n\nendstream")
	at := w.xrefStream(5, "/Size 7/Root 1 0 R", map[int][3]int{1: {1, 9, 0}, 2: {2, 6, 0}, 3: {2, 6, 7},
		4: {1, base, 0}, 6: {1, w.offsets[6], 0}})
	w.startxref(at)
	f := mustOpen(t, w.Bytes())
	if onlyPage(t, f); f.Rebuilt() {
		t.Error("the file was given up")
	}
}

func TestSignatureFieldsKnowTheirPlaces(t *testing.T) {
	w := newWriter()
	w.object(1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R 7 0 R]>>>>")
	w.object(2, pagesBody)
	w.object(3, pageBody)
	w.object(4, "<</T(parent)/FT/Sig/Kids[5 0 R 8 0 R]>>")
	w.object(5, "<</T<FEFF1EF1>/V 6 0 R/Parent 4 0 R>>")
	w.object(6, "<</Type/Sig/Contents<00aa 11>/ByteRange[0 1 2 3]>>")
	w.object(7, "<</T(text)/FT/Tx>>")
	w.object(8, "<</T(literal)/V<</Contents(x)>>/Parent 4 0 R>>")
	w.table("/Size 9/Root 1 0 R", 1, 2, 3, 4, 5, 6, 7, 8)
	data := w.Bytes()
	fields, err := mustOpen(t, data).SignatureFields()
	if err != nil {
		t.Fatal(err)
	}
	if len(fields) != 3 || fields[0].Name != "parent" || fields[1].Name != "parent.ự" || fields[2].Name != "parent.literal" {
		t.Fatalf("found %+v", fields)
	}
	if s := fields[1]; string(data[s.ContentsStart:s.ContentsEnd]) != "<00aa 11>" || s.ValueRef.Num != 6 {
		t.Errorf("the contents are said to be %q of %v", data[s.ContentsStart:s.ContentsEnd], s.ValueRef)
	}
	if s := fields[2]; s.Value == nil || s.ContentsStart != -1 {
		t.Errorf("a literal string was taken for a hexadecimal one: %+v", s)
	}
}

func TestFilters(t *testing.T) {
	tiff := []byte{1, 1, 1, 5, 1, 1}
	for name, c := range map[string]struct{ dict, data, want string }{
		"plain":     {"", "abc", "abc"},
		"flate":     {"/Filter/FlateDecode", string(deflate([]byte("hello there"))), "hello there"},
		"tiff":      {"/Filter[/FlateDecode]/DecodeParms[<</Predictor 2/Columns 3>>]", string(deflate(tiff)), "\x01\x02\x03\x05\x06\x07"},
		"png":       {"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 3>>", string(deflate([]byte("\x01\x01\x01\x01\x02\x01\x01\x01\x03\x01\x01\x01\x04\x01\x01\x01\x00\x09\x09\x09"))), "\x01\x02\x03\x02\x03\x04\x02\x03\x04\x03\x04\x05\x09\x09\x09"},
		"hex":       {"/Filter/ASCIIHexDecode", "48 65 6c>", "Hel"},
		"ascii85":   {"/Filter/ASCII85Decode", "87cURD]i,\"Ebo80~>", "Hello World!"},
		"runlength": {"/Filter/RunLengthDecode", "\x02abc\xFEx\x80", "abcxxx"},
		"two":       {"/Filter[/ASCIIHexDecode/FlateDecode]", fmt.Sprintf("%x>", deflate([]byte("twice"))), "twice"},
	} {
		w := newWriter()
		w.object(1, catalogBody)
		w.object(2, pagesBody)
		w.object(3, pageBody)
		w.object(4, fmt.Sprintf("<<%s/Length 5 0 R>>\nstream\n%s\nendstream", c.dict, c.data))
		w.object(5, fmt.Sprint(len(c.data)))
		w.table("/Size 6/Root 1 0 R", 1, 2, 3, 4, 5)
		f := mustOpen(t, w.Bytes())
		obj, err := f.Get(4)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Data(obj.(*Stream))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestTextStrings(t *testing.T) {
	for _, s := range []string{"", "plain", "Nguyễn Thị Ánh", "€ • …", "日本 𝄞", "a\nb"} {
		if got := DecodeText(TextString(s)); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	}
	for in, want := range map[string]string{"\x80\xA0\x8D": "•€“", "\xFF\xFEa\x00": "a", "\xEF\xBB\xBFự": "ự", "caf\xE9": "café"} {
		if got := DecodeText(String(in)); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

func TestDict(t *testing.T) {
	d := NewDict("B", int64(1), "A", int64(2))
	for i := range 40 {
		d.Set(Name(fmt.Sprint("K", i)), int64(i))
	}
	d.Set("A", int64(3))
	clone := d.Clone()
	clone.Set("New", true)
	if d.Get("New") != nil || clone.Get("A") != int64(3) || d.Get("K39") != int64(39) || d.Len() != 42 {
		t.Errorf("a dictionary of %d keys: A is %v", d.Len(), d.Get("A"))
	}
	if keys := d.Keys()[:3]; !reflect.DeepEqual(keys, []Name{"B", "A", "K0"}) {
		t.Errorf("the keys came in the order %v", keys)
	}
	var none *Dict
	if none.Get("x") != nil || none.Len() != 0 || none.Clone().Len() != 0 || none.HasDuplicates() {
		t.Error("a nil dictionary is not empty")
	}
}

func TestUpdateIsDeterministic(t *testing.T) {
	var outputs [2][]byte
	for i := range outputs {
		u := NewUpdate(mustOpen(t, classicFile()))
		u.AddStream(NewDict("Z", int64(1), "A", int64(2)), []byte("data"))
		slot := &Slot{Open: "<", Fill: '0', Size: 10, Close: ">"}
		u.Add(NewDict("Contents", slot))
		out, err := u.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(out[slot.Offset : slot.Offset+slot.Len()]); got != "<0000000000>" {
			t.Errorf("the slot holds %q", got)
		}
		outputs[i] = out
	}
	if !bytes.Equal(outputs[0], outputs[1]) {
		t.Error("the same update gave different bytes")
	}
	if bytes.Contains(outputs[0], []byte("<BB>")) || !bytes.Contains(outputs[0], []byte("/ID [<AA>")) {
		t.Errorf("the identifier was not renewed: %s", outputs[0])
	}
}
