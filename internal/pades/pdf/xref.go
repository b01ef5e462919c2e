package pdf

import (
	"bytes"
	"slices"

	"kyso/internal/pades/pdf/syntax"
)

// EntryKind says what a cross-reference entry points to.
type EntryKind uint8

// The kinds of entries; the numbers are those of cross-reference streams (7.5.8.3).
const (
	Free       EntryKind = 0
	InUse      EntryKind = 1
	Compressed EntryKind = 2
)

// Entry is one cross-reference entry.
type Entry struct {
	Kind   EntryKind
	Offset int64 // InUse: where the object stands in the file
	Gen    int
	Stream int // Compressed: number of the object stream
	Index  int // Compressed: place within it
}

// Section is one cross-reference section: what one revision of the file wrote.
type Section struct {
	Offset  int64 // of the table's keyword or of the stream object, in the file
	Stream  bool  // a cross-reference stream, not a table
	Hybrid  bool  // a table whose trailer names a stream next to it (7.5.8.4)
	Trailer *Dict

	subs   []subsection
	hidden *Section // the stream of a hybrid section
}

// subsection is a run of entries whose bytes are read when asked for.
type subsection struct {
	first, count int
	offset       int64   // of the first 20-byte row of a table, in the file
	rows         []Entry // a table whose rows are not 20 bytes each
	data         []byte  // a stream's rows
	widths       [3]int
}

// Same reports whether a section says the same as one of another file that begins with the same bytes: the data of a
// cross-reference stream may end somewhere else there.
func (s *Section) Same(other *Section) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.Offset == other.Offset && s.Stream == other.Stream && slices.EqualFunc(s.subs, other.subs, sameRows) && s.hidden.Same(other.hidden)
}

func sameRows(a, b subsection) bool {
	return a.first == b.first && a.count == b.count && a.offset == b.offset && a.widths == b.widths && bytes.Equal(a.data, b.data) && slices.Equal(a.rows, b.rows)
}

// lookup finds the entry that counts for an object number: that of the newest section that has one.
func (f *File) lookup(num int) (Entry, error) {
	if f.rebuilt != nil {
		return f.rebuilt.lookup(num), nil
	}
	if num <= 0 {
		return Entry{}, nil
	}
	for _, s := range f.sections {
		entry, ok, err := f.sectionEntry(s, num)
		if err != nil || ok {
			return entry, err
		}
	}
	return Entry{}, nil
}

// sectionEntry looks into one section; an object that a hybrid table hides as free is in the stream next to it.
func (f *File) sectionEntry(s *Section, num int) (Entry, bool, error) {
	entry, ok, err := f.ownEntry(s, num)
	if err != nil || s.hidden == nil || (ok && entry.Kind != Free) {
		return entry, ok, err
	}
	hidden, found, err := f.ownEntry(s.hidden, num)
	if err != nil || found {
		return hidden, found, err
	}
	return entry, ok, nil
}

func (f *File) ownEntry(s *Section, num int) (Entry, bool, error) {
	if err := f.spend(int64(len(s.subs))); err != nil {
		return Entry{}, false, err
	}
	for i := range s.subs {
		if sub := &s.subs[i]; num >= sub.first && num-sub.first < sub.count {
			entry, err := f.entryAt(sub, num-sub.first)
			return entry, err == nil, err
		}
	}
	return Entry{}, false, nil
}

func (f *File) entryAt(sub *subsection, i int) (Entry, error) {
	switch {
	case sub.data != nil:
		return sub.streamRow(i, f.base), nil
	case sub.rows != nil:
		return sub.rows[i], nil
	}
	var row [rowLength]byte
	if err := f.readInto(row[:], sub.offset+int64(i)*rowLength); err != nil {
		return Entry{}, err
	}
	entry, ok := parseRow(row[:], f.base)
	if !ok {
		return Entry{}, syntax.Broken("a cross-reference entry is malformed")
	}
	return entry, nil
}

// Entries calls yield for every entry that the section itself wrote (a hybrid section: both parts), until yield
// returns false.
func (f *File) Entries(s *Section, yield func(num int, e Entry) bool) error {
	more := true
	for part := s; part != nil && more; part = part.hidden {
		err := f.ownEntries(part, func(num int, e Entry) bool {
			more = yield(num, e)
			return more
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ownEntries is Entries of the section alone, without the stream of a hybrid one.
func (f *File) ownEntries(s *Section, yield func(num int, e Entry) bool) error {
	for i := range s.subs {
		sub := &s.subs[i]
		if err := f.spend(int64(sub.count)); err != nil {
			return err
		}
		for k := range sub.count {
			entry, err := f.entryAt(sub, k)
			if err != nil {
				return err
			}
			if !yield(sub.first+k, entry) {
				return nil
			}
		}
	}
	return nil
}

// Ambiguous reports whether the section wrote two different entries for one number. Readers differ in which one they
// take. The table of a hybrid section may call free what the stream next to it has (7.5.8.4).
func (f *File) Ambiguous(s *Section) (bool, error) {
	seen, twice := map[int]Entry{}, false
	for part := s; part != nil; part = part.hidden {
		err := f.ownEntries(part, func(num int, e Entry) bool {
			before, ok := seen[num]
			twice = num > 0 && ok && before != e && (part == s || before.Kind != Free)
			seen[num] = e
			return !twice
		})
		if err != nil || twice {
			return twice, err
		}
	}
	return false, nil
}

// Entry returns the entry that counts for an object number; Free when there is none.
func (f *File) Entry(num int) (Entry, error) { return f.lookup(num) }

// NextNumber returns the first object number that no revision has ever used or announced: above every /Size and
// every entry. Numbers below it may be freed or dangling, and reusing one would change what an earlier,
// perhaps signed, revision refers to.
func (f *File) NextNumber() int {
	next := 1
	if f.rebuilt != nil {
		next = f.rebuilt.next
	}
	for _, s := range f.sections {
		for _, part := range []*Section{s, s.hidden} {
			if part == nil {
				continue
			}
			if size, ok := Int(part.Trailer.Get("Size")); ok && size > int64(next) && size <= int64(f.lim.Objects) {
				next = int(size)
			}
			for _, sub := range part.subs {
				next = max(next, sub.first+sub.count)
			}
		}
	}
	return next
}

// startxref finds the offset that the end of the file announces.
func (f *File) startxref() (int64, error) {
	for _, tail := range []int64{1024, 64 << 10} {
		length := min(tail, f.size)
		buf, err := f.read(f.size-length, length)
		if err != nil {
			return 0, err
		}
		at := bytes.LastIndex(buf, []byte("startxref"))
		if at < 0 {
			continue
		}
		p := syntax.Parser{Buf: buf, Pos: at + len("startxref"), EOF: true, Base: -1}
		offset, err := p.Object()
		if n, ok := offset.(int64); ok && err == nil && n > 0 {
			return n, nil
		}
		return 0, syntax.Broken("startxref is not followed by an offset")
	}
	return 0, syntax.Broken("there is no startxref")
}

// loadChain reads the sections from the newest on, following /Prev.
func (f *File) loadChain(start int64) error {
	f.sections, f.trailer = nil, nil
	clear(f.cache)
	seen := map[int64]bool{}
	for at, more := start, true; more; {
		if seen[at] {
			return syntax.Broken("the chain of cross-reference sections is a circle")
		}
		if seen[at] = true; len(seen) > f.lim.Sections {
			return syntax.TooComplex("there are more than %d cross-reference sections", f.lim.Sections)
		}
		section, err := f.loadSection(at + f.base)
		if err != nil {
			return err
		}
		if err := f.loadHidden(section, seen); err != nil {
			return err
		}
		f.sections = append(f.sections, section)
		prev := section.Trailer.Get("Prev")
		if at, more = prevOffset(prev); prev != nil && !more {
			return syntax.Broken("/Prev is not an offset")
		}
	}
	f.trailer = f.sections[0].Trailer
	return nil
}

// prevOffset reads /Prev; some writers put 0 to say that there is none.
func prevOffset(prev Object) (int64, bool) {
	if ref, ok := prev.(Ref); ok { // "/Prev 1234 0 R" is a known slip of a writer; the number is the offset
		return int64(ref.Num), true
	}
	at, ok := Int(prev)
	return at, ok && at > 0
}

// loadHidden reads the stream of a hybrid section. It must not be reached twice, nor lead on.
func (f *File) loadHidden(s *Section, seen map[int64]bool) error {
	at, ok := Int(s.Trailer.Get("XRefStm"))
	if s.Stream || !ok {
		return nil
	}
	if seen[at] {
		return syntax.Broken("the chain of cross-reference sections is a circle")
	}
	seen[at] = true
	hidden, err := f.loadSection(at + f.base)
	if err != nil {
		return err
	}
	if !hidden.Stream {
		return syntax.Broken("XRefStm does not lead to a cross-reference stream")
	}
	s.hidden, s.Hybrid = hidden, true
	return nil
}

// loadSection reads the table or the stream at a file offset.
func (f *File) loadSection(at int64) (*Section, error) {
	if at < 0 || at >= f.size {
		return nil, syntax.Broken("a cross-reference section lies outside the file")
	}
	head, err := f.read(at, min(64, f.size-at))
	if err != nil {
		return nil, err
	}
	skipped := len(head) - len(bytes.TrimLeft(head, "\x00\t\n\f\r "))
	if bytes.HasPrefix(head[skipped:], []byte("xref")) {
		return f.loadTable(at + int64(skipped))
	}
	return f.loadXRefStream(at + int64(skipped))
}

// sortedNumbers returns the keys of m in order.
func sortedNumbers[V any](m map[int]V) []int {
	numbers := make([]int, 0, len(m))
	for n := range m {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}
