package account

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// mobile is a Vietnamese mobile number without 0 and 84 in front.
var mobile = regexp.MustCompile(`^(3[2-9]|5[25689]|7[06-9]|8[1-9]|9\d)\d{7}$`)

// formerPrefixes are those of the mobile numbers of eleven digits, which got ten in 2018. Contacts still hold them.
var formerPrefixes = map[string]string{
	"120": "70", "121": "79", "122": "77", "126": "76", "128": "78",
	"123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
	"162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37", "168": "38", "169": "39",
	"186": "56", "188": "58", "199": "59",
}

// Phone returns a Vietnamese mobile number in E.164. Others cannot receive a code. It reads numbers as contacts, pages and
// messages give them: with signs and spaces of any kind between the digits, with marks of direction around them, in full
// width, after tel:, with +84, 84, 0084 or 0 in front, or both.
func Phone(s string) (string, error) {
	digits, foreign, ok := phoneDigits(s)
	var national string
	switch {
	case !ok:
		return "", wrongPhone("holds other signs than digits", "Số điện thoại chỉ gồm chữ số")
	case digits == "":
		return "", wrongPhone("is missing", "Chưa nhập số điện thoại")
	case foreign != "" && foreign != "84":
		return "", wrongPhone("is not a number of Viet Nam", "Chỉ nhận số điện thoại Việt Nam (+84)")
	case foreign == "84":
		national = strings.TrimPrefix(digits, "0")
	case strings.HasPrefix(digits, "0"):
		national = digits[1:]
	case strings.HasPrefix(digits, "84") && len(digits) > 9:
		national = strings.TrimPrefix(digits[2:], "0")
	default:
		return "", wrongPhone("must begin with 0 or +84", "Số điện thoại bắt đầu bằng 0 hoặc +84")
	}
	if len(national) == 10 {
		if now, former := formerPrefixes[national[:3]]; former {
			national = now + national[3:]
		}
	}
	switch {
	case len(national) != 9 && !strings.HasPrefix(national, "2"):
		return "", wrongPhone("has "+strconv.Itoa(len(national)+1)+" digits; a mobile number has 10", "Số di động có 10 chữ số")
	case !mobile.MatchString(national):
		return "", wrongPhone("is not a mobile number, and cannot receive a code", "Đây không phải số di động nên không nhận được mã")
	}
	n, err := phonenumbers.Parse("+84"+national, "VN")
	if err != nil || n.GetCountryCode() != 84 {
		return "", wrongPhone("is not a mobile number", "Đây không phải số di động")
	}
	return phonenumbers.Format(n, phonenumbers.E164), nil
}

func wrongPhone(en, vi string) error { return invalid("phone", "the phone number "+en, vi) }

// maxPhone is how many characters a number may have with everything around it.
const maxPhone = 64

// phoneDigits returns the digits of a number without what stands between them. foreign is the country code after + or 00,
// or its beginning when the code is none of ours.
func phoneDigits(s string) (digits, foreign string, ok bool) {
	s = norm.NFKC.String(s)
	if len(s) > 4*maxPhone {
		return "", "", false
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r == '+' && b.Len() == 0:
			b.WriteRune(r)
		case unicode.IsSpace(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Pd, r), strings.ContainsRune("()[]./·•−⁄", r):
		default:
			if b.Len() > 0 || !strings.ContainsRune("tel:TEL", r) {
				return "", "", false
			}
		}
	}
	digits, international := strings.CutPrefix(b.String(), "+")
	if !international {
		digits, international = strings.CutPrefix(digits, "00")
	}
	if !international {
		return digits, "", true
	}
	if rest, ours := strings.CutPrefix(digits, "84"); ours {
		return rest, "84", true
	}
	return digits, digits[:min(1, len(digits))], true
}
