package api_test

import (
	"testing"

	"kyso/internal/api"
)

func TestReasonsMayHoldDatesAndTickets(t *testing.T) {
	for _, text := range []string{
		"Gia hạn đến 30/11/2026", "từ 30-11-2026 đến 01-12-2026", "ngày 30.11.2026", "2026-11-30", "2026-11-30T15:04:05", "lúc 15:04 30/11/2026", "xem log 20261130",
		"SR-2026-000123", "SR-2026-000123 30/11/2026", "SR-2026-000123 30-11-2026", "INC-00123456", "phiếu TT_2026_0001", "Công văn 1234/2026/QĐ-BTTTT", "ticket #1234567",
		"hoàn 15.000.000 đồng", "150,000,000 VND", "0197a3c2-1234-7123-8123-123456781234", "khách đổi ý", "", "3 lần, 2 máy, 10 phút",
	} {
		if api.Personal(text) {
			t.Errorf("%q is taken for personal data", text)
		}
	}
	for _, text := range []string{
		"079095012345", "CCCD 079095012345", "CCCD079095012345", "CCCD-079095012345", "ICA.079095012345", "079 095 012 345", "079.095.012.345", "079–095–012–345", "079\u00a0095\u00a0012\u00a0345",
		"０７９０９５０１２３４５", "CMND 123456789", "CMND-123456789", "123.456.789", "0901234567", "090 123 4567", "+84 901 234 567", "SDT-0901 234 567", "SDT-0901-234-567", "(090) 123-45-67",
		"tel 84901234567", "anh@example.vn", "số 30/11/2026 0901234567", "0790950123452026", "07909501 20261130", "\u202a0901234567\u202c", "٠٩٠١٢٣٤٥٦٧", "TK 0123456789012", "SR-2026-000123456789",
	} {
		if !api.Personal(text) {
			t.Errorf("%q is not taken for personal data", text)
		}
	}
}
