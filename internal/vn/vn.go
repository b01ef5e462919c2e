// Package vn is what is special to Viet Nam and the same everywhere in kyso: the zone of shown times, how amounts are written, and
// Vietnamese in ASCII. It imports no other package of kyso, so stand-ins may use it, too.
package vn

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Zone is Asia/Ho_Chi_Minh, in which times are shown. It has had one offset since 1975, so no zone database is needed.
var Zone = time.FixedZone("+07", 7*60*60)

// Amount writes đồng in the usual groups, without a unit: 300.000.
func Amount(dong int64) string {
	digits, negative := strings.CutPrefix(strconv.FormatInt(dong, 10), "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "." + digits[i:]
	}
	if negative {
		return "-" + digits
	}
	return digits
}

// Fold turns Vietnamese into ASCII, for text messages and for comparisons: Đặng becomes Dang. Letters that no Vietnamese text has
// are left out.
func Fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		switch {
		case r == 'đ':
			b.WriteByte('d')
		case r == 'Đ':
			b.WriteByte('D')
		case r == 'ƀ':
			b.WriteByte('b')
		case r == 'Ƀ':
			b.WriteByte('B')
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		}
	}
	return b.String()
}
