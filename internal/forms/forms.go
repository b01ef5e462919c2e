// Package forms writes the PDF files that are kyso's own. It lays them out itself and has pdfcpu embed fonts that
// cover every Vietnamese letter and tone. The same data gives the same bytes.
//
// It imports internal/problem, pdfcpu, golang.org/x/text and the font modules only.
package forms

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-fonts/liberation/liberationserifbold"
	"github.com/go-fonts/liberation/liberationserifitalic"
	"github.com/go-fonts/liberation/liberationserifregular"
	"github.com/pdfcpu/pdfcpu/pkg/font"
	pdffont "github.com/pdfcpu/pdfcpu/pkg/pdfcpu/font"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// The faces that pages are set in, by the names that pdfcpu gives them.
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

// fonts are the faces as pdfcpu keeps them. Its font folder is global to the program, so one document at a time embeds
// its fonts. The folder is there for that moment only: one that stayed would be left behind by every process, and
// could be swept out of the temporary folder under a process that runs for weeks.
var fonts struct {
	sync.Mutex
	files   map[string][]byte
	metrics map[string]font.TTFLight // not changed once it is there
}

// loadFonts reads the faces once per process; after a failure, the next call tries again.
func loadFonts() error {
	fonts.Lock()
	defer fonts.Unlock()
	if fonts.files != nil {
		return nil
	}
	model.ConfigPath = "disable" // pdfcpu's own folder in the user's home is never touched
	files, metrics := map[string][]byte{}, map[string]font.TTFLight{}
	err := inFontFolder(func(folder string) error {
		for _, face := range faces {
			if err := font.InstallFontFromBytesQuiet(folder, face.name, face.ttf); err != nil {
				return err
			}
		}
		if err := font.ReloadUserFonts(); err != nil {
			return err
		}
		for _, face := range faces {
			data, err := os.ReadFile(filepath.Join(folder, face.name+".gob"))
			if err != nil {
				return err
			}
			loaded, ok, err := font.UserFont(face.name)
			if err != nil || !ok {
				return errors.Join(err, font.ErrUnknownFont)
			}
			files[face.name], metrics[face.name] = data, loaded
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading the fonts: %w", err)
	}
	fonts.files, fonts.metrics = files, metrics
	return nil
}

// embedFonts adds a subset of each face with the glyphs that are used, and returns the fonts by face.
func embedFonts(table *model.XRefTable, used glyphs) (map[string]types.IndirectRef, error) {
	fonts.Lock()
	defer fonts.Unlock()
	embedded := map[string]types.IndirectRef{}
	err := inFontFolder(func(folder string) error {
		for _, face := range faces {
			if len(used[face.name]) == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, face.name+".gob"), fonts.files[face.name], 0o600); err != nil {
				return err
			}
			table.UsedGIDs[face.name] = map[uint16]bool{}
			for glyph := range used[face.name] {
				table.UsedGIDs[face.name][glyph] = true
			}
			ref, err := pdffont.EnsureFontDict(table, face.name, "", "", false, nil)
			if err != nil {
				return err
			}
			embedded[face.name] = *ref
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("embedding the fonts: %w", err)
	}
	return embedded, nil
}

// inFontFolder runs fn while pdfcpu reads fonts from a folder of their own.
func inFontFolder(fn func(folder string) error) error {
	folder, err := os.MkdirTemp("", "kyso-fonts-")
	if err != nil {
		return err
	}
	font.UserFontDir = folder
	return errors.Join(fn(folder), os.RemoveAll(folder))
}

// glyphs are the glyphs that a document uses: face → glyph → character.
type glyphs map[string]map[uint16]rune

// add notes the glyphs of a text and returns them. A character without a glyph is refused before a text gets here.
func (g glyphs) add(face, text string) []uint16 {
	if g[face] == nil {
		g[face] = map[uint16]rune{}
	}
	var out []uint16
	for _, r := range text {
		glyph := fonts.metrics[face].Chars[uint32(r)]
		// Two characters can share a glyph, as Đ and the Icelandic Ð may; Vietnamese letters have the higher code.
		g[face][glyph] = max(g[face][glyph], r)
		out = append(out, glyph)
	}
	return out
}

// sorted returns the glyphs of a face in their order.
func (g glyphs) sorted(face string) []uint16 {
	out := make([]uint16, 0, len(g[face]))
	for glyph := range g[face] {
		out = append(out, glyph)
	}
	slices.Sort(out)
	return out
}
