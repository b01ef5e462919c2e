package problem

// Text is what a code is called in front of people.
type Text struct {
	VI string
	EN string
}

// Text returns the title of the code in Vietnamese and in English; an unknown code has the title of Internal.
func (c Code) Text() Text {
	if text, ok := texts[c]; ok {
		return text
	}
	return texts[Internal]
}

var texts = map[Code]Text{
	Invalid:             {"Yêu cầu không hợp lệ", "The request is not valid"},
	TooLarge:            {"Vượt quá giới hạn cho phép", "More than is allowed"},
	NotFound:            {"Không tìm thấy", "Not found"},
	Erased:              {"Dữ liệu đã được xóa theo yêu cầu hoặc đã hết thời hạn lưu giữ", "The data was erased, on request or at the end of its retention"},
	Conflict:            {"Trạng thái hiện tại không cho phép", "The current state does not allow this"},
	IdempotencyMismatch: {"Khóa chống lặp đã dùng cho yêu cầu khác", "The idempotency key was used for another request"},
	Unauthenticated:     {"Cần đăng nhập hoặc khóa API còn hiệu lực", "A session or an API key that is still good is needed"},
	Denied:              {"Không có quyền thực hiện", "You may not do this"},
	Busy:                {"Hệ thống đang bận, vui lòng thử lại sau ít phút", "All places are taken, please try again in a moment"},
	StorageFull:         {"Hệ thống tạm hết chỗ lưu trữ, vui lòng thử lại sau", "There is no room to store anything for now, please try again later"},
	RateLimited:         {"Quá nhiều yêu cầu, vui lòng thử lại sau", "Too many requests, please try again later"},

	DocumentBroken:     {"Tệp không phải PDF hoặc đã hỏng", "The file is not a PDF or is damaged"},
	DocumentEncrypted:  {"Tệp PDF có mật khẩu nên không ký được", "The PDF is protected by a password and cannot be signed"},
	DocumentRecipients: {"Tệp PDF được mã hóa cho chứng thư số của người nhận nên không đọc được", "The PDF is encrypted to the certificates of its recipients and cannot be read"},
	DocumentCipher:     {"Tệp PDF được mã hóa bằng phương thức không được hỗ trợ", "The PDF is encrypted in a way that is not supported"},
	DocumentAttached:   {"Tệp PDF có tệp đính kèm bị mã hóa nên không ký được", "The PDF has encrypted attachments and cannot be signed"},
	DocumentXFA:        {"Tệp PDF dùng biểu mẫu XFA nên không ký an toàn được", "The PDF uses an XFA form and cannot be signed safely"},
	DocumentLocked:     {"Tệp PDF đã khóa, không cho phép thêm chữ ký", "The PDF is locked and allows no further signature"},
	DocumentMisleading: {"Tệp PDF có nội dung ẩn hoặc bị che, có thể hiển thị khác đi về sau", "The PDF hides or covers content and may look different later"},
	DocumentActive:     {"Tệp PDF có nội dung tự chạy (mã lệnh)", "The PDF holds active content (scripts)"},
	DocumentTooComplex: {"Tệp PDF quá phức tạp để xử lý an toàn", "The PDF is too complex to be handled safely"},
	PlacementInvalid:   {"Vị trí chữ ký không nằm trên trang", "The signature box is not on the page"},
	PlacementCovers:    {"Khung chữ ký che nội dung mà người khác đã ký", "The signature box covers what others have signed"},

	CertificateInvalid: {"Chứng thư số không dùng để ký được", "The certificate cannot be used to sign"},
	CertificateExpired: {"Chứng thư số đã hết hạn hoặc chưa có hiệu lực", "The certificate is outside its validity"},
	CertificateRevoked: {"Chứng thư số đã bị thu hồi hoặc tạm dừng", "The certificate is revoked or suspended"},
	CertificateMissing: {"Không tìm thấy chứng thư số của người ký", "The signer has no such certificate"},
	CertificateInactive: {"Chứng thư số chưa được kích hoạt hoặc đang bị tạm dừng tại nhà cung cấp, vui lòng liên hệ nhà cung cấp",
		"The certificate is not active at the provider; please ask the provider"},
	SignerUnknown:      {"Nhà cung cấp không tìm thấy người ký này, vui lòng kiểm tra lại mã người dùng", "The provider does not know this signer; please check the user id"},
	RevocationUnknown:  {"Chưa kiểm tra được trạng thái chứng thư số", "The state of the certificate could not be checked"},
	CertificateDiffers: {"Chứng thư số được cấp khác với yêu cầu cấp", "The certificate that was issued is not what was ordered"},
	CertificateOther:   {"Nhà cung cấp trả về chứng thư số của người khác", "The provider returned a certificate of another person"},

	SignatureInvalid:   {"Giá trị chữ ký không khớp với chứng thư số", "The signature value does not match the certificate"},
	DigestMismatch:     {"Dữ liệu lưu trữ không khớp với bản đã ghi nhận", "Stored data is not what was recorded"},
	VerificationFailed: {"Tài liệu sau khi ký không xác minh được", "The finished document does not verify"},
	DeclinedBySigner:   {"Người ký đã từ chối", "The signer declined"},
	ApprovalExpired:    {"Đã hết thời gian xác nhận", "The time to approve has run out"},

	OTPWrong:         {"Mã OTP không đúng", "The one-time code is wrong"},
	OTPExpired:       {"Mã OTP đã hết hiệu lực, vui lòng lấy mã mới", "The one-time code is no longer valid, ask for a new one"},
	OTPLocked:        {"Nhập sai mã OTP quá nhiều lần, vui lòng lấy mã mới", "Too many wrong codes, ask for a new one"},
	HandoffUsed:      {"Liên kết này đã được sử dụng", "This link was used before"},
	SecondPerson:     {"Cần người thứ hai xác nhận cùng thay đổi này", "A second person has to ask for the same change"},
	AlreadyHolder:    {"Công dân đã có chứng thư chữ ký số đang hoạt động", "The citizen has an active certificate already"},
	DeadlinePassed:   {"Đã quá thời hạn thực hiện", "The time to act has run out"},
	RefusedByOfficer: {"Hồ sơ bị từ chối", "The dossier was refused"},
	Withdrawn:        {"Công dân đã rút yêu cầu", "The citizen withdrew the request"},
	PaymentUnclear:   {"Giao dịch thanh toán đang được ngân hàng kiểm tra", "The bank is still checking the payment"},

	GatewayUnavailable: {"Chưa hỏi được cổng thanh toán về lần thanh toán trước, vui lòng thử lại sau ít phút",
		"The payment gateway could not be asked about the earlier payment; please try again in a few minutes"},
	AlreadyPaid:        {"Đã nhận được thanh toán, quý khách không cần thanh toán lại", "The payment has arrived; nothing more is to be paid"},
	TransactionClaimed: {"Giao dịch này của cổng thanh toán đã được dùng cho một yêu cầu khác", "This transaction of the payment gateway pays another order already"},
	RefundRefused:      {"Cổng thanh toán chưa chấp nhận yêu cầu hoàn tiền", "The payment gateway has not taken the refund"},

	ProviderCredentials: {"Nhà cung cấp không chấp nhận tài khoản kết nối", "The provider does not accept our account"},
	ProviderRefused:     {"Nhà cung cấp từ chối yêu cầu", "The provider refused the request"},
	ProviderUnavailable: {"Dịch vụ bên ngoài tạm thời không phản hồi", "An outside service does not answer for now"},
	ProcessMissing:      {"Hồ sơ đang mở nhưng không còn tiến trình xử lý", "The record is open and no process works on it"},
	RecordMissing:       {"Tiến trình thiếu hồ sơ tương ứng, hoặc hồ sơ cũ hơn", "The record of a process is missing or older"},
	CertificateUnpaid:   {"Chứng thư số chưa được thanh toán, hoặc tiền đã được hoàn", "The certificate is not paid, or its price has gone back"},
	CertificateLost:     {"Hồ sơ đang hoạt động nhưng chứng thư số không còn hiệu lực", "The record is active and its certificate is not in force"},
	CertificateLeft:     {"Chứng thư số còn hiệu lực nhưng hồ sơ đã kết thúc", "The certificate is in force and no record needs it"},
	Internal:            {"Lỗi hệ thống", "Internal error"},
}
