package pdfchild

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// killer is a file made to bring a reader down.
type killer struct {
	name string
	make func(w *killerWriter)
	code problem.Code // what Inspect must say; "" when the file is harmless to us
}

// killerWriter streams a file with a table to disk.
type killerWriter struct {
	*bufio.Writer
	n       int64
	offsets map[int]int64
}

func (w *killerWriter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return w.Writer.Write(p)
}

// WriteString hides that of bufio, which would not count.
func (w *killerWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *killerWriter) object(num int, body string) {
	w.offsets[num] = w.n
	fmt.Fprintf(w, "%d 0 obj\n%s\nendobj\n", num, body)
}

func (w *killerWriter) stream(num int, attributes string, data []byte) {
	w.offsets[num] = w.n
	fmt.Fprintf(w, "%d 0 obj\n<<%s/Length %d>>\nstream\n", num, attributes, len(data))
	w.Write(data)
	io.WriteString(w, "\nendstream\nendobj\n")
}

// pages writes a catalog with more, and one page.
func (w *killerWriter) pages(catalog, page string) {
	io.WriteString(w, "%PDF-1.7\n")
	w.object(1, "<</Type/Catalog/Pages 2 0 R"+catalog+">>")
	w.object(2, "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>")
	w.object(3, "<</Type/Page/Parent 2 0 R"+page+">>")
}

// table writes the cross-reference table and the trailer.
func (w *killerWriter) table(size int) {
	start := w.n
	fmt.Fprintf(w, "xref\n0 %d\n0000000000 65535 f\r\n", size)
	for num := 1; num < size; num++ {
		if at, ok := w.offsets[num]; ok {
			fmt.Fprintf(w, "%010d 00000 n\r\n", at)
		} else {
			io.WriteString(w, "0000000000 00000 f\r\n")
		}
	}
	fmt.Fprintf(w, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", size, start)
}

// deflated compresses zeros, many at a time: a thousandth of their size remains.
func deflated(size int64) []byte {
	var out bytes.Buffer
	z, _ := zlib.NewWriterLevel(&out, zlib.BestCompression)
	io.CopyN(z, zeros{}, size)
	z.Close()
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// bomb is 2 GB of zeros, deflated twice to a few kilobytes.
var bomb = sync.OnceValue(func() []byte {
	var out bytes.Buffer
	z, _ := zlib.NewWriterLevel(&out, zlib.BestCompression)
	z.Write(deflated(2 << 30))
	z.Close()
	return out.Bytes()
})

var killers = []killer{
	{"a circle of actions", func(w *killerWriter) {
		w.pages("/OpenAction 4 0 R", "")
		w.object(4, "<</S/GoToE/T<</R/C>>/Next 5 0 R>>")
		w.object(5, "<</S/GoToE/Next[4 0 R 5 0 R]>>")
		w.table(6)
	}, ""},
	{"a million actions", func(w *killerWriter) {
		w.pages("/OpenAction 4 0 R", "")
		const last = 1_000_000
		for num := 4; num < last; num++ {
			w.object(num, fmt.Sprintf("<</S/GoTo/Next %d 0 R>>", num+1))
		}
		w.object(last, "<</S/JavaScript/JS(x)>>")
		w.table(last + 1)
	}, problem.DocumentTooComplex},
	{"actions within actions", func(w *killerWriter) {
		w.pages("/OpenAction "+strings.Repeat("<</S/GoTo/Next", 100_000)+" null"+strings.Repeat(">>", 100_000), "")
		w.table(4)
	}, problem.DocumentTooComplex},
	{"ten million entries", func(w *killerWriter) {
		w.pages("", "")
		w.table(10_000_000)
	}, ""},
	{"a stream that says it has a billion entries", func(w *killerWriter) {
		w.pages("", "")
		start := w.n
		w.stream(4, "/Type/XRef/W[1 8 8]/Index[0 1000000000]/Size 1000000000/Root 1 0 R/Filter/FlateDecode", deflated(1<<20))
		fmt.Fprintf(w, "startxref\n%d\n%%%%EOF\n", start)
	}, ""},
	{"a cross-reference stream that inflates to 2 GB", func(w *killerWriter) {
		w.pages("", "")
		start := w.n
		w.stream(4, "/Type/XRef/W[1 2 1]/Size 5/Root 1 0 R/Filter[/FlateDecode/FlateDecode]", bomb())
		fmt.Fprintf(w, "startxref\n%d\n%%%%EOF\n", start)
	}, problem.DocumentTooComplex},
	{"a catalog in an object stream that inflates to 2 GB", func(w *killerWriter) {
		io.WriteString(w, "%PDF-1.7\n")
		w.stream(4, "/Type/ObjStm/N 1/First 4/Filter[/FlateDecode/FlateDecode]", bomb())
		start := w.n
		rows := []byte{0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0}
		w.stream(5, "/Type/XRef/W[1 4 1]/Index[0 2]/Size 6/Root 1 0 R", rows)
		fmt.Fprintf(w, "startxref\n%d\n%%%%EOF\n", start)
	}, problem.DocumentTooComplex},
	{"object streams that extend each other", func(w *killerWriter) {
		io.WriteString(w, "%PDF-1.7\n")
		w.stream(4, "/Type/ObjStm/N 0/First 0/Extends 5 0 R", nil)
		w.stream(5, "/Type/ObjStm/N 0/First 0/Extends 4 0 R", nil)
		start := w.n
		w.stream(6, "/Type/XRef/W[1 4 1]/Index[0 2]/Size 7/Root 1 0 R", []byte{0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0})
		fmt.Fprintf(w, "startxref\n%d\n%%%%EOF\n", start)
	}, problem.DocumentBroken},
	{"a million brackets", func(w *killerWriter) {
		w.pages("/X"+strings.Repeat("[", 1_000_000), "")
		w.table(4)
	}, problem.DocumentTooComplex},
	{"fields within fields", func(w *killerWriter) {
		w.pages("/AcroForm<</Fields[4 0 R]>>", "")
		for num := 4; num < 5000; num++ {
			w.object(num, fmt.Sprintf("<</T(a)/Kids[%d 0 R]>>", num+1))
		}
		w.object(5000, "<</FT/Sig/T(b)>>")
		w.table(5001)
	}, problem.DocumentTooComplex},
	{"one field with a hundred million kids by sharing", func(w *killerWriter) {
		w.pages("/AcroForm<</Fields[4 0 R]>>", "")
		for num := 4; num < 12; num++ {
			w.object(num, "<</T(a)/Kids["+strings.Repeat(fmt.Sprintf("%d 0 R ", num+1), 10)+"]>>")
		}
		w.object(12, "<</FT/Tx/T(b)>>")
		w.table(13)
	}, ""},
	{"pages that share kids until there are a hundred million", func(w *killerWriter) {
		io.WriteString(w, "%PDF-1.7\n")
		w.object(1, "<</Type/Catalog/Pages 2 0 R>>")
		for num := 2; num < 10; num++ {
			w.object(num, "<</Type/Pages/Count 1/Kids["+strings.Repeat(fmt.Sprintf("%d 0 R ", num+1), 10)+"]>>")
		}
		w.object(10, "<</Type/Page/MediaBox[0 0 595 842]>>")
		w.table(11)
	}, problem.TooLarge},
	{"sections in a circle", func(w *killerWriter) {
		w.pages("", "")
		start := w.n
		fmt.Fprintf(w, "xref\n0 1\n0000000000 65535 f\r\ntrailer\n<</Size 4/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", start, start)
	}, ""},
	{"widgets of one page on all pages", func(w *killerWriter) {
		io.WriteString(w, "%PDF-1.7\n")
		w.object(1, "<</Type/Catalog/Pages 2 0 R>>")
		w.object(2, "<</Type/Pages/Count 1/MediaBox[0 0 595 842]/Kids["+strings.Repeat("3 0 R ", 10_000)+"]>>")
		w.object(3, "<</Type/Page/Annots 4 0 R>>")
		w.object(4, "["+strings.Repeat("<</Subtype/Link>>", 10_000)+"]")
		w.table(5)
	}, problem.DocumentTooComplex},
	{"history of history", func(w *killerWriter) { // each of 4,000 revisions writes the same page again
		w.pages("", "")
		prev := int64(0)
		for range 4000 {
			w.object(3, "<</Type/Page/Parent 2 0 R/Contents[4 0 R]>>")
			start := w.n
			io.WriteString(w, "xref\n")
			for num := 1; num <= 3; num++ {
				fmt.Fprintf(w, "%d 1\n%010d 00000 n\r\n", num, w.offsets[num])
			}
			fmt.Fprintf(w, "trailer\n<</Size 5/Root 1 0 R")
			if prev > 0 {
				fmt.Fprintf(w, "/Prev %d", prev)
			}
			fmt.Fprintf(w, ">>\nstartxref\n%d\n%%%%EOF\n", start)
			prev = start
		}
	}, ""},
}

// TestKillerFiles gives the child files that bring readers down, while another child works. Each ends in a code or harmlessly, in
// seconds, within the memory that a child may have; the other child notices nothing.
func TestKillerFiles(t *testing.T) {
	cert, _ := newSigner(t)
	for _, k := range killers {
		t.Run(k.name, func(t *testing.T) {
			src := k.write(t)
			stop := working(t)
			session := runner(t, &Runner{}).Session()
			defer session.Close()
			start := time.Now()
			_, err := session.Inspect(context.Background(), src, pades.Policy{MaxSize: 1 << 30})
			inspected := time.Since(start)
			if problem.CodeOf(err) != k.code {
				t.Errorf("inspected: %v, want %q", err, k.code)
			}
			_, prepareErr := session.Prepare(context.Background(), src, pades.PrepareOptions{Certificate: cert, SigningTime: time.Now(), Policy: pades.Policy{MaxSize: 1 << 30}})
			_, verifyErr := session.Verify(context.Background(), src, pades.VerifyOptions{Now: time.Now()})
			for doing, err := range map[string]error{"prepared": prepareErr, "verified": verifyErr} {
				if code := problem.CodeOf(err); err != nil && code.Kind() != problem.KindInvalid {
					t.Errorf("%s: %v", doing, err)
				}
			}
			took := time.Since(start)
			t.Logf("%d bytes: inspected in %v, all in %v: %v", src.Size(), inspected.Round(time.Millisecond), took.Round(time.Millisecond), err)
			if took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			if n := stop(); n == 0 {
				t.Error("the other session did nothing meanwhile")
			}
		})
	}
}

func (k killer) write(t *testing.T) pades.Source {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "killer.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	w := &killerWriter{Writer: bufio.NewWriterSize(file, 1<<20), offsets: map[int]int64{}}
	k.make(w)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return io.NewSectionReader(file, 0, w.n)
}
