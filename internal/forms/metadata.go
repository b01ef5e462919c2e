package forms

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// describe adds what PDF/A and readers for the blind want: language, title, XMP metadata, and the title in the window.
func describe(pdf []byte, pages [][]line, title string, at time.Time) ([]byte, error) {
	ctx, err := api.ReadValidateAndOptimize(bytes.NewReader(pdf), model.NewDefaultConfiguration())
	if err != nil {
		return nil, fmt.Errorf("reading a written document: %w", err)
	}
	root, err := ctx.Catalog()
	if err != nil {
		return nil, fmt.Errorf("reading a written document: %w", err)
	}
	metadata, err := ctx.StreamDictIndRef(xmp(norm.NFC.String(title), at))
	if err != nil {
		return nil, fmt.Errorf("adding metadata: %w", err)
	}
	root["Metadata"] = *metadata
	root["Lang"] = types.StringLiteral("vi-VN")
	root["ViewerPreferences"] = types.Dict{"DisplayDocTitle": types.Boolean(true)}
	if err := completeMaps(ctx, pages); err != nil {
		return nil, fmt.Errorf("completing character maps: %w", err)
	}
	var out bytes.Buffer
	if err := api.WriteContext(ctx, &out); err != nil {
		return nil, fmt.Errorf("writing a document: %w", err)
	}
	return out.Bytes(), nil
}

func xmp(title string, at time.Time) []byte {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(title)) // a buffer takes everything
	when := at.UTC().Format(time.RFC3339)
	return fmt.Appendf(nil, `<?xpacket begin="%s" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>vi-VN</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>%s</xmp:CreateDate><xmp:CreatorTool>kyso</xmp:CreatorTool>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`, "\ufeff", escaped.String(), when)
}

// maxMapped is how many characters one block of a ToUnicode map may hold (Adobe Technical Note 5014).
const maxMapped = 100

var mapBlocks = regexp.MustCompile(`(?s)\d+ beginbfchar.*endbfchar`)

// completeMaps writes the ToUnicode map of every font anew: pdfcpu leaves out all characters after the hundredth, and
// with them most Vietnamese letters could neither be searched nor read aloud.
func completeMaps(ctx *model.Context, pages [][]line) error {
	for _, entry := range ctx.Table {
		dict, ok := entry.Object.(types.Dict)
		if !ok || dict.Subtype() == nil || *dict.Subtype() != "Type0" {
			continue
		}
		ref, ok := dict["ToUnicode"].(types.IndirectRef)
		if !ok || dict.NameEntry("BaseFont") == nil {
			continue
		}
		_, face, subset := strings.Cut(*dict.NameEntry("BaseFont"), "+")
		if !subset {
			face = *dict.NameEntry("BaseFont")
		}
		if err := completeMap(ctx, ref, face, pages); err != nil {
			return err
		}
	}
	return nil
}

func completeMap(ctx *model.Context, ref types.IndirectRef, face string, pages [][]line) error {
	entry, ok := ctx.FindTableEntryForIndRef(&ref)
	if !ok {
		return nil
	}
	stream, ok := entry.Object.(types.StreamDict)
	if !ok {
		return nil
	}
	if err := stream.Decode(); err != nil {
		return err
	}
	rows, err := mapRows(face, pages)
	if err != nil {
		return err
	}
	var blocks bytes.Buffer
	for part := range slices.Chunk(rows, maxMapped) {
		fmt.Fprintf(&blocks, "%d beginbfchar\n%s\nendbfchar\n", len(part), strings.Join(part, "\n"))
	}
	stream.Content = mapBlocks.ReplaceAllLiteral(stream.Content, bytes.TrimSuffix(blocks.Bytes(), []byte("\n")))
	if err := stream.Encode(); err != nil {
		return err
	}
	entry.Object = stream
	return nil
}

// mapRows maps each glyph that a face has on the pages to its character.
func mapRows(face string, pages [][]line) ([]string, error) {
	parsed, err := sfnt.Parse(faces[face])
	if err != nil {
		return nil, err
	}
	var buffer sfnt.Buffer
	seen := map[string]bool{}
	for _, page := range pages {
		for _, l := range page {
			if l.face != face {
				continue
			}
			for _, r := range l.text {
				glyph, err := parsed.GlyphIndex(&buffer, r)
				if err != nil {
					return nil, err
				}
				seen[fmt.Sprintf("<%04X> <%04X>", glyph, r)] = true // no character outside the basic plane has a glyph
			}
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}
