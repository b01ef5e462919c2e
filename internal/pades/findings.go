package pades

import "fmt"

// Finding is something in a file that may make it look otherwise later, or on another screen, than it does to the person who is
// asked to sign. Files that were prepared for a shadow attack have one (Mainka, Mladenov, Rohlmann: Shadow Attacks, NDSS 2021);
// honest files may have one, too.
type Finding struct {
	Code FindingCode `json:"code"`
	Page int         `json:"page,omitempty"` // 0 when it belongs to no page
	Name string      `json:"name,omitempty"` // of the form field, or the kind of annotation
	VI   string      `json:"vi"`
	EN   string      `json:"en"`
}

// FindingCode names a kind of Finding.
type FindingCode string

// The kinds.
const (
	HiddenPage      FindingCode = "hidden-page"      // a page or a catalog that the file holds and does not show
	HiddenLayer     FindingCode = "hidden-layer"     // optional content that is switched off (8.11)
	ReplacedContent FindingCode = "replaced-content" // a page showed something else in an earlier revision
	Overlay         FindingCode = "overlay"          // an annotation that can cover what is signed
	ValueMismatch   FindingCode = "value-mismatch"   // a form field shows another text than its value
	RedrawnFields   FindingCode = "redrawn-fields"   // readers draw the fields anew from their values (NeedAppearances)
	NotExamined     FindingCode = "not-examined"     // too many objects to look for hidden ones, or damaged ones
)

// Bounds of the search.
const (
	maxReported = 20     // findings; more of a file that bad say nothing new
	maxExamined = 20_000 // objects looked at for hidden pages
	maxHistory  = 8      // earlier revisions of one object
)

// say fills in the texts.
func (f Finding) say() Finding {
	switch f.Code {
	case HiddenPage:
		f.VI, f.EN = "Tệp chứa trang không được hiển thị.", "The file holds a page that it does not show."
	case HiddenLayer:
		f.VI, f.EN = "Tệp có lớp nội dung đang bị ẩn.", "The file has a layer of content that is switched off."
	case ReplacedContent:
		f.VI = fmt.Sprintf("Trang %d có nội dung khác trong phiên bản trước của tệp.", f.Page)
		f.EN = fmt.Sprintf("Page %d showed something else in an earlier version of the file.", f.Page)
	case Overlay:
		f.VI = fmt.Sprintf("Trang %d có chú thích (%s) có thể che nội dung.", f.Page, f.Name)
		f.EN = fmt.Sprintf("Page %d has an annotation (%s) that can cover its content.", f.Page, f.Name)
	case ValueMismatch:
		f.VI = fmt.Sprintf("Ô “%s” hiển thị khác với giá trị của nó.", f.Name)
		f.EN = fmt.Sprintf("The field “%s” shows something else than its value.", f.Name)
	case RedrawnFields:
		f.VI, f.EN = "Các ô của biểu mẫu được vẽ lại khi mở tệp.", "The fields of the form are drawn anew when the file is opened."
	case NotExamined:
		f.VI, f.EN = "Không tìm hết được nội dung ẩn trong tệp.", "Not all of the file could be searched for hidden content."
	}
	return f
}

// misleads reports whether a finding is a reason to refuse, when files that may mislead are refused.
func (f Finding) misleads() bool {
	return f.Code != RedrawnFields && f.Code != NotExamined
}
