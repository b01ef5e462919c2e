package verify

// meanings says in Vietnamese and English what the sub-indications of ETSI EN 319 102-1 mean for a reader.
var meanings = map[string]struct{ vi, en string }{
	subFormat:        {"chữ ký sai cấu trúc, hoặc tệp đã bị sửa sau khi ký", "the signature is malformed, or the file was changed after it"},
	subHash:          {"nội dung đã ký bị thay đổi", "the signed content was changed"},
	subSignature:     {"giá trị chữ ký không khớp với chứng thư số", "the signature value does not fit the certificate"},
	subNoCertificate: {"không tìm thấy chứng thư số của người ký", "the signer's certificate was not found"},
	subNoChain:       {"không có chuỗi chứng thư số dẫn tới gốc tin cậy", "no chain of certificates leads to a trusted root"},
	subConstraints:   {"chữ ký thiếu hoặc có thuộc tính không đúng quy định", "an attribute of the signature is missing or not as it must be"},
	subChain:         {"chứng thư số không dùng được cho mục đích này", "the certificate is not meant for this"},
	subCrypto:        {"thuật toán hoặc khóa quá yếu", "an algorithm or a key is too weak"},
	subExpired:       {"chứng thư số đã hết hạn và không có bằng chứng ký trước đó", "the certificate has expired and nothing proves that it was used before"},
	subNotYetValid:   {"chứng thư số chưa có hiệu lực lúc ký", "the certificate was not yet valid"},
	subRevoked:       {"chứng thư số đã bị thu hồi hoặc tạm dừng và không có bằng chứng ký trước đó", "the certificate is revoked or suspended and nothing proves that it was used before"},
	subRevokedCA:     {"chứng thư số của đơn vị cấp đã bị thu hồi", "the issuer's certificate is revoked"},
	subGeneric:       {"chữ ký thuộc loại mà phần mềm này không kiểm tra được", "the signature is of a kind that cannot be checked here"},
	whyUnexamined:    {"tệp quá lớn để so sánh những thay đổi sau khi ký", "the file is too large to compare what was changed after signing"},
	whyFilled:        {"biểu mẫu đã được điền thêm sau khi ký", "the form was filled in after signing"},
	whyAnnotated:     {"chú thích đã được thêm hoặc sửa sau khi ký", "annotations were added or changed after signing"},
	whyNewField:      {"sau khi chứng thực có thêm ô chữ ký mới, mà mức chứng thực không nêu là được phép", "a signature field was added after the certification, which does not list that as permitted"},
	whyLost:          {"dữ liệu xác minh đã bị gỡ khỏi tệp sau khi ký", "validation data was taken out of the file after signing"},
	whyUnreadable:    {"chứng thư số của người ký có cấu trúc mà phần mềm này không đọc được", "the signer's certificate is of a make that cannot be read here"},
	subTryLater:      {"chưa biết trạng thái thu hồi; hãy kiểm tra lại khi có mạng", "the revocation status is not known; check again on the network"},
}

// explain puts the reason of the verdict into words.
func (r *SignatureReport) explain() {
	words := meanings[r.why]
	r.WhyVI, r.WhyEN = words.vi, words.en
}
