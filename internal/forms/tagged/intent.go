package tagged

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"unicode/utf16"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

const srgb = "sRGB IEC61966-2.1"

// MeanColours names sRGB as what the colours of a document mean (ISO 19005-2, 6.2.3).
func MeanColours(table *model.XRefTable) error {
	catalog, err := table.Catalog()
	if err != nil {
		return err
	}
	stream, err := destination()
	if err != nil {
		return err
	}
	ref, err := table.IndRefForNewObject(stream)
	if err != nil {
		return err
	}
	catalog["OutputIntents"] = types.Array{types.Dict{"Type": types.Name("OutputIntent"), "S": types.Name("GTS_PDFA1"),
		"OutputConditionIdentifier": types.StringLiteral(srgb), "Info": types.StringLiteral(srgb), "DestOutputProfile": *ref}}
	return nil
}

// destination is the profile as a stream; every document of a process has this one, and changes nothing in it.
var destination = sync.OnceValues(func() (types.StreamDict, error) {
	stream := types.StreamDict{Dict: types.Dict{"N": types.Integer(3), "Filter": types.Name(filter.Flate)}, Content: profile(),
		FilterPipeline: []types.PDFFilter{{Name: filter.Flate}}}
	return stream, stream.Encode()
})

// profile makes an ICC profile of sRGB (ICC.1:2004-10, version 4.2; IEC 61966-2-1): a matrix to the connection space, whose
// white is D50, and the curve of sRGB. All of it follows from the two standards.
func profile() []byte {
	curve := append([]byte("para\x00\x00\x00\x00\x00\x03\x00\x00"), fixed(2.4, 1/1.055, 0.055/1.055, 1/12.92, 0.04045)...)
	tags := []struct {
		name string
		data []byte
	}{
		{"desc", text(srgb)}, {"cprt", text("No copyright, use freely")},
		{"wtpt", xyz(0.9642, 1, 0.8249)},
		{"chad", append([]byte("sf32\x00\x00\x00\x00"), fixed(1.047882, 0.022919, -0.050201, 0.029587, 0.990479, -0.017059, -0.009232, 0.015076, 0.751678)...)},
		{"rXYZ", xyz(0.436066, 0.222488, 0.013916)}, {"gXYZ", xyz(0.385147, 0.716873, 0.097076)}, {"bXYZ", xyz(0.143066, 0.060608, 0.714096)},
		{"rTRC", curve}, {"gTRC", curve}, {"bTRC", curve},
	}
	const header = 128
	directory := binary.BigEndian.AppendUint32(nil, uint32(len(tags)))
	var data []byte
	for _, tag := range tags {
		for len(data)%4 != 0 {
			data = append(data, 0)
		}
		directory = append(directory, tag.name...)
		directory = binary.BigEndian.AppendUint32(directory, uint32(header+4+12*len(tags)+len(data)))
		directory = binary.BigEndian.AppendUint32(directory, uint32(len(tag.data)))
		data = append(data, tag.data...)
	}
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	out := make([]byte, header)
	binary.BigEndian.PutUint32(out, uint32(header+len(directory)+len(data)))
	copy(out[8:], "\x04\x20\x00\x00mntrRGB XYZ ")
	copy(out[24:], "\x07\xea\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00acsp") // made on 2026-01-01
	copy(out[68:], fixed(0.9642, 1, 0.8249))
	return slices.Concat(out, directory, data)
}

func fixed(values ...float64) []byte {
	var out []byte
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, uint32(int32(math.Round(v*65536))))
	}
	return out
}

func xyz(x, y, z float64) []byte { return append([]byte("XYZ \x00\x00\x00\x00"), fixed(x, y, z)...) }

// text is a text in one language (multiLocalizedUnicodeType).
func text(s string) []byte {
	units := utf16.Encode([]rune(s))
	out := []byte("mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS")
	out = binary.BigEndian.AppendUint32(out, uint32(2*len(units)))
	out = binary.BigEndian.AppendUint32(out, 28)
	for _, u := range units {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out
}
