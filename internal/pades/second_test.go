package pades_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kyso/internal/pades"
)

// countedSource counts how often a document is read.
type countedSource struct {
	fileSource
	reads int
}

func (c *countedSource) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	return c.fileSource.ReadAt(p, off)
}

// A second signature is compared with the first one by reading the document, which costs no more in a book than in a contract.
func TestASecondSignatureReadsNoMoreOfABook(t *testing.T) {
	signer := newTestSigner(t)
	reads := map[int]int{}
	for _, pages := range []int{1, 1000, 5000} {
		path := filepath.Join(t.TempDir(), "twice.pdf")
		writeBig(t, path, pages, 20, 50<<10)
		first := openSource(t, path)
		state, _ := readAndHash(t, first)
		signedOnce(t, signer, first, state, path)
		src := &countedSource{fileSource: openSource(t, path)}
		state, _ = readAndHash(t, src.fileSource)
		if _, err := pades.Prepare(src, secondSignature(signer, state)); err != nil {
			t.Fatal(err)
		}
		reads[pages] = src.reads
	}
	if reads[5000] > reads[1000]*11/10 || reads[1000] < reads[1]+100 {
		t.Errorf("a document is read %v times, by its pages", reads)
	}
}

func secondSignature(signer *testSigner, state []byte) pades.PrepareOptions {
	return pades.PrepareOptions{Certificate: signer.cert, SigningTime: testTime, Reason: "Tôi đồng ý", HashState: state}
}

// BenchmarkSecondSignature prepares a signature in files that are signed already, of few and of many pages.
func BenchmarkSecondSignature(b *testing.B) {
	signer := newTestSigner(b)
	for _, file := range []benchFile{{"1 page", 1, 20, 50 << 10}, {"100 pages", 100, 300, 1 << 20}, {"2,000 pages", 2000, 30_000, 100 << 20}} {
		b.Run(file.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "twice.pdf")
			file.write(b, path)
			src := openSource(b, path)
			state, _ := readAndHash(b, src)
			signedOnce(b, signer, src, state, path)
			again := openSource(b, path)
			state, _ = readAndHash(b, again)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pades.Prepare(again, secondSignature(signer, state)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// signedOnce appends a signature to a file.
func signedOnce(t testing.TB, signer *testSigner, src fileSource, state []byte, path string) {
	t.Helper()
	prepared, err := pades.Prepare(src, secondSignature(signer, state))
	if err != nil {
		t.Fatal(err)
	}
	value, err := signer.value(prepared)
	if err != nil {
		t.Fatal(err)
	}
	increment, err := pades.Embed(pades.EmbedInput{Prepared: *prepared, SourceSize: src.size, HashState: state, Value: value, Certificate: signer.cert})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = file.Write(increment.Increment); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkEndlessStreams verifies a signed file of 4,000 streams that have no end.
func BenchmarkEndlessStreams(b *testing.B) {
	w := newWorld(b)
	var objects []string
	refs := ""
	for i := range 4000 {
		refs += fmt.Sprintf("/X%d %d 0 R", i, 5+i)
	}
	objects = append(objects, "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject 4 0 R>>>>", "<<"+refs+">>")
	for range 4000 {
		objects = append(objects, "<</Type/XObject/Subtype/Form/BBox[0 0 1 1]/Length 99>>\nstream\n0 g\n")
	}
	data := w.signB(w.signB(makePDF(objects...)))
	b.ResetTimer()
	for b.Loop() {
		w.verify(data, pades.Evidence{})
	}
}
