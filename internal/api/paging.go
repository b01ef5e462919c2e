package api

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"kyso/internal/page"
)

// cursorOf reads the cursor of a request.
func cursorOf(text string) (page.Cursor, error) {
	after, err := page.Parse(text)
	if err != nil {
		var fields fieldErrors
		fields.add("query.cursor", "must be one that an earlier page gave out in next")
		return after, fields.err()
	}
	return after, nil
}

// nextPage is the path of the page behind a row. The filters of the first page come in pairs of name and value.
func nextPage(path string, after page.Cursor, limit int, filters ...string) string {
	query := url.Values{"cursor": {after.String()}, "limit": {strconv.Itoa(limit)}}
	for pair := range slices.Chunk(filters, 2) {
		if name, value := pair[0], pair[1]; value != "" {
			query.Set(name, value)
		}
	}
	return path + "?" + query.Encode()
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
