package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

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
