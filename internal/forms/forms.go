// Package forms writes the PDF files that are kyso's own. It lays them out with pdfcpu, in an embedded font that
// covers every Vietnamese letter and tone.
//
// It imports internal/problem, pdfcpu, golang.org/x/text and the font modules only.
package forms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/go-fonts/liberation/liberationserifbold"
	"github.com/go-fonts/liberation/liberationserifitalic"
	"github.com/go-fonts/liberation/liberationserifregular"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/font"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"golang.org/x/text/unicode/norm"
)

// The faces that pages are set in, by the names that pdfcpu gives them.
const (
	regular = "LiberationSerif"
	bold    = "LiberationSerif-Bold"
	italic  = "LiberationSerif-Italic"
)

// faces are the font files by name.
var faces = map[string][]byte{
	regular: liberationserifregular.TTF, bold: liberationserifbold.TTF, italic: liberationserifitalic.TTF,
}

// writing guards pdfcpu's fonts, which are global to the program and live in a folder.
var writing sync.Mutex

// line is one line of text on a page, in points from the lower left corner.
type line struct {
	x, y  float64
	text  string
	face  string
	size  int
	align string // left, center or right of x
}

// writePage sets lines on one A4 page.
func writePage(lines []line) ([]byte, error) {
	return withFonts(func() ([]byte, error) { return createPages([][]line{lines}) })
}

// withFonts runs fn while the fonts are there.
func withFonts(fn func() ([]byte, error)) ([]byte, error) {
	writing.Lock()
	defer writing.Unlock()
	folder, err := installFonts()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("loading the fonts: %w", err), os.RemoveAll(folder))
	}
	pdf, err := fn()
	return pdf, errors.Join(err, os.RemoveAll(folder))
}

// createPages sets lines on A4 pages. It is called inside withFonts.
func createPages(pages [][]line) ([]byte, error) {
	described := map[string]any{}
	for n, lines := range pages {
		texts := make([]map[string]any, len(lines))
		for i, l := range lines {
			texts[i] = map[string]any{
				"value": norm.NFC.String(l.text), "pos": []float64{l.x, l.y}, "align": l.align,
				"font": map[string]any{"name": l.face, "size": l.size, "col": "#000000"},
			}
		}
		described[strconv.Itoa(n+1)] = map[string]any{"content": map[string]any{"text": texts}}
	}
	layout, err := json.Marshal(map[string]any{"paper": "A4P", "origin": "LowerLeft", "pages": described})
	if err != nil {
		return nil, fmt.Errorf("describing pages: %w", err)
	}
	var out bytes.Buffer
	if err := api.Create(nil, bytes.NewReader(layout), &out, model.NewDefaultConfiguration()); err != nil {
		return nil, fmt.Errorf("writing pages: %w", err)
	}
	return out.Bytes(), nil
}

// installFonts puts the faces into a folder of their own, which pdfcpu reads while it writes. Its own folder in the
// user's home is never touched.
func installFonts() (string, error) {
	api.DisableConfigDir()
	folder, err := os.MkdirTemp("", "kyso-fonts-")
	if err != nil {
		return "", err
	}
	font.UserFontDir = folder
	for name, data := range faces {
		if err := font.InstallFontFromBytesQuiet(folder, name, data); err != nil {
			return folder, err
		}
	}
	return folder, font.ReloadUserFonts()
}
