// Package font reads TrueType fonts and makes small subsets of them for embedding in a signature appearance.
//
// It knows the tables that a CIDFontType2 needs (ISO 32000-2, 9.9). Vietnamese in NFC has one glyph for every letter with
// its tone; for other letters with marks a subset gets glyphs that are put together from the font's own. It imports the
// standard library and golang.org/x/text only.
package font

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Font is a parsed TrueType font. It is safe for concurrent use.
type Font struct {
	tables map[string][]byte

	// UnitsPerEm, Ascent, Descent, CapHeight and BBox are in font units.
	UnitsPerEm int
	Ascent     int
	Descent    int // negative
	CapHeight  int
	BBox       [4]int
	// ItalicAngle is in degrees, negative for a font that leans to the right.
	ItalicAngle int

	lean     float64 // of an italic, to the right for each unit up
	glyphs   int
	longLoca bool
	metrics  int // entries of hmtx with an advance
	hmtx     []byte
	format4  []byte
	format12 []byte
}

var errShort = errors.New("font: a table is too short")

// Parse reads the table directory and the tables that a subset needs.
func Parse(data []byte) (*Font, error) {
	tables, err := directory(data)
	if err != nil {
		return nil, err
	}
	f := &Font{tables: tables}
	head, hhea, maxp := tables["head"], tables["hhea"], tables["maxp"]
	if len(head) < 54 || len(hhea) < 36 || len(maxp) < 6 {
		return nil, errShort
	}
	f.UnitsPerEm = u16(head, 18)
	for i := range f.BBox {
		f.BBox[i] = i16(head, 36+2*i)
	}
	f.longLoca = u16(head, 50) != 0
	f.Ascent, f.Descent = i16(hhea, 4), i16(hhea, 6)
	f.metrics, f.hmtx = u16(hhea, 34), tables["hmtx"]
	f.glyphs = u16(maxp, 4)
	f.CapHeight = f.Ascent
	if os2 := tables["OS/2"]; len(os2) >= 90 && u16(os2, 0) >= 2 {
		f.CapHeight = i16(os2, 88)
	}
	if post := tables["post"]; len(post) >= 8 {
		angle := float64(int32(binary.BigEndian.Uint32(post[4:]))) / 65536
		f.ItalicAngle, f.lean = int(angle), -math.Tan(angle*math.Pi/180)
	}
	width := 2
	if f.longLoca {
		width = 4
	}
	if f.UnitsPerEm == 0 || f.metrics == 0 || len(tables["loca"]) < width*(f.glyphs+1) ||
		len(f.hmtx) < 4*f.metrics+2*(f.glyphs-f.metrics) || f.metrics > f.glyphs {
		return nil, errShort
	}
	return f, f.findCmap()
}

func u16(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }
func i16(b []byte, at int) int { return int(int16(binary.BigEndian.Uint16(b[at:]))) }
func u32(b []byte, at int) int { return int(binary.BigEndian.Uint32(b[at:])) }

// directory reads the offset table.
func directory(data []byte) (map[string][]byte, error) {
	if len(data) < 12 || (u32(data, 0) != 0x00010000 && string(data[:4]) != "true") {
		return nil, errors.New("font: not a TrueType font")
	}
	count := u16(data, 4)
	if len(data) < 12+16*count {
		return nil, errShort
	}
	tables := make(map[string][]byte, count)
	for i := range count {
		record := data[12+16*i:]
		offset, length := u32(record, 8), u32(record, 12)
		if offset+length > len(data) {
			return nil, fmt.Errorf("font: table %q lies outside the file", record[:4])
		}
		tables[string(record[:4])] = data[offset : offset+length]
	}
	return tables, nil
}

// findCmap picks the Unicode subtables (formats 4 and 12).
func (f *Font) findCmap() error {
	cmap := f.tables["cmap"]
	if len(cmap) < 4 || len(cmap) < 4+8*u16(cmap, 2) {
		return errShort
	}
	for i := range u16(cmap, 2) {
		platform, offset := u16(cmap, 4+8*i), u32(cmap, 8+8*i)
		if (platform != 0 && platform != 3) || offset+16 > len(cmap) {
			continue
		}
		table := cmap[offset:]
		switch format := u16(table, 0); {
		case format == 4 && u16(table, 2) <= len(table) && 16+4*u16(table, 6) <= u16(table, 2):
			f.format4 = table[:u16(table, 2)]
		case format == 12 && u32(table, 4) <= len(table) && 16+12*u32(table, 12) <= u32(table, 4):
			f.format12 = table[:u32(table, 4)]
		}
	}
	if f.format4 == nil && f.format12 == nil {
		return errors.New("font: there is no Unicode character map")
	}
	return nil
}

// Glyph returns the glyph of a character, 0 when the font has none.
func (f *Font) Glyph(r rune) uint16 {
	glyph := 0
	if f.format4 != nil && r <= 0xFFFF {
		glyph = lookup4(f.format4, int(r))
	}
	if glyph == 0 && f.format12 != nil {
		glyph = lookup12(f.format12, int(r))
	}
	if glyph >= f.glyphs {
		return 0
	}
	return uint16(glyph)
}

// lookup4 searches the segments of a format 4 table for the first that ends at or after c.
func lookup4(t []byte, c int) int {
	double := u16(t, 6)
	low, high := 0, double/2
	for low < high {
		if mid := (low + high) / 2; u16(t, 14+2*mid) < c {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == double/2 {
		return 0
	}
	start := u16(t, 16+double+2*low)
	delta := u16(t, 16+2*double+2*low)
	rangeAt := 16 + 3*double + 2*low
	if c < start {
		return 0
	}
	offset := u16(t, rangeAt)
	if offset == 0 {
		return (c + delta) & 0xFFFF
	}
	at := rangeAt + offset + 2*(c-start)
	if at+2 > len(t) {
		return 0
	}
	if glyph := u16(t, at); glyph != 0 {
		return (glyph + delta) & 0xFFFF
	}
	return 0
}

func lookup12(t []byte, c int) int {
	low, high := 0, u32(t, 12)
	for low < high {
		mid := (low + high) / 2
		group := t[16+12*mid:]
		switch {
		case c > u32(group, 4):
			low = mid + 1
		case c < u32(group, 0):
			high = mid
		default:
			return u32(group, 8) + c - u32(group, 0)
		}
	}
	return 0
}

// Advance returns the advance width of a glyph in font units.
func (f *Font) Advance(glyph uint16) int {
	i := min(int(glyph), f.metrics-1)
	return u16(f.hmtx, 4*i)
}

// sideBearing returns the left side bearing of a glyph.
func (f *Font) sideBearing(glyph uint16) int {
	if i := int(glyph); i >= f.metrics {
		return u16(f.hmtx, 4*f.metrics+2*(i-f.metrics))
	}
	return u16(f.hmtx, 4*int(glyph)+2)
}

// outline returns the bytes of a glyph in glyf; nil for a blank one.
func (f *Font) outline(glyph uint16) ([]byte, error) {
	loca, glyf := f.tables["loca"], f.tables["glyf"]
	var start, end int
	if i := int(glyph); f.longLoca {
		start, end = u32(loca, 4*i), u32(loca, 4*i+4)
	} else {
		start, end = 2*u16(loca, 2*i), 2*u16(loca, 2*i+2)
	}
	if start > end || end > len(glyf) {
		return nil, fmt.Errorf("font: glyph %d lies outside its table", glyph)
	}
	return glyf[start:end], nil
}
