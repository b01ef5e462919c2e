package font

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Flags of a component of a composite glyph.
const (
	argsAreWords    = 0x0001
	argsAreOffsets  = 0x0002
	haveScale       = 0x0008
	moreComponents  = 0x0020
	haveXYScale     = 0x0040
	haveTwoByTwo    = 0x0080
	haveInstruction = 0x0100
)

// Subset is a font that holds a few letters under new numbers.
type Subset struct {
	Data  []byte // a TrueType file without character map, for FontFile2
	Count int    // glyphs, .notdef and components included

	slots  []Shape           // new glyph → what it shows
	number map[uint16]uint16 // old glyph → new glyph
}

// Subset keeps the given letters, numbered from 1 in the order given, .notdef as 0 and the components of composite
// glyphs behind. Hinting is dropped: at the resolutions of today it costs more bytes than it gives.
func (f *Font) Subset(letters []Shape) (*Subset, error) {
	s := &Subset{number: make(map[uint16]uint16, len(letters)+1)}
	s.slots = append(append(s.slots, Shape{Advance: f.Advance(0)}), letters...)
	for i, slot := range s.slots {
		if int(slot.glyph) >= f.glyphs {
			return nil, fmt.Errorf("font: there is no glyph %d", slot.glyph)
		}
		if _, ok := s.number[slot.glyph]; !ok && len(slot.marks) == 0 {
			s.number[slot.glyph] = uint16(i)
		}
	}
	glyf := make([]byte, 0, 8<<10)
	loca := make([]byte, 0, 4*len(s.slots))
	for i := 0; i < len(s.slots); i++ { //nolint:intrange // components are appended while we go
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		var err error
		if glyf, err = s.appendSlot(glyf, f, s.slots[i]); err != nil {
			return nil, fmt.Errorf("glyph %d: %w", s.slots[i].glyph, err)
		}
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
	s.Count = len(s.slots)
	s.Data = assemble([]table{
		{"glyf", glyf}, {"head", f.subsetHead()}, {"hhea", f.subsetHhea(s.Count)},
		{"hmtx", f.subsetMetrics(s.slots)}, {"loca", loca}, {"maxp", f.subsetMaxp(s.Count)},
	})
	return s, nil
}

// component returns the new number of a glyph that others are made of.
func (s *Subset) component(f *Font, old uint16) uint16 {
	if n, ok := s.number[old]; ok {
		return n
	}
	n := uint16(len(s.slots))
	s.number[old] = n
	s.slots = append(s.slots, Shape{glyph: old, Advance: f.Advance(old)})
	return n
}

// appendSlot writes a glyph: a copy, or a composite of a base and its marks.
func (s *Subset) appendSlot(out []byte, f *Font, slot Shape) ([]byte, error) {
	if len(slot.marks) == 0 {
		outline, err := f.outline(slot.glyph)
		if err != nil {
			return nil, err
		}
		return s.appendOutline(out, f, outline)
	}
	bounds := f.bounds(slot)
	word := func(v int) { out = binary.BigEndian.AppendUint16(out, uint16(int16(v))) }
	word(-1)
	for _, v := range bounds {
		word(v)
	}
	parts := append([]mark{{glyph: slot.glyph}}, slot.marks...)
	for i, m := range parts {
		flags := argsAreWords | argsAreOffsets
		if i < len(parts)-1 {
			flags |= moreComponents
		}
		word(flags)
		word(int(s.component(f, m.glyph)))
		word(m.dx)
		word(m.dy)
	}
	return out, nil
}

// appendOutline copies a glyph without its instructions and with its components renumbered.
func (s *Subset) appendOutline(out []byte, f *Font, glyph []byte) ([]byte, error) {
	if len(glyph) == 0 {
		return out, nil
	}
	if len(glyph) < 10 {
		return nil, errShort
	}
	contours := i16(glyph, 0)
	if contours < 0 {
		return s.appendComposite(out, f, glyph)
	}
	ends := 10 + 2*contours
	if len(glyph) < ends+2 || len(glyph) < ends+2+u16(glyph, ends) {
		return nil, errShort
	}
	out = append(out, glyph[:ends]...)
	out = append(out, 0, 0)
	return append(out, glyph[ends+2+u16(glyph, ends):]...), nil
}

func (s *Subset) appendComposite(out []byte, f *Font, glyph []byte) ([]byte, error) {
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
		out = binary.BigEndian.AppendUint16(out, s.component(f, component))
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
		for _, at := range []int{10, 12, 28, 30} { // points, contours and depth of composites: ours add marks to the font's own
			binary.BigEndian.PutUint16(maxp[at:], uint16(min(4*max(u16(maxp, at), 1), math.MaxUint16)))
		}
	}
	return maxp
}

func (f *Font) subsetMetrics(slots []Shape) []byte {
	out := make([]byte, 0, 4*len(slots))
	for _, s := range slots {
		bearing := f.sideBearing(s.glyph)
		if len(s.marks) > 0 {
			box := f.bounds(s)
			bearing = box[0]
		}
		out = binary.BigEndian.AppendUint16(out, uint16(s.Advance))
		out = binary.BigEndian.AppendUint16(out, uint16(int16(bearing)))
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
