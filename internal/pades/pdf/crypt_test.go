package pdf

import (
	"encoding/hex"
	"testing"
)

// A file whose owner has an empty password and whose users have one (AES-256, R6): the values are from one that others wrote.
func TestEmptyOwnerPassword(t *testing.T) {
	value := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	h := &handler{v: 5, r: 6,
		u:  value("86270432ecb25433a37e461bfc3721bed1d73810583503f1be6afb42ad523da86adfe4b76358edf0738fbc8e053fb121"),
		o:  value("384415c370731d581955244d1e475204d084d4b5be9a943e55f0a21d0a354d86002175233d6899ac4a244104ea74aaaa"),
		ue: make([]byte, 32), oe: make([]byte, 32)}
	if h.anyKey() != nil {
		t.Error("the user password counts as empty")
	}
	if h.ownersKey() == nil {
		t.Error("the owner's empty password is not recognised")
	}
	h.o[0] ^= 1
	if h.ownersKey() != nil {
		t.Error("any owner password is recognised")
	}
}
