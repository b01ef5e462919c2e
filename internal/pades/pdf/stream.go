package pdf

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"compress/lzw"
	"encoding/ascii85"
	"fmt"
	"io"
	"slices"
	"sync"

	"kyso/internal/pades/pdf/syntax"
	"kyso/internal/problem"
)

// Data returns the decoded bytes of a stream, filters as structural streams use them.
func (f *File) Data(s *Stream) ([]byte, error) { return f.decode(s, true) }

// decode applies the filters of a stream. A cross-reference stream must not need other objects (7.5.8.1), so its
// parameters are taken as they stand.
func (f *File) decode(s *Stream, resolve bool) ([]byte, error) {
	length, err := f.streamLength(s, resolve)
	if err != nil {
		return nil, err
	}
	names, params, err := f.filters(s.Dict, resolve)
	if err != nil {
		return nil, err
	}
	var r io.Reader = bufio.NewReader(io.NewSectionReader(f.r, s.Offset, length))
	if f.crypt != nil {
		if r, err = f.plainStream(s, length, names, params); err != nil {
			return nil, err
		}
		names, params = withoutCrypt(names, params)
	}
	if len(names) > 8 {
		return nil, syntax.TooComplex("a stream has %d filters", len(names))
	}
	if len(names) == 0 && length > f.lim.DecodedBytes {
		return nil, syntax.TooComplex("a stream decodes to more than %d bytes", f.lim.DecodedBytes)
	}
	for i, name := range names {
		data, err := f.filter(name, params[i], r)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(data)
		if i == len(names)-1 {
			return data, nil
		}
	}
	return f.collect(r)
}

// Raw returns the bytes of a stream as they lie in the file, in an encrypted file without the encryption. No filter is applied, so
// that every stream can be compared.
func (f *File) Raw(s *Stream) ([]byte, error) {
	length, err := f.streamLength(s, true)
	if err != nil {
		return nil, err
	}
	var r io.Reader = io.NewSectionReader(f.r, s.Offset, length)
	if f.crypt != nil {
		names, params, err := f.filters(s.Dict, true)
		if err != nil {
			return nil, err
		}
		if r, err = f.plainStream(s, length, names, params); err != nil {
			return nil, err
		}
	}
	return f.collect(r)
}

// filters lists the filters of a stream and the parameters of each.
func (f *File) filters(d *Dict, resolve bool) ([]Name, []*Dict, error) {
	get := func(o Object) (Object, error) {
		if !resolve {
			return o, nil
		}
		return f.Resolve(o)
	}
	filter, err := get(d.Get("Filter"))
	if err != nil {
		return nil, nil, err
	}
	parms, err := get(d.Get("DecodeParms"))
	if err != nil {
		return nil, nil, err
	}
	list, ok := filter.(Array)
	if !ok {
		if list = nil; filter != nil {
			list = Array{filter}
		}
		parms = Array{parms}
	}
	parmList, _ := parms.(Array)
	names, dicts := make([]Name, len(list)), make([]*Dict, len(list))
	for i := range list {
		item, err := get(list[i])
		if err != nil {
			return nil, nil, err
		}
		names[i], _ = item.(Name)
		if i < len(parmList) {
			if item, err = get(parmList[i]); err != nil {
				return nil, nil, err
			}
			dicts[i], _ = item.(*Dict)
		}
	}
	return names, dicts, nil
}

func (f *File) filter(name Name, params *Dict, r io.Reader) ([]byte, error) {
	switch name {
	case "FlateDecode", "Fl":
		data, err := f.inflate(r)
		if err != nil {
			return nil, err
		}
		return unpredict(data, params)
	case "LZWDecode", "LZW":
		if early, ok := Int(params.Get("EarlyChange")); !ok || early != 0 {
			return nil, syntax.Broken("a structural stream is compressed with early-change LZW")
		}
		data, err := f.collect(lzw.NewReader(r, lzw.MSB, 8))
		if err != nil {
			return nil, err
		}
		return unpredict(data, params)
	case "ASCIIHexDecode", "AHx":
		return f.asciiHex(r)
	case "ASCII85Decode", "A85":
		return f.ascii85(r)
	case "RunLengthDecode", "RL":
		return f.runLength(r)
	}
	return nil, syntax.Broken("a structural stream has an unknown filter")
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// inflate skips the zlib header and ignores the checksum: half of all readers do, and what counts is whether
// the objects inside make sense.
func (f *File) inflate(r io.Reader) ([]byte, error) {
	var header [2]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, f.streamError(err)
	}
	inflater := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(inflater)
	if err := inflater.(flate.Resetter).Reset(r, nil); err != nil {
		return nil, fmt.Errorf("resetting the inflater: %w", err)
	}
	return f.collect(inflater)
}

// collect reads what a filter gives, up to the limit. Data that ends in damage is used as far as it goes.
func (f *File) collect(r io.Reader) ([]byte, error) {
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, f.lim.DecodedBytes+1))
	if n > f.lim.DecodedBytes {
		return nil, syntax.TooComplex("a stream decodes to more than %d bytes", f.lim.DecodedBytes)
	}
	if spent := f.spend(n); spent != nil {
		return nil, spent
	}
	if err != nil && n == 0 {
		return nil, f.streamError(err)
	}
	return out.Bytes(), nil
}

func (f *File) streamError(err error) error {
	return syntax.Broken("a stream cannot be decoded: %v", err)
}

// Length returns how many bytes of the file a stream has; false when it has no end.
func (f *File) Length(s *Stream) (int64, bool, error) {
	length, err := f.streamLength(s, true)
	if problem.CodeOf(err) == problem.DocumentBroken {
		return 0, false, nil
	}
	return length, err == nil, err
}

// streamLength returns /Length when endstream stands there, else the distance to the next endstream.
func (f *File) streamLength(s *Stream, resolve bool) (int64, error) {
	var length int64
	var ok bool
	if resolve {
		var err error
		if length, ok, err = f.IntOf(s.Dict.Get("Length")); err != nil {
			return 0, err
		}
	} else {
		length, ok = Int(s.Dict.Get("Length"))
	}
	if ok && length >= 0 && length <= f.size-s.Offset {
		at := s.Offset + length
		tail, err := f.read(at, min(16, f.size-at))
		if err != nil {
			return 0, err
		}
		tail = bytes.TrimLeft(tail, "\r\n\t ")
		if bytes.HasPrefix(tail, []byte("endstream")) || bytes.HasPrefix(tail, []byte("endobj")) {
			return length, nil
		}
	}
	return f.searchEndstream(s.Offset)
}

// searchEndstream looks for the keyword from an offset on.
func (f *File) searchEndstream(from int64) (int64, error) {
	at, found, err := f.nextEndstream(max(from, 0))
	if err == nil && !found {
		err = syntax.Broken("a stream has no end")
	}
	return at - from, err
}

// stretch is a part of the file in which no endstream begins, and whether one begins behind it.
type stretch struct {
	from, to int64
	found    bool
}

// nextEndstream returns where the next endstream begins. What was searched once is not searched again, so that a file of streams
// without an end costs no more than its size.
func (f *File) nextEndstream(from int64) (at int64, found bool, err error) {
	if from >= f.size {
		return f.size, false, nil
	}
	i, _ := slices.BinarySearchFunc(f.searched, from, func(s stretch, from int64) int { return cmp.Compare(s.to, from) })
	if i < len(f.searched) && f.searched[i].from <= from {
		return f.searched[i].to, f.searched[i].found, nil
	}
	limit := f.size
	if i < len(f.searched) {
		limit = f.searched[i].from
	}
	at, found, err = f.scan(from, limit)
	if err != nil {
		return 0, false, err
	}
	if found || limit == f.size {
		f.searched = slices.Insert(f.searched, i, stretch{from, at, found})
		return at, found, nil
	}
	f.searched[i].from = from
	return f.searched[i].to, f.searched[i].found, nil
}

// scan returns where an endstream begins between two offsets; else the second of them.
func (f *File) scan(from, limit int64) (at int64, found bool, err error) {
	const longest = 64 << 10
	word := []byte("endstream")
	var buf []byte
	for at, chunk := from, int64(firstWindow); at < limit; at, chunk = at+chunk, min(4*chunk, longest) {
		length := min(chunk+int64(len(word))-1, f.size-at, limit-at+int64(len(word))-1)
		if int64(len(buf)) < length {
			buf = make([]byte, length)
		}
		if err := f.readInto(buf[:length], at); err != nil {
			return 0, false, err
		}
		i := bytes.Index(buf[:length], word)
		if i >= 0 {
			length = int64(i)
		}
		if err := f.spend(length); err != nil {
			return 0, false, err
		}
		if i >= 0 {
			return at + int64(i), true, nil
		}
	}
	return limit, false, nil
}

func (f *File) asciiHex(r io.Reader) ([]byte, error) {
	raw, err := f.collect(r)
	if err != nil {
		return nil, err
	}
	p := &syntax.Parser{Buf: append([]byte{'<'}, raw...), EOF: true, Base: -1}
	if !bytes.ContainsRune(raw, '>') {
		p.Buf = append(p.Buf, '>')
	}
	s, err := p.Hex()
	if err != nil {
		return nil, err
	}
	return []byte(s.(String)), nil
}

func (f *File) ascii85(r io.Reader) ([]byte, error) {
	raw, err := f.collect(r)
	if err != nil {
		return nil, err
	}
	raw, _, _ = bytes.Cut(raw, []byte("~>"))
	raw = bytes.TrimPrefix(bytes.TrimSpace(raw), []byte("<~"))
	return f.collect(ascii85.NewDecoder(bytes.NewReader(raw)))
}

func (f *File) runLength(r io.Reader) ([]byte, error) {
	in := bufio.NewReader(r)
	var out bytes.Buffer
	for {
		n, err := in.ReadByte()
		if err != nil || n == 128 {
			break
		}
		if n < 128 {
			if _, err := io.CopyN(&out, in, int64(n)+1); err != nil {
				break
			}
		} else if c, err := in.ReadByte(); err == nil {
			out.Write(bytes.Repeat([]byte{c}, 257-int(n)))
		}
		if int64(out.Len()) > f.lim.DecodedBytes {
			return nil, syntax.TooComplex("a stream decodes to more than %d bytes", f.lim.DecodedBytes)
		}
	}
	return out.Bytes(), f.spend(int64(out.Len()))
}
