package kernel

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

var (
	// manyDigits matches what may be a citizen, phone or account number.
	manyDigits  = regexp.MustCompile(`\d([ .()-]{0,3}\d){7,}`)
	mailAddress = regexp.MustCompile(`\S@\S`)

	// impersonal are forms of numbers that name no person: dates, numbers of tickets and papers, amounts, ids of kyso's own.
	impersonal = []struct {
		form *regexp.Regexp
		is   func(parts []string) bool
	}{
		{regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`), nil},
		{regexp.MustCompile(`\p{L}{2,12}[-#_/](?:(?:19|20)\d{2}[-_/])?\d{1,8}`), nil},
		{regexp.MustCompile(`(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?`), func(p []string) bool { return isDay(p[1], p[2], p[3]) }},
		{regexp.MustCompile(`(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})`), func(p []string) bool { return isDay(p[3], p[2], p[1]) }},
		{regexp.MustCompile(`(\d{4})(\d{2})(\d{2})`), func(p []string) bool { return isDay(p[1], p[2], p[3]) }},
		{regexp.MustCompile(`\d{1,3}(?:[.,]\d{3})+ ?(?i:đồng|đ|vnđ|vnd)`), nil},
	}
)

// Personal reports whether a text may hold a citizen, phone or account number, or a mail address, however it is typed. Dates,
// tickets and amounts are no personal data: people name them as reasons.
func Personal(text string) bool {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Pd, r):
			return '-'
		case unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsDigit(r): // of any script
			return digitOf(r)
		}
		return r
	}, norm.NFKC.String(text))
	if mailAddress.MatchString(text) {
		return true
	}
	for _, known := range impersonal {
		text = without(text, known.form, known.is)
	}
	return manyDigits.MatchString(text)
}

// without takes away what has a form and stands by itself: a longer number that only begins or ends so stays.
func without(text string, form *regexp.Regexp, is func([]string) bool) string {
	var b strings.Builder
	last := 0
	for _, at := range form.FindAllStringSubmatchIndex(text, -1) {
		var parts []string
		for i := 0; i < len(at); i += 2 {
			parts = append(parts, text[max(at[i], 0):max(at[i+1], 0)])
		}
		if touchesDigits(b.String()+text[last:at[0]], text[at[1]:]) || is != nil && !is(parts) {
			continue
		}
		b.WriteString(text[last:at[0]] + "|")
		last = at[1]
	}
	return b.String() + text[last:]
}

var (
	digitBefore = regexp.MustCompile(`\d[.-]{0,2}$|\d{3} $`)
	digitAfter  = regexp.MustCompile(`^[.-]{0,2}\d`)
	moreAfter   = regexp.MustCompile(`^ [ .-]?\d{3}`)
)

func touchesDigits(before, after string) bool {
	return digitBefore.MatchString(before) || digitAfter.MatchString(after) || moreAfter.MatchString(after)
}

func isDay(year, month, day string) bool {
	y, _ := strconv.Atoi(year)
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	return y >= 1900 && y < 2100 && m >= 1 && m <= 12 && d >= 1 && d <= 31
}

// digitOf is the ASCII digit of a decimal digit; those of a script lie in a row, in blocks that begin with its zero.
func digitOf(r rune) rune {
	zero := r
	for r-zero < 9 && unicode.IsDigit(zero-1) {
		zero--
	}
	return '0' + (r-zero)%10
}
