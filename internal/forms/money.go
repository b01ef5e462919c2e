package forms

import (
	"strconv"
	"strings"
)

// dong writes an amount as 300.000 đồng.
func dong(amount int64) string {
	digits := strconv.FormatInt(amount, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte('.')
		}
		b.WriteRune(d)
	}
	return b.String() + " đồng"
}

var units = []string{"không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"}

// inWords writes an amount in Vietnamese words: 1.234.505 is "một triệu hai trăm ba mươi tư nghìn năm trăm linh năm".
func inWords(n int64) string {
	if n == 0 {
		return units[0]
	}
	var groups []int64
	for ; n > 0; n /= 1000 {
		groups = append(groups, n%1000)
	}
	names := []string{"", "nghìn", "triệu", "tỷ", "nghìn tỷ", "triệu tỷ"}
	var words []string
	for i := len(groups) - 1; i >= 0; i-- {
		if groups[i] == 0 {
			continue
		}
		words = append(words, hundreds(groups[i], i < len(groups)-1)...)
		if names[i] != "" {
			words = append(words, names[i])
		}
	}
	return strings.Join(words, " ")
}

// hundreds writes a number below 1000; full says it even when it begins with zeros, because more stands before it.
func hundreds(n int64, full bool) []string {
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
