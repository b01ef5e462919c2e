package forms

import (
	"strings"
)

var units = []string{"không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"}

// inWords writes an amount in Vietnamese words: 1.234.505 is "một triệu hai trăm ba mươi tư nghìn năm trăm linh năm".
func inWords(n int64) string {
	switch {
	case n == 0:
		return units[0]
	case n < 0:
		return "âm " + strings.Join(number(-uint64(n), false), " ")
	}
	return strings.Join(number(uint64(n), false), " ")
}

// number writes a number by thousands, millions and billions; what is counted in billions is a number again, so
// 1.500.000.000.000 is "một nghìn năm trăm tỷ". full says zeros at the beginning, because more stands before them.
func number(n uint64, full bool) []string {
	var words []string
	if n >= 1e9 {
		words, full = append(number(n/1e9, full), "tỷ"), true
	}
	for _, group := range []struct {
		value uint64
		name  string
	}{{n / 1e6 % 1e3, "triệu"}, {n / 1e3 % 1e3, "nghìn"}, {n % 1e3, ""}} {
		if group.value == 0 {
			continue
		}
		words = append(words, hundreds(group.value, full)...)
		if group.name != "" {
			words = append(words, group.name)
		}
		full = true
	}
	return words
}

// hundreds writes a number below 1000.
func hundreds(n uint64, full bool) []string {
	var words []string
	h, t, u := n/100, n/10%10, n%10
	if h > 0 || full {
		words = append(words, units[h], "trăm")
	}
	switch {
	case t > 1:
		words = append(words, units[t], "mươi")
	case t == 1:
		words = append(words, "mười")
	case u > 0 && len(words) > 0:
		words = append(words, "linh")
	}
	switch {
	case u == 0:
	case u == 1 && t > 1:
		words = append(words, "mốt")
	case u == 4 && t > 1:
		words = append(words, "tư")
	case u == 5 && t > 0:
		words = append(words, "lăm")
	default:
		words = append(words, units[u])
	}
	return words
}
