package forms

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"kyso/internal/vn"
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
	when := types.StringLiteral(types.DateString(at.In(vn.Zone)))
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

// conformance says which standards a paper keeps to. PDF/A knows no PDF/UA, so that its one property is described, too
// (ISO 19005-2, 6.6.2.3.3).
const conformance = `<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance><pdfuaid:part>1</pdfuaid:part>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category><pdfaProperty:description>Part of ISO 14289 that the document keeps to</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
`

// xmp is the metadata stream; it is not compressed, so that tools that know nothing of PDF find it.
func xmp(title string, at time.Time) types.StreamDict {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(title)) // a buffer takes everything
	when := at.In(vn.Zone).Format(time.RFC3339)
	raw := fmt.Appendf(nil, `<?xpacket begin="%[1]s" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">%[2]s</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>vi-VN</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>%[3]s</xmp:CreateDate><xmp:ModifyDate>%[3]s</xmp:ModifyDate><xmp:CreatorTool>kyso</xmp:CreatorTool>
<pdf:Producer>%[4]s</pdf:Producer>
</rdf:Description>
%[5]s</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`, "\ufeff", escaped.String(), when, producer, conformance)
	dict := types.Dict{"Type": types.Name("Metadata"), "Subtype": types.Name("XML"), "Length": types.Integer(len(raw))}
	return types.StreamDict{Dict: dict, Raw: raw}
}
