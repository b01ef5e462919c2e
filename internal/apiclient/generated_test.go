package apiclient_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratedClientsAreFresh generates both clients in Go once more, by the lines that go generate reads, and compares.
func TestGeneratedClientsAreFresh(t *testing.T) {
	fresh(t, ".", "apiclient.go", "types.gen.go")
	fresh(t, filepath.Join("..", "..", "examples", "go", "generated"), "main.go", "client.gen.go")
}

func fresh(t *testing.T, folder, source, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, source))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "//go:generate ")
	line, _, _ = strings.Cut(line, "\n")
	again := filepath.Join(t.TempDir(), name)
	words := strings.Fields(strings.Replace(line, name, again, 1))
	generator := exec.CommandContext(t.Context(), words[0], words[1:]...)
	generator.Dir = folder
	if out, err := generator.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "true" && bytes.Contains(out, []byte("dial tcp")) {
			t.Skipf("the generator cannot be fetched: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	wanted, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, wanted) {
		t.Errorf("%s is not what docs/openapi.json says (%v): make generate writes it", filepath.Join(folder, name), err)
	}
}
