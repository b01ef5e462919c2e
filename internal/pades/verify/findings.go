package verify

import "kyso/internal/finding"

// What Verify says of a file.
var (
	noSignature     = finding.Define("no-signature", "Tệp không có chữ ký số.", "The file holds no signature.")
	storeUnreadable = finding.Define("store-unreadable", "Không đọc được kho dữ liệu xác minh của tệp.", "The document security store cannot be read.")
)

// What Verify says of a signature as a whole.
//
//nolint:dupl // two tables of sentences
var (
	malformed        = finding.Define("malformed", "Chữ ký sai cấu trúc: {why}.", "The signature is malformed: {why}.")
	notJudged        = finding.Define("not-judged", "Không đánh giá được chữ ký: {why}.", "The signature cannot be judged: {why}.")
	noDictionary     = finding.Define("no-dictionary", "Giá trị của ô chữ ký không phải là một chữ ký.", "The value of the field is not a signature dictionary.")
	damaged          = finding.Define("damaged", "Bảng tham chiếu chéo của tệp bị hỏng.", "The cross-references of the file are damaged.")
	bytesChanged     = finding.Define("bytes-changed", "Các byte đã ký bị thay đổi sau khi ký.", "The signed bytes were changed after signing.")
	fieldUnreadable  = finding.Define("field-unreadable", "Không đọc được một ô của biểu mẫu.", "A field of the form cannot be read.")
	ownUnreadable    = finding.Define("signature-unreadable", "Không đọc được một phần của chữ ký này.", "A part of this signature cannot be read.")
	tooMuchToJudge   = finding.Define("signature-too-complex", "Chữ ký này quá phức tạp để đánh giá.", "This signature is too complex to be judged.")
	signerUnreadable = finding.Define("signer-certificate-unreadable", "Không đọc được chứng thư số của người ký: {why}.", "The signer's certificate cannot be read: {why}.")
	noSignerFound    = finding.Define("no-signer-certificate", "Chứng thư số của người ký bị thiếu hoặc không phải là chứng thư số đã dùng để ký.",
		"The signer's certificate is missing or is not the one that was signed for.")
	valueFails       = finding.Define("value-fails", "Giá trị chữ ký không khớp với chứng thư số.", "The signature value does not verify.")
	stampFails       = finding.Define("document-time-stamp-fails", "Dấu thời gian tài liệu không hợp lệ: {why}.", "The document time-stamp does not verify: {why}.")
	stampNotJudged   = finding.Define("document-time-stamp-not-judged", "Không đánh giá được dấu thời gian tài liệu: {why}.", "The document time-stamp cannot be judged: {why}.")
	usesSHA1         = finding.Define("sha-1", "Chữ ký dùng thuật toán băm yếu SHA-1.", "The signature uses SHA-1.")
	otherContentType = finding.Define("content-type", "Kiểu nội dung đã ký khác với kiểu nội dung của CMS.", "The signed content type is not that of the CMS.")
	certificateOpen  = finding.Define("certificate-not-named", "Các thuộc tính được ký không nêu chứng thư số.", "The signed attributes do not name the certificate.")
	notForSigning    = finding.Define("not-for-signing", "Chứng thư số không dùng để ký.", "The certificate is not meant for signatures.")
)

// What Verify says of later revisions.
var (
	changedLater = finding.Define("changed-later", "Tệp bị sửa sau chữ ký này: {why}.", "The file was changed after this signature: {why}.")
	notCompared  = finding.Define("not-compared", "Không xác định được những thay đổi sau chữ ký này: {why}.", "What was changed after this signature cannot be told: {why}.")
	formFilled   = finding.Define("form-filled", "Các ô của biểu mẫu được điền thêm sau chữ ký này; chữ ký cho phép việc đó.",
		"Form fields were filled in after this signature, which it permits.")
	annotated  = finding.Define("annotated", "Chú thích được thêm hoặc sửa sau chữ ký này; chữ ký cho phép việc đó.", "Annotations were changed after this signature, which it permits.")
	fieldAdded = finding.Define("field-added", "Sau chữ ký chứng thực này có thêm một ô chữ ký mới; mức chứng thực cho phép ký và không nêu việc thêm ô mới.",
		"A signature field was added after this certification, which permits to sign and does not list new fields.")
	dataLost = finding.Define("validation-data-lost", "Dữ liệu xác minh bị gỡ khỏi tệp sau chữ ký này.", "Validation data was taken out of the file after this signature.")
)

// What Verify says of certificates, of signers and of time-stamp authorities.
var (
	noChain          = finding.Define("no-chain", "Không có chuỗi chứng thư số nào dẫn tới gốc tin cậy.", "No chain of certificates leads to a trusted root.")
	removedAuthority = finding.Define("removed-authority", "Một đơn vị chứng thực trong chuỗi chứng thư số đã bị loại khỏi danh sách tin cậy.", "An authority in the chain was removed from those that are trusted.")
	noTrust          = finding.Define("no-trust", "Chưa có danh sách gốc tin cậy, nên chưa kết luận được về chuỗi chứng thư số; hãy chỉ định tệp PEM chứa các chứng thư số gốc (KYSO_TRUST, hoặc --trust trên dòng lệnh).",
		"No trust list was given, so the chain of certificates cannot be judged; name a PEM file of root certificates (KYSO_TRUST, or --trust on the command line).")
	criticalExtension = finding.Define("critical-extension", "Một chứng thư số có phần mở rộng quan trọng mà phần mềm này không biết.", "A certificate has a critical extension that is not known.")
	weakKeyInChain    = finding.Define("weak-key", "Một khóa trong chuỗi chứng thư số quá yếu.", "A key in the chain of certificates is too weak.")
	issuerRevoked     = finding.Define("issuer-revoked", "Chứng thư số của đơn vị cấp đã bị thu hồi.", "An issuer's certificate was revoked.")
	wasRevoked        = finding.Define("revoked", "Chứng thư số đã bị thu hồi, và không có gì chứng minh chữ ký được tạo trước đó.",
		"The certificate was revoked, and nothing proves that the signature existed before.")
	wasNotValid = finding.Define("not-yet-valid", "Chứng thư số chưa có hiệu lực tại thời điểm được chứng minh.", "The certificate was not valid yet at the proven time.")
	hasExpired  = finding.Define("expired", "Chứng thư số đã hết hạn, và không có gì chứng minh chữ ký được tạo trước đó.",
		"The certificate has expired, and nothing proves that the signature existed before.")
	onHold = finding.Define("on-hold", "Chứng thư số đang bị tạm dừng; chưa biết sẽ bị thu hồi hay không.", "The certificate was suspended; whether it will be revoked is not known yet.")
	noInfo = finding.Define("status-unknown", "Chưa biết trạng thái thu hồi của một chứng thư số trong chuỗi.", "The revocation status of a certificate in the chain is not known.")
)

// What Verify says of time-stamps.
var (
	stampUnreadable  = finding.Define("time-stamp-unreadable", "Không đọc được một dấu thời gian.", "A time-stamp cannot be read.")
	stampBroken      = finding.Define("time-stamp-fails", "Một dấu thời gian không hợp lệ: {why}.", "A time-stamp does not verify: {why}.")
	stampUnjudged    = finding.Define("time-stamp-not-judged", "Không đánh giá được một dấu thời gian: {why}.", "A time-stamp cannot be judged: {why}.")
	stampProves      = finding.Define("time-stamp-proves-nothing", "Dấu thời gian không chứng minh được gì: {why}.", "The time-stamp proves nothing: {why}.")
	stampStatus      = finding.Define("time-stamp-status-unknown", "Chưa biết trạng thái thu hồi của tổ chức cấp dấu thời gian.", "The revocation status of the time-stamp authority is not known.")
	stampFuture      = finding.Define("time-stamp-in-future", "Thời điểm ghi trong dấu thời gian nằm ở tương lai.", "The time of the time-stamp lies in the future.")
	stampSHA1        = finding.Define("time-stamp-sha-1", "Dấu thời gian dùng thuật toán băm yếu SHA-1.", "The time-stamp uses SHA-1.")
	authorityExpired = finding.Define("authority-expired", "Chứng thư số của tổ chức cấp dấu thời gian đã hết hạn.", "The certificate of the time-stamp authority has expired.")
	authorityRevoked = finding.Define("authority-revoked", "Chứng thư số của tổ chức cấp dấu thời gian đã bị thu hồi.", "The certificate of the time-stamp authority was revoked.")
)

// Why a signature is malformed, or of a kind that is not judged: clauses.
//
//nolint:dupl // two tables of sentences
var (
	keyTwice          = finding.Define("signature-key-twice", "một mục xuất hiện hai lần", "a key stands twice")
	contentsElsewhere = finding.Define("contents-elsewhere", "mục Contents không phải là chuỗi thập lục phân nằm trong tệp", "the entry Contents is not a hexadecimal string in the file itself")
	noSubFilter       = finding.Define("no-subfilter", "thiếu mục SubFilter", "the entry SubFilter is missing")
	subFilterShape    = finding.Define("subfilter-shape", "mục SubFilter không phải là tên", "the entry SubFilter is not a name")
	subFilterUnknown  = finding.Define("subfilter-unsupported", "phần mềm này chưa hỗ trợ chữ ký có SubFilter này", "signatures of this SubFilter are not supported")
	filterShape       = finding.Define("filter-shape", "mục Filter không phải là tên", "the entry Filter is not a name")
	typeMismatch      = finding.Define("type-mismatch", "mục Type không khớp với SubFilter", "the entry Type does not fit SubFilter")
	byteRangeShape    = finding.Define("byterange-shape", "mục ByteRange không phải là mảng gồm bốn số nguyên", "the entry ByteRange is not an array of four integers")
	byteRangeStart    = finding.Define("byterange-start", "mục ByteRange không bắt đầu từ byte đầu tiên", "the entry ByteRange does not begin at the first byte")
	byteRangeGap      = finding.Define("byterange-gap", "mục ByteRange bỏ ra ngoài nhiều hơn hoặc ít hơn mục Contents", "the entry ByteRange leaves out more or less than Contents")
	byteRangeEnd      = finding.Define("byterange-end", "mục ByteRange kết thúc bên ngoài tệp", "the entry ByteRange ends outside the file")
	contentsLength    = finding.Define("contents-length", "mục Contents rỗng hoặc quá dài", "the entry Contents is empty or too long")
	contentsShape     = finding.Define("contents-shape", "mục Contents không phải là chuỗi thập lục phân", "the entry Contents is not a hexadecimal string")
	contentsCase      = finding.Define("contents-case", "mục Contents trộn chữ số hoa và thường", "the entry Contents mixes digits of both cases")
	dataAfterCMS      = finding.Define("data-after-cms", "có dữ liệu nằm sau CMS", "data follows the CMS")
	noSHA1            = finding.Define("cms-no-sha-1", "CMS không chứa giá trị băm SHA-1", "the CMS does not hold a SHA-1 digest")
	cmsNotDetached    = finding.Define("cms-not-detached", "CMS không tách rời khỏi nội dung", "the CMS is not detached")
)
