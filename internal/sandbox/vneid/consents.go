package vneid

import (
	"cmp"
	"strings"
)

// consentText is a text that a citizen agrees to. Its digest is evidence, so the page shows exactly this.
type consentText struct {
	Purpose, Version, Path string
	Title, English         string
	Tick, TickEnglish      string
	Button, ButtonEnglish  string
	Text                   string
}

// consentOf is the text of a consent to one of the issuers.
func (a *App) consentOf(i int, issuer string) consentText {
	text := consentTexts[i]
	text.Text = strings.ReplaceAll(text.Text, issuerInTexts, cmp.Or(issuer, a.issuers[0]))
	return text
}

// Paragraphs are the text as the page breaks it.
func (c consentText) Paragraphs() []string { return strings.Split(c.Text, "\n\n") }

// issuerInTexts stands in the texts where the chosen issuer does.
const issuerInTexts = "VNPT-CA"

// consentTexts are the two consents in their order.
var consentTexts = [2]consentText{
	{
		Purpose: "terms", Version: "terms/1", Path: "terms", Title: "Điều khoản sử dụng dịch vụ", English: "Terms of service",
		Tick: "Tôi đã đọc và đồng ý với điều khoản sử dụng dịch vụ", TickEnglish: "I have read and accept the terms of service",
		Button: "Tiếp tục", ButtonEnglish: "Continue",
		Text: "Dịch vụ chứng thực chữ ký số công cộng VNPT-CA được cung cấp theo Luật Giao dịch điện tử số 20/2023/QH15. Người " +
			"đăng ký chịu trách nhiệm về tính chính xác của thông tin và tự bảo vệ mã PIN của mình.\n\n" +
			"Đây là bản thử nghiệm: chứng thư số không có giá trị pháp lý.\n\n" +
			"The public signature certification service of VNPT-CA is provided under Law 20/2023/QH15 on electronic " +
			"transactions. This is a sandbox: its certificates have no legal value.",
	},
	{
		Purpose: "personal-data", Version: "personal-data/1", Path: "personal-data", Title: "Xử lý dữ liệu cá nhân",
		English: "Use of personal data",
		Tick:    "Tôi đồng ý cho chia sẻ và xử lý dữ liệu cá nhân nêu trên", TickEnglish: "I agree that the personal data above is shared and used",
		Button: "Xác nhận", ButtonEnglish: "Confirm",
		Text: "VNeID chia sẻ với tổ chức cung cấp dịch vụ VNPT-CA: số định danh cá nhân, họ tên, ngày sinh, giới tính, quốc tịch, " +
			"nơi thường trú, ngày cấp, nơi cấp và thời hạn thẻ, số điện thoại. Mục đích duy nhất: cấp và quản lý chứng thư chữ ký số. " +
			"Bạn có thể rút lại sự đồng ý theo Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15.\n\n" +
			"VNeID shares your number, name, birth date, sex, nationality, residence, card data and phone with VNPT-CA, only to " +
			"issue and manage the certificate. You may withdraw your consent under Law 91/2025/QH15.",
	},
}
