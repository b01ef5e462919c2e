package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/blob"
	"kyso/internal/store"
)

// oddFolder is a name that a folder may have and that breaks whatever pastes paths into addresses.
const oddFolder = `Dữ liệu #1 100% của "tôi"? a+b&c=d %41 'e'`

// TestFoldersMayHaveAnyName: everything of a world lies in its folder, whatever that is called.
func TestFoldersMayHaveAnyName(t *testing.T) {
	parent := t.TempDir()
	data := filepath.Join(parent, oddFolder)
	do(t, os.MkdirAll(data, 0o700))
	_, err := openTemporalDB(t.Context(), filepath.Join(data, "temporal.db"))
	do(t, err)
	for _, line := range environment(data, Addresses{}, secrets{}) {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "KYSO_BLOBS":
			blobs, err := blob.Open(t.Context(), value)
			do(t, err)
			do(t, blobs.Close())
		case "KYSO_DATABASE":
			opened, err := store.Open(t.Context(), value, nil)
			do(t, err)
			do(t, opened.Close())
		}
	}
	for folder, want := range map[string][]string{parent: {oddFolder}, data: {"blobs", "kyso.db", "temporal.db"}} {
		entries, err := os.ReadDir(folder)
		do(t, err)
		var got []string
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), "-wal") && !strings.HasSuffix(e.Name(), "-shm") {
				got = append(got, e.Name())
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s holds %q, want %q", folder, got, want)
		}
	}
}

// TestADataFolderIsClosedToOthers: one of an earlier release, which was open, is closed at the next start, and what programs make in it
// without choosing a mode is closed from the beginning.
func TestADataFolderIsClosedToOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "world")
	for _, err := range []error{os.MkdirAll(filepath.Join(path, "logs"), 0o755), os.WriteFile(filepath.Join(path, "temporal.db"), nil, 0o644),
		os.WriteFile(filepath.Join(path, "logs", "worker.log"), nil, 0o644), os.Chmod(path, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.close() })
	if err := os.WriteFile(f.file("temporal.db-wal"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %s", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
