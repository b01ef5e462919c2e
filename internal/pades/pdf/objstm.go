package pdf

import "kyso/internal/pades/pdf/syntax"

// objectStream is a decoded object stream (7.5.7).
type objectStream struct {
	data    []byte
	first   int
	numbers []int32
	offsets []int32
	extends Object
}

// compressed reads an object from an object stream. The index of the entry is a hint: the stream's own header
// decides, and then the streams that it extends.
func (f *File) compressed(num int, e Entry) (Object, error) {
	seen := map[int]bool{}
	for at, index := e.Stream, e.Index; !seen[at]; index = 0 {
		seen[at] = true
		s, err := f.objectStream(at)
		if err != nil {
			return nil, err
		}
		if i := s.place(num, index); i >= 0 {
			return f.parseCompressed(s, i)
		}
		base, ok := s.extends.(Ref)
		if !ok {
			break
		}
		at = base.Num
	}
	return nil, syntax.Broken("object %d is not in its object stream", num)
}

func (s *objectStream) place(num, hint int) int {
	if hint < len(s.numbers) && int(s.numbers[hint]) == num {
		return hint
	}
	for i, n := range s.numbers {
		if int(n) == num {
			return i
		}
	}
	return -1
}

func (f *File) parseCompressed(s *objectStream, i int) (Object, error) {
	at := s.first + int(s.offsets[i])
	if at < 0 || at > len(s.data) {
		return nil, syntax.Broken("an object lies outside its object stream")
	}
	p := &syntax.Parser{Buf: s.data[at:], Base: -1, EOF: true, Depth: f.lim.Depth, Dangling: &f.dangling}
	obj, err := p.Object()
	f.misread = p.Wrong
	if err := f.spend(int64(p.Pos)); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if _, ok := obj.(syntax.Keyword); ok {
		return nil, syntax.Broken("an object stream holds a bare word")
	}
	return obj, nil
}

// objectStream loads and decodes object stream num. Streams are kept while they are small together.
func (f *File) objectStream(num int) (*objectStream, error) {
	if s := f.objStms[num]; s != nil {
		return s, nil
	}
	if f.loading[num] {
		return nil, syntax.Broken("object stream %d needs itself", num)
	}
	f.loading[num] = true
	defer delete(f.loading, num)

	entry, err := f.lookup(num)
	if err != nil {
		return nil, err
	}
	if entry.Kind != InUse {
		return nil, syntax.Broken("object stream %d is missing", num)
	}
	obj, err := f.load(num, entry)
	if err != nil {
		return nil, err
	}
	stream, ok := obj.(*Stream)
	if !ok {
		return nil, syntax.Broken("object %d is not an object stream", num)
	}
	s, err := f.openObjectStream(stream)
	if err != nil {
		return nil, err
	}
	if f.cached+int64(len(s.data)) > cachedObjBytes {
		clear(f.objStms)
		f.cached = 0
	}
	f.objStms[num] = s
	f.cached += int64(len(s.data))
	return s, nil
}

func (f *File) openObjectStream(stream *Stream) (*objectStream, error) {
	data, err := f.decode(stream, true)
	if err != nil {
		return nil, err
	}
	count, ok1, err := f.IntOf(stream.Dict.Get("N"))
	if err != nil {
		return nil, err
	}
	first, ok2, err := f.IntOf(stream.Dict.Get("First"))
	if err != nil {
		return nil, err
	}
	if !ok1 || !ok2 || count < 0 || first < 0 || first > int64(len(data)) || count > first {
		return nil, syntax.Broken("an object stream is malformed")
	}
	s := &objectStream{data: data, first: int(first), extends: stream.Dict.Get("Extends")}
	p := &syntax.Parser{Buf: data[:first], Base: -1, EOF: true}
	for range count {
		num, err1 := p.Object()
		offset, err2 := p.Object()
		n, ok1 := num.(int64)
		at, ok2 := offset.(int64)
		// A header that ends early is a known slip: what was read so far can be used.
		if usable := err1 == nil && err2 == nil && ok1 && ok2; !usable || n > int64(f.lim.Objects) || at > int64(len(data)) {
			break
		}
		s.numbers = append(s.numbers, int32(n))
		s.offsets = append(s.offsets, int32(at))
	}
	return s, nil
}
