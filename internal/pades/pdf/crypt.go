package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the standard security handler is made of it (7.6.4)
	"crypto/rc4" //nolint:gosec // so are the files of its time
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

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

// anyKey finds the key of the empty user password. A length that was written wrong is not guessed: readers disagree about such
// a file, and so would they about its signature.
func (h *handler) anyKey() []byte {
	if h.r >= 5 {
		return h.fileKey256(h.u, h.ue, nil)
	}
	return h.fileKey()
}

// ownersKey finds the key when the owner's password is empty and the users' is not (algorithm 12). Before AES-256 an empty
// owner password means that of the users.
func (h *handler) ownersKey() []byte {
	if h.r < 5 || len(h.u) < 48 {
		return nil
	}
	return h.fileKey256(h.o, h.oe, h.u[:48])
}

func turned(key []byte, with byte) []byte {
	out := bytes.Clone(key)
	for i := range out {
		out[i] ^= with
	}
	return out
}

// padding fills up passwords (algorithm 2); it is the whole of an empty one.
var padding = []byte("\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A")

// fileKey derives the key of the empty user password and checks it (algorithms 2, 4 and 5); nil when it is another password.
func (h *handler) fileKey() []byte {
	if len(h.o) < 32 || len(h.u) < 16 {
		return nil
	}
	sum := md5.New()
	sum.Write(padding)
	sum.Write(h.o[:32])
	sum.Write(binary.LittleEndian.AppendUint32(nil, uint32(h.p)))
	sum.Write(h.id)
	if h.r >= 4 && !h.metadata {
		sum.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	key := sum.Sum(nil)
	if h.r == 2 {
		key = key[:5]
		if !bytes.Equal(rc4With(key, padding), h.u) {
			return nil
		}
		return key
	}
	for range 50 {
		again := md5.Sum(key[:h.length])
		key = again[:]
	}
	key = key[:h.length]
	check := md5.Sum(append(bytes.Clone(padding), h.id...))
	value := rc4With(key, check[:])
	for i := byte(1); i < 20; i++ {
		value = rc4With(turned(key, i), value)
	}
	if !bytes.Equal(value, h.u[:16]) {
		return nil
	}
	return key
}

// fileKey256 finds the key of an empty password for AES-256 (algorithms 2.A, 11 and 12): check is /U or /O, sealed is /UE or
// /OE, and more is /U when it is the owner's.
func (h *handler) fileKey256(check, sealed, more []byte) []byte {
	if len(check) < 48 || len(sealed) < 32 {
		return nil
	}
	hash := func(salt, more []byte) []byte {
		sum := sha256.Sum256(slices.Concat(salt, more))
		return sum[:]
	}
	if h.r == 6 {
		hash = hash2B
	}
	if !bytes.Equal(hash(check[32:40], more), check[:32]) {
		return nil
	}
	block, err := aes.NewCipher(hash(check[40:48], more))
	if err != nil {
		return nil
	}
	key := make([]byte, 32)
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(key, sealed[:32])
	return key
}

// hash2B is algorithm 2.B for an empty password.
func hash2B(salt, more []byte) []byte {
	first := sha256.Sum256(slices.Concat(salt, more))
	k := first[:]
	for round := 1; ; round++ {
		data := bytes.Repeat(slices.Concat(k, more), 64)
		block, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(data, data)
		var sum int
		for _, b := range data[:16] {
			sum += int(b)
		}
		switch sum % 3 {
		case 0:
			next := sha256.Sum256(data)
			k = next[:]
		case 1:
			next := sha512.Sum384(data)
			k = next[:]
		default:
			next := sha512.Sum512(data)
			k = next[:]
		}
		if round >= 64 && int(data[len(data)-1]) <= round-32 {
			return k[:32]
		}
	}
}

func rc4With(key, data []byte) []byte {
	c, err := rc4.NewCipher(key) //nolint:gosec // see above
	if err != nil {
		return nil // a key of 5 to 16 bytes is always taken
	}
	out := make([]byte, len(data))
	c.XORKeyStream(out, data)
	return out
}

// objectKey is the key for one object (algorithm 1); with AES-256 that of the file.
func (c *crypt) objectKey(ref Ref, m method) []byte {
	if m == methodAES256 {
		return c.key
	}
	data := append(bytes.Clone(c.key), byte(ref.Num), byte(ref.Num>>8), byte(ref.Num>>16), byte(ref.Gen), byte(ref.Gen>>8))
	if m == methodAES128 {
		data = append(data, "sAlT"...)
	}
	sum := md5.Sum(data)
	return sum[:min(len(c.key)+5, 16)]
}

var errCipher = errors.New("encrypted data has the wrong length or padding")

func (c *crypt) open(ref Ref, m method, data []byte) ([]byte, error) {
	switch m {
	case identity:
		return data, nil
	case methodRC4:
		return rc4With(c.objectKey(ref, m), data), nil
	}
	if len(data) == 0 {
		return nil, nil // some writers leave empty strings as they are
	}
	data = data[:len(data)-len(data)%aes.BlockSize]
	if len(data) < 2*aes.BlockSize {
		return nil, errCipher
	}
	block, err := aes.NewCipher(c.objectKey(ref, m))
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(data)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, data[:aes.BlockSize]).CryptBlocks(out, data[aes.BlockSize:])
	if pad := int(out[len(out)-1]); pad >= 1 && pad <= aes.BlockSize {
		return out[:len(out)-pad], nil
	}
	return out, nil // readers take what a careless writer left unpadded
}

// seal encrypts. The same data in the same object gives the same bytes: what CBC needs of its initial vector is that nobody
// can tell it beforehand, and this one takes the key to make.
func (c *crypt) seal(ref Ref, m method, data []byte) []byte {
	switch m {
	case identity:
		return data
	case methodRC4:
		return rc4With(c.objectKey(ref, m), data)
	}
	key := c.objectKey(ref, m)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil // a key of 16 or 32 bytes is always taken
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(ref.Num)))
	mac.Write(data)
	out := slices.Concat(mac.Sum(nil)[:aes.BlockSize], data)
	pad := aes.BlockSize - len(data)%aes.BlockSize
	out = append(out, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], out[aes.BlockSize:])
	return out
}

// openStrings decrypts the strings of an object that was just parsed.
func (c *crypt) openStrings(ref Ref, o Object) (Object, error) {
	return mapStrings(o, func(s String) (String, error) {
		data, err := c.open(ref, c.strings, []byte(s))
		if err != nil {
			return "", broken("a string of object %d: %v", ref.Num, err)
		}
		return String(data), nil
	})
}

// sealStrings is the opposite, on a copy.
func (c *crypt) sealStrings(ref Ref, o Object) (Object, error) {
	return mapStrings(o, func(s String) (String, error) { return String(c.seal(ref, c.strings, []byte(s))), nil })
}

// mapStrings copies an object with its strings changed. The /Contents of a signature is not encrypted (7.6.2).
func mapStrings(o Object, change func(String) (String, error)) (Object, error) {
	switch v := o.(type) {
	case String:
		return change(v)
	case Array:
		out := make(Array, len(v))
		for i := range v {
			var err error
			if out[i], err = mapStrings(v[i], change); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *Dict:
		return mapDict(v, change)
	case *Stream:
		dict, err := mapDict(v.Dict, change)
		if err != nil {
			return nil, err
		}
		out := *v
		out.Dict = dict
		return &out, nil
	}
	return o, nil
}

func mapDict(d *Dict, change func(String) (String, error)) (*Dict, error) {
	if d == nil {
		return nil, nil
	}
	out := d.Clone() // with the places of the values
	signature := d.Get("ByteRange") != nil
	for i := range out.entries {
		e := &out.entries[i]
		if signature && e.key == "Contents" {
			continue
		}
		var err error
		if e.value, err = mapStrings(e.value, change); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// plainStream returns the data of a stream of an encrypted file before its filters.
func (f *File) plainStream(s *Stream, length int64, filters []Name) (io.Reader, error) {
	if length > f.lim.DecodedBytes {
		return nil, tooComplex("a stream has more than %d bytes", f.lim.DecodedBytes)
	}
	if err := f.spend(length); err != nil {
		return nil, err
	}
	data, err := f.read(s.Offset, length)
	if err != nil {
		return nil, err
	}
	if !f.crypt.encrypts(s, filters) {
		return bytes.NewReader(data), nil
	}
	plain, err := f.crypt.open(s.ref, f.crypt.streams, data)
	if err != nil {
		return nil, broken("stream %d: %v", s.ref.Num, err)
	}
	return bytes.NewReader(plain), nil
}

// encrypts tells whether the data of a stream is encrypted (7.5.8.2, 7.6.6): a filter Crypt says Identity in every file that
// is in use.
func (c *crypt) encrypts(s *Stream, filters []Name) bool {
	kind := s.Dict.Get("Type")
	return s.ref.Num > 0 && kind != Name("XRef") && (kind != Name("Metadata") || !c.plainMetadata) && !slices.Contains(filters, "Crypt")
}

// withoutCrypt leaves out the filter that is none.
func withoutCrypt(names []Name, params []*Dict) ([]Name, []*Dict) {
	i := slices.Index(names, "Crypt")
	if i < 0 {
		return names, params
	}
	return slices.Delete(slices.Clone(names), i, i+1), slices.Delete(slices.Clone(params), i, i+1)
}
