package forms

import (
	"fmt"
	"time"

	"kyso/internal/forms/tagged"
	"kyso/internal/vn"
)

// Sample writes a one-page labour contract with invented parties, dated as the day is in Vietnam, for trying kyso out.
// The lower third of the page is free for signatures.
func Sample(on time.Time) ([]byte, error) {
	on = on.In(vn.Zone)
	date := fmt.Sprintf("Thành phố Hồ Chí Minh, ngày %02d tháng %02d năm %d", on.Day(), on.Month(), on.Year())
	const from, middle, to = 72.0, 297.0, 523.0
	root := tagged.New()
	var page []line
	put := func(role tagged.Role, l line) {
		l.tag = root.Add(role)
		page = append(page, l)
	}
	put(tagged.Paragraph, line{x: middle, y: 784, text: "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", face: bold, size: 13, align: center})
	put(tagged.Paragraph, line{x: middle, y: 766, text: "Độc lập - Tự do - Hạnh phúc", face: bold, size: 13, align: center})
	page = append(page, line{x: middle - 82, y: 760, align: ruled, width: 164})
	put(tagged.Paragraph, line{x: to, y: 731, text: date, face: italic, size: 12, align: right})
	put(tagged.Title, line{x: middle, y: 696, text: "HỢP ĐỒNG THỬ NGHIỆM", face: bold, size: 16, align: center})
	put(tagged.Paragraph, line{x: middle, y: 677, text: "Số: 01/2026/HĐ-KYSO", face: regular, size: 12, align: center})
	y := 643.0
	for _, l := range sampleText {
		face, x, role := regular, from, tagged.Paragraph
		switch l.kind {
		case heading:
			face, role = bold, tagged.Heading
			y -= 6
		case body:
			x += 18
		}
		put(role, line{x: x, y: y, text: l.text, face: face, size: 12, align: left})
		y -= 17
	}
	for i, role := range []string{"ĐẠI DIỆN BÊN A", "ĐẠI DIỆN BÊN B"} {
		x := 160 + 275*float64(i)
		put(tagged.Paragraph, line{x: x, y: y - 18, text: role, face: bold, size: 12, align: center})
		put(tagged.Paragraph, line{x: x, y: y - 34, text: "(Ký số, ghi rõ họ tên)", face: italic, size: 11, align: center})
	}
	put(tagged.Paragraph, line{x: middle, y: 42, face: italic, size: 9, align: center,
		text: "Trang này do kyso viết ra để thử việc ký số; các bên trong hợp đồng không có thật."})
	return compose(root, [][]line{page}, "Hợp đồng thử nghiệm 01/2026/HĐ-KYSO", on)
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
