package pades_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// writeBig streams a file of the given pages to disk, padded with many small objects and a few large streams, in
// a tree of 40 pages to a node. Nothing of it is held in memory but the offsets.
func writeBig(t testing.TB, path string, pages, objects int, size int64) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := &offsetWriter{w: bufio.NewWriterSize(file, 1<<20)}
	io.WriteString(w, "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	const perNode = 40
	nodes := (pages + perNode - 1) / perNode
	// 1 catalog, 2 root, 3 font, 4 content, then nodes, then pages, then what fills the file.
	firstNode, firstPage := 5, 5+nodes
	total := max(objects, firstPage+pages)
	offsets := make([]int64, total+1)
	put := func(num int, format string, args ...any) {
		offsets[num] = w.n
		fmt.Fprintf(w, "%d 0 obj\n", num)
		fmt.Fprintf(w, format, args...)
		io.WriteString(w, "\nendobj\n")
	}
	refs := func(first, count int) string {
		var out strings.Builder
		for i := range count {
			fmt.Fprintf(&out, "%d 0 R ", first+i)
		}
		return out.String()
	}
	put(1, "<</Type/Catalog/Pages 2 0 R>>")
	put(2, "<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>>>", refs(firstNode, nodes), pages)
	put(3, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	put(4, "<</Length 36>>\nstream\nBT /F1 12 Tf 72 770 Td (kyso) Tj ET \nendstream")
	for i := range nodes {
		count := min(perNode, pages-i*perNode)
		put(firstNode+i, "<</Type/Pages/Parent 2 0 R/Kids[%s]/Count %d>>", refs(firstPage+i*perNode, count), count)
	}
	for i := range pages {
		put(firstPage+i, "<</Type/Page/Parent %d 0 R/Contents 4 0 R>>", firstNode+i/perNode)
	}
	fill := firstPage + pages
	block := strings.Repeat("0123456789abcdef", 64<<10/16)
	each := (size - w.n) / int64(max(1, total-fill+1))
	for num := fill; num <= total; num++ {
		if each < 64 {
			put(num, "%d", num)
			continue
		}
		length := int(each) - 64
		offsets[num] = w.n
		fmt.Fprintf(w, "%d 0 obj\n<</Length %d>>\nstream\n", num, length)
		for left := length; left > 0; left -= len(block) {
			io.WriteString(w, block[:min(left, len(block))])
		}
		io.WriteString(w, "\nendstream\nendobj\n")
	}
	start := w.n
	fmt.Fprintf(w, "xref\n0 %d\n0000000000 65535 f\r\n", total+1)
	for _, at := range offsets[1:] {
		fmt.Fprintf(w, "%010d 00000 n\r\n", at)
	}
	fmt.Fprintf(w, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", total+1, start)
	if err := w.w.Flush(); err != nil {
		t.Fatal(err)
	}
}

type offsetWriter struct {
	w *bufio.Writer
	n int64
}

func (w *offsetWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.n += int64(n)
	return n, err
}

// writeStreamed writes a one-page file whose objects lie in object streams of 200, found by a cross-reference stream.
func writeStreamed(t testing.TB, path string, objects int) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := &offsetWriter{w: bufio.NewWriterSize(file, 1<<20)}
	io.WriteString(w, "%PDF-1.7\n")
	const perStream = 200
	total := 3 + objects
	rows := make([]byte, 0, 8*(total+objects/perStream+2))
	row := func(kind byte, a, b int) {
		rows = append(rows, kind)
		rows = binary.BigEndian.AppendUint32(rows, uint32(a))
		rows = binary.BigEndian.AppendUint16(rows, uint16(b))
	}
	row(0, 0, 65535)
	for num, body := range []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"} {
		row(1, int(w.n), 0)
		fmt.Fprintf(w, "%d 0 obj\n%s\nendobj\n", num+1, body)
	}
	stream := func(num int, attributes string, data []byte) {
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		z.Write(data)
		z.Close()
		fmt.Fprintf(w, "%d 0 obj\n<<%s/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream\nendobj\n", num, attributes, packed.Len(), packed.Bytes())
	}
	var places []int
	for first := 4; first <= total; first += perStream {
		var head, body strings.Builder
		count := min(perStream, total-first+1)
		for i := range count {
			fmt.Fprintf(&head, "%d %d ", first+i, body.Len())
			fmt.Fprintf(&body, "<</N %d>> ", first+i)
			row(2, total+1+len(places), i)
		}
		places = append(places, int(w.n))
		stream(total+len(places), fmt.Sprintf("/Type/ObjStm/N %d/First %d", count, head.Len()), []byte(head.String()+body.String()))
	}
	for _, at := range places {
		row(1, at, 0)
	}
	start, own := w.n, total+len(places)+1
	row(1, int(start), 0)
	stream(own, fmt.Sprintf("/Type/XRef/W[1 4 2]/Size %d/Root 1 0 R", own+1), rows)
	fmt.Fprintf(w, "startxref\n%d\n%%%%EOF\n", start)
	if err := w.w.Flush(); err != nil {
		t.Fatal(err)
	}
}
