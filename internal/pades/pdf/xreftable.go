package pdf

import "kyso/internal/pades/pdf/syntax"

// rowLength is the length of a table entry: "nnnnnnnnnn ggggg n" and a two-byte end of line (7.5.4).
const rowLength = 20

// parseRow reads a 20-byte row. Offsets count from base.
func parseRow(row []byte, base int64) (Entry, bool) {
	if row[10] != ' ' || row[16] != ' ' || !syntax.IsSpace(row[18]) || !syntax.IsSpace(row[19]) {
		return Entry{}, false
	}
	var offset int64
	for _, c := range row[:10] {
		if !syntax.IsDigit(c) {
			return Entry{}, false
		}
		offset = offset*10 + int64(c-'0')
	}
	gen := 0
	for _, c := range row[11:16] {
		if !syntax.IsDigit(c) {
			return Entry{}, false
		}
		gen = gen*10 + int(c-'0')
	}
	return tableEntry(offset, gen, row[17], base)
}

// tableEntry makes an entry; an object in use at offset 0 is what some writers put for a free one.
func tableEntry(offset int64, gen int, kind byte, base int64) (Entry, bool) {
	switch {
	case kind == 'n' && offset > 0:
		return Entry{Kind: InUse, Offset: offset + base, Gen: gen}, true
	case kind == 'n', kind == 'f':
		return Entry{Kind: Free, Gen: gen}, true
	}
	return Entry{}, false
}

// loadTable reads the subsection headers of a classic table and its trailer. Rows stay where they are: only the
// first and the last one of a subsection are looked at, the others when they are needed.
func (f *File) loadTable(at int64) (*Section, error) {
	s := &Section{Offset: at}
	at += int64(len("xref"))
	for {
		head, err := f.read(at, min(512, f.size-at))
		if err != nil {
			return nil, err
		}
		p := &syntax.Parser{Buf: head, EOF: true, Base: -1}
		word, err := p.Object()
		if err != nil {
			return nil, err
		}
		if word == syntax.Keyword("trailer") {
			s.Trailer, err = f.trailerAt(at + int64(p.Pos))
			return s, err
		}
		if err := f.spend(int64(len(head))); err != nil {
			return nil, err
		}
		first, ok := word.(int64)
		count, err := p.Object()
		n, isInt := count.(int64)
		if !ok || !isInt || err != nil || first < 0 || n < 0 || first+n > int64(f.lim.Objects) {
			return nil, syntax.Broken("the cross-reference table is malformed")
		}
		p.Skip()
		sub := subsection{first: int(first), count: int(n), offset: at + int64(p.Pos)}
		if at, err = f.checkRows(&sub); err != nil {
			return nil, err
		}
		if sub.count > 0 {
			s.subs = append(s.subs, sub)
		}
	}
}

// checkRows makes sure that the subsection is count rows of 20 bytes and returns where it ends; rows of another
// length are read one by one.
func (f *File) checkRows(sub *subsection) (end int64, err error) {
	if sub.count == 0 {
		return sub.offset, nil
	}
	last := sub.offset + int64(sub.count-1)*rowLength
	end = last + rowLength
	if end > f.size {
		return 0, syntax.Broken("the cross-reference table is cut off")
	}
	var head, tail [rowLength]byte
	if err := f.readInto(head[:], sub.offset); err != nil {
		return 0, err
	}
	if err := f.readInto(tail[:], last); err != nil {
		return 0, err
	}
	firstRow, ok1 := parseRow(head[:], f.base)
	_, ok2 := parseRow(tail[:], f.base)
	if !ok1 || !ok2 {
		return f.looseRows(sub)
	}
	// Some writers number the table from 1 although it starts with the head of the free list.
	if sub.first == 1 && firstRow.Kind == Free && firstRow.Gen == 65535 {
		sub.first = 0
	}
	return end, nil
}

// looseRows reads rows that are not exactly 20 bytes long.
func (f *File) looseRows(sub *subsection) (end int64, err error) {
	const shortest = len("0 0 n\n")
	if int64(sub.count)*int64(shortest) > f.size-sub.offset {
		return 0, syntax.Broken("the cross-reference table is cut off")
	}
	length := min(int64(sub.count)*32+64, f.size-sub.offset)
	if err := f.spend(length); err != nil {
		return 0, err
	}
	buf, err := f.read(sub.offset, length)
	if err != nil {
		return 0, err
	}
	p := &syntax.Parser{Buf: buf, EOF: true, Base: -1}
	sub.rows = make([]Entry, 0, sub.count)
	for range sub.count {
		offset, err1 := p.Object()
		gen, err2 := p.Object()
		kind, err3 := p.Object()
		at, ok1 := offset.(int64)
		generation, ok2 := gen.(int64)
		word, ok3 := kind.(syntax.Keyword)
		if err1 != nil || err2 != nil || err3 != nil || !ok1 || !ok2 || !ok3 || len(word) != 1 {
			return 0, syntax.Broken("the cross-reference table is malformed")
		}
		entry, ok := tableEntry(at, int(min(generation, 65535)), word[0], f.base)
		if !ok {
			return 0, syntax.Broken("the cross-reference table is malformed")
		}
		sub.rows = append(sub.rows, entry)
	}
	if sub.first == 1 && sub.rows[0].Kind == Free && sub.rows[0].Gen == 65535 {
		sub.first = 0
	}
	return sub.offset + int64(p.Pos), nil
}

// trailerAt reads the trailer dictionary behind the keyword.
func (f *File) trailerAt(at int64) (*Dict, error) {
	obj, err := f.parseAt(at, func(p *syntax.Parser) (Object, error) { return p.Object() })
	if err != nil {
		return nil, err
	}
	dict, ok := obj.(*Dict)
	if !ok {
		return nil, syntax.Broken("the trailer is not a dictionary")
	}
	return dict, nil
}
