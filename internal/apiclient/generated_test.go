package apiclient_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheGeneratedTypesAreFresh generates types.gen.go once more, by the line that go generate reads, and compares.
func TestTheGeneratedTypesAreFresh(t *testing.T) {
	source, err := os.ReadFile("apiclient.go")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := bytes.Cut(source, []byte("//go:generate "))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	fresh := filepath.Join(t.TempDir(), "types.gen.go")
	command := strings.Fields(strings.Replace(string(line), "types.gen.go", fresh, 1))
	if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "true" && bytes.Contains(out, []byte("dial tcp")) {
			t.Skipf("the generator cannot be fetched: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	wanted, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("types.gen.go"); err != nil || !bytes.Equal(got, wanted) {
		t.Errorf("types.gen.go is not what docs/openapi.json says (%v): make generate writes it", err)
	}
}
