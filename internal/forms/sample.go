package forms

import (
	"fmt"
	"time"
)

// vietnam is the time that stands in documents.
var vietnam = time.FixedZone("GMT+7", 7*60*60)

// Sample writes a one-page labour contract with invented parties, dated as the day is in Vietnam, for trying kyso out.
// The lower third of the page is free for signatures.
func Sample(on time.Time) ([]byte, error) {
	on = on.In(vietnam)
	date := fmt.Sprintf("Thành phố Hồ Chí Minh, ngày %02d tháng %02d năm %d", on.Day(), on.Month(), on.Year())
	const left, middle, right = 72, 297, 523
	page := []line{
		{middle, 780, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", bold, 13, "center"},
		{middle, 762, "Độc lập – Tự do – Hạnh phúc", bold, 13, "center"},
		{middle, 752, "———————", regular, 10, "center"},
		{right, 728, date, italic, 12, "right"},
		{middle, 692, "HỢP ĐỒNG THỬ NGHIỆM", bold, 16, "center"},
		{middle, 674, "Số: 01/2026/HĐ-KYSO", regular, 12, "center"},
	}
	y := 640.0
	for _, l := range sampleText {
		face, x := regular, float64(left)
		switch l.kind {
		case heading:
			face = bold
			y -= 6
		case body:
			x += 18
		}
		page = append(page, line{x, y, l.text, face, 12, "left"})
		y -= 17
	}
	page = append(page,
		line{160, y - 18, "ĐẠI DIỆN BÊN A", bold, 12, "center"},
		line{435, y - 18, "ĐẠI DIỆN BÊN B", bold, 12, "center"},
		line{160, y - 34, "(Ký số, ghi rõ họ tên)", italic, 11, "center"},
		line{435, y - 34, "(Ký số, ghi rõ họ tên)", italic, 11, "center"},
		line{middle, 40, "Trang này do kyso viết ra để thử việc ký số; các bên trong hợp đồng không có thật.", italic, 9, "center"},
	)
	return writePage(page)
}

type kind int

const (
	plain kind = iota
	heading
	body
)

var sampleText = []struct {
	kind kind
	text string
}{
	{plain, "Hôm nay, chúng tôi gồm có:"},
	{heading, "Bên A: Công ty TNHH Phần mềm Sông Hồng"},
	{body, "Địa chỉ: số 18 đường Nguyễn Huệ, phường Bến Nghé, Thành phố Hồ Chí Minh"},
	{body, "Người đại diện: bà Trần Thị Ngọc Ánh – Giám đốc"},
	{heading, "Bên B: Ông Nguyễn Văn Minh"},
	{body, "Nơi cư trú: phường Thủ Thiêm, Thành phố Hồ Chí Minh"},
	{plain, "cùng thỏa thuận ký kết hợp đồng với các điều khoản sau đây:"},
	{heading, "Điều 1. Công việc"},
	{body, "Bên B kiểm thử phần mềm ký số từ xa, ghi lại kết quả và đề xuất cải tiến."},
	{heading, "Điều 2. Thời hạn và thù lao"},
	{body, "Hợp đồng có thời hạn ba mươi ngày. Thù lao: 15.000.000 đồng (mười lăm triệu đồng)."},
	{heading, "Điều 3. Hiệu lực"},
	{body, "Hợp đồng được ký bằng chữ ký số theo Luật Giao dịch điện tử số 20/2023/QH15"},
	{body, "và có giá trị như văn bản giấy kể từ ngày ký."},
}
