package sandbox_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"kyso/internal/sandbox"
)

// TestDocsNameEverything: docs/sandbox.md has a row for every knob, setting and field of a fault, and for every
// person who is special from the start.
func TestDocsNameEverything(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/sandbox.md")
	must(t, err)
	for _, v := range []any{sandbox.Knobs{}, sandbox.Settings{}, sandbox.Fault{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !regexp.MustCompile("[`\"]" + name + "[`\"]").Match(page) {
				t.Errorf("%T: %s is not described", v, name)
			}
		}
	}
	source, err := os.ReadFile("rssp769/knobs.go")
	must(t, err)
	special := regexp.MustCompile(`"(0010950000\d\d)":`).FindAllSubmatch(source, -1)
	if len(special) == 0 {
		t.Fatal("no special users found")
	}
	for _, m := range special {
		if !strings.Contains(string(page), "| `"+string(m[1])+"` |") {
			t.Errorf("user %s is not described", m[1])
		}
	}
}
