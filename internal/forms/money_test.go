package forms

import "testing"

func TestMoneyInWords(t *testing.T) {
	for amount, want := range map[int64]string{
		0: "không", 5: "năm", 10: "mười", 11: "mười một", 15: "mười lăm", 21: "hai mươi mốt", 24: "hai mươi tư", 105: "một trăm linh năm",
		300_000: "ba trăm nghìn", 1_005: "một nghìn không trăm linh năm", 1_234_505: "một triệu hai trăm ba mươi tư nghìn năm trăm linh năm",
		2_000_000_000: "hai tỷ",
	} {
		if got := inWords(amount); got != want {
			t.Errorf("%d: %q, want %q", amount, got, want)
		}
	}
	if got := dong(1_234_505); got != "1.234.505 đồng" {
		t.Errorf("got %q", got)
	}
}
