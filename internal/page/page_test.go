package page_test

import (
	"testing"
	"time"

	"kyso/internal/page"
)

func TestCursorsSurviveAnAddress(t *testing.T) {
	at := time.Date(2026, 11, 30, 5, 4, 3, 120_456_789, time.FixedZone("", 7*3600))
	for _, c := range []page.Cursor{{}, page.After(at, "a_b/c"), page.After(at.Truncate(time.Second), "x")} {
		got, err := page.Parse(c.String())
		if err != nil || got != c {
			t.Errorf("%q is read as %+v, %v", c, got, err)
		}
	}
	for _, bad := range []string{"_", "x_y", "2026-11-30T05:04:03Z", "2026-11-30T05:04:03Z_"} {
		if _, err := page.Parse(bad); err == nil {
			t.Errorf("%q is taken for a cursor", bad)
		}
	}
}
