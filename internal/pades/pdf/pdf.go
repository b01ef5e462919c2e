// Package pdf reads PDF files lazily, by range, and appends incremental updates (ISO 32000-2, 7.5).
//
// It reads what a signature touches and nothing else: the end of the file, the chain of cross-reference sections
// and the few objects that are asked for. A classic cross-reference table is never turned into Go values; its
// 20-byte entries are read where they lie. Original bytes are never rewritten.
//
// Files come from strangers: sizes, depths and the total work are bounded, cycles are broken, and no input makes
// the package panic. Damage is problem.DocumentBroken, a limit is problem.DocumentTooComplex.
//
// It does not render or repair in place. Encrypted files are read, and written, when they open without a password. The objects themselves are in syntax.
package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"kyso/internal/pades/pdf/syntax"
	"kyso/internal/problem"
)

// Limits bounds the work on one file. Zero fields mean the defaults.
type Limits struct {
	ObjectBytes  int64 // longest object without its stream data; default 16 MiB
	DecodedBytes int64 // longest decoded structural stream; default 32 MiB
	Work         int64 // bytes parsed and decoded in total, a rebuilding scan not counted; default 1 GiB
	Depth        int   // nesting of objects, of the page tree, of fields; default 64
	Sections     int   // cross-reference sections; default 4,096
	Objects      int   // object numbers; default 8,388,607 (ISO 32000-1, annex C)
	Pages        int   // pages that a walk visits; default 20,000
	Reads        int   // objects that are read, each time that one is; 0 bounds them by Work alone
}

func (l Limits) withDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	defInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.ObjectBytes, 16<<20)
	def(&l.DecodedBytes, 32<<20)
	def(&l.Work, 1<<30)
	defInt(&l.Depth, 64)
	defInt(&l.Sections, 4096)
	defInt(&l.Objects, 8388607)
	defInt(&l.Pages, 20000)
	return l
}

// File is an open PDF file. It is not safe for concurrent use.
type File struct {
	r    io.ReaderAt
	size int64
	lim  Limits

	version  string
	header   int64      // where %PDF- stands
	base     int64      // what file offsets in the PDF count from: where %PDF- stands when junk precedes it
	sections []*Section // newest first
	trailer  *Dict
	rebuilt  *rebuiltIndex // set when the cross-reference data was unusable
	asItIs   bool          // nothing more is repaired
	crypt    *crypt        // set when the file is encrypted and opens without a password
	barrier  Barrier       // why it does not

	dangling syntax.Dangling
	wrong    map[int]bool // objects with a hexadecimal string that holds something else than digits
	misread  bool         // whether the last one that was parsed is one

	open  map[int]bool // objects whose reading depends on where the file ends
	ended bool         // the last indirect object had an end

	work     int64
	reads    int
	scratch  []byte
	searched []stretch // for endstream, by where they end
	cache    map[int]Object
	objStms  map[int]*objectStream
	cached   int64 // decoded bytes held in objStms
	loading  map[int]bool
}

// Open reads the header and the chain of cross-reference sections. When that chain is damaged the whole file is
// scanned once instead and Rebuilt reports true. An encrypted file whose user password is empty opens like others; of one
// that is Locked nothing else may be asked.
func Open(r io.ReaderAt, size int64, lim Limits) (*File, error) {
	f := &File{r: r, size: size, lim: lim.withDefaults(), cache: map[int]Object{},
		objStms: map[int]*objectStream{}, loading: map[int]bool{}, open: map[int]bool{}, wrong: map[int]bool{}}
	header, err := f.readHeader()
	if err != nil {
		return nil, err
	}
	f.header = header
	err = f.openChain(header)
	if err != nil {
		if final(err) {
			return nil, err
		}
		if err := f.rebuild(); err != nil {
			return nil, err
		}
	}
	if f.Locked() {
		return f, nil
	}
	f.noteTrailer()
	if _, err := f.Catalog(); err != nil {
		return nil, err
	}
	return f, nil
}

// openChain tries the offsets as they stand and, when junk precedes the header, counted from the header.
func (f *File) openChain(header int64) error {
	start, err := f.startxref()
	if err != nil {
		return err
	}
	bases := []int64{0}
	if header > 0 {
		bases = []int64{header, 0}
	}
	for _, base := range bases {
		f.base, f.crypt = base, nil
		if err = f.loadChain(start); err == nil {
			if err = f.checkRoot(); err == nil {
				return nil
			}
		}
		if final(err) {
			return err
		}
	}
	f.base = header
	return err
}

// checkRoot makes sure that the chain leads to a catalog before it is trusted.
func (f *File) checkRoot() error {
	if err := f.unlock(); err != nil || f.Locked() {
		return err
	}
	ref, ok := f.trailer.Get("Root").(Ref)
	if !ok {
		return syntax.Broken("the trailer has no Root")
	}
	entry, err := f.lookup(ref.Num)
	if err != nil {
		return err
	}
	obj, err := f.load(ref.Num, entry)
	if err != nil {
		return err
	}
	if dict, ok := obj.(*Dict); !ok || dict.Get("Pages") == nil {
		return syntax.Broken("Root is not a catalog")
	}
	return nil
}

// readHeader finds %PDF-x.y in the first kilobyte, as readers have always allowed.
func (f *File) readHeader() (int64, error) {
	if f.size < 32 {
		return 0, syntax.Broken("the file has only %d bytes", f.size)
	}
	buf, err := f.read(0, min(1024, f.size))
	if err != nil {
		return 0, err
	}
	at := bytes.Index(buf, []byte("%PDF-"))
	if at < 0 {
		return 0, syntax.Broken("there is no %%PDF- header in the first kilobyte")
	}
	end := at + 5
	for end < len(buf) && end < at+8 && !syntax.IsSpace(buf[end]) {
		end++
	}
	f.version = string(buf[at+5 : end])
	return int64(at), nil
}

// Size returns the number of bytes of the file.
func (f *File) Size() int64 { return f.size }

// Base returns what the offsets written in the file count from: 0, or the place of the header when junk precedes it.
func (f *File) Base() int64 { return f.base }

// Header returns where %PDF- stands: 0 in a file as it should be.
func (f *File) Header() int64 { return f.header }

// BehindEnd returns how many bytes follow the last %%EOF of the file, white space at its end not counted.
func (f *File) BehindEnd() (int64, error) {
	length := min(64<<10, f.size) // further back no startxref is looked for
	tail, err := f.read(f.size-length, length)
	if err != nil {
		return 0, err
	}
	at := bytes.LastIndex(tail, []byte("%%EOF"))
	if at < 0 {
		return 0, nil
	}
	return int64(len(bytes.TrimRight(tail[at+len("%%EOF"):], "\x00\t\n\f\r "))), nil
}

// Reader returns the bytes that the file was opened on.
func (f *File) Reader() io.ReaderAt { return f.r }

// Trailer returns the newest trailer dictionary.
func (f *File) Trailer() *Dict { return f.trailer }

// Sections returns the cross-reference sections, newest first; none when the file had to be rebuilt.
func (f *File) Sections() []*Section { return f.sections }

// Rebuilt reports whether the cross-reference data was unusable, so that objects were found by a scan.
func (f *File) Rebuilt() bool { return f.rebuilt != nil }

// KeepAsIs says that an object which cannot be read is problem.DocumentBroken from now on and no reason to scan the file: whoever
// judges a file judges it as it is, and one damaged object says nothing about the others.
func (f *File) KeepAsIs() { f.asItIs = true }

// WrongDigits reports whether an object that was read has a hexadecimal string with something else than digits in it. Readers skip
// that, or take it for a zero.
func (f *File) WrongDigits(num int) bool { return f.wrong[num] }

// Version returns the version of the header or, when it is later, of the catalog.
func (f *File) Version() string {
	version := f.version
	if root, err := f.Catalog(); err == nil {
		if name, ok := root.Get("Version").(Name); ok && string(name) > version {
			version = string(name)
		}
	}
	return version
}

// RootRef returns the reference to the catalog.
func (f *File) RootRef() Ref {
	ref, _ := f.trailer.Get("Root").(Ref)
	return ref
}

// Catalog returns the document catalog (7.7.2).
func (f *File) Catalog() (*Dict, error) {
	root, err := f.Dict(f.trailer.Get("Root"))
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	if root == nil {
		return nil, syntax.Broken("there is no document catalog")
	}
	return root, nil
}

// read returns length bytes from off in a fresh slice.
func (f *File) read(off, length int64) ([]byte, error) {
	buf := make([]byte, length)
	return buf, f.readInto(buf, off)
}

// readInto fills buf from off. A reader that ends early is a fault of the store, not of the document.
func (f *File) readInto(buf []byte, off int64) error {
	if off < 0 || off > f.size-int64(len(buf)) {
		return syntax.Broken("offset %d lies outside the file", off)
	}
	n, err := f.r.ReadAt(buf, off)
	if n == len(buf) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &readError{err: fmt.Errorf("reading %d bytes at %d: %w", len(buf), off, err)}
}

// readError marks a failure of the underlying reader. It has no problem code: trying again may help.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// final reports whether err must not be answered by a repairing scan: a limit or a failing reader.
func final(err error) bool {
	if _, ok := errors.AsType[*readError](err); ok {
		return true
	}
	return problem.CodeOf(err) == problem.DocumentTooComplex
}

// spendRead counts the reading of an object against the limits.
func (f *File) spendRead() error {
	if f.reads++; f.lim.Reads > 0 && f.reads > f.lim.Reads {
		return syntax.TooComplex("more than %d objects have to be read", f.lim.Reads)
	}
	return f.spend(16)
}

// Spent returns the work that was done on the file so far, and how many objects were read; see Limits.
func (f *File) Spent() (work int64, reads int) { return f.work, f.reads }

// spend counts n bytes of work against the limit.
func (f *File) spend(n int64) error {
	f.work += n
	if f.work > f.lim.Work {
		return syntax.TooComplex("reading takes more than %d bytes of work", f.lim.Work)
	}
	return nil
}
