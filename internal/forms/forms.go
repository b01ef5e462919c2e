// Package forms writes the PDF files that are kyso's own. It lays them out itself, in fonts that cover every letter and tone
// of Vietnamese and of the languages that are written in its letters, and has pdfcpu keep the objects. The same data gives
// the same bytes.
//
// It imports internal/problem, internal/pades/font, pdfcpu, golang.org/x/text and the font modules only.
package forms

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"github.com/go-fonts/liberation/liberationserifbold"
	"github.com/go-fonts/liberation/liberationserifitalic"
	"github.com/go-fonts/liberation/liberationserifregular"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/font"
)

// The faces that pages are set in, by their PostScript names.
const (
	regular = "LiberationSerif"
	bold    = "LiberationSerif-Bold"
	italic  = "LiberationSerif-Italic"
)

// faces are the font files, in the order in which they are embedded.
var faces = []struct {
	name string
	ttf  []byte
}{
	{regular, liberationserifregular.TTF}, {bold, liberationserifbold.TTF}, {italic, liberationserifitalic.TTF},
}

// loadFonts parses the faces, once per process.
var loadFonts = sync.OnceValues(func() (map[string]*font.Font, error) {
	model.ConfigPath = "disable" // pdfcpu's own folder in the user's home is never touched
	loaded := map[string]*font.Font{}
	for _, face := range faces {
		parsed, err := font.Parse(face.ttf)
		if err != nil {
			return nil, fmt.Errorf("loading the font %s: %w", face.name, err)
		}
		loaded[face.name] = parsed
	}
	return loaded, nil
})

// fontOf returns a face. The fonts are part of the program, so that they fail in no process or in every one.
func fontOf(face string) *font.Font {
	loaded, err := loadFonts()
	if err != nil {
		panic(err)
	}
	return loaded[face]
}

// Unprintable returns the first letter of a text that the papers cannot show; "" when they can show all.
func Unprintable(text string) string {
	for _, letter := range font.Letters(norm.NFC.String(text)) {
		for _, face := range faces {
			if _, ok := fontOf(face.name).Shape(letter); !ok {
				return letter
			}
		}
	}
	return ""
}

// letters are what a document uses of each face.
type letters map[string]*font.Used

// codes appends the codes of a text. A letter without a shape is refused before a text gets here.
func (l letters) codes(out []byte, face, text string) []byte {
	if l[face] == nil {
		l[face] = &font.Used{Font: fontOf(face)}
	}
	for _, letter := range font.Letters(text) {
		if shape, ok := l[face].Font.Shape(letter); ok {
			out = font.AppendCode(out, l[face].Code(shape))
		}
	}
	return out
}

// embed adds a subset of each face with the letters that are used, and returns the fonts by face.
func (l letters) embed(table *model.XRefTable) (types.Dict, error) {
	resources := types.Dict{}
	for _, face := range faces {
		if l[face.name] == nil {
			continue
		}
		ref, err := embedFace(table, face.name, l[face.name])
		if err != nil {
			return nil, fmt.Errorf("embedding the font %s: %w", face.name, err)
		}
		resources[face.name] = *ref
	}
	return resources, nil
}

// embedFace writes one subset as a Type 0 font with glyph numbers as codes (ISO 32000-2, 9.7.4).
func embedFace(table *model.XRefTable, face string, used *font.Used) (*types.IndirectRef, error) {
	subset, err := used.Subset()
	if err != nil {
		return nil, err
	}
	f := used.Font
	scale := func(v int) types.Integer { return types.Integer(f.Thousandths(v)) }
	widths := types.Array{}
	for _, width := range used.Widths() {
		widths = append(widths, types.Integer(width))
	}
	name := types.Name(subset.Tag() + "+" + face)
	objects := &adder{table: table}
	file := objects.stream(subset.Data, types.Dict{"Length1": types.Integer(len(subset.Data))})
	descriptor := objects.add(types.Dict{"Type": types.Name("FontDescriptor"), "FontName": name,
		"Flags":       types.Integer(4), // symbolic: codes are glyph numbers
		"FontBBox":    types.Array{scale(f.BBox[0]), scale(f.BBox[1]), scale(f.BBox[2]), scale(f.BBox[3])},
		"ItalicAngle": types.Integer(f.ItalicAngle), "Ascent": scale(f.Ascent), "Descent": scale(f.Descent),
		"CapHeight": scale(f.CapHeight), "StemV": types.Integer(80), "FontFile2": file, "CIDSet": objects.stream(subset.CIDSet(), nil)})
	cid := objects.add(types.Dict{"Type": types.Name("Font"), "Subtype": types.Name("CIDFontType2"), "BaseFont": name,
		"CIDSystemInfo":  types.Dict{"Registry": types.StringLiteral("Adobe"), "Ordering": types.StringLiteral("Identity"), "Supplement": types.Integer(0)},
		"FontDescriptor": descriptor, "CIDToGIDMap": types.Name("Identity"), "W": types.Array{types.Integer(1), widths}})
	ref := objects.add(types.Dict{"Type": types.Name("Font"), "Subtype": types.Name("Type0"), "BaseFont": name,
		"Encoding": types.Name("Identity-H"), "DescendantFonts": types.Array{cid}, "ToUnicode": objects.stream(used.ToUnicode(), nil)})
	return &ref, errors.Join(objects.errs...)
}

// adder adds objects to a document and keeps what went wrong.
type adder struct {
	table *model.XRefTable
	errs  []error
}

func (a *adder) add(object types.Object) types.IndirectRef {
	ref, err := a.table.IndRefForNewObject(object)
	if err != nil {
		a.errs = append(a.errs, err)
		return types.IndirectRef{}
	}
	return *ref
}

func (a *adder) stream(data []byte, entries types.Dict) types.IndirectRef {
	stream := deflated(data)
	maps.Copy(stream.Dict, entries)
	return a.add(stream)
}

// deflaters are used again: one takes 1.2 MB to begin, and a paper has a dozen small streams.
var deflaters = sync.Pool{New: func() any { return zlib.NewWriter(io.Discard) }}

// deflated is a stream as pdfcpu encodes it.
func deflated(data []byte) types.StreamDict {
	var raw bytes.Buffer
	w := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(w)
	w.Reset(&raw)
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	return types.StreamDict{Dict: types.Dict{"Filter": types.Name("FlateDecode"), "Length": types.Integer(raw.Len())}, Raw: raw.Bytes()}
}
