package forms

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

var producer = "kyso (pdfcpu " + model.VersionStr + ")"

// describe completes the catalog with what PDF/A and readers for the blind want: language, XMP metadata, and the title
// in the window. It returns the information dictionary, which says the same as the metadata.
func describe(table *model.XRefTable, pages *types.IndirectRef, title string, at time.Time) (types.IndirectRef, error) {
	metadata, err := table.IndRefForNewObject(xmp(title, at))
	if err != nil {
		return types.IndirectRef{}, err
	}
	root, err := table.Catalog()
	if err != nil {
		return types.IndirectRef{}, err
	}
	root["Pages"] = *pages
	root["Metadata"] = *metadata
	root["Lang"] = types.StringLiteral("vi-VN")
	root["ViewerPreferences"] = types.Dict{"DisplayDocTitle": types.Boolean(true)}
	when := types.StringLiteral(types.DateString(at.In(vietnam)))
	info, err := table.IndRefForNewObject(types.Dict{"Title": utf16Text(title), "Creator": types.StringLiteral("kyso"),
		"Producer": utf16Text(producer), "CreationDate": when, "ModDate": when})
	if err != nil {
		return types.IndirectRef{}, err
	}
	return *info, nil
}

// utf16Text is a text string of any characters (ISO 32000-2, 7.9.2.2).
func utf16Text(s string) types.HexLiteral {
	out := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return types.NewHexLiteral(out)
}

// xmp is the metadata stream; it is not compressed, so that tools that know nothing of PDF find it.
func xmp(title string, at time.Time) types.StreamDict {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(title)) // a buffer takes everything
	when := at.In(vietnam).Format(time.RFC3339)
	raw := fmt.Appendf(nil, `<?xpacket begin="%[1]s" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">%[2]s</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>vi-VN</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>%[3]s</xmp:CreateDate><xmp:ModifyDate>%[3]s</xmp:ModifyDate><xmp:CreatorTool>kyso</xmp:CreatorTool>
<pdf:Producer>%[4]s</pdf:Producer>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`, "\ufeff", escaped.String(), when, producer)
	dict := types.Dict{"Type": types.Name("Metadata"), "Subtype": types.Name("XML"), "Length": types.Integer(len(raw))}
	return types.StreamDict{Dict: dict, Raw: raw}
}

// finishFont mends what pdfcpu leaves: a ToUnicode map that ends after the hundredth character, without which most
// Vietnamese letters could neither be searched nor read aloud; and a name that is random.
func finishFont(table *model.XRefTable, ref types.IndirectRef, face string, used glyphs) error {
	dict, err := table.DereferenceDict(ref)
	if err != nil {
		return err
	}
	descendants := dict.ArrayEntry("DescendantFonts")
	if len(descendants) != 1 {
		return errors.New("no descendant")
	}
	descendant, err := table.DereferenceDict(descendants[0])
	if err != nil {
		return err
	}
	descriptor, err := table.DereferenceDict(descendant["FontDescriptor"])
	if err != nil {
		return err
	}
	unicodes, err := table.NewStreamDictForBuf(toUnicode(face, used))
	if err != nil {
		return err
	}
	if err := unicodes.Encode(); err != nil {
		return err
	}
	old, ok := dict["ToUnicode"].(types.IndirectRef)
	if !ok {
		return errors.New("no map to Unicode")
	}
	table.Table[old.ObjectNumber.Value()].Object = *unicodes
	name := types.Name(subsetTag(face, used) + "+" + face)
	dict["BaseFont"], descendant["BaseFont"], descriptor["FontName"] = name, name, name
	return nil
}

// subsetTag is six capital letters that differ when the glyphs do (ISO 32000-2, 9.9.2).
func subsetTag(face string, used glyphs) string {
	sum := sha256.Sum256(fmt.Append(nil, face, used.sorted(face)))
	tag := sum[:6]
	for i := range tag {
		tag[i] = 'A' + tag[i]%26
	}
	return string(tag)
}

// maxMapped is how many characters one block of a ToUnicode map may hold (Adobe Technical Note 5014).
const maxMapped = 100

func toUnicode(face string, used glyphs) []byte {
	var b bytes.Buffer
	b.WriteString(`/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
`)
	for part := range slices.Chunk(used.sorted(face), maxMapped) {
		fmt.Fprintf(&b, "%d beginbfchar\n", len(part))
		for _, glyph := range part {
			fmt.Fprintf(&b, "<%04X> <", glyph)
			for _, u := range utf16.Encode([]rune{used[face][glyph]}) {
				fmt.Fprintf(&b, "%04X", u)
			}
			b.WriteString(">\n")
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString(strings.Join([]string{"endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"}, "\n"))
	return b.Bytes()
}
