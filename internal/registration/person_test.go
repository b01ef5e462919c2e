package registration_test

import (
	"testing"

	"kyso/internal/registration"
)

func TestMaskedTellsApartAndGivesNothingAway(t *testing.T) {
	for value, want := range map[string]string{
		"":                        "",
		"2021-05-04":              "2021-••-••",
		"Số 20 đường Nguyễn Trãi": "S••• 2••• đ••• N••• T•••",
		"Ấp Bắc":                  "Ấ••• B•••",
		"nhu.moi@example.vn":      "n•••@example.vn",
	} {
		if got := registration.Masked(value); got != want {
			t.Errorf("%q is shown as %q, want %q", value, got, want)
		}
	}
}
