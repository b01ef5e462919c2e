package pdf

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file whose owner has an empty password and whose users have one (AES-256, R6): the values are from one that others wrote.
func TestEmptyOwnerPassword(t *testing.T) {
	value := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	h := &handler{v: 5, r: 6,
		u:  value("86270432ecb25433a37e461bfc3721bed1d73810583503f1be6afb42ad523da86adfe4b76358edf0738fbc8e053fb121"),
		o:  value("384415c370731d581955244d1e475204d084d4b5be9a943e55f0a21d0a354d86002175233d6899ac4a244104ea74aaaa"),
		ue: make([]byte, 32), oe: make([]byte, 32)}
	if h.anyKey() != nil {
		t.Error("the user password counts as empty")
	}
	if h.ownersKey() == nil {
		t.Error("the owner's empty password is not recognised")
	}
	h.o[0] ^= 1
	if h.ownersKey() != nil {
		t.Error("any owner password is recognised")
	}
}

// Strings and streams of files that qpdf encrypted read in clear, and what an update adds reads in clear again.
func TestEncryptedFilesReadInClear(t *testing.T) {
	paths, err := filepath.Glob("testdata/encrypted/*.pdf")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		read := func(data []byte) (title, content string) {
			f, err := Open(bytes.NewReader(data), int64(len(data)), Limits{})
			if err != nil || f.Locked() {
				t.Fatalf("%s: locked %v, %v", path, f.Locked(), err)
			}
			info, err := f.Dict(f.Trailer().Get("Info"))
			if err != nil {
				t.Fatal(err)
			}
			page, err := f.Page(1)
			if err != nil {
				t.Fatal(err)
			}
			stream, err := f.Resolve(page.Dict.Get("Contents"))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := f.Data(stream.(*Stream))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := info.Get("Title").(String)
			return string(text), string(plain)
		}
		if title, content := read(data); title != "encrypted" || !strings.Contains(content, "(secret) Tj") {
			t.Errorf("%s: title %q, content %q", path, title, content)
		}
		f, err := Open(bytes.NewReader(data), int64(len(data)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		u := NewUpdate(f)
		info, _ := f.Trailer().Get("Info").(Ref)
		u.Set(info, NewDict("Title", String("mật")))
		page, err := f.Page(1)
		if err != nil {
			t.Fatal(err)
		}
		changed := page.Dict.Clone()
		changed.Set("Contents", u.AddStream(NewDict(), []byte("BT (again) Tj ET")))
		u.Set(page.Ref, changed)
		increment, err := u.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(increment, []byte("again")) || bytes.Contains(increment, []byte("mật")) {
			t.Errorf("%s: the update is in clear", path)
		}
		if title, content := read(append(data, increment...)); title != "mật" || content != "BT (again) Tj ET" {
			t.Errorf("%s updated: title %q, content %q", path, title, content)
		}
	}
}
