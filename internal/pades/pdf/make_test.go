package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"testing"
)

// writer makes test files piece by piece and knows where it is.
type writer struct {
	bytes.Buffer
	offsets map[int]int
}

func newWriter() *writer {
	w := &writer{offsets: map[int]int{}}
	w.WriteString("%PDF-1.7\n")
	return w
}

func (w *writer) object(num int, body string) {
	w.offsets[num] = w.Len()
	fmt.Fprintf(w, "%d 0 obj\n%s\nendobj\n", num, body)
}

// table writes a classic section for the given numbers, one subsection each, and what ends a revision.
func (w *writer) table(trailer string, numbers ...int) (at int) {
	at = w.Len()
	w.WriteString("xref\n0 1\n0000000000 65535 f\r\n")
	for _, n := range numbers {
		fmt.Fprintf(w, "%d 1\n%010d 00000 n\r\n", n, w.offsets[n])
	}
	fmt.Fprintf(w, "trailer\n<<%s>>\nstartxref\n%d\n%%%%EOF\n", trailer, at)
	return at
}

func deflate(data []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	z.Write(data)
	z.Close()
	return out.Bytes()
}

// objStm writes an object stream; objects are alternating numbers and bodies.
func (w *writer) objStm(num int, objects ...any) {
	var head, body bytes.Buffer
	for i := 0; i < len(objects); i += 2 {
		fmt.Fprintf(&head, "%d %d ", objects[i], body.Len())
		fmt.Fprintf(&body, "%s ", objects[i+1])
	}
	data := deflate(append(head.Bytes(), body.Bytes()...))
	w.object(num, fmt.Sprintf("<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream",
		len(objects)/2, head.Len(), len(data), data))
}

// xrefStream writes a section as a stream with PNG predictor; entries[n] is kind, offset or stream, index.
func (w *writer) xrefStream(num int, attributes string, entries map[int][3]int) (at int) {
	at = w.Len()
	entries[num] = [3]int{1, at, 0}
	numbers := sortedNumbers(entries)
	var rows bytes.Buffer
	index := ""
	above := [6]byte{}
	for _, n := range numbers {
		e := entries[n]
		row := [6]byte{byte(e[0]), byte(e[1] >> 16), byte(e[1] >> 8), byte(e[1]), byte(e[2] >> 8), byte(e[2])}
		rows.WriteByte(2)
		for i := range row {
			rows.WriteByte(row[i] - above[i])
		}
		above = row
		index += fmt.Sprintf("%d 1 ", n)
	}
	data := deflate(rows.Bytes())
	w.object(num, fmt.Sprintf("<</Type/XRef/W[1 3 2]/Index[%s]%s/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 6>>/Length %d>>\nstream\n%s\nendstream",
		index, attributes, len(data), data))
	return at
}

func (w *writer) startxref(at int) { fmt.Fprintf(w, "startxref\n%d\n%%%%EOF\n", at) }

const (
	catalogBody = "<</Type/Catalog/Pages 2 0 R>>"
	pagesBody   = "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 200 100]>>"
	pageBody    = "<</Type/Page/Parent 2 0 R>>"
)

// classicFile has one page and a table.
func classicFile() []byte {
	w := newWriter()
	w.object(1, catalogBody)
	w.object(2, pagesBody)
	w.object(3, pageBody)
	w.table("/Size 4/Root 1 0 R/ID[<AA><BB>]", 1, 2, 3)
	return w.Bytes()
}

// streamFile has its page tree in an object stream.
func streamFile() []byte {
	w := newWriter()
	w.object(1, catalogBody)
	w.objStm(4, 2, pagesBody, 3, pageBody)
	at := w.xrefStream(5, "/Size 6/Root 1 0 R", map[int][3]int{1: {1, w.offsets[1], 0}, 2: {2, 4, 0}, 3: {2, 4, 1}, 4: {1, w.offsets[4], 0}})
	w.startxref(at)
	return w.Bytes()
}

// hybridFile hides its page tree from old readers.
func hybridFile() []byte {
	w := newWriter()
	w.object(1, catalogBody)
	w.objStm(4, 2, pagesBody, 3, pageBody)
	hidden := w.xrefStream(5, "/Size 6", map[int][3]int{2: {2, 4, 0}, 3: {2, 4, 1}})
	at := w.Len()
	fmt.Fprintf(w, "xref\n0 6\n0000000000 65535 f\r\n%010d 00000 n\r\n0000000000 00000 f\r\n0000000000 00000 f\r\n%010d 00000 n\r\n%010d 00000 n\r\n",
		w.offsets[1], w.offsets[4], w.offsets[5])
	fmt.Fprintf(w, "trailer\n<</Size 6/Root 1 0 R/XRefStm %d>>\n", hidden)
	w.startxref(at)
	return w.Bytes()
}

func mustOpen(t testing.TB, data []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(data), int64(len(data)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func onlyPage(t testing.TB, f *File) *Page {
	t.Helper()
	page, err := f.Page(0)
	if err != nil {
		t.Fatal(err)
	}
	if page == nil || page.Ref.Num != 3 || len(page.MediaBox) != 4 {
		t.Fatalf("the page is %+v", page)
	}
	return page
}
