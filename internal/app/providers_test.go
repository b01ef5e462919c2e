package app

import (
	"testing"

	"kyso/internal/access"
)

// The audit log names a provider that sends a webhook, so no key's owner has such a name.
func TestProvidersNamesAreReserved(t *testing.T) {
	for name := range wires {
		if !access.Reserved(name) {
			t.Errorf("access.Reserved(%q) is false", name)
		}
	}
}
