package pdf

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"kyso/internal/problem"
)

// allowed are the codes that hostile bytes may lead to; anything else is a fault of ours.
var allowed = map[problem.Code]bool{
	"": true, problem.DocumentBroken: true, problem.DocumentTooComplex: true, problem.TooLarge: true,
}

// FuzzOpen reads whatever comes; what opens can be updated, and the update can be read again.
func FuzzOpen(f *testing.F) {
	for _, build := range kinds {
		data := build()
		f.Add(data)
		f.Add(data[:len(data)/2])
		f.Add(append([]byte("junk\n"), data...))
		f.Add(bytes.Replace(data, []byte("startxref"), []byte("startxxxx"), 1))
	}
	encrypted, err := filepath.Glob("testdata/encrypted/*.pdf") // made by qpdf, with an empty user password
	if err != nil || len(encrypted) < 4 {
		f.Fatalf("%d encrypted files: %v", len(encrypted), err)
	}
	for _, path := range encrypted {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(bytes.Replace(data, []byte("startxref"), []byte("startxxxx"), 1))
	}
	lim := Limits{ObjectBytes: 1 << 16, DecodedBytes: 1 << 18, Work: 1 << 22, Depth: 16, Sections: 32, Objects: 1 << 16, Pages: 100}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := readAll(data, lim); !allowed[problem.CodeOf(err)] {
			t.Fatalf("reading: %v", err)
		}
		file, err := Open(bytes.NewReader(data), int64(len(data)), lim)
		if err != nil || file.Locked() {
			return
		}
		if page, err := file.Page(0); err != nil || page == nil {
			return
		}
		u := NewUpdate(file)
		ref := u.Add(String("added"))
		increment, err := u.Bytes()
		if err != nil {
			t.Fatalf("updating: %v", err)
		}
		updated := append(bytes.Clone(data), increment...)
		again, err := Open(bytes.NewReader(updated), int64(len(updated)), Limits{})
		if err != nil {
			t.Fatalf("reading the update: %v", err)
		}
		if again.Locked() {
			return // a scan of more bytes found an encrypted revision
		}
		if v, err := again.Get(ref.Num); err != nil || v != String("added") {
			t.Fatalf("the added object reads %v, %v", v, err)
		}
	})
}
