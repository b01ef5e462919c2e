package cms

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"kyso/internal/finding"
)

// Why a CMS or a token cannot be read or judged, or does not verify: clauses.
var (
	cmsTooLarge           = finding.Define("cms-too-large", "CMS quá lớn", "the CMS is too large")
	cmsEmpty              = finding.Define("cms-empty", "CMS rỗng", "the CMS is empty")
	cmsCutOff             = finding.Define("cms-cut-off", "CMS bị cắt cụt", "the CMS is cut off")
	berTooDeep            = finding.Define("ber-too-deep", "mã hóa BER của CMS lồng nhau quá sâu", "the BER of the CMS is nested too deeply")
	berMalformed          = finding.Define("ber-malformed", "mã hóa BER của CMS sai cấu trúc", "the BER of the CMS is malformed")
	berTag                = finding.Define("ber-tag", "CMS có nhãn BER lớn hơn 30", "the CMS has a BER tag above 30")
	notCMS                = finding.Define("not-cms", "dữ liệu không phải là CMS", "the data is not a CMS")
	notSignedData         = finding.Define("not-signed-data", "kiểu nội dung {oid} của CMS không phải là dữ liệu được ký (SignedData)", "the content type {oid} of the CMS is not SignedData")
	signedDataMalformed   = finding.Define("signed-data-malformed", "dữ liệu được ký (SignedData) sai cấu trúc", "the SignedData is malformed")
	signedDataVersion     = finding.Define("signed-data-version", "dữ liệu được ký (SignedData) có phiên bản lạ {version}", "the SignedData has the unknown version {version}")
	noSigner              = finding.Define("no-signer", "CMS không có người ký", "the CMS has no signer")
	severalSigners        = finding.Define("several-signers", "phần mềm này chưa hỗ trợ CMS có nhiều người ký", "a CMS with several signers is not supported")
	digestNotListed       = finding.Define("digest-not-listed", "danh sách thuật toán băm của CMS thiếu thuật toán của người ký", "the digest algorithms of the CMS lack that of the signer")
	contentMalformed      = finding.Define("content-malformed", "nội dung nằm trong CMS sai cấu trúc", "the content in the CMS is malformed")
	signerMalformed       = finding.Define("signer-malformed", "thông tin người ký (SignerInfo) trong CMS sai cấu trúc", "the SignerInfo of the CMS is malformed")
	signerVersion         = finding.Define("signer-version", "thông tin người ký (SignerInfo) có phiên bản lạ {version}", "the SignerInfo has the unknown version {version}")
	attributesMalformed   = finding.Define("attributes-malformed", "thuộc tính được ký sai cấu trúc", "the signed attributes are malformed")
	valueMalformed        = finding.Define("value-malformed", "giá trị chữ ký trong CMS sai cấu trúc", "the signature value in the CMS is malformed")
	signerIDMalformed     = finding.Define("signer-id-malformed", "phần chỉ ra người ký trong CMS sai cấu trúc", "the signer identifier of the CMS is malformed")
	unsignedMalformed     = finding.Define("unsigned-malformed", "thuộc tính không được ký sai cấu trúc", "the unsigned attributes are malformed")
	noAttributes          = finding.Define("no-attributes", "không có thuộc tính được ký", "there are no signed attributes")
	overAttributes        = finding.Define("over-attributes", "chữ ký được tạo trên thuộc tính được ký", "the signature is over signed attributes")
	attributeTwice        = finding.Define("attribute-twice", "thuộc tính được ký {oid} xuất hiện hai lần", "the signed attribute {oid} comes twice")
	attributesLack        = finding.Define("attributes-lack", "thuộc tính được ký thiếu kiểu nội dung hoặc giá trị băm", "the signed attributes lack the content type or the message digest")
	attributeMalformed    = finding.Define("attribute-malformed", "thuộc tính được ký {oid} sai cấu trúc", "the signed attribute {oid} is malformed")
	algorithmMalformed    = finding.Define("algorithm-malformed", "mã thuật toán sai cấu trúc", "the algorithm identifier is malformed")
	algorithmParameters   = finding.Define("algorithm-parameters", "thuật toán chữ ký có tham số không đúng", "the signature algorithm has unexpected parameters")
	algorithmsDiffer      = finding.Define("algorithms-differ", "thuật toán băm và thuật toán chữ ký không khớp nhau", "the digest and the signature algorithm differ")
	pssMalformed          = finding.Define("pss-malformed", "tham số RSASSA-PSS sai cấu trúc", "the RSASSA-PSS parameters are malformed")
	digestParameters      = finding.Define("digest-parameters", "thuật toán băm {oid} có tham số không đúng", "the digest algorithm {oid} has parameters")
	ed25519Bare           = finding.Define("ed25519-bare", "phần mềm này chưa hỗ trợ chữ ký Ed25519 không có thuộc tính được ký", "an Ed25519 signature without signed attributes is not supported")
	algorithmUnsupported  = finding.Define("algorithm-unsupported", "phần mềm này chưa hỗ trợ thuật toán chữ ký {oid}", "the signature algorithm {oid} is not supported")
	pssUnsupported        = finding.Define("pss-unsupported", "phần mềm này chưa hỗ trợ bộ tham số RSASSA-PSS khác thường", "unusual RSASSA-PSS parameters are not supported")
	digestUnsupported     = finding.Define("digest-unsupported", "phần mềm này chưa hỗ trợ thuật toán băm {oid}", "the digest algorithm {oid} is not supported")
	valueWrong            = finding.Define("value-wrong", "giá trị chữ ký không khớp", "the signature value does not verify")
	keyWrong              = finding.Define("key-wrong", "loại khóa không dùng được với thuật toán {algorithm}", "this kind of key does not fit {algorithm}")
	keyForPSS             = finding.Define("key-for-pss", "khóa của chứng thư số chỉ dùng cho RSASSA-PSS", "the key of the certificate is for RSASSA-PSS only")
	certificateUnreadable = finding.Define("certificate-unreadable", "không đọc được chứng thư số của người ký", "the signer's certificate cannot be read")
	noCertificate         = finding.Define("no-certificate", "không có chứng thư số nào", "there is no certificate")
	notToken              = finding.Define("not-a-token", "CMS không phải là dấu thời gian", "the CMS is not a time-stamp token")
	tokenMalformed        = finding.Define("token-malformed", "nội dung dấu thời gian (TSTInfo) sai cấu trúc", "the content of the time-stamp (TSTInfo) is malformed")
	tokenVersion          = finding.Define("token-version", "dấu thời gian có phiên bản lạ {version}", "the time-stamp has the unknown version {version}")
	tokenExtension        = finding.Define("token-extension", "dấu thời gian có phần mở rộng quan trọng lạ {oid}", "the time-stamp has the unknown critical extension {oid}")
	imprintDiffers        = finding.Define("imprint-differs", "dấu thời gian được cấp cho dữ liệu khác", "the time-stamp is over other data")
	tokenChanged          = finding.Define("token-changed", "nội dung dấu thời gian bị sửa", "the content of the time-stamp was changed")
	tokenUnnamed          = finding.Define("token-unnamed", "dấu thời gian không nêu chứng thư số hoặc kiểu nội dung của nó", "the time-stamp does not name its certificate or its content")
	authorityMissing      = finding.Define("authority-missing", "thiếu chứng thư số của tổ chức cấp dấu thời gian", "the certificate of the time-stamp authority is missing")
	rsaKeyUnsupported     = finding.Define("rsa-key-unsupported", "phần mềm này chưa hỗ trợ khóa RSA có độ dài hoặc số mũ này", "an RSA key of this size or with this exponent is not supported")
	keyUnsupported        = finding.Define("key-unsupported", "phần mềm này chưa hỗ trợ loại khóa này", "keys of this kind are not supported")
	certificateRSA        = finding.Define("certificate-rsa", "khóa RSA có số mũ hoặc mô-đun không dùng được", "its RSA key has an exponent or a modulus that cannot be used")
	certificateCurve      = finding.Define("certificate-curve", "khóa dùng đường cong không chuẩn hoặc tự khai báo tham số", "its key is on an unknown curve or declares parameters of its own")
	certificateVersion    = finding.Define("certificate-version", "phiên bản của chứng thư số không có trong chuẩn X.509", "its version is none of X.509")
	certificateSerial     = finding.Define("certificate-serial", "số sê-ri của chứng thư số không hợp lệ", "its serial number is not valid")
	certificateExtension  = finding.Define("certificate-extension", "chứng thư số có phần mở rộng sai cấu trúc hoặc lặp lại", "an extension of it is malformed or stands twice")
	certificateDates      = finding.Define("certificate-dates", "thời hạn của chứng thư số sai cấu trúc", "its dates are malformed")
	certificateMalformed  = finding.Define("certificate-malformed", "chứng thư số sai cấu trúc", "it is malformed")
	notForStamps          = finding.Define("not-for-stamps", "chứng thư số không phải chỉ dùng để cấp dấu thời gian", "the certificate is not for time-stamping only")
)

// errMalformed is what is wrong with an attribute; inAttribute says with which.
var errMalformed = attributesMalformed.Err()

// inAttribute names the attribute that an error is about. What is not supported stays so.
func inAttribute(attr attributeValues, err error) error {
	if _, ok := errors.AsType[Unsupported](err); ok {
		return err
	}
	return attributeMalformed.Err("oid", attr.oid)
}

// wrong gives the errors of crypto/rsa the clause of all values that do not verify, and tells from them a key that it does not use,
// such as one of 512 bits.
func wrong(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rsa.ErrVerification):
		return valueWrong.Err()
	}
	return unsupported(rsaKeyUnsupported)
}

// certificateReasons are why crypto/x509 does not read a certificate, by words of its messages.
var certificateReasons = []struct {
	word string
	kind *finding.Kind
}{
	{"RSA", certificateRSA}, {"ECDSA", certificateCurve}, {"elliptic", certificateCurve}, {"version", certificateVersion}, {"serial", certificateSerial},
	{"extension", certificateExtension}, {"key usage", certificateExtension}, {"constraint", certificateExtension},
	{"UTCTime", certificateDates}, {"Time", certificateDates}, {"validity", certificateDates},
}

// whyUnreadable says in words why a certificate cannot be read.
func whyUnreadable(err error) error {
	for _, reason := range certificateReasons {
		if strings.Contains(err.Error(), reason.word) {
			return finding.Wrap(err, reason.kind.Say())
		}
	}
	return finding.Wrap(err, certificateMalformed.Say())
}

// because says what is wrong in the sense of a sentinel.
func because(sentinel error, clause *finding.Kind) error {
	return fmt.Errorf("%w: %w", sentinel, clause.Err())
}
