package verify

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Whatever sub-indication the verifier can give, the report says it in two languages.
func TestEverySubIndicationHasWords(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no verifier: %v", err)
	}
	constant := regexp.MustCompile(`\b(?:sub|why)[A-Z]\w* += "([A-Za-z_]+)"`)
	found := map[string]bool{}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range constant.FindAllSubmatch(source, -1) {
			found[string(match[1])] = true
		}
	}
	if len(found) < 10 {
		t.Fatalf("only %d sub-indications were found", len(found))
	}
	for sub := range found {
		if words := meanings[sub]; words.vi == "" || words.en == "" {
			t.Errorf("%s has no words", sub)
		}
	}
	for sub := range meanings {
		if !found[sub] {
			t.Errorf("%s is never given", sub)
		}
	}
}
