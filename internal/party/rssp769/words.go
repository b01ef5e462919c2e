package rssp769

import (
	"regexp"
	"strings"
)

// meanings tells what a provider's words say, in both languages, the most specific first. No document fixes them: these are the
// words that clients in the field look for. What talks of a possibility or of the future is taken out before; see aside.
var meanings = []struct {
	verdict verdict
	words   *regexp.Regexp
}{
	// Ended by the clock, in whatever words for the end: "cancelled due to timeout", "hủy do hết thời gian chờ".
	{expired, regexp.MustCompile(`(?:cancel|reject|abort|close|hủy|huỷ|từ chối|huy|tu choi)\S*(?: \S+){0,4} (?:due to|because of|after|by|on|do|vì|bởi|sau khi|vi) (?:\S+ ){0,2}?(?:time ?-?out|expir|hết|quá|het|qua)`)},
	{expired, regexp.MustCompile(`auto\S* ?-?(?:cancel|reject)|tự động hủy|tự động huỷ|tự hủy`)},
	{declined, regexp.MustCompile(`reject|declin|den(?:y|ied)|refus|cancel|disagree|từ chối|hủy|huỷ|bác bỏ|không đồng ý|không chấp nhận|tu choi|(?:da|bi) huy|huy (?:bo|giao dich|yeu cau)|khong dong y`)},
	{expired, regexp.MustCompile(`expir|time ?-?out|timed out|time is (?:up|over)|too late|hết hạn|hết hiệu lực|hết thời (?:gian|hạn)|hết giờ|quá hạn|quá thời (?:gian|hạn)|het han|het thoi (?:gian|han)|qua han|qua thoi (?:gian|han)`)},
	{pending, regexp.MustCompile(`wait|pending|not yet|chờ|đợi|chưa|cho xac nhan|dang cho|cho phe duyet`)},
}

// aside is what a message mentions and does not report: a choice that the signer has, what has not happened, what will happen.
var aside = regexp.MustCompile(strings.Join([]string{
	`(?:xác nhận|phê duyệt|đồng ý|chấp nhận|confirm|approve|accept)\S* ?(?:hoặc|hay|or|/) ?(?:từ chối|hủy bỏ|hủy|huỷ|reject|decline|deny|cancel)\S*`,
	`(?:not|never|hasn't|isn't|wasn't) (?:yet |been )*(?:reject|declin|den(?:y|ied)|refus|cancel|expir|time ?-?out|timed out)\S*`,
	`(?:chưa|không) (?:bị |hề )*(?:từ chối|hủy|huỷ|hết hạn|hết thời gian|quá hạn)`,
	`\bif\b[^.;!]*|nếu[^.;!]*`,
	`(?:to|để|muốn)(?: \S+){0,3}? (?:reject|decline|deny|cancel|từ chối|hủy|huỷ)\S*`,
	`(?:will|sẽ|before|until|trước khi|cho đến khi|đến khi)(?: \S+){0,2}? (?:expir\S*|time ?-?out|hết hạn|hết thời gian|bị hủy|hủy)`,
	`(?:expires?|time ?-?out|hết hạn|hết thời gian) ?(?:in|at|=|:|after|sau|trong) ?\S*\d\S*(?: ?(?:s|giây|phút|seconds|minutes))?`,
}, "|"))

// meaning reads folded words; undecided when they say nothing that is known.
func meaning(words string) verdict {
	reported := aside.ReplaceAllString(words, " ")
	for _, m := range meanings {
		if m.words.MatchString(reported) {
			return m.verdict
		}
	}
	if reported != words { // only asides: "expires in 200 s" is said of what waits
		return pending
	}
	return undecided
}
