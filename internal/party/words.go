package party

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
)

// Text reads a JSON string, number or null. Installations disagree on which of their ids are numbers.
type Text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(data []byte) error {
	switch {
	case bytes.Equal(data, []byte("null")):
		*t = ""
		return nil
	case len(data) > 0 && data[0] == '"':
		var s string
		err := json.Unmarshal(data, &s)
		*t = Text(s)
		return err
	}
	var n json.Number
	err := json.Unmarshal(data, &n)
	*t = Text(n)
	return err
}

// Int returns the number, or 0 for what is none.
func (t Text) Int() int {
	n, _ := strconv.Atoi(string(t))
	return n
}

// Given reports whether a field is there and not null.
func Given(raw json.RawMessage) bool { return len(raw) > 0 && !bytes.Equal(raw, []byte("null")) }

var (
	codeForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,20}$`)
	figures  = regexp.MustCompile(`\d`)
)

// ShortCode shows a party's code when it looks like one and cannot be a citizen's or a phone number.
func ShortCode(code string) string {
	if !codeForm.MatchString(code) || len(figures.FindAllString(code, -1)) > 5 {
		return "without a code that can be shown"
	}
	return code
}
