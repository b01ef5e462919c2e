package access_test

import (
	"testing"

	"kyso/internal/access"
)

func TestWhoMayBeOnePerson(t *testing.T) {
	m := access.Makers{"op-2": {"op-1"}, "op-3": {"op-1"}, "op-4": {"op-3"}, "ring-1": {"ring-2"}, "ring-2": {"ring-1"}}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"op-1", "op-1", true}, {"op-1", "op-9", false},
		{"op-1", "op-2", true}, {"op-2", "op-1", true}, // maker and made
		{"op-2", "op-3", true},                         // both made by one
		{"op-1", "op-4", true}, {"op-2", "op-4", true}, // through a made one
		{"ring-1", "ring-2", true}, {"ring-1", "op-1", false},
	} {
		if m.Same(c.a, c.b) != c.same {
			t.Errorf("%s and %s: want %t", c.a, c.b, c.same)
		}
	}
}
