package pdf

import "strings"

// method is how strings or streams are encrypted.
type method int

const (
	identity method = iota
	methodRC4
	methodAES128 // AESV2: a key for each object
	methodAES256 // AESV3: the file's key
	unknown
)

// crypt opens and seals what an encrypted file holds, under the key of its empty user password (7.6).
type crypt struct {
	key              []byte // nil when only attachments are encrypted, and it takes a password to open them
	strings, streams method
	attachments      method          // of the streams of embedded files (EFF)
	named            map[Name]method // by which a stream may choose with the filter Crypt
	plainMetadata    bool
	dict             int // number of the encryption dictionary, whose strings are in clear; 0 when it is direct
	permissions      int32
	revision         int64 // of the standard security handler
}

// Barrier is why a file cannot be read.
type Barrier string

// The barriers.
const (
	NoBarrier         Barrier = ""
	NeedsPassword     Barrier = "password"    // the standard security handler, and neither password is empty (7.6.4)
	NeedsCertificate  Barrier = "certificate" // encrypted to certificates of its recipients (7.6.5)
	UnknownEncryption Barrier = "unknown"     // another security handler, or an algorithm that is not known
)

// Encrypted reports whether the file has an encryption dictionary.
func (f *File) Encrypted() bool { return f.trailer.Get("Encrypt") != nil }

// Locked reports whether the file is encrypted and needs a password, or a security handler, that we do not have. Of a
// locked file nothing but this can be asked.
func (f *File) Locked() bool { return f.Encrypted() && f.crypt == nil }

// LockedBy says why a file is Locked.
func (f *File) LockedBy() Barrier {
	if !f.Locked() {
		return NoBarrier
	}
	return f.barrier
}

// AttachmentsLocked reports whether the file itself is in clear and its attachments are encrypted, so that they do not open
// without a password or a key (7.6.6: EFF without StmF and StrF).
func (f *File) AttachmentsLocked() bool {
	return f.crypt != nil && f.crypt.key == nil && f.crypt.attachments != identity
}

// The permissions of an encrypted file that decide about signatures (7.6.4.2, table 22).
const (
	mayModify   = 1 << 3 // bit 4: with bit 6, create form fields, those for signatures included
	mayAnnotate = 1 << 5 // bit 6: annotate and fill in form fields
	mayFillIn   = 1 << 8 // bit 9: fill in existing form fields, those for signatures included, even if bit 6 is clear
)

// MaySign says what the owner of an encrypted file allows to those who open it without a password: to sign into a signature field
// that is there, and to add one. Revision 2 of the security handler does not know bit 9.
func (f *File) MaySign() (existing, added bool) {
	c := f.crypt
	if c == nil {
		return true, true
	}
	annotate := c.permissions&mayAnnotate != 0
	return annotate || c.revision >= 3 && c.permissions&mayFillIn != 0, annotate && c.permissions&mayModify != 0
}

// unlock tries the empty user password. What it cannot open stays locked; the error is for reading.
func (f *File) unlock() error {
	if !f.Encrypted() || f.crypt != nil {
		return nil
	}
	entry := f.trailer.Get("Encrypt")
	ref, _ := entry.(Ref)
	dict, err := f.Dict(entry) // read in clear, because there is no crypt yet
	if err != nil {
		return err
	}
	delete(f.cache, ref.Num)
	c, barrier, err := f.openCrypt(dict)
	f.barrier = barrier
	if err != nil || c == nil {
		return err
	}
	c.dict = ref.Num
	f.crypt = c
	clear(f.cache) // what was read before was read as it stands
	clear(f.objStms)
	f.cached = 0
	return nil
}

// openCrypt returns nil for a handler or a password that we do not have, and why.
func (f *File) openCrypt(d *Dict) (*crypt, Barrier, error) {
	h, err := f.readHandler(d)
	if err != nil {
		return nil, UnknownEncryption, err
	}
	c := &crypt{permissions: h.p, revision: h.r, plainMetadata: !h.metadata}
	known, err := f.readMethods(c, d, h)
	switch {
	case err != nil:
		return nil, UnknownEncryption, err
	case h.v >= 4 && known && c.strings == identity && c.streams == identity:
		// The file is in clear. Whether its attachments open, too, is decided below.
	case h.barrier != NoBarrier:
		return nil, h.barrier, nil
	case !known:
		return nil, UnknownEncryption, nil
	}
	if h.barrier == NoBarrier {
		h.unlock(c)
	}
	inClear := c.strings == identity && c.streams == identity
	switch {
	case c.key != nil && (!c.fits(c.strings) || !c.fits(c.streams) || !c.fits(c.attachments)):
		return nil, UnknownEncryption, nil
	case c.key == nil && !inClear:
		return nil, NeedsPassword, nil
	}
	return c, NoBarrier, nil
}

// readMethods reads how strings, streams and attachments are encrypted; known is false when one of the algorithms is not.
func (f *File) readMethods(c *crypt, d *Dict, h *handler) (known bool, err error) {
	if h.v < 4 {
		c.strings, c.streams, c.attachments = methodRC4, methodRC4, methodRC4
		return true, nil
	}
	if c.named, err = f.namedMethods(d, h); err != nil {
		return false, err
	}
	for _, filter := range []struct {
		key     Name
		to      *method
		without method
	}{{"StmF", &c.streams, identity}, {"StrF", &c.strings, identity}, {"EFF", &c.attachments, unknown}} {
		name, err := f.NameOf(d.Get(filter.key))
		if err != nil {
			return false, err
		}
		*filter.to = c.methodOf(name, filter.without)
	}
	if d.Get("EFF") == nil {
		c.attachments = c.streams
	}
	return c.strings != unknown && c.streams != unknown, nil
}

// methodOf returns the method of a named crypt filter; without is that of no name.
func (c *crypt) methodOf(name Name, without method) method {
	switch m, ok := c.named[name]; {
	case name == "":
		return without
	case name == "Identity":
		return identity
	case ok:
		return m
	}
	return unknown
}

// fits reports whether the key is one for the method.
func (c *crypt) fits(m method) bool {
	switch m {
	case methodRC4:
		return len(c.key) <= 16
	case methodAES128:
		return len(c.key) == 16
	case methodAES256:
		return len(c.key) == 32
	}
	return true
}

// handler is what the standard security handler keeps in the encryption dictionary (tables 20 and 21).
type handler struct {
	v, r     int64
	length   int // of the key, in bytes
	p        int32
	o, u     []byte
	oe, ue   []byte
	id       []byte
	perms    []byte
	metadata bool // encrypted, too
	barrier  Barrier
}

func (f *File) readHandler(d *Dict) (*handler, error) {
	h := &handler{length: 5, metadata: true}
	var err error
	if h.barrier, err = f.handlerBarrier(d); err != nil {
		return nil, err
	}
	var p, bits int64
	for _, number := range []struct {
		key Name
		to  *int64
	}{{"V", &h.v}, {"R", &h.r}, {"P", &p}, {"Length", &bits}} {
		n, _, err := f.IntOf(d.Get(number.key))
		if err != nil {
			return nil, err
		}
		*number.to = n
	}
	h.p = int32(uint32(p)) // 32 flags, written with a sign or without
	if h.barrier == NoBarrier && h.v == 0 {
		h.barrier = NeedsPassword // nothing more is said
	} else if h.barrier == NoBarrier && (h.v < 1 || h.v > 5 || h.v == 3 || h.r < 2 || h.r > 6) {
		h.barrier = UnknownEncryption
	}
	if h.v >= 4 {
		h.length = 16
	} else if h.v == 2 && bits >= 40 && bits <= 128 {
		h.length = int(bits / 8)
	}
	for _, text := range []struct {
		key Name
		to  *[]byte
	}{{"O", &h.o}, {"U", &h.u}, {"OE", &h.oe}, {"UE", &h.ue}, {"Perms", &h.perms}} {
		value, err := f.Resolve(d.Get(text.key))
		if err != nil {
			return nil, err
		}
		s, _ := value.(String)
		*text.to = []byte(s)
	}
	metadata, err := f.Resolve(d.Get("EncryptMetadata"))
	if err != nil {
		return nil, err
	}
	if plain, isBool := metadata.(bool); isBool {
		h.metadata = plain
	}
	return h, f.readFirstID(h)
}

// readFirstID reads the first part of /ID, which older keys are made of.
func (f *File) readFirstID(h *handler) error {
	id, err := f.Array(f.trailer.Get("ID"))
	if err != nil || len(id) == 0 {
		return err
	}
	first, err := f.Resolve(id[0])
	if s, ok := first.(String); ok {
		h.id = []byte(s)
	}
	return err
}

// handlerBarrier says whether the security handler is the standard one. Public-key handlers go by several names (7.6.5.2).
func (f *File) handlerBarrier(d *Dict) (Barrier, error) {
	name, err := f.NameOf(d.Get("Filter"))
	if err != nil {
		return UnknownEncryption, err
	}
	sub, err := f.NameOf(d.Get("SubFilter"))
	switch {
	case err != nil:
		return UnknownEncryption, err
	case name == "Standard":
		return NoBarrier, nil
	case name == "" && sub == "":
		return NeedsPassword, nil // nothing more is said
	case name == "Adobe.PubSec" || name == "Adobe.PPKLite" || name == "Entrust.PPKEF" || strings.HasPrefix(string(sub), "adbe.pkcs7.s"):
		return NeedsCertificate, nil
	}
	return UnknownEncryption, nil
}

// namedMethods reads the crypt filters (7.6.6).
func (f *File) namedMethods(d *Dict, h *handler) (map[Name]method, error) {
	filters, err := f.Dict(d.Get("CF"))
	if err != nil {
		return nil, err
	}
	out := map[Name]method{}
	for _, name := range filters.Keys() {
		filter, err := f.Dict(filters.Get(name))
		if err != nil {
			return nil, err
		}
		if filter == nil {
			continue
		}
		if out[name], err = f.filterMethod(filter, h); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *File) filterMethod(filter *Dict, h *handler) (method, error) {
	kind, err := f.NameOf(filter.Get("CFM"))
	if err != nil {
		return unknown, err
	}
	switch kind {
	case "", "None":
		return identity, nil
	case "V2":
		if n, ok, err := f.IntOf(filter.Get("Length")); err != nil {
			return unknown, err
		} else if ok && n >= 5 && n <= 16 { // bytes; some writers say bits
			h.length = int(n)
		} else if ok && n >= 40 && n <= 128 {
			h.length = int(n / 8)
		}
		return methodRC4, nil
	case "AESV2":
		return methodAES128, nil
	case "AESV3":
		return methodAES256, nil
	}
	return unknown, nil
}
