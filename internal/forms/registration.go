package forms

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"kyso/internal/vn"
)

// Subscriber is the person as the documents show them. Dates are YYYY-MM-DD; empty fields are left out.
type Subscriber struct {
	FullName, BirthDate, Sex, Nationality, IDNumber, IDIssuedOn, IDIssuedBy, IDExpiresOn, Address, Phone, Email string
}

// Provider is who provides the certificate service.
type Provider struct {
	Name, ShortName, TaxCode, Licence, Representative, Title, Address, Hotline string
}

// Plan is the package that was ordered.
type Plan struct {
	Code, NameVI string
	PriceVND     int64
	Months       int
}

// ConsentLine is one consent that the request form refers to.
type ConsentLine struct {
	Purpose, Version string // terms or personal-data
	AcceptedAt       time.Time
}

// RequestData is what stands in a request form.
type RequestData struct {
	Number       string
	At           time.Time
	Subscriber   Subscriber
	Provider     Provider
	Plan         Plan
	VNeIDRequest string
	Consents     []ConsentLine
}

// ContractData is what stands in a contract.
type ContractData struct {
	Number                       string
	At                           time.Time
	Subscriber                   Subscriber
	Provider                     Provider
	Plan                         Plan
	RequestNumber, RequestSHA256 string
}

// AcceptanceData is what stands in an acceptance record.
type AcceptanceData struct {
	Number                           string
	At                               time.Time
	ContractNumber                   string
	ContractAt                       time.Time
	Subscriber                       Subscriber
	Provider                         Provider
	Plan                             Plan
	Serial, Subject, Issuer          string
	NotBefore, NotAfter, ActivatedAt time.Time
	Device                           string
}

// Box is where a signature belongs, in points from the lower left of its page; page 1 is the first.
type Box struct {
	Page                int
	X, Y, Width, Height float64
}

// Written is a document with the places for its signatures.
type Written struct {
	PDF                  []byte
	Template             string // name and version
	SHA256               string // hex
	Subscriber, Provider Box
}

// RequestForm writes the request for a certificate (phiếu đề nghị, Decree 23/2025 Art. 34). The error is
// problem.Invalid when a text cannot be printed.
func RequestForm(d RequestData) (Written, error) {
	title := "Phiếu đề nghị cấp chứng thư chữ ký số " + d.Number
	return write("request/1", title, d.At, func(s *sheet) (provider, subscriber Box) {
		s.motto(d.Number, d.At)
		s.title("PHIẾU ĐỀ NGHỊ CẤP CHỨNG THƯ CHỮ KÝ SỐ")
		s.center(italic, 12, "Kính gửi: "+d.Provider.Name)
		s.gap(4)
		s.heading("1. Thông tin thuê bao")
		person(s, d.Subscriber)
		s.heading("2. Dịch vụ đề nghị")
		s.row("Loại yêu cầu", "Cấp mới")
		plan(s, d.Plan)
		s.row("Hình thức ký", "Ký số từ xa, khóa do thuê bao kiểm soát trên điện thoại")
		s.heading("3. Nội dung đề nghị ghi trong chứng thư")
		s.row("Tên thuê bao (CN)", strings.ToUpper(d.Subscriber.FullName))
		if d.Subscriber.IDNumber != "" {
			s.row("Định danh (UID)", "CCCD:"+d.Subscriber.IDNumber)
		}
		s.heading("4. Xác thực và đồng ý")
		s.row("Yêu cầu trên VNeID", d.VNeIDRequest)
		for _, c := range d.Consents {
			s.row(consentName(c.Purpose), joined(", lúc ", "Bản "+c.Version, moment(c.AcceptedAt)))
		}
		boxes := s.signatures("5. Cam kết", "Tôi cam kết các thông tin trên là đúng sự thật, đã đọc và chấp thuận quy chế chứng thực và điều kiện "+
			"sử dụng dịch vụ.", [2]party{
			{"NƠI TIẾP NHẬN", "(Ký số)", d.Provider.ShortName},
			{"NGƯỜI ĐỀ NGHỊ", "(Gửi dưới dạng điện tử)", d.Subscriber.FullName}})
		return boxes[0], boxes[1]
	})
}

func consentName(purpose string) string {
	if purpose == "terms" {
		return "Đồng ý điều khoản"
	}
	return "Đồng ý xử lý dữ liệu"
}

// Contract writes the contract between the subscriber and the provider. The error is problem.Invalid when a text cannot
// be printed.
func Contract(d ContractData) (Written, error) {
	title := "Hợp đồng dịch vụ chứng thực chữ ký số " + d.Number
	return write("contract/1", title, d.At, func(s *sheet) (provider, subscriber Box) {
		s.motto(d.Number, d.At)
		s.title("HỢP ĐỒNG CUNG CẤP VÀ SỬ DỤNG", "DỊCH VỤ CHỨNG THỰC CHỮ KÝ SỐ")
		s.gap(4)
		s.text(italic, 0, "Căn cứ Luật Giao dịch điện tử số 20/2023/QH15;")
		s.text(italic, 0, "Căn cứ Nghị định số 23/2025/NĐ-CP về chữ ký điện tử và dịch vụ tin cậy;")
		if d.RequestNumber != "" {
			s.text(italic, 0, fmt.Sprintf("Căn cứ phiếu đề nghị cấp chứng thư chữ ký số %s của thuê bao,", d.RequestNumber))
		}
		s.gap(4)
		s.text(regular, 0, fmt.Sprintf("Hôm nay, %s, chúng tôi gồm:", vietnameseDate(d.At)))
		s.heading("BÊN A – THUÊ BAO")
		person(s, d.Subscriber)
		s.heading("BÊN B – TỔ CHỨC CUNG CẤP DỊCH VỤ")
		company(s, d.Provider)
		s.gap(4)
		s.text(regular, 0, "Hai bên thống nhất ký kết hợp đồng với các điều khoản sau:")
		articles(s, d)
		boxes := s.signatures("", "Hai bên đã đọc, hiểu rõ và đồng ý với toàn bộ nội dung của hợp đồng này.", [2]party{
			{"BÊN A", "(Ký bằng mã xác nhận)", d.Subscriber.FullName},
			{"ĐẠI DIỆN BÊN B", "(Ký số)", joined(" – ", d.Provider.Representative, d.Provider.ShortName)}})
		return boxes[1], boxes[0]
	})
}

// AcceptanceRecord writes the acceptance record (biên bản nghiệm thu), which the new certificate signs. The error is
// problem.Invalid when a text cannot be printed.
func AcceptanceRecord(d AcceptanceData) (Written, error) {
	title := "Biên bản nghiệm thu dịch vụ " + d.Number
	return write("acceptance/1", title, d.At, func(s *sheet) (provider, subscriber Box) {
		s.motto(d.Number, d.At)
		s.title("BIÊN BẢN NGHIỆM THU DỊCH VỤ", "CHỨNG THỰC CHỮ KÝ SỐ")
		s.gap(4)
		s.text(italic, 0, fmt.Sprintf("Căn cứ hợp đồng số %s %s.", d.ContractNumber, vietnameseDate(d.ContractAt)))
		s.heading("1. Các bên")
		s.row("Bên A (thuê bao)", d.Subscriber.FullName)
		s.row("Số định danh cá nhân", d.Subscriber.IDNumber)
		s.row("Bên B (nhà cung cấp)", d.Provider.Name)
		s.row("Mã số thuế", d.Provider.TaxCode)
		s.heading("2. Nội dung bàn giao")
		plan(s, d.Plan)
		s.row("Số sê-ri chứng thư", d.Serial)
		s.row("Chủ thể", d.Subject)
		s.row("Tổ chức cấp", d.Issuer)
		s.row("Hiệu lực từ", moment(d.NotBefore))
		s.row("Hiệu lực đến", moment(d.NotAfter))
		s.row("Kích hoạt lúc", moment(d.ActivatedAt))
		s.row("Thiết bị", d.Device)
		boxes := s.signatures("3. Kết quả", "Chứng thư hoạt động đúng yêu cầu. Bên A đồng ý nghiệm thu và ký biên bản này bằng chính chứng thư được "+
			"bàn giao.", [2]party{
			{"BÊN A", "(Ký số bằng chứng thư được bàn giao)", d.Subscriber.FullName},
			{"ĐẠI DIỆN BÊN B", "(Ký số)", joined(" – ", d.Provider.Representative, d.Provider.ShortName)}})
		return boxes[1], boxes[0]
	})
}

func person(s *sheet, p Subscriber) {
	nationality := p.Nationality
	if nationality == "VN" {
		nationality = "Việt Nam"
	}
	s.row("Họ và tên", p.FullName)
	s.row("Ngày sinh", shortDate(p.BirthDate))
	s.row("Giới tính", map[string]string{"male": "Nam", "female": "Nữ"}[p.Sex])
	s.row("Quốc tịch", nationality)
	s.row("Số định danh cá nhân", p.IDNumber)
	s.row("Ngày cấp, nơi cấp", joined(", ", shortDate(p.IDIssuedOn), p.IDIssuedBy))
	s.row("Có giá trị đến", shortDate(p.IDExpiresOn))
	s.row("Nơi thường trú", p.Address)
	s.row("Điện thoại", p.Phone)
	s.row("Thư điện tử", p.Email)
}

func company(s *sheet, p Provider) {
	s.row("Tên", p.Name)
	s.row("Mã số thuế", p.TaxCode)
	s.row("Giấy phép", p.Licence)
	s.row("Địa chỉ", p.Address)
	s.row("Người đại diện", p.Representative)
	s.row("Chức vụ", p.Title)
	s.row("Đường dây hỗ trợ", p.Hotline)
}

func plan(s *sheet, p Plan) {
	name := p.NameVI
	if name == p.Code {
		name = ""
	}
	s.row("Gói dịch vụ", joined(" – ", p.Code, name))
	if p.Months > 0 {
		s.row("Thời hạn", fmt.Sprintf("%d tháng", p.Months))
	}
	s.row("Giá", price(p))
}

func price(p Plan) string {
	if p.PriceVND == 0 {
		return "Miễn phí"
	}
	return fmt.Sprintf("%s đồng (%s đồng)", vn.Amount(p.PriceVND), inWords(p.PriceVND))
}

// write sets a document, gives its pages their numbers, and says where its signatures belong.
func write(template, title string, at time.Time, body func(*sheet) (provider, subscriber Box)) (Written, error) {
	if _, err := loadFonts(); err != nil {
		return Written{}, err
	}
	s, out := newSheet(), Written{Template: template}
	out.Provider, out.Subscriber = body(s)
	s.numbered(title)
	if err := s.err(); err != nil {
		return Written{}, err
	}
	pdf, err := compose(s.root, s.pages, title, at)
	if err != nil {
		return Written{}, err
	}
	sum := sha256.Sum256(pdf)
	out.PDF, out.SHA256 = pdf, hex.EncodeToString(sum[:])
	return out, nil
}
