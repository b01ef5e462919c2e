package signing_test

import (
	"testing"

	"kyso/internal/signing"
)

// After the owner approved, the requester can no longer end it in another way than an operator's cancel.
func TestApprovalIsAPointOfNoReturn(t *testing.T) {
	for _, to := range []signing.Status{signing.StatusDeclined, signing.StatusExpired, signing.StatusRefused} {
		if signing.StatusCompleting.Check(to) == nil {
			t.Errorf("an approved signing may become %s", to)
		}
	}
}

func TestLevelsAreOrdered(t *testing.T) {
	levels := []signing.Level{signing.LevelB, signing.LevelT, signing.LevelLT, signing.LevelLTA}
	for i, a := range levels {
		for j, b := range levels {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%s at least %s is %v", a, b, a.AtLeast(b))
			}
		}
	}
	if signing.Level("B-X").Valid() {
		t.Error("B-X is a level")
	}
}

func TestShortCode(t *testing.T) {
	for digest, want := range map[string]string{"ab12cd34ef": "AB12-CD34", "0000": "", "": ""} {
		if got := signing.ShortCode(digest); got != want {
			t.Errorf("ShortCode(%q) = %q, want %q", digest, got, want)
		}
	}
}
