package inspect

import (
	"kyso/internal/finding"
	"kyso/internal/pades/cover"
)

// FindingCode names a kind of Finding.
type FindingCode = string

// The kinds that Inspect reports.
const (
	HiddenPage      FindingCode = "hidden-page"      // a page or a catalog that the file holds and does not show
	HiddenLayer     FindingCode = "hidden-layer"     // optional content that is switched off (8.11)
	ReplacedContent FindingCode = "replaced-content" // a page showed something else in an earlier revision
	Overlay         FindingCode = "overlay"          // an annotation that can cover what is signed
	ValueMismatch   FindingCode = "value-mismatch"   // a form field shows another text than its value
	RedrawnFields   FindingCode = "redrawn-fields"   // readers draw the fields anew from their values (NeedAppearances)

	BytesBeforeHeader FindingCode = "bytes-before-header" // the file does not begin with %PDF-
	BytesAfterEnd     FindingCode = "bytes-after-end"     // more than white space follows the last %%EOF
	UsageRights       FindingCode = "usage-rights"        // a signature of Adobe's that opens functions of Acrobat Reader (UR3)
	XFACopy           FindingCode = "xfa-copy"            // the form is there a second time, as XFA

	NewField FindingCode = "new-field-after-certification" // a certification lets others sign, and the file has no field for them
)

var (
	hiddenPage      = finding.Define(HiddenPage, "Tệp chứa trang không được hiển thị.", "The file holds a page that it does not show.")
	hiddenLayer     = finding.Define(HiddenLayer, "Tệp có lớp nội dung đang bị ẩn.", "The file has a layer of content that is switched off.")
	replacedContent = finding.Define(ReplacedContent, "Trang {page} có nội dung khác trong phiên bản trước của tệp.",
		"Page {page} showed something else in an earlier version of the file.")
	overlay       = finding.Define(Overlay, "Trang {page} có chú thích ({name}) có thể che nội dung.", "Page {page} has an annotation ({name}) that can cover its content.")
	valueMismatch = finding.Define(ValueMismatch, "Ô “{name}” hiển thị khác với giá trị của nó.", "The field “{name}” shows something else than its value.")
	redrawnFields = finding.Define(RedrawnFields, "Các ô của biểu mẫu được vẽ lại khi mở tệp.", "The fields of the form are drawn anew when the file is opened.")
	newField      = finding.Define(NewField, "Tài liệu đã được chứng thực và không có ô ký trống: thêm ô ký mới nằm ngoài những gì mức chứng thực cho phép.",
		"The file is certified and has no empty signature field: to add one is not among what the certification permits.")
)

// What does not stand where it should.
var (
	bytesBeforeHeader = finding.Define(BytesBeforeHeader,
		"Có {count} byte đứng trước phần đầu tệp (%PDF-); {why}. Chữ ký tính từ byte đầu tiên của tệp, nên phần mềm tính từ %PDF- (như MuPDF) không xác minh được.",
		"{count} bytes stand before the header (%PDF-); {why}. A signature counts from the first byte of the file, so that readers which count from %PDF- (such as MuPDF) cannot verify it.")
	offsetsFromHeader = finding.Define("offsets-from-header", "các vị trí trong tệp tính từ %PDF-", "offsets in the file count from %PDF-")
	offsetsFromFile   = finding.Define("offsets-from-file", "các vị trí trong tệp tính từ byte đầu tiên", "offsets in the file count from its first byte")
	bytesAfterEnd     = finding.Define(BytesAfterEnd, "Có {count} byte nằm sau dấu kết thúc tệp (%%EOF).", "{count} bytes follow the end of the file (%%EOF).")
	usageRights       = finding.Define(UsageRights,
		"Tệp có quyền sử dụng mở rộng của Adobe (UR3). Acrobat Reader có thể đóng các chức năng đó sau khi ký; chữ ký vẫn hợp lệ.",
		"The file carries Adobe's usage rights (UR3). Acrobat Reader may close the functions that they opened once the file is signed; the signature stays valid.")
	xfaCopy = finding.Define(XFACopy,
		"Biểu mẫu có thêm một bản XFA. Acrobat có thể hiển thị giá trị của bản đó; các phần mềm khác hiển thị trang.",
		"The form is there a second time, as XFA. Acrobat may show the values of that copy; other readers show the pages.")
)

// What Inspect says besides: no reason to refuse a file.
var (
	crossReferencesRebuilt = finding.Define("rebuilt", "Bảng tham chiếu chéo của tệp bị hỏng và đã được dựng lại.", "The cross-reference data is damaged and was rebuilt.")
	pageCountWrong         = finding.Define("page-count", "Tệp ghi có {said} trang nhưng thực tế có {counted} trang.", "The page tree says {said} pages and has {counted}.")
	portfolio              = finding.Define("portfolio", "Tệp là một tập hồ sơ: chữ ký bao gồm các tệp đính kèm, nhưng phần mềm đọc có thể không hiển thị chúng.",
		"The file is a portfolio: a signature covers its attachments, a reader may not show them.")
)

// What runs or sends something.
var (
	activeOnOpening  = finding.Define("active-on-opening", "Tệp có nội dung động ({name}) chạy khi mở tệp.", "The file has active content ({name}) that runs when it is opened.")
	activeDocument   = finding.Define("active-document", "Tệp có nội dung động ({name}) gắn với cả tài liệu.", "The file has active content ({name}) that belongs to the document.")
	activeScripts    = finding.Define("active-scripts", "Tệp mang theo mã lệnh ({name}) cho cả tài liệu.", "The file brings scripts ({name}) for the whole document.")
	activeField      = finding.Define("active-field", "Một ô của biểu mẫu có nội dung động ({name}).", "A form field has active content ({name}).")
	activePage       = finding.Define("active-page", "Trang {page} có nội dung động ({name}).", "Page {page} has active content ({name}).")
	activeAnnotation = finding.Define("active-annotation", "Trang {page} có chú thích mang nội dung động ({name}).", "Page {page} has an annotation with active content ({name}).")
)

// Bounds of the search.
const (
	maxReported = 20     // findings; more of a file that bad say nothing new
	maxExamined = 20_000 // objects looked at for hidden pages
	maxHistory  = 8      // earlier revisions of one object
)

// misleads reports whether a finding is a reason to refuse, when files that may mislead are refused.
func misleads(f finding.Finding) bool {
	switch f.Code {
	case RedrawnFields, cover.CodeNotExamined, BytesBeforeHeader, BytesAfterEnd, UsageRights, NewField:
		return false
	}
	return true
}
