package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var ownZone = regexp.MustCompile(`\btime\.(FixedZone|LoadLocation)\(`)

// TestOneZone: shown times are in vn.Zone, and no other file makes a zone. The examples know nothing of kyso.
func TestOneZone(t *testing.T) {
	made := 0
	for _, file := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !ownZone.Match(text) || under(dir, "examples"):
		case dir == "internal/vn":
			made++
		default:
			t.Errorf("%s makes a zone: use vn.Zone", file)
		}
	}
	if made != 1 {
		t.Errorf("%d files of internal/vn make a zone", made)
	}
}
