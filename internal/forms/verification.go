package forms

import (
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/font"
	"kyso/internal/problem"
)

// ReportSection is a part of a verification report: a heading, and lines of a label and a value, in both languages as they are to stand.
type ReportSection struct {
	Heading string
	Lines   [][2]string
}

// maxReport bounds the lines of a report: a hostile file may give its verification any number of findings.
const maxReport = 20_000

// VerificationReport writes what a verification found. Texts come from foreign files, so that letters without a glyph are shown as a
// box and refuse nothing. The same sections and time give the same bytes.
func VerificationReport(name string, at time.Time, sections []ReportSection) ([]byte, error) {
	if _, err := loadFonts(); err != nil {
		return nil, err
	}
	const title = "Báo cáo kiểm tra chữ ký số / Signature verification report"
	s, lines := newSheet(), 0
	s.title("BÁO CÁO KIỂM TRA CHỮ KÝ SỐ", "SIGNATURE VERIFICATION REPORT")
	s.gap(8)
	s.center(italic, textSize, shownIn(italic, name), moment(at))
	s.gap(8)
	for _, section := range sections {
		s.heading(shownIn(bold, section.Heading))
		for _, line := range section.Lines {
			if lines++; lines > maxReport {
				return nil, problem.New(problem.DocumentTooComplex, "the report has more than %d lines", maxReport)
			}
			s.text(regular, indent, shownIn(regular, line[0]+": "+line[1]))
		}
	}
	s.numbered(title)
	if err := s.err(); err != nil {
		return nil, err
	}
	return compose(s.root, s.pages, title, at)
}

// shownIn puts a box for each letter that a face does not have, and a blank for what breaks or turns lines.
func shownIn(face, text string) string {
	var out strings.Builder
	for _, letter := range font.Letters(norm.NFC.String(strings.Join(strings.Fields(text), " "))) {
		if printable(letter, face) {
			out.WriteString(letter)
		} else {
			out.WriteString("□")
		}
	}
	return out.String()
}
