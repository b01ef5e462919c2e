package forms

import (
	"math"
	"testing"
)

func TestMoneyInWords(t *testing.T) {
	for amount, want := range map[int64]string{
		0: "không", 1: "một", 4: "bốn", 5: "năm", 10: "mười", 11: "mười một", 14: "mười bốn", 15: "mười lăm",
		20: "hai mươi", 21: "hai mươi mốt", 24: "hai mươi tư", 25: "hai mươi lăm", 91: "chín mươi mốt",
		100: "một trăm", 101: "một trăm linh một", 104: "một trăm linh bốn", 105: "một trăm linh năm", 110: "một trăm mười",
		111: "một trăm mười một", 115: "một trăm mười lăm", 121: "một trăm hai mươi mốt", 999: "chín trăm chín mươi chín",
		1_000: "một nghìn", 1_005: "một nghìn không trăm linh năm", 1_050: "một nghìn không trăm năm mươi", 21_000: "hai mươi mốt nghìn",
		300_000: "ba trăm nghìn", 1_000_000: "một triệu", 1_000_005: "một triệu không trăm linh năm",
		1_005_000:             "một triệu không trăm linh năm nghìn",
		1_234_505:             "một triệu hai trăm ba mươi tư nghìn năm trăm linh năm",
		15_000_000:            "mười lăm triệu",
		2_000_000_000:         "hai tỷ",
		2_000_000_001:         "hai tỷ không trăm linh một",
		1_500_000_000_000:     "một nghìn năm trăm tỷ",
		1_000_000_000_000:     "một nghìn tỷ",
		3_000_000_000_000_000: "ba triệu tỷ",
		-21:                   "âm hai mươi mốt",
		math.MaxInt64: "chín tỷ hai trăm hai mươi ba triệu ba trăm bảy mươi hai nghìn không trăm ba mươi sáu tỷ " +
			"tám trăm năm mươi tư triệu bảy trăm bảy mươi lăm nghìn tám trăm linh bảy",
	} {
		if got := inWords(amount); got != want {
			t.Errorf("%d: %q, want %q", amount, got, want)
		}
	}
	if inWords(math.MinInt64) == "" {
		t.Error("the smallest number has no words")
	}
}
