package pdf

// method is how strings or streams are encrypted.
type method int

const (
	identity method = iota
	methodRC4
	methodAES128 // AESV2: a key for each object
	methodAES256 // AESV3: the file's key
)

// crypt opens and seals what an encrypted file holds, under the key of its empty user password (7.6).
type crypt struct {
	key              []byte
	strings, streams method
	plainMetadata    bool
	dict             int // number of the encryption dictionary, whose strings are in clear; 0 when it is direct
	permissions      int32
}

// Encrypted reports whether the file has an encryption dictionary.
func (f *File) Encrypted() bool { return f.trailer.Get("Encrypt") != nil }

// Locked reports whether the file is encrypted and needs a password, or a security handler, that we do not have. Of a
// locked file nothing but this can be asked.
func (f *File) Locked() bool { return f.Encrypted() && f.crypt == nil }

// The permissions of an encrypted file that matter here (7.6.4.2, table 22).
const (
	MayModify   = 1 << 3 // bit 4: change the contents
	MayAnnotate = 1 << 5 // bit 6: add annotations, fill in form fields and, with bit 4, make them
)

// Permissions returns what the owner of an encrypted file allows to those who open it without a password; everything when
// it is not encrypted.
func (f *File) Permissions() int32 {
	if f.crypt == nil {
		return -1
	}
	return f.crypt.permissions
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
	c, err := f.openCrypt(dict)
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

// openCrypt returns nil for a handler or a password that we do not have.
func (f *File) openCrypt(d *Dict) (*crypt, error) {
	if name, err := f.NameOf(d.Get("Filter")); err != nil || name != "Standard" {
		return nil, err
	}
	h, err := f.readHandler(d)
	if err != nil || h == nil {
		return nil, err
	}
	c := &crypt{permissions: h.p, plainMetadata: !h.metadata}
	if h.v < 4 {
		c.strings, c.streams = methodRC4, methodRC4
	} else if c.streams, err = f.filterMethod(d, "StmF", h); err != nil {
		return nil, err
	} else if c.strings, err = f.filterMethod(d, "StrF", h); err != nil {
		return nil, err
	}
	if c.strings < 0 || c.streams < 0 {
		return nil, nil
	}
	if c.key = h.anyKey(); c.key == nil {
		if c.key = h.ownersKey(); c.key != nil {
			c.permissions = -1 // who opens it as its owner may do everything
		}
	}
	if c.key == nil || !c.fits(c.strings) || !c.fits(c.streams) {
		return nil, nil
	}
	return c, nil
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
	metadata bool // encrypted, too
}

func (f *File) readHandler(d *Dict) (*handler, error) {
	h := &handler{length: 5, metadata: true}
	var p, bits int64
	var ok bool
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
	if h.v < 1 || h.v > 5 || h.v == 3 || h.r < 2 || h.r > 6 {
		return nil, nil
	}
	if h.v >= 4 {
		h.length = 16
	} else if h.v == 2 && bits >= 40 && bits <= 128 {
		h.length = int(bits / 8)
	}
	for _, text := range []struct {
		key Name
		to  *[]byte
	}{{"O", &h.o}, {"U", &h.u}, {"OE", &h.oe}, {"UE", &h.ue}} {
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
	id, err := f.Array(f.trailer.Get("ID"))
	if err != nil {
		return nil, err
	}
	if len(id) > 0 {
		first, err := f.Resolve(id[0])
		if err != nil {
			return nil, err
		}
		var s String
		if s, ok = first.(String); ok {
			h.id = []byte(s)
		}
	}
	return h, nil
}

// filterMethod reads a crypt filter (7.6.6); -1 is one that we do not know.
func (f *File) filterMethod(d *Dict, key Name, h *handler) (method, error) {
	name, err := f.NameOf(d.Get(key))
	if err != nil || name == "" || name == "Identity" {
		return identity, err
	}
	filters, err := f.Dict(d.Get("CF"))
	if err != nil {
		return -1, err
	}
	filter, err := f.Dict(filters.Get(name))
	if err != nil {
		return -1, err
	}
	kind, err := f.NameOf(filter.Get("CFM"))
	if err != nil {
		return -1, err
	}
	switch kind {
	case "", "None":
		return identity, nil
	case "V2":
		if n, ok, err := f.IntOf(filter.Get("Length")); err != nil {
			return -1, err
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
	return -1, nil
}
