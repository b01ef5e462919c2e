package pdf

import "kyso/internal/pades/pdf/syntax"

// loadXRefStream reads a cross-reference stream (7.5.8). Its rows stay bytes.
func (f *File) loadXRefStream(at int64) (*Section, error) {
	obj, _, err := f.objectAt(at)
	if err != nil {
		return nil, err
	}
	stream, ok := obj.(*Stream)
	if !ok || stream.Dict.Get("Type") != Name("XRef") {
		return nil, syntax.Broken("there is no cross-reference section at the given offset")
	}
	widths, row, err := streamWidths(stream.Dict)
	if err != nil {
		return nil, err
	}
	data, err := f.decode(stream, false)
	if err != nil {
		return nil, err
	}
	s := &Section{Offset: at, Stream: true, Trailer: stream.Dict}
	index, ok := stream.Dict.Get("Index").(Array)
	if !ok {
		index = Array{int64(0), stream.Dict.Get("Size")}
	}
	for i := 0; i+1 < len(index); i += 2 {
		first, ok1 := Int(index[i])
		count, ok2 := Int(index[i+1])
		if !ok1 || !ok2 || first < 0 || count < 0 || first > int64(f.lim.Objects) {
			return nil, syntax.Broken("the index of a cross-reference stream is malformed")
		}
		// Fewer rows than announced is a known slip; the missing objects are absent.
		count = min(count, int64(len(data)/row), int64(f.lim.Objects)-first)
		if count == 0 {
			continue
		}
		length := int(count) * row
		s.subs = append(s.subs, subsection{first: int(first), count: int(count), data: data[:length:length], widths: widths})
		data = data[length:]
	}
	return s, nil
}

// streamWidths reads /W and returns the widths of the three fields and of a whole row.
func streamWidths(d *Dict) (widths [3]int, row int, err error) {
	w, ok := d.Get("W").(Array)
	if !ok || len(w) < 3 {
		return widths, 0, syntax.Broken("a cross-reference stream has no widths")
	}
	for i := range widths {
		n, ok := Int(w[i])
		if !ok || n < 0 || n > 8 {
			return widths, 0, syntax.Broken("the widths of a cross-reference stream are malformed")
		}
		widths[i] = int(n)
		row += int(n)
	}
	if row == 0 || len(w) > len(widths) { // no standard defines a fourth field
		return widths, 0, syntax.Broken("the widths of a cross-reference stream are malformed")
	}
	return widths, row, nil
}

// streamRow reads one row. A first field of width 0 means an object in use.
func (sub *subsection) streamRow(i int, base int64) Entry {
	length := len(sub.data) / sub.count
	row := sub.data[i*length : (i+1)*length]
	kind, w := int64(InUse), sub.widths
	if w[0] > 0 {
		kind = bigEndian(row[:w[0]])
	}
	a := bigEndian(row[w[0] : w[0]+w[1]])
	b := bigEndian(row[w[0]+w[1] : w[0]+w[1]+w[2]])
	switch {
	case kind == int64(InUse) && a > 0:
		return Entry{Kind: InUse, Offset: a + base, Gen: int(b & 0xffff)}
	case kind == int64(Compressed):
		return Entry{Kind: Compressed, Stream: int(a & 0x7fffffff), Index: int(b & 0x7fffffff)}
	}
	return Entry{Kind: Free, Gen: int(b & 0xffff)}
}

func bigEndian(b []byte) int64 {
	var v int64
	for _, c := range b {
		v = v<<8 | int64(c)
	}
	return v
}
