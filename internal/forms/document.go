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

	"kyso/internal/forms/tagged"
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

	tag  *tagged.Element // whose text it is; a paragraph of its own when nil
	more bool            // a space and another line of the same text follow
	foot bool            // of the page and not of what it says
}

// compose writes pages as a PDF file: tagged PDF that keeps to PDF/UA-1 and PDF/A-2a. root is the structure that the lines
// belong to. The same pages, title and time give the same bytes, so pdfcpu builds the objects but does not write the file: it
// would put in its own time, a random file id and random names of fonts.
func compose(root *tagged.Element, pages [][]line, title string, at time.Time) ([]byte, error) {
	if _, err := loadFonts(); err != nil {
		return nil, err
	}
	table, err := pdfcpu.CreateXRefTableWithRootDict()
	if err != nil {
		return nil, fmt.Errorf("beginning a document: %w", err)
	}
	used, contents, marked := letters{}, make([]types.IndirectRef, len(pages)), make(tagged.Pages, len(pages))
	for i, lines := range pages {
		w := &page{used: used, root: root, number: i, marked: marked}
		ref, err := table.IndRefForNewObject(deflated(w.content(lines)))
		if err != nil {
			return nil, fmt.Errorf("adding a page: %w", err)
		}
		contents[i] = *ref
	}
	resources, err := used.embed(table)
	if err != nil {
		return nil, err
	}
	tree, kids, err := pageTree(table, contents, types.Dict{"Font": resources})
	if err != nil {
		return nil, fmt.Errorf("adding the pages: %w", err)
	}
	if err := errors.Join(tagged.Write(table, root, marked, kids), tagged.MeanColours(table)); err != nil {
		return nil, fmt.Errorf("adding the structure: %w", err)
	}
	info, err := describe(table, tree, norm.NFC.String(title), at)
	if err != nil {
		return nil, fmt.Errorf("adding metadata: %w", err)
	}
	return serialise(table, info)
}

// page writes the content stream of a page.
type page struct {
	bytes.Buffer
	used   letters
	root   *tagged.Element
	number int // from 0
	marked tagged.Pages

	open string // the mark that lines are in
	tag  *tagged.Element
}

// content marks every line as a part of the structure or as an artifact (ISO 32000-1, 14.8.2.2).
func (p *page) content(lines []line) []byte {
	for _, l := range lines {
		p.mark(l)
		if l.align == ruled {
			fmt.Fprintf(&p.Buffer, "0.7 w %.2f %.2f m %.2f %.2f l S\n", l.x, l.y, l.x+l.width, l.y)
			continue
		}
		p.show(l)
	}
	p.end()
	return p.Bytes()
}

func (p *page) mark(l line) {
	artifact := ""
	switch {
	case l.foot:
		artifact = "/Artifact <</Type /Pagination /Subtype /Footer>> BDC\n"
	case l.align == ruled:
		artifact = "/Artifact <</Type /Layout>> BDC\n"
	}
	if p.open != "" && artifact == p.open || artifact == "" && l.tag != nil && l.tag == p.tag {
		return
	}
	p.end()
	if artifact != "" {
		p.open = artifact
		p.WriteString(artifact)
		return
	}
	if p.tag = l.tag; p.tag == nil {
		p.tag = p.root.Add(tagged.Paragraph)
	}
	fmt.Fprintf(&p.Buffer, "/%s <</MCID %d>> BDC\n", p.tag.Role, p.marked.Mark(p.number, p.tag))
}

func (p *page) end() {
	if p.open != "" || p.tag != nil {
		p.WriteString("EMC\n")
	}
	p.open, p.tag = "", nil
}

func (p *page) show(l line) {
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
	if l.more {
		text += " " // words of two lines are two words to who reads the text alone
	}
	fmt.Fprintf(&p.Buffer, "BT /%s %d Tf %.2f %.2f Td [", l.face, l.size, x, l.y)
	for i, word := range strings.SplitAfter(text, " ") {
		if i > 0 && stretch > 0 && word != "" {
			fmt.Fprintf(&p.Buffer, "%.0f", -stretch*1000/float64(l.size))
		}
		if word != "" {
			p.WriteByte('<')
			p.Write(p.used.codes(nil, l.face, word))
			p.WriteByte('>')
		}
	}
	p.WriteString("] TJ ET\n")
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

// pageTree adds the pages; each names its place in the structure, and has readers go through its fields in that order.
func pageTree(table *model.XRefTable, contents []types.IndirectRef, resources types.Dict) (*types.IndirectRef, []types.IndirectRef, error) {
	tree := types.Dict{"Type": types.Name("Pages"), "Count": types.Integer(len(contents)), "Resources": resources,
		"MediaBox": types.NewNumberArray(0, 0, pageWidth, pageHeight)}
	ref, err := table.IndRefForNewObject(tree)
	if err != nil {
		return nil, nil, err
	}
	var pages []types.IndirectRef
	kids := types.Array{}
	for i, content := range contents {
		page, err := table.IndRefForNewObject(types.Dict{"Type": types.Name("Page"), "Parent": *ref, "Contents": content,
			"StructParents": types.Integer(i), "Tabs": types.Name("S")})
		if err != nil {
			return nil, nil, err
		}
		pages, kids = append(pages, *page), append(kids, *page)
	}
	tree["Kids"] = kids
	return ref, pages, nil
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
