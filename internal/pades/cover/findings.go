package cover

import "kyso/internal/finding"

// The codes of the findings.
const (
	CodeCoversSigned    = "covers-signed-content" // a signature lies over what was signed before it
	CodeCoversSignature = "covers-signature"      // a signature lies over the box of an earlier one
	CodeNotExamined     = "not-examined"          // too many objects to look for hidden ones, or damaged ones
)

// What is said of a signature that lies over what was signed, and of a search that did not come to its end.
var (
	coversSigned = finding.Define(CodeCoversSigned, "Chữ ký “{name}” che {share}% trang {page}, nơi có nội dung đã được ký trước đó.",
		"The signature “{name}” covers {share}% of page {page}, where something was signed before it.")
	coversSignature = finding.Define(CodeCoversSignature, "Chữ ký “{name}” che một chữ ký đã có ở trang {page}.", "The signature “{name}” covers an earlier signature on page {page}.")
	notExamined     = finding.Define(CodeNotExamined, "Không tìm hết được nội dung ẩn trong tệp.", "Not all of the file could be searched for hidden content.")
)

// NotExamined says that the search for hidden content did not come to its end.
func NotExamined() finding.Finding { return notExamined.Say() }

// Findings says it in words. list is that of New.
func (c Cover) Findings(list []Signature) []finding.Finding {
	out := []finding.Finding{coversSigned.Say("name", list[c.By].Name, "share", Percent(c.Share), "page", c.Page)}
	if c.Over >= 0 {
		out = append(out, coversSignature.Say("name", list[c.By].Name, "page", c.Page))
	}
	return out
}

// Percent rounds a share, and makes it at least 1.
func Percent(share float64) int { return max(1, int(share*100+0.5)) }
