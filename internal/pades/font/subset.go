package font

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Flags of a component of a composite glyph.
const (
	argsAreWords    = 0x0001
	haveScale       = 0x0008
	moreComponents  = 0x0020
	haveXYScale     = 0x0040
	haveTwoByTwo    = 0x0080
	haveInstruction = 0x0100
)

// Subset is a font that holds a few glyphs under new numbers.
type Subset struct {
	Data   []byte            // a TrueType file without character map, for FontFile2
	Number map[uint16]uint16 // old glyph → new glyph, those of the request only
	Glyphs []uint16          // new glyph → old glyph, components included
}

// Subset keeps the given glyphs, numbered from 1 in the order given, .notdef as 0 and the components of composite
// glyphs behind. Hinting is dropped: at the resolutions of today it costs more bytes than it gives.
func (f *Font) Subset(glyphs []uint16) (*Subset, error) {
	s := &Subset{Number: make(map[uint16]uint16, len(glyphs)+1), Glyphs: []uint16{0}}
	s.Number[0] = 0
	for _, g := range glyphs {
		if int(g) >= f.glyphs {
			return nil, fmt.Errorf("font: there is no glyph %d", g)
		}
		s.number(g)
	}
	glyf := make([]byte, 0, 8<<10)
	loca := make([]byte, 0, 4*len(glyphs))
	for i := 0; i < len(s.Glyphs); i++ { //nolint:intrange // components are appended while we go
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		outline, err := f.outline(s.Glyphs[i])
		if err != nil {
			return nil, err
		}
		if glyf, err = s.appendOutline(glyf, outline); err != nil {
			return nil, fmt.Errorf("glyph %d: %w", s.Glyphs[i], err)
		}
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
	s.Data = assemble([]table{
		{"glyf", glyf}, {"head", f.subsetHead()}, {"hhea", f.subsetHhea(len(s.Glyphs))},
		{"hmtx", f.subsetMetrics(s.Glyphs)}, {"loca", loca}, {"maxp", f.subsetMaxp(len(s.Glyphs))},
	})
	return s, nil
}

func (s *Subset) number(old uint16) uint16 {
	if n, ok := s.Number[old]; ok {
		return n
	}
	n := uint16(len(s.Glyphs))
	s.Number[old] = n
	s.Glyphs = append(s.Glyphs, old)
	return n
}

// appendOutline copies a glyph without its instructions and with its components renumbered.
func (s *Subset) appendOutline(out, glyph []byte) ([]byte, error) {
	if len(glyph) == 0 {
		return out, nil
	}
	if len(glyph) < 10 {
		return nil, errShort
	}
	contours := i16(glyph, 0)
	if contours < 0 {
		return s.appendComposite(out, glyph)
	}
	ends := 10 + 2*contours
	if len(glyph) < ends+2 || len(glyph) < ends+2+u16(glyph, ends) {
		return nil, errShort
	}
	out = append(out, glyph[:ends]...)
	out = append(out, 0, 0)
	return append(out, glyph[ends+2+u16(glyph, ends):]...), nil
}

func (s *Subset) appendComposite(out, glyph []byte) ([]byte, error) {
	out = append(out, glyph[:10]...)
	for at := 10; ; {
		if len(glyph) < at+4 {
			return nil, errShort
		}
		flags, component := u16(glyph, at), uint16(u16(glyph, at+2))
		length := 6
		if flags&argsAreWords != 0 {
			length += 2
		}
		switch {
		case flags&haveScale != 0:
			length += 2
		case flags&haveXYScale != 0:
			length += 4
		case flags&haveTwoByTwo != 0:
			length += 8
		}
		if len(glyph) < at+length {
			return nil, errShort
		}
		out = binary.BigEndian.AppendUint16(out, uint16(flags&^haveInstruction))
		out = binary.BigEndian.AppendUint16(out, s.number(component))
		out = append(out, glyph[at+4:at+length]...)
		if at += length; flags&moreComponents == 0 {
			return out, nil
		}
	}
}

func (f *Font) subsetHead() []byte {
	head := slices.Clone(f.tables["head"][:54])
	binary.BigEndian.PutUint32(head[8:], 0)  // checkSumAdjustment, set when all is known
	binary.BigEndian.PutUint16(head[50:], 1) // long offsets in loca
	return head
}

func (f *Font) subsetHhea(count int) []byte {
	hhea := slices.Clone(f.tables["hhea"][:36])
	binary.BigEndian.PutUint16(hhea[34:], uint16(count))
	return hhea
}

func (f *Font) subsetMaxp(count int) []byte {
	maxp := slices.Clone(f.tables["maxp"])
	binary.BigEndian.PutUint16(maxp[4:], uint16(count))
	if len(maxp) >= 32 { // no instructions, functions, storage or twilight points are left
		for at := 14; at < 28; at += 2 {
			binary.BigEndian.PutUint16(maxp[at:], 0)
		}
		binary.BigEndian.PutUint16(maxp[14:], 1)
	}
	return maxp
}

func (f *Font) subsetMetrics(glyphs []uint16) []byte {
	out := make([]byte, 0, 4*len(glyphs))
	for _, g := range glyphs {
		out = binary.BigEndian.AppendUint16(out, uint16(f.Advance(g)))
		out = binary.BigEndian.AppendUint16(out, uint16(f.sideBearing(g)))
	}
	return out
}

type table struct {
	tag  string
	data []byte
}

// assemble writes a font file; tables are sorted by tag.
func assemble(tables []table) []byte {
	at := 12 + 16*len(tables)
	size := at
	for _, t := range tables {
		size += (len(t.data) + 3) &^ 3
	}
	out := make([]byte, 0, size)
	power, log := 1, 0
	for power*2 <= len(tables) {
		power, log = power*2, log+1
	}
	out = binary.BigEndian.AppendUint32(out, 0x00010000)
	for _, v := range []int{len(tables), 16 * power, log, 16 * (len(tables) - power)} {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	headAt := 0
	for _, t := range tables {
		if t.tag == "head" {
			headAt = at
		}
		out = append(out, t.tag...)
		out = binary.BigEndian.AppendUint32(out, checksum(t.data))
		out = binary.BigEndian.AppendUint32(out, uint32(at))
		out = binary.BigEndian.AppendUint32(out, uint32(len(t.data)))
		at += (len(t.data) + 3) &^ 3
	}
	for _, t := range tables {
		out = append(out, t.data...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	binary.BigEndian.PutUint32(out[headAt+8:], 0xB1B0AFBA-checksum(out))
	return out
}

// checksum adds the big-endian words of a table, padded with zeros.
func checksum(data []byte) uint32 {
	var sum uint32
	for ; len(data) >= 4; data = data[4:] {
		sum += binary.BigEndian.Uint32(data)
	}
	var last [4]byte
	copy(last[:], data)
	return sum + binary.BigEndian.Uint32(last[:])
}
