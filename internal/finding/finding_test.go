package finding_test

import (
	"errors"
	"fmt"
	"testing"

	"kyso/internal/finding"
)

var (
	outer = finding.Define("test-outer", "Trang {page} hỏng: {why}.", "Page {page} is broken: {why}.")
	inner = finding.Define("test-inner", "Ô “{name}” bị sửa.", "The field “{name}” was changed.")
	abbr  = finding.Define("test-abbreviation", "CMS rỗng.", "CMS is empty.")
)

func TestSentencesTakeInTheirCauses(t *testing.T) {
	wrapped := fmt.Errorf("reading: %w", inner.Err("name", "Tổng"))
	for _, c := range []struct {
		got    finding.Finding
		vi, en string
	}{
		{outer.Say("page", 3, "why", wrapped), "Trang 3 hỏng: ô “Tổng” bị sửa.", "Page 3 is broken: the field “Tổng” was changed."},
		{outer.Say("page", 3, "why", abbr), "Trang 3 hỏng: CMS rỗng.", "Page 3 is broken: CMS is empty."},
		{outer.Say("page", 3, "why", errors.New("EOF")), "Trang 3 hỏng: dữ liệu không đọc được.", "Page 3 is broken: the data cannot be read."},
		{outer.Say("page", 3, "why", finding.Join([]finding.Finding{abbr.Say(), inner.Say("name", "a")})), "Trang 3 hỏng: CMS rỗng.; Ô “a” bị sửa.", "Page 3 is broken: CMS is empty.; The field “a” was changed."},
	} {
		if c.got.VI != c.vi || c.got.EN != c.en || c.got.Page != 3 || c.got.Cause == "" {
			t.Errorf("%+v", c.got)
		}
	}
	if inner.Say("name", "Tổng").Name != "Tổng" {
		t.Error("the name does not stand on its own")
	}
}

func TestWrappedErrorsStayWhatTheyAre(t *testing.T) {
	cause := errors.New("HTTP 500")
	err := finding.Wrap(cause, inner.Say("name", "a"))
	if !errors.Is(err, cause) || err.Error() != cause.Error() || finding.Of(err).Code != "test-inner" {
		t.Errorf("%v, %+v", err, finding.Of(err))
	}
}
