package forms

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
	"golang.org/x/text/unicode/norm"
)

// A4, in points.
const (
	pageWidth  = 595.28
	pageHeight = 841.89
)

// line is one line of text on a page, or a ruled line. It begins at x, ends there or has its middle there, depending
// on align; y is the base line. Points count from the lower left corner.
type line struct {
	x, y  float64
	text  string
	face  string
	size  int
	align string  // left, center, right, justified (from x, as wide as width) or ruled (without text)
	width float64 // of justified and ruled lines
}

// compose writes pages as a PDF file. The same pages, title and time give the same bytes, so pdfcpu builds the objects
// but does not write the file: it would put in its own time, a random file id and random names of fonts.
func compose(pages [][]line, title string, at time.Time) ([]byte, error) {
	if _, err := loadFonts(); err != nil {
		return nil, err
	}
	table, err := pdfcpu.CreateXRefTableWithRootDict()
	if err != nil {
		return nil, fmt.Errorf("beginning a document: %w", err)
	}
	used, contents := letters{}, make([]types.IndirectRef, len(pages))
	for i, lines := range pages {
		ref, err := table.StreamDictIndRef(content(lines, used))
		if err != nil {
			return nil, fmt.Errorf("adding a page: %w", err)
		}
		contents[i] = *ref
	}
	resources, err := used.embed(table)
	if err != nil {
		return nil, err
	}
	tree, err := pageTree(table, contents, types.Dict{"Font": resources})
	if err != nil {
		return nil, fmt.Errorf("adding the pages: %w", err)
	}
	info, err := describe(table, tree, norm.NFC.String(title), at)
	if err != nil {
		return nil, fmt.Errorf("adding metadata: %w", err)
	}
	return serialise(table, info)
}

// content is the content stream of a page.
func content(lines []line, used letters) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		if l.align == ruled {
			fmt.Fprintf(&b, "0.7 w %.2f %.2f m %.2f %.2f l S\n", l.x, l.y, l.x+l.width, l.y)
			continue
		}
		text := norm.NFC.String(l.text)
		x, stretch := l.x, 0.0
		switch l.align {
		case center:
			x -= measure(text, l.face, l.size) / 2
		case right:
			x -= measure(text, l.face, l.size)
		case justified:
			stretch = stretchOf(text, l)
		}
		fmt.Fprintf(&b, "BT /%s %d Tf %.2f %.2f Td [", l.face, l.size, x, l.y)
		for i, word := range strings.SplitAfter(text, " ") {
			if i > 0 && stretch > 0 {
				fmt.Fprintf(&b, "%.0f", -stretch*1000/float64(l.size))
			}
			b.WriteByte('<')
			b.Write(used.codes(nil, l.face, word))
			b.WriteByte('>')
		}
		b.WriteString("] TJ ET\n")
	}
	return b.Bytes()
}

// stretchOf is what each space of a justified line gets more. A line that would be torn apart stays as it is.
func stretchOf(text string, l line) float64 {
	spaces := strings.Count(text, " ")
	if spaces == 0 {
		return 0
	}
	stretch := (l.width - measure(text, l.face, l.size)) / float64(spaces)
	if stretch > float64(l.size)*0.6 {
		return 0
	}
	return max(stretch, 0)
}

func pageTree(table *model.XRefTable, contents []types.IndirectRef, resources types.Dict) (*types.IndirectRef, error) {
	tree := types.Dict{"Type": types.Name("Pages"), "Count": types.Integer(len(contents)), "Resources": resources,
		"MediaBox": types.NewNumberArray(0, 0, pageWidth, pageHeight)}
	ref, err := table.IndRefForNewObject(tree)
	if err != nil {
		return nil, err
	}
	kids := types.Array{}
	for _, content := range contents {
		page, err := table.IndRefForNewObject(types.Dict{"Type": types.Name("Page"), "Parent": *ref, "Contents": content})
		if err != nil {
			return nil, err
		}
		kids = append(kids, *page)
	}
	tree["Kids"] = kids
	return ref, nil
}

// serialise writes the objects in their order. The file id is made from what stands in the file.
func serialise(table *model.XRefTable, info types.IndirectRef) ([]byte, error) {
	var b, xref bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	size := len(table.Table)
	fmt.Fprintf(&xref, "xref\n0 %d\n0000000000 65535 f \n", size)
	for n := 1; n < size; n++ {
		entry, ok := table.Find(n)
		if !ok || entry.Free || entry.Object == nil {
			return nil, errors.New("writing a document: an object is missing")
		}
		fmt.Fprintf(&xref, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\n", n, entry.Object.PDFString())
		if stream, ok := entry.Object.(types.StreamDict); ok {
			fmt.Fprintf(&b, "stream\n%s\nendstream\n", stream.Raw)
		}
		b.WriteString("endobj\n")
	}
	start := b.Len()
	sum := sha256.Sum256(b.Bytes())
	id := types.NewHexLiteral(sum[:16])
	b.Write(xref.Bytes())
	trailer := types.Dict{"Size": types.Integer(size), "Root": *table.Root, "Info": info, "ID": types.Array{id, id}}
	fmt.Fprintf(&b, "trailer\n%s\nstartxref\n%d\n%%%%EOF\n", trailer.PDFString(), start)
	return b.Bytes(), nil
}
