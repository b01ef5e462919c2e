package vault_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"kyso/internal/vault"
)

const chunk = vault.ChunkSize

func sealedFile(t *testing.T, key []byte, name string, plain []byte) []byte {
	t.Helper()
	s, err := vault.NewStream(key, name)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := io.ReadAll(s.Seal(iotest.HalfReader(bytes.NewReader(plain))))
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if _, err := io.Copy(&written, s.Seal(bytes.NewReader(plain))); err != nil || !bytes.Equal(written.Bytes(), sealed) {
		t.Fatalf("read and written apart: %v", err)
	}
	return sealed
}

func opened(key []byte, name string, sealed []byte, length, offset, want int64) ([]byte, error) {
	s, err := vault.NewStream(key, name)
	if err != nil {
		return nil, err
	}
	r := vault.RangeOf(length, offset, want)
	if r.From > int64(len(sealed)) {
		return nil, io.ErrUnexpectedEOF
	}
	return io.ReadAll(s.Open(bytes.NewReader(sealed[r.From:]), r))
}

func fileOf(size int) []byte {
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = random.Read(data)
	return data
}

// TestEveryRangeOfASealedFileOpens tries sizes around the chunk and the batch, and ranges around their borders.
func TestEveryRangeOfASealedFileOpens(t *testing.T) {
	key := vault.NewKey()
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 8*chunk - 1, 8 * chunk, 8*chunk + 1, 16 * chunk, 19*chunk + 7} {
		plain := fileOf(size)
		sealed := sealedFile(t, key, "f", plain)
		if int64(len(sealed)) != vault.SealedLength(int64(size)) {
			t.Errorf("%d bytes are %d sealed, want %d", size, len(sealed), vault.SealedLength(int64(size)))
		}
		for _, from := range []int{0, 1, chunk - 1, chunk, chunk + 1, 8 * chunk, size - 1, size} {
			for _, want := range []int{0, 1, 2, chunk, chunk + 1, 9 * chunk, size} {
				if from < 0 || from+want > size {
					continue
				}
				got, err := opened(key, "f", sealed, int64(size), int64(from), int64(want))
				if err != nil || !bytes.Equal(got, plain[from:from+want]) {
					t.Errorf("%d bytes, %d from %d: %d bytes, %v", size, want, from, len(got), err)
				}
			}
		}
	}
}

// TestChangedSealedFilesDoNotOpen changes a sealed file in every way that keeps its parts whole.
func TestChangedSealedFilesDoNotOpen(t *testing.T) {
	key, size := vault.NewKey(), int64(3*chunk)
	plain := fileOf(int(size))
	sealed := sealedFile(t, key, "f", plain)
	part := len(sealed) / 3
	one, two, three := sealed[:part], sealed[part:2*part], sealed[2*part:]
	flipped := bytes.Clone(sealed)
	flipped[2*part+5] ^= 1
	cases := map[string]struct {
		key    []byte
		name   string
		sealed []byte
		length int64
	}{
		"another key":          {vault.NewKey(), "f", sealed, size},
		"another name":         {key, "g", sealed, size},
		"a flipped bit":        {key, "f", flipped, size},
		"two chunks swapped":   {key, "f", bytes.Join([][]byte{two, one, three}, nil), size},
		"a chunk repeated":     {key, "f", bytes.Join([][]byte{one, one, three}, nil), size},
		"the last chunk lost":  {key, "f", sealed[:2*part], size},
		"cut with its record":  {key, "f", sealed[:2*part], 2 * chunk},
		"a byte lost":          {key, "f", sealed[:len(sealed)-1], size},
		"a longer record":      {key, "f", sealed, size + 1},
		"a shorter record":     {key, "f", sealed, size - 1},
		"nothing":              {key, "f", nil, size},
		"a key that is no key": {key[:5], "f", sealed, size},
	}
	for name, c := range cases {
		if got, err := opened(c.key, c.name, c.sealed, c.length, 0, c.length); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := opened(key, "f", flipped, size, 0, 2*chunk); err != nil || !bytes.Equal(got, plain[:2*chunk]) {
		t.Errorf("the chunks before the flipped bit: %v", err)
	}
}

func TestABrokenReaderIsNotTakenForTheEnd(t *testing.T) {
	gone := errors.New("gone")
	s, err := vault.NewStream(vault.NewKey(), "f")
	if err != nil {
		t.Fatal(err)
	}
	broken := func() io.Reader { return io.MultiReader(bytes.NewReader(fileOf(9*chunk)), iotest.ErrReader(gone)) }
	if _, err := io.ReadAll(s.Seal(broken())); !errors.Is(err, gone) {
		t.Errorf("read: %v", err)
	}
	if _, err := io.Copy(io.Discard, s.Seal(broken())); !errors.Is(err, gone) {
		t.Errorf("written: %v", err)
	}
}

func BenchmarkSealStream(b *testing.B) {
	plain := fileOf(16 << 20)
	s, err := vault.NewStream(vault.NewKey(), "f")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := io.Copy(io.Discard, s.Seal(bytes.NewReader(plain))); err != nil {
			b.Fatal(err)
		}
	}
}
