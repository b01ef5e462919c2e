package pdf

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"kyso/internal/pades/pdf/syntax"
	"kyso/internal/problem"
)

// Update is one incremental update: the objects that are new or replaced, written behind the file as it is.
type Update struct {
	file    *File
	rebuilt bool
	next    int
	numbers []int // in the order of writing
	objects map[int]updated
}

type updated struct {
	gen   int
	value Object
	data  []byte // stream data; nil unless value is the dictionary of a stream
}

// NewUpdate begins an update. Read everything that the update depends on before: a file that turns out damaged
// while objects are being replaced needs another kind of update.
func NewUpdate(f *File) *Update {
	return &Update{file: f, rebuilt: f.Rebuilt(), next: f.NextNumber(), objects: map[int]updated{}}
}

// Reserve returns a fresh reference whose object is set later. Numbers that the file refers to without having them are left out:
// what was nothing when it was signed would come to life.
func (u *Update) Reserve() Ref {
	for u.file.dangling.Numbers[u.next] {
		u.next++
	}
	u.next++
	return Ref{Num: u.next - 1}
}

// Add writes a new object.
func (u *Update) Add(o Object) Ref {
	ref := u.Reserve()
	u.Set(ref, o)
	return ref
}

// Set writes an object under a reference, fresh or of the file.
func (u *Update) Set(ref Ref, o Object) { u.put(ref, updated{gen: ref.Gen, value: o}) }

// AddStream writes a new stream with the data as given; Length is filled in.
func (u *Update) AddStream(d *Dict, data []byte) Ref {
	ref := u.Reserve()
	d = d.Clone()
	d.Set("Length", int64(len(data)))
	if data == nil {
		data = []byte{}
	}
	u.put(ref, updated{value: d, data: data})
	return ref
}

func (u *Update) put(ref Ref, o updated) {
	if _, ok := u.objects[ref.Num]; !ok {
		u.numbers = append(u.numbers, ref.Num)
	}
	u.objects[ref.Num] = o
}

// Bytes returns the increment: objects, cross-reference section, trailer. It is to be appended at Size() of the
// file; Slots know their place within it afterwards.
func (u *Update) Bytes() ([]byte, error) {
	f := u.file
	if u.rebuilt != f.Rebuilt() {
		return nil, problem.New(problem.Internal, "the file was found damaged after the update began")
	}
	out, err := u.begin()
	if err != nil {
		return nil, err
	}
	offsets := make(map[int]Entry, len(u.numbers)+1)
	digest := sha256.New()
	for _, num := range u.numbers {
		o := u.objects[num]
		offsets[num] = Entry{Kind: InUse, Offset: f.size + int64(len(out)) - f.base, Gen: o.gen}
		start := len(out)
		if o, err = u.sealed(num, o); err != nil {
			return nil, err
		}
		if out, err = appendIndirect(out, num, o); err != nil {
			return nil, fmt.Errorf("writing object %d: %w", num, err)
		}
		digest.Write(out[start:min(len(out), start+4096)])
	}
	return u.finish(out, offsets, digest.Sum(nil)[:16])
}

// sealed encrypts an object of an encrypted file.
func (u *Update) sealed(num int, o updated) (updated, error) {
	c := u.file.crypt
	if c == nil {
		return o, nil
	}
	ref := Ref{Num: num, Gen: o.gen}
	value, err := c.sealStrings(ref, o.value)
	if err != nil || o.data == nil {
		o.value = value
		return o, err
	}
	data := c.seal(ref, c.streams, o.data)
	d, ok := value.(*Dict)
	if !ok {
		return o, problem.New(problem.Internal, "a stream without a dictionary")
	}
	d.Set("Length", int64(len(data)))
	return updated{gen: o.gen, value: d, data: data}, nil
}

// begin makes the increment start on a line of its own.
func (u *Update) begin() ([]byte, error) {
	out := make([]byte, 0, 80<<10) // of a signature with the default hole
	last, err := u.file.read(u.file.size-1, 1)
	if err != nil {
		return nil, err
	}
	if last[0] != '\n' && last[0] != '\r' {
		out = append(out, '\n')
	}
	return out, nil
}

func appendIndirect(out []byte, num int, o updated) ([]byte, error) {
	out = strconv.AppendInt(out, int64(num), 10)
	out = append(out, ' ')
	out = strconv.AppendInt(out, int64(o.gen), 10)
	out = append(out, " obj\n"...)
	out, err := Append(out, o.value)
	if err != nil {
		return nil, err
	}
	if o.data != nil {
		out = append(out, "\nstream\n"...)
		out = append(out, o.data...)
		out = append(out, "\nendstream"...)
	}
	return append(out, "\nendobj\n"...), nil
}

// trailer returns the trailer of the increment. The second half of /ID tells this revision from the one before
// (14.4); it is derived from the old one and from what is written, so the same update gives the same bytes.
func (u *Update) trailer(digest []byte) *Dict {
	f := u.file
	d := NewDict("Size", int64(u.next), "Root", f.trailer.Get("Root"))
	if encrypt := f.trailer.Get("Encrypt"); encrypt != nil {
		d.Set("Encrypt", encrypt)
	}
	if info := f.trailer.Get("Info"); info != nil {
		d.Set("Info", info)
	}
	if id, err := f.Array(f.trailer.Get("ID")); err == nil && len(id) == 2 {
		first, ok1 := id[0].(String)
		second, ok2 := id[1].(String)
		if ok1 && ok2 {
			sum := sha256.Sum256(append([]byte(second), digest...))
			d.Set("ID", Array{first, String(sum[:16])})
		}
	}
	return d
}

// finish writes the cross-reference section in the kind that the newest one has: a table after a table or a
// hybrid section, a stream after a stream. A file that was rebuilt gets a complete section without /Prev, because
// no other reader should have to trust the damaged one.
func (u *Update) finish(out []byte, entries map[int]Entry, digest []byte) ([]byte, error) {
	f := u.file
	var prev int64
	var stream bool
	if f.rebuilt != nil {
		stream = f.rebuilt.compressed
		for num, e := range f.rebuilt.entries {
			if _, ok := entries[num]; !ok {
				if e.Kind == InUse {
					e.Offset -= f.base
				}
				entries[num] = e
			}
		}
	} else {
		stream = f.sections[0].Stream
		prev = f.sections[0].Offset - f.base
	}
	start := f.size + int64(len(out)) - f.base
	var err error
	if stream {
		out, err = u.appendXRefStream(out, entries, prev, digest, start)
	} else {
		out, err = u.appendTable(out, entries, prev, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("writing the cross-reference section: %w", err)
	}
	out = append(out, "startxref\n"...)
	out = strconv.AppendInt(out, start, 10)
	return append(out, "\n%%EOF\n"...), nil
}

func (u *Update) appendTable(out []byte, entries map[int]Entry, prev int64, digest []byte) ([]byte, error) {
	out = append(out, "xref\n"...)
	numbers := sortedNumbers(entries)
	if prev == 0 { // a first section starts with the head of the free list (7.5.4)
		entries[0] = Entry{Kind: Free, Gen: 65535}
		numbers = append([]int{0}, numbers...)
	}
	for i := 0; i < len(numbers); {
		end := runEnd(numbers, i)
		out = fmt.Appendf(out, "%d %d\n", numbers[i], end-i)
		for ; i < end; i++ {
			e := entries[numbers[i]]
			if e.Offset > 9_999_999_999 {
				return nil, syntax.TooComplex("a cross-reference table cannot reach beyond 10 GB")
			}
			kind := byte('n')
			if e.Kind == Free {
				kind = 'f'
			}
			out = fmt.Appendf(out, "%010d %05d %c\r\n", e.Offset, e.Gen, kind)
		}
	}
	d := u.trailer(digest)
	if prev > 0 {
		d.Set("Prev", prev)
	}
	out = append(out, "trailer\n"...)
	out, err := Append(out, d)
	return append(out, '\n'), err
}

// runEnd returns the end of the run of consecutive numbers that starts at i.
func runEnd(numbers []int, i int) int {
	end := i + 1
	for end < len(numbers) && numbers[end] == numbers[end-1]+1 {
		end++
	}
	return end
}

func (u *Update) appendXRefStream(out []byte, entries map[int]Entry, prev int64, digest []byte, at int64) ([]byte, error) {
	own := u.Reserve()
	entries[own.Num] = Entry{Kind: InUse, Offset: at}
	numbers := sortedNumbers(entries)
	if prev == 0 {
		entries[0] = Entry{Kind: Free, Gen: 65535}
		numbers = append([]int{0}, numbers...)
	}
	index := Array{}
	for i := 0; i < len(numbers); {
		end := runEnd(numbers, i)
		index = append(index, int64(numbers[i]), int64(end-i))
		i = end
	}
	d := NewDict("Type", Name("XRef"), "W", Array{int64(1), int64(5), int64(3)}, "Index", index)
	trailer := u.trailer(digest)
	for _, key := range trailer.Keys() {
		d.Set(key, trailer.Get(key))
	}
	if prev > 0 {
		d.Set("Prev", prev)
	}
	data := make([]byte, 0, 9*len(numbers))
	for _, num := range numbers {
		e := entries[num]
		a, b := e.Offset, e.Gen
		if e.Kind == Compressed {
			a, b = int64(e.Stream), e.Index
		}
		data = append(data, byte(e.Kind), byte(a>>32), byte(a>>24), byte(a>>16), byte(a>>8), byte(a),
			byte(b>>16), byte(b>>8), byte(b))
	}
	d.Set("Length", int64(len(data)))
	return appendIndirect(out, own.Num, updated{value: d, data: data})
}
