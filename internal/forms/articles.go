package forms

import "fmt"

// articles sets what the parties agree on.
func articles(s *sheet, d ContractData) {
	s.heading("Điều 1. Đối tượng hợp đồng")
	s.text(regular, indent, "Bên B cấp cho Bên A một chứng thư chữ ký số cá nhân và cung cấp dịch vụ ký số từ xa theo gói:")
	plan(s, d.Plan)
	s.heading("Điều 2. Giá và thanh toán")
	if d.Plan.PriceVND == 0 {
		s.text(regular, indent, "Gói dịch vụ được cung cấp miễn phí.")
	} else {
		s.item(fmt.Sprintf("2.1. Giá gói dịch vụ là %s; Bên A đã thanh toán trước khi ký hợp đồng.", price(d.Plan)))
		s.item("2.2. Bên B hoàn trả toàn bộ số tiền nếu chứng thư không được cấp, hoặc bị thu hồi trước khi nghiệm thu theo chính sách của Bên B.")
	}
	for _, article := range contractArticles {
		s.heading(article.title)
		for _, text := range article.text {
			s.item(text)
		}
	}
	if d.RequestNumber == "" {
		return
	}
	s.heading("Phụ lục kèm theo")
	s.row("Phiếu đề nghị số", d.RequestNumber)
	s.row("Mã băm SHA-256", d.RequestSHA256)
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
		"5.1. Bên B chỉ xử lý dữ liệu cá nhân của Bên A cho việc cấp và quản lý chứng thư, theo sự đồng ý đã ghi nhận và Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15.",
		"5.2. Bên A có quyền xem, sửa, xóa dữ liệu và rút lại sự đồng ý, trừ phần pháp luật buộc lưu giữ."}},
	{"Điều 6. Tạm dừng, thu hồi và chấm dứt", []string{
		"6.1. Chứng thư bị tạm dừng hoặc thu hồi theo yêu cầu hợp lệ của Bên A, theo yêu cầu của cơ quan có thẩm quyền, hoặc khi Bên B phát hiện sai sót hay rủi ro.",
		"6.2. Hợp đồng chấm dứt khi chứng thư hết hạn hoặc bị thu hồi, khi một bên vi phạm nghiêm trọng nghĩa vụ, hoặc theo thỏa thuận của hai bên."}},
	{"Điều 7. Trách nhiệm và giải quyết tranh chấp", []string{
		"7.1. Bên nào vi phạm hợp đồng mà gây thiệt hại thì bồi thường theo quy định của pháp luật.",
		"7.2. Tranh chấp được giải quyết bằng thương lượng; nếu không đạt được thì do tòa án có thẩm quyền của Việt Nam giải quyết."}},
	{"Điều 8. Hiệu lực và hình thức ký", []string{
		"8.1. Hợp đồng được lập dưới dạng điện tử. Bên A ký bằng mã xác nhận một lần gửi tới số điện thoại đã đăng ký; Bên B ký bằng chữ ký số của tổ chức.",
		"8.2. Hợp đồng có hiệu lực từ khi Bên B ký."}},
}
