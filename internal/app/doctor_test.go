package app

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDoctorLooksAtTheAuditFile: one that is not named, cannot be written or lies in no folder is a warning with a remedy; looking
// leaves nothing behind.
func TestDoctorLooksAtTheAuditFile(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder.jsonl")
	there := filepath.Join(dir, "there.jsonl")
	for _, err := range []error{os.Mkdir(folder, 0o700), os.WriteFile(there, []byte("x"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"": Warning, folder: Warning, filepath.Join(dir, "none", "x"): Warning,
		filepath.Join(there, "x"): Warning, there: Healthy, filepath.Join(dir, "new.jsonl"): Healthy} {
		d := &doctor{cfg: Config{AuditFile: path}}
		d.auditFile(t.Context())
		if len(d.found) != 1 || d.found[0].State != want || (d.found[0].Remedy == "") != (want == Healthy) {
			t.Errorf("%q: %+v, want %s", path, d.found, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
