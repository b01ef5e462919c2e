package vn_test

import (
	"math"
	"testing"
	"time"

	"kyso/internal/vn"
)

func TestAmountsAreGrouped(t *testing.T) {
	for amount, want := range map[int64]string{0: "0", 999: "999", 1_000: "1.000", 300_000: "300.000",
		1_234_505: "1.234.505", -300_000: "-300.000", math.MinInt64: "-9.223.372.036.854.775.808"} {
		if got := vn.Amount(amount); got != want {
			t.Errorf("%d: %q, want %q", amount, got, want)
		}
	}
}

func TestVietnameseInASCII(t *testing.T) {
	for text, want := range map[string]string{"Đặng Thị Thủy đi Huế": "Dang Thi Thuy di Hue", "ƀ漢🙂x": "bx", "": ""} {
		if got := vn.Fold(text); got != want {
			t.Errorf("%q is folded to %q, want %q", text, got, want)
		}
	}
}

// TestTheZoneIsThatOfVietNam compares it with the zone database, where this machine has one.
func TestTheZoneIsThatOfVietNam(t *testing.T) {
	at := time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)
	if got := at.In(vn.Zone).Format(time.RFC3339); got != "2026-12-01T00:00:00+07:00" {
		t.Errorf("midnight is %s", got)
	}
	if known, err := time.LoadLocation("Asia/Ho_Chi_Minh"); err == nil && at.In(known).Format(time.RFC3339) != at.In(vn.Zone).Format(time.RFC3339) {
		t.Error("the zone database differs")
	}
}
