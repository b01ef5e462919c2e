package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the standard security handler is made of it (7.6.4)
	"crypto/rc4" //nolint:gosec // so are the files of its time
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"kyso/internal/pades/pdf/syntax"
)

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

// seal encrypts. The same data in the same object gives the same bytes: what CBC needs of its initial vector is that no attacker
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

// openStrings decrypts the strings of an object that was just parsed. Those of a cross-reference stream are in clear (7.5.8.2).
func (c *crypt) openStrings(ref Ref, o Object) (Object, error) {
	if s, ok := o.(*Stream); ok && s.Dict.Get("Type") == Name("XRef") {
		return o, nil
	}
	return syntax.MapStrings(o, func(s String) (String, error) {
		data, err := c.open(ref, c.strings, []byte(s))
		if err != nil {
			return "", syntax.Broken("a string of object %d: %v", ref.Num, err)
		}
		return String(data), nil
	})
}

// sealStrings is the opposite, on a copy.
func (c *crypt) sealStrings(ref Ref, o Object) (Object, error) {
	return syntax.MapStrings(o, func(s String) (String, error) {
		return String(c.seal(ref, c.strings, []byte(s))), nil
	})
}

// plainStream returns the data of a stream of an encrypted file before its filters.
func (f *File) plainStream(s *Stream, length int64, filters []Name, params []*Dict) (io.Reader, error) {
	if length > f.lim.DecodedBytes {
		return nil, syntax.TooComplex("a stream has more than %d bytes", f.lim.DecodedBytes)
	}
	if err := f.spend(length); err != nil {
		return nil, err
	}
	data, err := f.read(s.Offset, length)
	if err != nil {
		return nil, err
	}
	m := f.crypt.methodFor(s, filters, params)
	if m != identity && (f.crypt.key == nil || !f.crypt.fits(m)) {
		return nil, syntax.Broken("stream %d is encrypted, and there is no key to it", s.Ref.Num)
	}
	plain, err := f.crypt.open(s.Ref, m, data)
	if err != nil {
		return nil, syntax.Broken("stream %d: %v", s.Ref.Num, err)
	}
	return bytes.NewReader(plain), nil
}

// methodFor tells how the data of a stream is encrypted (7.5.8.2, 7.6.6): a cross-reference stream never is, metadata may be in
// clear, embedded files may have a method of their own, and so has every stream with a filter Crypt.
func (c *crypt) methodFor(s *Stream, filters []Name, params []*Dict) method {
	kind := s.Dict.Get("Type")
	switch i := slices.Index(filters, "Crypt"); {
	case s.Ref.Num <= 0 || kind == Name("XRef"):
		return identity
	case i >= 0:
		name, _ := params[i].Get("Name").(Name)
		return c.methodOf(name, identity)
	case kind == Name("Metadata") && c.plainMetadata:
		return identity
	case kind == Name("EmbeddedFile"):
		return c.attachments
	}
	return c.streams
}

// withoutCrypt leaves out the filter that is none.
func withoutCrypt(names []Name, params []*Dict) ([]Name, []*Dict) {
	i := slices.Index(names, "Crypt")
	if i < 0 {
		return names, params
	}
	return slices.Delete(slices.Clone(names), i, i+1), slices.Delete(slices.Clone(params), i, i+1)
}
