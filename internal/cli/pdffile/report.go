package pdffile

import (
	"fmt"
	"strings"
	"time"

	"kyso/internal/pades"
	"kyso/internal/vn"
)

// report is the verification in words.
func (c *commands) report(name string, found *pades.Verification) []string {
	lines := []string{name, c.verdict(found.Verdict)}
	if !found.Signed {
		lines[1] = c.Text("KẾT LUẬN: KHÔNG CÓ CHỮ KÝ SỐ", "VERDICT: NOT SIGNED") + " (" + unsigned + ")"
	}
	for i, s := range found.Signatures {
		lines = append(lines, "")
		lines = append(lines, c.signatureReport(i+1, s)...)
	}
	for _, f := range found.Findings {
		lines = append(lines, c.Text("Lưu ý: ", "Note: ")+c.Text(f.VI, f.EN))
	}
	return lines
}

func (c *commands) verdict(v pades.Verdict) string {
	switch v {
	case pades.TotalPassed:
		return c.Text("KẾT LUẬN: HỢP LỆ", "VERDICT: VALID") + " (" + string(v) + ")"
	case pades.TotalFailed:
		return c.Text("KẾT LUẬN: KHÔNG HỢP LỆ", "VERDICT: INVALID") + " (" + string(v) + ")"
	}
	return c.Text("KẾT LUẬN: CHƯA ĐỦ CĂN CỨ", "VERDICT: CANNOT BE DETERMINED") + " (" + string(v) + ")"
}

func (c *commands) signatureReport(n int, s pades.SignatureReport) []string {
	title := c.Text("Chữ ký", "Signature")
	if s.Kind == "document-timestamp" {
		title = c.Text("Dấu thời gian tài liệu", "Document time-stamp")
	}
	lines := []string{fmt.Sprintf("%s %d (%s)", title, n, s.Field)}
	pair := func(vi, en, value string) {
		if value != "" {
			lines = append(lines, "  "+c.Text(vi, en)+": "+value)
		}
	}
	pair("Kết quả", "Result", c.result(s))
	pair("Vì sao", "Why", c.Text(s.WhyVI, s.WhyEN))
	c.owner(s, pair)
	pair("Thời gian ký", "Time", c.signingTime(s.Time))
	pair("Lý do", "Reason", s.Reason)
	pair("Nơi ký", "Location", s.Location)
	pair("Mức chữ ký", "Level", s.Level)
	pair("Chứng thực tài liệu", "Certification", c.certification(s.Certifies))
	pair("Thuật toán", "Algorithm", s.Algorithm)
	pair("Toàn vẹn", "Integrity", c.integrity(s))
	pair("Phạm vi", "Coverage", c.coverage(s))
	pair("Chuỗi tin cậy", "Chain", c.yes(s.ChainTrusted, "dẫn tới gốc tin cậy", "leads to a trusted root", "không dẫn tới gốc tin cậy", "does not lead to a trusted root"))
	pair("Chứng thư số lúc ký", "Certificate then", c.certificate(s.CertificateThen))
	pair("Chứng thư số hiện tại", "Certificate now", c.certificate(s.CertificateNow))
	if !s.StatusMade.IsZero() {
		pair("Trạng thái được công bố lúc", "Status published at", when(s.StatusMade))
	}
	if len(s.Findings) > 0 {
		lines = append(lines, "  "+c.Text("Chi tiết kỹ thuật:", "Findings:"))
	}
	for _, f := range s.Findings {
		lines = append(lines, "  ! "+c.Text(f.VI, f.EN))
	}
	return lines
}

// result is the verdict on one signature in words, with the words of ETSI EN 319 102-1 behind it.
func (c *commands) result(s pades.SignatureReport) string {
	words := c.Text("chưa đủ căn cứ", "cannot be determined")
	switch s.Verdict {
	case pades.TotalPassed:
		words = c.Text("hợp lệ", "valid")
	case pades.TotalFailed:
		words = c.Text("KHÔNG hợp lệ", "INVALID")
	}
	if s.SubIndication == "" {
		return words + " (" + string(s.Verdict) + ")"
	}
	return words + " (" + string(s.Verdict) + " · " + s.SubIndication + ")"
}

// owner is what the certificate says of its owner and its issuer (Circular 15/2025/TT-BKHCN, 6.4.b).
func (c *commands) owner(s pades.SignatureReport, pair func(vi, en, value string)) {
	who := s.Certificate
	if who == nil {
		return
	}
	subject, issuer := who.Subject, who.Issuer
	pair("Người ký", "Signer", subject.CommonName)
	pair("Mã định danh", "Identifier", strings.Join(subject.Identifiers, ", "))
	pair("Tổ chức", "Organization", strings.Join(subject.Organizations, ", "))
	pair("Đơn vị quản lý", "Managing unit", strings.Join(subject.Units, ", "))
	pair("Chức danh", "Title", strings.Join(subject.Titles, ", "))
	pair("Đơn vị cấp chứng thư số", "Issuer", strings.Join(append([]string{issuer.CommonName}, issuer.Organizations...), ", "))
	pair("Số sê-ri", "Serial number", who.Serial)
	pair("Thời hạn chứng thư số", "Validity", fmt.Sprintf(c.Text("từ %s đến %s", "from %s to %s"), when(who.NotBefore), when(who.NotAfter)))
}

// signingTime says who says so: a time-stamp that is valid proves its time, the signer's own word does not. A time-stamp that is
// there is never left out.
func (c *commands) signingTime(t pades.TimeReport) string {
	authority := t.Authority
	if authority == "" {
		authority = c.Text("tổ chức không rõ tên", "an unnamed authority")
	}
	at := c.Text("không rõ", "unknown")
	if !t.At.IsZero() {
		at = when(t.At)
	}
	switch {
	case t.Stamp == pades.StampInvalid:
		return at + " " + fmt.Sprintf(c.Text("(theo lời người ký; dấu thời gian của %s không hợp lệ)", "(the signer's word; the time-stamp of %s is not valid)"), authority)
	case t.By == pades.ByClaim && t.Stamp == pades.StampUnknown:
		return at + " " + c.Text("(theo lời người ký; không đọc được chữ ký nên không rõ có dấu thời gian hay không)", "(the signer's word; the signature cannot be read, and whether it has a time-stamp is not known)")
	case t.By == pades.ByClaim:
		return at + " " + c.Text("(theo lời người ký, không có dấu thời gian)", "(the signer's word, no time-stamp)")
	case t.By == pades.ByNone:
		return at
	case t.Stamp == pades.StampNotJudged:
		return at + " " + fmt.Sprintf(c.Text("(dấu thời gian của %s, chưa kiểm tra được)", "(time-stamp of %s, not judged)"), authority)
	case t.By == pades.ByDocumentTimestamp:
		return at + " " + fmt.Sprintf(c.Text("(theo dấu thời gian tài liệu của %s)", "(by document time-stamp of %s)"), authority)
	}
	return at + " " + fmt.Sprintf(c.Text("(theo dấu thời gian của %s)", "(by time-stamp of %s)"), authority)
}

func when(t time.Time) string { return t.In(vn.Zone).Format("02/01/2006 15:04:05 -07:00") }

func (c *commands) integrity(s pades.SignatureReport) string {
	return c.yes(s.Intact, "nội dung không thay đổi từ khi ký", "the signed content is unchanged",
		"nội dung đã bị thay đổi hoặc chữ ký sai", "the content was changed or the signature is wrong")
}

func (c *commands) coverage(s pades.SignatureReport) string {
	if s.CoversAll {
		return c.Text("toàn bộ tài liệu", "the whole document")
	}
	switch s.LaterChanges {
	case "validation-data":
		return c.Text("tài liệu lúc ký; sau đó chỉ thêm dữ liệu xác minh", "the document as signed; only validation data was added later")
	case "signatures":
		return c.Text("tài liệu lúc ký; sau đó có thêm chữ ký khác", "the document as signed; other signatures were added later")
	case "form-filling":
		return c.Text("tài liệu lúc ký; SAU ĐÓ BIỂU MẪU ĐÃ ĐƯỢC ĐIỀN THÊM, chữ ký cho phép", "the document as signed; FORM FIELDS WERE FILLED IN LATER, which it permits")
	case "new-signature-field":
		return c.Text("tài liệu lúc ký; SAU ĐÓ CÓ CHỮ KÝ TRONG Ô MỚI, mức chứng thực không nêu là được phép", "the document as signed; A SIGNATURE CAME IN A NEW FIELD, which the certification does not list")
	case "annotations":
		return c.Text("tài liệu lúc ký; SAU ĐÓ CÓ CHÚ THÍCH MỚI HOẶC BỊ SỬA, chữ ký cho phép", "the document as signed; ANNOTATIONS WERE ADDED OR CHANGED LATER, which it permits")
	case "not-examined":
		return c.Text("tài liệu lúc ký; không so sánh được những thay đổi sau đó", "the document as signed; later changes could not be compared")
	case "":
		return c.Text("một phần tài liệu", "a part of the document")
	}
	return c.Text("tài liệu lúc ký; SAU ĐÓ ĐÃ CÓ THAY ĐỔI", "the document as signed; IT WAS CHANGED LATER")
}

// certification says what a certification signature allows afterwards.
func (c *commands) certification(p int) string {
	switch p {
	case 1:
		return c.Text("không cho phép thay đổi", "allows no changes")
	case 2:
		return c.Text("chỉ cho phép điền biểu mẫu và ký", "allows forms and signatures only")
	case 3:
		return c.Text("cho phép điền biểu mẫu, ký và chú thích", "allows forms, signatures and annotations")
	}
	return ""
}

func (c *commands) yes(ok bool, yesVI, yesEN, noVI, noEN string) string {
	if ok {
		return c.Text("có, "+yesVI, "yes, "+yesEN)
	}
	return c.Text("KHÔNG, "+noVI, "NO, "+noEN)
}

func (c *commands) certificate(s pades.CertificateStatus) string {
	switch s {
	case pades.CertificateGood:
		return c.Text("còn hiệu lực", "valid")
	case pades.CertificateRevoked:
		return c.Text("đã bị thu hồi", "revoked")
	case pades.CertificateOnHold:
		return c.Text("đang tạm dừng", "suspended")
	case pades.CertificateExpired:
		return c.Text("đã hết hạn", "expired")
	case pades.CertificateNotYetValid:
		return c.Text("chưa có hiệu lực", "not yet valid")
	}
	return c.Text("không rõ", "unknown")
}
