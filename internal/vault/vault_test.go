package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"kyso/internal/vault"
)

var here = vault.Place{Table: "signings", Column: "user_id", Row: "s-1"}

func newBox(t *testing.T) *vault.Box {
	t.Helper()
	box, err := vault.NewBox(vault.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestSealedValueOpensOnlyAtItsPlace(t *testing.T) {
	box := newBox(t)
	sealed := box.Seal([]byte("ICA.079095012345"), here)
	plain, err := box.Open(sealed, here)
	if err != nil || string(plain) != "ICA.079095012345" {
		t.Fatalf("opened %q, %v", plain, err)
	}
	elsewhere := map[string]vault.Place{
		"table":  {Table: "uploads", Column: "user_id", Row: "s-1"},
		"column": {Table: "signings", Column: "reason", Row: "s-1"},
		"row":    {Table: "signings", Column: "user_id", Row: "s-2"},
		"shift":  {Table: "signings", Column: "user_i", Row: "ds-1"},
	}
	for name, place := range elsewhere {
		if _, err := box.Open(sealed, place); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("another %s: got %v, want ErrSealed", name, err)
		}
	}
	if _, err := newBox(t).Open(sealed, here); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("another key: got %v, want ErrSealed", err)
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	box := newBox(t)
	sealed := box.Seal([]byte("x"), here)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := box.Open(changed, here); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("byte %d changed: got %v, want ErrSealed", i, err)
		}
		if _, err := box.Open(sealed[:i], here); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("cut at %d: got %v, want ErrSealed", i, err)
		}
	}
}

func TestEqualValuesDoNotLookEqual(t *testing.T) {
	box := newBox(t)
	if bytes.Equal(box.Seal([]byte("x"), here), box.Seal([]byte("x"), here)) {
		t.Error("the same value was sealed twice to the same bytes")
	}
}

func TestLookupIsKeyedAndSeparatesDomains(t *testing.T) {
	one, _ := vault.NewLookup(vault.NewKey())
	two, _ := vault.NewLookup(vault.NewKey())
	value := []byte("ICA.079095012345")
	first, again := one.Digest("user", value), one.Digest("user", value)
	if first != again {
		t.Error("the digest of one value changes")
	}
	if first == two.Digest("user", value) {
		t.Error("the digest does not depend on the key")
	}
	if first == one.Digest("key", value) {
		t.Error("the digest does not depend on the domain")
	}
}

func TestMasterKeyIsCreatedOnlyWhenAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "master.key")
	if _, err := vault.ReadMasterKey(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("reading a missing key: got %v, want not exist", err)
	}
	first, err := vault.ReadOrCreateMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != vault.KeySize {
		t.Fatalf("key file: %v, %v", info, err)
	}
	wrapped, err := first.Wrap(t.Context(), "seal/1", []byte("data key"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := vault.ReadMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := second.Unwrap(t.Context(), "seal/1", wrapped); err != nil || string(key) != "data key" {
		t.Errorf("unwrapped %q, %v", key, err)
	}
	if _, err := second.Unwrap(t.Context(), "lookup", wrapped); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("unwrapped under another name: got %v, want ErrSealed", err)
	}
}

func TestProcessesThatCreateTheMasterKeyTogetherAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	wrapped := make([][]byte, 8)
	var group sync.WaitGroup
	for i := range wrapped {
		group.Go(func() {
			key, err := vault.ReadOrCreateMasterKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			wrapped[i], _ = key.Wrap(t.Context(), "k", []byte("x"))
		})
	}
	group.Wait()
	key, err := vault.ReadMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range wrapped {
		if _, err := key.Unwrap(t.Context(), "k", w); err != nil {
			t.Errorf("process %d used another key", i)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files left beside the key", len(left)-1)
	}
}

func TestMasterKeyOfWrongSizeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte("too short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.ReadOrCreateMasterKey(path); err == nil {
		t.Error("a key of 9 bytes was taken")
	}
}
