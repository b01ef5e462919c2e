package pdf

import (
	"errors"
	"slices"

	"kyso/internal/pades/pdf/syntax"
)

// How much is read for an object at first, and how many objects and decoded object streams are kept.
const (
	firstWindow    = 1 << 10
	cachedObjects  = 4096
	cachedObjBytes = 16 << 20
)

// parseAt runs read on a window of the file from at, growing it until read has enough.
func (f *File) parseAt(at int64, read func(*syntax.Parser) (Object, error)) (Object, error) {
	for window := int64(firstWindow); ; window *= 4 {
		if at < 0 || at >= f.size {
			return nil, syntax.Broken("offset %d lies outside the file", at)
		}
		length := min(window, f.size-at)
		if int64(cap(f.scratch)) < length {
			f.scratch = make([]byte, length)
		}
		buf := f.scratch[:length]
		if err := f.readInto(buf, at); err != nil {
			return nil, err
		}
		p := &syntax.Parser{Buf: buf, Base: at, EOF: length == f.size-at, Depth: f.lim.Depth, Dangling: &f.dangling}
		obj, err := read(p)
		f.misread = p.Wrong
		if spent := f.spend(int64(p.Pos) + 16); spent != nil {
			return nil, spent
		}
		if !errors.Is(err, syntax.ErrShort) {
			return obj, err
		}
		if window > f.lim.ObjectBytes {
			return nil, syntax.TooComplex("an object is longer than %d bytes", f.lim.ObjectBytes)
		}
	}
}

// objectAt reads "num gen obj …" at a file offset.
func (f *File) objectAt(at int64) (Object, Ref, error) {
	var ref Ref
	f.ended = false
	obj, err := f.parseAt(at, func(p *syntax.Parser) (Object, error) {
		var err error
		if ref, err = p.Header(); err != nil {
			return nil, err
		}
		obj, err := p.Indirect()
		f.ended = p.Ended
		return obj, err
	})
	if stream, ok := obj.(*Stream); ok {
		stream.Ref = ref
	}
	return obj, ref, err
}

// Resolve follows references to a value. A reference to nothing is null (7.3.10).
func (f *File) Resolve(o Object) (Object, error) {
	for range 32 {
		ref, ok := o.(Ref)
		if !ok {
			return o, nil
		}
		var err error
		if o, err = f.Get(ref.Num); err != nil {
			return nil, err
		}
	}
	return nil, syntax.Broken("a reference leads in a circle")
}

// Get returns the indirect object with a number, nil when there is none. Damage makes it scan the file once and
// look again, unless the file is to be kept as it is. The result is shared: clone before changing it.
func (f *File) Get(num int) (Object, error) {
	if obj, ok := f.cache[num]; ok {
		return obj, nil
	}
	if err := f.spendRead(); err != nil {
		return nil, err
	}
	obj, err := f.find(num)
	if err != nil && f.rebuilt == nil && !f.asItIs && !final(err) {
		if err := f.rebuild(); err != nil {
			return nil, err
		}
		obj, err = f.find(num)
	}
	if err != nil {
		return nil, err
	}
	if len(f.cache) >= cachedObjects {
		clear(f.cache)
	}
	f.cache[num] = obj
	return obj, nil
}

func (f *File) find(num int) (Object, error) {
	entry, err := f.lookup(num)
	if err != nil {
		return nil, err
	}
	obj, err := f.load(num, entry)
	if err == nil && f.misread {
		f.wrong[num] = true
	}
	return obj, err
}

// load reads the object that an entry points to and makes sure that it carries the right number.
func (f *File) load(num int, e Entry) (Object, error) {
	f.misread = false
	switch e.Kind {
	case InUse:
		obj, ref, err := f.objectAt(e.Offset)
		f.leaveOpen(num, err != nil || !f.ended)
		if err != nil {
			return nil, err
		}
		if ref.Num != num {
			return nil, syntax.Broken("object %d stands where object %d should be", ref.Num, num)
		}
		if f.crypt != nil && num != f.crypt.dict {
			return f.crypt.openStrings(ref, obj)
		}
		return obj, nil
	case Compressed:
		obj, err := f.compressed(num, e)
		f.leaveOpen(num, err != nil)
		return obj, err
	}
	return nil, nil
}

func (f *File) leaveOpen(num int, open bool) {
	if open {
		f.open[num] = true
	} else {
		delete(f.open, num)
	}
}

// Open reports whether an object that was asked for may be another one in a longer file with the same entry for it: it could not be
// read, or has no end of its own. How long the data of a stream is, and what an object stream holds, may differ besides.
func (f *File) Open(num int) bool { return f.open[num] }

// OpenNumbers lists those that were found so far.
func (f *File) OpenNumbers() []int { return sortedNumbers(f.open) }

// Dict resolves o to a dictionary, that of a stream included; nil when it is something else.
func (f *File) Dict(o Object) (*Dict, error) {
	v, err := f.Resolve(o)
	if err != nil {
		return nil, err
	}
	switch d := v.(type) {
	case *Dict:
		return d, nil
	case *Stream:
		return d.Dict, nil
	}
	return nil, nil
}

// Array resolves o to an array; nil when it is something else.
func (f *File) Array(o Object) (Array, error) {
	v, err := f.Resolve(o)
	if err != nil {
		return nil, err
	}
	a, _ := v.(Array)
	return a, nil
}

// NameOf resolves o to a name; empty when it is something else.
func (f *File) NameOf(o Object) (Name, error) {
	v, err := f.Resolve(o)
	if err != nil {
		return "", err
	}
	n, _ := v.(Name)
	return n, nil
}

// IntOf resolves o to an integer.
func (f *File) IntOf(o Object) (int64, bool, error) {
	v, err := f.Resolve(o)
	if err != nil {
		return 0, false, err
	}
	n, ok := Int(v)
	return n, ok, nil
}

// TextOf resolves o to a text string in UTF-8; empty when it is something else.
func (f *File) TextOf(o Object) (string, error) {
	v, err := f.Resolve(o)
	if err != nil {
		return "", err
	}
	s, _ := v.(String)
	return DecodeText(s), nil
}

// Earlier returns what older cross-reference sections say that an object was, newest first and at most limit of them. What
// cannot be read is left out. A file that was rebuilt has no history.
func (f *File) Earlier(num, limit int) ([]Object, error) {
	if f.rebuilt != nil {
		return nil, nil
	}
	var out []Object
	var seen []Entry
	for _, s := range f.sections {
		entry, ok, err := f.sectionEntry(s, num)
		if err != nil {
			return nil, err
		}
		if !ok || entry.Kind == Free || slices.Contains(seen, entry) {
			continue
		}
		if seen = append(seen, entry); len(seen) == 1 {
			continue // the one that counts
		}
		object, err := f.load(num, entry)
		if final(err) {
			return nil, err
		}
		if err == nil {
			out = append(out, object)
		}
		if len(out) >= limit {
			break
		}
	}
	return out, nil
}

// Peek is Get without repair: an object that cannot be read is problem.DocumentBroken, and the file stays as it was opened.
func (f *File) Peek(num int) (Object, error) {
	if obj, ok := f.cache[num]; ok {
		return obj, nil
	}
	if err := f.spendRead(); err != nil {
		return nil, err
	}
	obj, err := f.find(num)
	if err != nil {
		return nil, err
	}
	if len(f.cache) >= cachedObjects {
		clear(f.cache)
	}
	f.cache[num] = obj
	return obj, nil
}

// PeekShort is Peek for an object of less than some bytes; a longer one is problem.DocumentTooComplex, and little of it is read.
func (f *File) PeekShort(num int, most int64) (Object, error) {
	longest := f.lim.ObjectBytes
	f.lim.ObjectBytes = min(longest, most-1)
	defer func() { f.lim.ObjectBytes = longest }()
	return f.Peek(num)
}

// noteTrailer begins to watch, with the references of the trailer, which was read before.
func (f *File) noteTrailer() {
	f.dangling.First = f.NextNumber()
	f.dangling.NoteAll(f.trailer, f.lim.Depth)
}
