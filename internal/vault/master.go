package vault

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MasterKey wraps data keys. It lives in a file outside the database and its backups.
type MasterKey struct {
	box *Box
	key []byte
}

// ReadMasterKey reads a master key file: KeySize random bytes and nothing else.
func ReadMasterKey(path string) (*MasterKey, error) {
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	box, err := NewBox(key)
	if err != nil {
		return nil, fmt.Errorf("reading the master key %s: %w", path, err)
	}
	return &MasterKey{box: box, key: key}, nil
}

// Derive returns a key of KeySize bytes for a purpose, always the same one: HKDF-SHA256 of the master key. What is
// derived survives the loss of the database, and cannot be taken from it.
func (m *MasterKey) Derive(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, m.key, nil, "kyso/"+purpose, KeySize)
}

// ReadOrCreateMasterKey reads the file, and draws a key into it (mode 0600) when there is none. Only for worlds
// that make themselves, such as the development one: in production a missing key is a mistake, and a fresh one
// would hide it until old data is read.
func ReadOrCreateMasterKey(path string) (*MasterKey, error) {
	key, err := ReadMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createMasterKey(path); err != nil {
		return nil, fmt.Errorf("creating the master key: %w", err)
	}
	return ReadMasterKey(path)
}

// createMasterKey writes next to path and links, so that the file appears whole and the first of two processes
// wins. It is on disk before anything can be encrypted with it.
func createMasterKey(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".master-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(NewKey())
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Wrap encrypts a data key under its name. The context is for wrappers that ask a key service over the network.
func (m *MasterKey) Wrap(_ context.Context, name string, key []byte) ([]byte, error) {
	return m.box.Seal(key, wrapPlace(name)), nil
}

// Unwrap decrypts what Wrap made under the same name; ErrSealed when the master key is another one.
func (m *MasterKey) Unwrap(_ context.Context, name string, wrapped []byte) ([]byte, error) {
	return m.box.Open(wrapped, wrapPlace(name))
}

func wrapPlace(name string) Place { return Place{Table: "data_keys", Column: "wrapped", Row: name} }
