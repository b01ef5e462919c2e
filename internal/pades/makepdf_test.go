package pades_test

import (
	"bytes"
	"fmt"
	"strings"
)

// makePDF writes a file with a classic table from the bodies of objects 1, 2, …; object 1 is the catalog.
func makePDF(objects ...string) []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	offsets := make([]int, len(objects))
	for i, body := range objects {
		offsets[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f\r\n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n\r\n", at)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R/ID[<00112233445566778899AABBCCDDEEFF><00112233445566778899AABBCCDDEEFF>]>>\n"+
		"startxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return out.Bytes()
}

// onePage is a file of one page with the given page attributes, its text and whatever more objects follow; the
// first of those is object 6.
func onePage(pageAttributes, catalogAttributes string, more ...string) []byte {
	content := "BT /F1 10 Tf 60 60 Td (Noi dung) Tj ET 0.9 g 20 20 m 80 20 l 50 70 l f"
	return makePDF(append([]string{
		"<</Type/Catalog/Pages 2 0 R" + catalogAttributes + ">>",
		"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R" + pageAttributes + ">>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}, more...)...)
}

// sized pads a one-page file to a size, with a stream that nothing refers to.
func sized(size int) []byte {
	empty := onePage("", "", "<</Length 0000000>>\nstream\n\nendstream")
	pad := size - len(empty)
	return onePage("", "", fmt.Sprintf("<</Length %07d>>\nstream\n%s\nendstream", pad, strings.Repeat("kyso ", pad/5+1)[:pad]))
}
