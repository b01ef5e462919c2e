package forms

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
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
	return write("request/1", "Phiếu đề nghị cấp chứng thư chữ ký số "+d.Number, d.At, func(s *sheet) (Box, Box) {
		motto(s, d.Number, d.At)
		s.center(bold, 15, "PHIẾU ĐỀ NGHỊ CẤP CHỨNG THƯ CHỮ KÝ SỐ")
		s.center(italic, 12, "Kính gửi: "+d.Provider.Name)
		s.gap(6)
		s.heading("1. Thông tin thuê bao")
		person(s, d.Subscriber)
		s.heading("2. Dịch vụ đề nghị")
		s.row("Loại yêu cầu", "Cấp mới")
		plan(s, d.Plan)
		s.row("Hình thức ký", "Ký số từ xa, khóa bí mật do thuê bao kiểm soát trên điện thoại")
		s.heading("3. Nội dung đề nghị ghi trong chứng thư")
		s.row("Tên thuê bao (CN)", d.Subscriber.FullName)
		s.row("Định danh (UID)", "CCCD:"+d.Subscriber.IDNumber)
		s.heading("4. Cam kết và đồng ý")
		s.text(regular, 18, "Tôi cam kết các thông tin trên là đúng, đã đọc quy chế chứng thực và điều kiện sử dụng dịch vụ.")
		for _, c := range d.Consents {
			s.text(regular, 18, fmt.Sprintf("Đã đồng ý %s (bản %s) lúc %s.", consentName(c.Purpose), c.Version,
				c.AcceptedAt.In(vietnam).Format("15:04:05 02/01/2006")))
		}
		s.row("Yêu cầu trên VNeID", d.VNeIDRequest)
		return s.signatures("NƠI TIẾP NHẬN", "NGƯỜI ĐỀ NGHỊ", d.Provider.ShortName, d.Subscriber.FullName)
	})
}

func consentName(purpose string) string {
	if purpose == "terms" {
		return "điều khoản sử dụng dịch vụ"
	}
	return "chính sách xử lý dữ liệu cá nhân"
}

// Contract writes the contract between the subscriber and the provider.
func Contract(d ContractData) (Written, error) {
	return write("contract/1", "Hợp đồng dịch vụ chứng thực chữ ký số "+d.Number, d.At, func(s *sheet) (Box, Box) {
		motto(s, d.Number, d.At)
		s.center(bold, 15, "HỢP ĐỒNG CUNG CẤP VÀ SỬ DỤNG", "DỊCH VỤ CHỨNG THỰC CHỮ KÝ SỐ")
		s.gap(4)
		s.text(italic, 0, "Căn cứ Luật Giao dịch điện tử số 20/2023/QH15 và Nghị định số 23/2025/NĐ-CP;")
		s.text(italic, 0, fmt.Sprintf("Căn cứ phiếu đề nghị số %s (SHA-256 %s).", d.RequestNumber, d.RequestSHA256))
		s.heading("BÊN A – THUÊ BAO")
		person(s, d.Subscriber)
		s.heading("BÊN B – TỔ CHỨC CUNG CẤP DỊCH VỤ")
		company(s, d.Provider)
		s.text(regular, 0, "Hai bên thống nhất ký kết hợp đồng với các điều khoản sau:")
		articles(s, d)
		return s.signatures("ĐẠI DIỆN BÊN B", "BÊN A", d.Provider.ShortName, d.Subscriber.FullName)
	})
}

func articles(s *sheet, d ContractData) {
	s.heading("Điều 1. Đối tượng hợp đồng")
	s.text(regular, 18, "Bên B cấp cho Bên A một chứng thư chữ ký số cá nhân và cung cấp dịch vụ ký số từ xa theo gói:")
	plan(s, d.Plan)
	s.heading("Điều 2. Giá và thanh toán")
	if d.Plan.PriceVND == 0 {
		s.text(regular, 18, "Gói dịch vụ được cung cấp miễn phí.")
	} else {
		s.text(regular, 18, fmt.Sprintf("Giá gói dịch vụ là %s (%s đồng), Bên A đã thanh toán trước khi ký hợp đồng.", dong(d.Plan.PriceVND), inWords(d.Plan.PriceVND)))
		s.text(regular, 18, "Bên B hoàn trả toàn bộ số tiền nếu chứng thư không được cấp, hoặc bị thu hồi trước khi nghiệm thu theo chính sách của Bên B.")
	}
	for _, article := range contractArticles {
		s.heading(article.title)
		for _, text := range article.text {
			s.text(regular, 18, text)
		}
	}
}

var contractArticles = []struct {
	title string
	text  []string
}{
	{"Điều 3. Quyền và nghĩa vụ của Bên A", []string{
		"3.1. Cung cấp thông tin đúng sự thật và báo ngay khi thông tin thay đổi.",
		"3.2. Tự mình kiểm soát mã PIN, thiết bị và mã xác nhận; không trao cho người khác.",
		"3.3. Báo ngay cho Bên B khi mất thiết bị, lộ mã PIN hoặc nghi ngờ khóa bị sử dụng trái phép.",
		"3.4. Được yêu cầu tạm dừng, phục hồi, thu hồi chứng thư theo quy định."}},
	{"Điều 4. Quyền và nghĩa vụ của Bên B", []string{
		"4.1. Cấp chứng thư sau khi kiểm tra thông tin và bảo đảm cặp khóa là duy nhất.",
		"4.2. Công bố trạng thái chứng thư liên tục qua OCSP và danh sách thu hồi.",
		"4.3. Tạm dừng, thu hồi chứng thư khi có yêu cầu hợp lệ và thông báo cho Bên A.",
		"4.4. Lưu trữ hồ sơ theo quy định và bồi thường thiệt hại do lỗi của mình."}},
	{"Điều 5. Dữ liệu cá nhân", []string{
		"Bên B chỉ xử lý dữ liệu cá nhân của Bên A cho việc cấp và quản lý chứng thư, theo sự đồng ý đã ghi nhận và Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15. Bên A có quyền xem, sửa, xóa dữ liệu và rút lại sự đồng ý, trừ phần pháp luật buộc lưu giữ."}},
	{"Điều 6. Tạm dừng, thu hồi và chấm dứt", []string{
		"Hợp đồng chấm dứt khi chứng thư hết hạn hoặc bị thu hồi, khi một bên vi phạm nghiêm trọng nghĩa vụ, hoặc theo thỏa thuận của hai bên."}},
	{"Điều 7. Trách nhiệm và giải quyết tranh chấp", []string{
		"Tranh chấp được giải quyết bằng thương lượng; nếu không đạt được thì do tòa án có thẩm quyền của Việt Nam giải quyết."}},
	{"Điều 8. Hiệu lực", []string{
		"Hợp đồng được lập dưới dạng điện tử. Bên A ký bằng mã xác nhận một lần gửi tới số điện thoại đã đăng ký; Bên B ký bằng chữ ký số của tổ chức. Hợp đồng có hiệu lực từ khi Bên B ký."}},
}

// AcceptanceRecord writes the acceptance record (biên bản nghiệm thu), which the new certificate signs.
func AcceptanceRecord(d AcceptanceData) (Written, error) {
	return write("acceptance/1", "Biên bản nghiệm thu dịch vụ "+d.Number, d.At, func(s *sheet) (Box, Box) {
		motto(s, d.Number, d.At)
		s.center(bold, 15, "BIÊN BẢN NGHIỆM THU DỊCH VỤ")
		s.gap(4)
		s.text(italic, 0, fmt.Sprintf("Căn cứ hợp đồng số %s %s.", d.ContractNumber, vietnameseDate(d.ContractAt)))
		s.heading("1. Các bên")
		s.row("Bên A (thuê bao)", d.Subscriber.FullName)
		s.row("Số định danh cá nhân", d.Subscriber.IDNumber)
		s.row("Bên B (nhà cung cấp)", d.Provider.Name)
		s.heading("2. Nội dung bàn giao")
		s.row("Số sê-ri chứng thư", d.Serial)
		s.row("Chủ thể", d.Subject)
		s.row("Tổ chức cấp", d.Issuer)
		s.row("Hiệu lực từ", d.NotBefore.In(vietnam).Format("15:04:05 02/01/2006"))
		s.row("Hiệu lực đến", d.NotAfter.In(vietnam).Format("15:04:05 02/01/2006"))
		plan(s, d.Plan)
		s.row("Kích hoạt lúc", d.ActivatedAt.In(vietnam).Format("15:04:05 02/01/2006"))
		s.row("Thiết bị", d.Device)
		s.heading("3. Kết quả")
		s.text(regular, 18, "Chứng thư hoạt động đúng yêu cầu. Bên A đồng ý nghiệm thu và ký biên bản này bằng chính chứng thư được bàn giao.")
		return s.signatures("BÊN B", "BÊN A", d.Provider.ShortName, d.Subscriber.FullName)
	})
}

func motto(s *sheet, number string, at time.Time) {
	s.center(bold, 13, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập – Tự do – Hạnh phúc")
	s.center(regular, 10, "———————")
	s.put(line{leftEdge, s.y, "Số: " + number, regular, textSize, "left"})
	s.put(line{rightEdge, s.y, capital(vietnameseDate(at)), italic, textSize, "right"})
	s.y -= 30
}

func capital(text string) string { return "N" + text[1:] }

func person(s *sheet, p Subscriber) {
	sex := map[string]string{"male": "Nam", "female": "Nữ"}[p.Sex]
	nationality := p.Nationality
	if nationality == "VN" {
		nationality = "Việt Nam"
	}
	issued := shortDate(p.IDIssuedOn)
	if issued != "" && p.IDIssuedBy != "" {
		issued += ", " + p.IDIssuedBy
	}
	for _, row := range [][2]string{{"Họ và tên", p.FullName}, {"Ngày sinh", shortDate(p.BirthDate)}, {"Giới tính", sex},
		{"Quốc tịch", nationality}, {"Số định danh cá nhân", p.IDNumber}, {"Ngày cấp, nơi cấp", issued},
		{"Có giá trị đến", shortDate(p.IDExpiresOn)}, {"Nơi thường trú", p.Address}, {"Điện thoại", p.Phone}, {"Thư điện tử", p.Email}} {
		s.row(row[0], row[1])
	}
}

func company(s *sheet, p Provider) {
	for _, row := range [][2]string{{"Tên", p.Name}, {"Mã số thuế", p.TaxCode}, {"Giấy phép", p.Licence}, {"Địa chỉ", p.Address},
		{"Người đại diện", p.Representative}, {"Chức vụ", p.Title}, {"Đường dây hỗ trợ", p.Hotline}} {
		s.row(row[0], row[1])
	}
}

func plan(s *sheet, p Plan) {
	s.row("Gói dịch vụ", fmt.Sprintf("%s – %s", p.Code, p.NameVI))
	s.row("Thời hạn", fmt.Sprintf("%d tháng", p.Months))
	price := "Miễn phí"
	if p.PriceVND > 0 {
		price = fmt.Sprintf("%s (%s đồng)", dong(p.PriceVND), inWords(p.PriceVND))
	}
	s.row("Giá", price)
}

// write sets a document and gives it its number of pages.
func write(template, title string, at time.Time, body func(*sheet) (provider, subscriber Box)) (Written, error) {
	out := Written{Template: template}
	s := newSheet()
	pdf, err := withFonts(func() ([]byte, error) {
		out.Provider, out.Subscriber = body(s)
		s.numbered(title)
		if err := s.err(); err != nil {
			return nil, err
		}
		return createPages(s.pages)
	})
	if err != nil {
		return Written{}, err
	}
	if out.PDF, err = describe(pdf, s.pages, title, at); err != nil {
		return Written{}, err
	}
	sum := sha256.Sum256(out.PDF)
	out.SHA256 = hex.EncodeToString(sum[:])
	return out, nil
}
