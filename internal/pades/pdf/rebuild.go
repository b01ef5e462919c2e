package pdf

import (
	"bytes"
	"slices"

	"kyso/internal/pades/pdf/syntax"
)

// rebuiltIndex is what a scan of the whole file found, the last definition of each number.
type rebuiltIndex struct {
	entries    map[int]Entry
	next       int // first number that was never used
	compressed bool
}

func (x *rebuiltIndex) lookup(num int) Entry { return x.entries[num] }

// scanLimit bounds how many object headers a scan keeps: a map entry costs some 80 bytes.
const scanLimit = 1 << 20

// scanner walks the file once, with its line starts, and notes objects and trailers.
type scanner struct {
	f        *File
	index    *rebuiltIndex
	trailers []int64 // of the keyword
	streams  []found // objects whose dictionary may be that of an object stream or cross-reference stream
}

type found struct {
	num int
	at  int64
}

// rebuild scans the file for objects, for reading it in spite of damaged cross-reference data.
func (f *File) rebuild() error {
	index := &rebuiltIndex{entries: map[int]Entry{}, next: 1}
	s := &scanner{f: f, index: index}
	if err := s.run(); err != nil {
		return err
	}
	f.sections, f.rebuilt, f.trailer = nil, index, nil
	clear(f.cache)
	clear(f.objStms)
	f.cached, f.crypt = 0, nil
	if err := f.findTrailer(s); err != nil {
		return err
	}
	if err := f.unlock(); err != nil || f.Locked() {
		return err
	}
	return s.indexStreams()
}

// run finds "num gen obj" and "trailer" by looking for the letters they end in.
func (s *scanner) run() error {
	const chunk, overlap = 256 << 10, 64
	buf := make([]byte, chunk+overlap)
	for at := int64(0); at < s.f.size; at += chunk {
		// The window starts overlap bytes early so that what stands before a keyword can be seen.
		from := max(0, at-overlap)
		window := buf[:min(int64(len(buf)), s.f.size-from)]
		if at == 0 {
			window = buf[:min(int64(chunk), s.f.size)]
		}
		if err := s.f.readInto(window, from); err != nil {
			return err
		}
		if err := s.window(window, from, at); err != nil {
			return err
		}
	}
	return nil
}

// window notes the keywords that end in this window at or after the offset from.
func (s *scanner) window(buf []byte, base, from int64) error {
	for pos := 0; ; {
		i := bytes.Index(buf[pos:], []byte("obj"))
		if i < 0 {
			break
		}
		pos += i + 3
		if base+int64(pos) <= from {
			continue
		}
		if ref, start, ok := headerBefore(buf, pos-3); ok {
			if err := s.add(ref, base+int64(start)); err != nil {
				return err
			}
			s.noteStream(ref.Num, buf[pos:], base+int64(start))
		}
	}
	for pos := 0; ; {
		i := bytes.Index(buf[pos:], []byte("trailer"))
		if i < 0 {
			return nil
		}
		pos += i + len("trailer")
		if base+int64(pos) > from {
			s.trailers = append(s.trailers, base+int64(pos-len("trailer")))
		}
	}
}

// headerBefore reads "num gen " backwards from the keyword at pos.
func headerBefore(buf []byte, pos int) (ref Ref, start int, ok bool) {
	back := func(i int, class func(byte) bool) int {
		for i > 0 && class(buf[i-1]) {
			i--
		}
		return i
	}
	genEnd := back(pos, syntax.IsSpace)
	genStart := back(genEnd, syntax.IsDigit)
	numEnd := back(genStart, syntax.IsSpace)
	numStart := back(numEnd, syntax.IsDigit)
	if genStart == genEnd || numEnd == genStart || numStart == numEnd || numEnd-numStart > 10 || genEnd-genStart > 5 {
		return Ref{}, 0, false
	}
	if numStart > 0 && syntax.IsRegular(buf[numStart-1]) && !endsStructure(buf[:numStart]) {
		return Ref{}, 0, false // the number is the end of a word
	}
	for _, c := range buf[numStart:numEnd] {
		ref.Num = ref.Num*10 + int(c-'0')
	}
	for _, c := range buf[genStart:genEnd] {
		ref.Gen = ref.Gen*10 + int(c-'0')
	}
	return ref, numStart, ref.Gen <= 65535
}

// endsStructure reports whether what stands before an object is the end of another one, to which careless writers glue it.
func endsStructure(before []byte) bool {
	return bytes.HasSuffix(before, []byte("endobj")) || bytes.HasSuffix(before, []byte("endstream")) || bytes.HasSuffix(before, []byte("%%EOF"))
}

// add notes an object; a later one of the same number replaces it.
func (s *scanner) add(ref Ref, at int64) error {
	if ref.Num <= 0 || ref.Num > s.f.lim.Objects {
		return nil
	}
	if len(s.index.entries) >= scanLimit {
		return syntax.TooComplex("a damaged file has more than %d objects", scanLimit)
	}
	s.index.entries[ref.Num] = Entry{Kind: InUse, Offset: at, Gen: ref.Gen}
	s.index.next = max(s.index.next, ref.Num+1)
	return nil
}

// noteStream remembers objects that look like structural streams. Those whose dictionary is cut by the end of
// the window are remembered too; what they are is decided when they are read.
func (s *scanner) noteStream(num int, after []byte, at int64) {
	head := after[:min(len(after), 1024)]
	end := bytes.Index(head, []byte("stream"))
	cut := end < 0 && len(head) < 1024
	if end >= 0 {
		head = head[:end]
	}
	if cut || bytes.Contains(head, []byte("/ObjStm")) || bytes.Contains(head, []byte("/XRef")) {
		if len(s.streams) < scanLimit {
			s.streams = append(s.streams, found{num: num, at: at})
		}
	}
}

// findTrailer takes the last trailer, or cross-reference stream, whose Root leads to a catalog; without one, the
// last catalog there is.
func (f *File) findTrailer(s *scanner) error {
	var best, encrypted *Dict
	var bestAt int64 = -1
	consider := func(d *Dict, at int64) {
		if d.Get("Encrypt") != nil {
			encrypted = d
		}
		if size, ok := Int(d.Get("Size")); ok && size <= int64(f.lim.Objects) {
			s.index.next = max(s.index.next, int(size))
		}
		if _, ok := d.Get("Root").(Ref); ok && at > bestAt {
			best, bestAt = d, at
		}
	}
	for _, at := range s.trailers {
		d, err := f.trailerAt(at + int64(len("trailer")))
		if err == nil {
			consider(d, at)
		} else if final(err) {
			return err
		}
	}
	for _, x := range s.streams {
		obj, _, err := f.objectAt(x.at)
		if err != nil && final(err) {
			return err
		}
		if stream, ok := obj.(*Stream); ok && stream.Dict.Get("Type") == Name("XRef") {
			consider(stream.Dict, x.at)
		}
	}
	if best != nil {
		f.trailer = keepKeys(best)
		if encrypted != nil && f.trailer.Get("Encrypt") == nil { // some trailer speaks of encryption: believe it
			f.trailer.Set("Encrypt", encrypted.Get("Encrypt"))
			f.trailer.Set("ID", encrypted.Get("ID"))
		}
		return nil
	}
	if encrypted != nil { // and without a Root in any of them there is nothing to open
		f.trailer = keepKeys(encrypted)
		return nil
	}
	return f.searchCatalog()
}

// keepKeys copies what a new trailer needs from a found one.
func keepKeys(d *Dict) *Dict {
	out := &Dict{}
	for _, key := range []Name{"Root", "Info", "ID", "Encrypt"} {
		if v := d.Get(key); v != nil {
			out.Set(key, v)
		}
	}
	return out
}

// searchCatalog reads the objects of a file without any trailer until it meets a catalog.
func (f *File) searchCatalog() error {
	f.trailer = &Dict{}
	numbers := sortedNumbers(f.rebuilt.entries)
	for _, num := range slices.Backward(numbers) {
		obj, _, err := f.objectAt(f.rebuilt.entries[num].Offset)
		if err != nil {
			if final(err) {
				return err
			}
			continue
		}
		if d, ok := obj.(*Dict); ok && d.Get("Type") == Name("Catalog") {
			f.trailer = NewDict("Root", Ref{Num: num, Gen: f.rebuilt.entries[num].Gen})
			return nil
		}
	}
	return syntax.Broken("there is no trailer and no document catalog")
}

// indexStreams adds the objects inside object streams, unless a later definition stands in the file itself.
func (s *scanner) indexStreams() error {
	f := s.f
	from := map[int]int64{} // where the object stream stands that a number was taken from
	for _, x := range s.streams {
		if s.index.entries[x.num].Offset != x.at {
			continue // replaced by a later object of the same number
		}
		obj, _, err := f.objectAt(x.at)
		stream, ok := obj.(*Stream)
		if err == nil && ok && stream.Dict.Get("Type") == Name("ObjStm") {
			var objects *objectStream
			if objects, err = f.openObjectStream(stream); err == nil {
				err = s.addCompressed(x, objects, from)
			}
		}
		if err != nil && final(err) {
			return err
		}
	}
	return nil
}

func (s *scanner) addCompressed(x found, objects *objectStream, from map[int]int64) error {
	for i, n := range objects.numbers {
		num := int(n)
		if num <= 0 {
			continue
		}
		old, exists := s.index.entries[num]
		if exists && (old.Kind == InUse && old.Offset > x.at || old.Kind == Compressed && from[num] > x.at) {
			continue
		}
		if !exists && len(s.index.entries) >= scanLimit {
			return syntax.TooComplex("a damaged file has more than %d objects", scanLimit)
		}
		s.index.entries[num] = Entry{Kind: Compressed, Stream: x.num, Index: i}
		s.index.next = max(s.index.next, num+1)
		s.index.compressed = true
		from[num] = x.at
	}
	return nil
}
