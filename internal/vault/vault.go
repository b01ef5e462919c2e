// Package vault encrypts personal data at rest. A master key from a file wraps data keys; a data key encrypts
// single column values with AES-256-GCM, bound to the place where they are stored; a lookup key turns values into
// keyed digests, so that equal ones can be found without being readable.
//
// It knows no database and no domain, and imports the standard library only.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// KeySize is the size in bytes of every key of this package.
const KeySize = 32

// format is the first byte of every sealed value, so that another cipher or a key id can be brought in later
// while old values stay readable.
const format = 1

// ErrSealed says that a value cannot be opened: another key, another place, or damage. It tells no more on purpose.
var ErrSealed = errors.New("sealed value cannot be opened with this key at this place")

// Place is where a sealed value lives. It is authenticated with the value (GCM additional data), so a value that
// was moved to another row or column does not open.
type Place struct{ Table, Column, Row string }

// aad is injective because table and column names hold no NUL byte.
func (p Place) aad() []byte { return []byte(p.Table + "\x00" + p.Column + "\x00" + p.Row) }

// NewKey draws a key.
func NewKey() []byte {
	key := make([]byte, KeySize)
	rand.Read(key) // never fails; the program crashes instead
	return key
}

// Box seals and opens values under one key. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// NewBox returns a Box for a key of KeySize bytes.
func NewBox(key []byte) (*Box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a sealing key has %d bytes, got %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	// Random 96-bit nonces: below 2^32 values under one key, NIST SP 800-38D §8.3 holds.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead: aead}, nil
}

// Seal encrypts plain for its place.
func (b *Box) Seal(plain []byte, at Place) []byte {
	out := make([]byte, 1, 1+len(plain)+b.aead.Overhead())
	out[0] = format
	return b.aead.Seal(out, nil, plain, at.aad())
}

// Open decrypts what Seal made for the same place; otherwise ErrSealed.
func (b *Box) Open(sealed []byte, at Place) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != format {
		return nil, ErrSealed
	}
	plain, err := b.aead.Open(nil, nil, sealed[1:], at.aad())
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Lookup makes keyed digests: equal values of one domain give equal digests, and without the key they cannot be tried
// values. Citizen numbers have so few possibilities that a plain hash would hide nothing.
type Lookup struct{ key []byte }

// NewLookup returns a Lookup for a key of KeySize bytes.
func NewLookup(key []byte) (*Lookup, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a lookup key has %d bytes, got %d", KeySize, len(key))
	}
	return &Lookup{key: key}, nil
}

// Digest returns the hex HMAC-SHA-256 of value. Domain keeps equal values of different meaning apart and holds no
// NUL byte.
func (l *Lookup) Digest(domain string, value []byte) string {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(domain + "\x00"))
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil))
}
