package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" //nolint:gosec // the standard security handler is made of it (7.6.4)
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"
)

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

// unlock finds the key with the empty password, as that of the users and else as the owner's. A file that opens with the empty user
// password is open to its users, as readers take it (7.6.4.1), also when the owner has an empty one, too.
func (h *handler) unlock(c *crypt) {
	if c.key = h.anyKey(); c.key == nil {
		if c.key = h.ownersKey(); c.key != nil {
			c.permissions = -1 // who opens it as its owner may do everything
		}
		return
	}
	if h.r >= 5 {
		c.permissions &= h.sealedPermissions(c.key)
	}
}

// sealedPermissions are those that /Perms repeats under the key of the file, so that they cannot be changed without it (algorithm
// 13); all when it cannot be read.
func (h *handler) sealedPermissions(key []byte) int32 {
	block, err := aes.NewCipher(key)
	if err != nil || len(h.perms) < aes.BlockSize {
		return -1
	}
	plain := make([]byte, aes.BlockSize)
	block.Decrypt(plain, h.perms[:aes.BlockSize])
	if string(plain[9:12]) != "adb" {
		return -1
	}
	return int32(binary.LittleEndian.Uint32(plain))
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
