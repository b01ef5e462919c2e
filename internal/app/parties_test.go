package app

import (
	"slices"
	"testing"
)

// The audit log names a provider or a payment party that tells something, so no key's owner has such a name.
func TestPartiesNamesAreReserved(t *testing.T) {
	for _, name := range []string{"intrustca", "neac", "vnpt", "vnpay"} {
		if !slices.Contains(parties(), name) {
			t.Errorf("%s is not reserved", name)
		}
	}
}
