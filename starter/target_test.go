package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/cli"
)

// A target that cannot be written is refused before anything is sent, by every command that writes files, and trying leaves
// nothing behind.
func TestUnwritableTargets(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for target, ok := range map[string]bool{
		filepath.Join(folder, "a.pdf"): true, filepath.Join(folder, "new", "deep", "a.pdf"): true, folder: false, filepath.Join(file, "a.pdf"): false,
		filepath.Join(file, "deep", "a.pdf"): false, "/proc/nothing/a.pdf": false, "/proc/a.pdf": false, filepath.Join(folder, strings.Repeat("a", 252)+".pdf"): false,
	} {
		if err := cli.Writable(target); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := (&signFlags{documents: []string{"a.pdf"}, out: file + "/b.pdf", watch: true}).targets(); err == nil {
		t.Error("sign --out takes a file for a folder")
	}
}

// Names count bytes, as file systems do, and are cut between letters.
func TestNamesOfSignedFiles(t *testing.T) {
	long := strings.Repeat("ế", 83) + "ab.pdf"
	for name, want := range map[string]string{"a.pdf": "a-signed.pdf", "A.PDF": "A-signed.PDF", "a": "a-signed.pdf", "d/100% #1?.pdf": "d/100% #1?-signed.pdf",
		"a.b": "a.b-signed.pdf", "x/" + long: "x/" + strings.Repeat("ế", 81) + "-signed.pdf"} {
		if got := signedName(name); got != want {
			t.Errorf("%q is called %q, want %q", name, got, want)
		}
	}
	if got := signedName(norm.NFD.String(long)); len(got) > 255 || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
