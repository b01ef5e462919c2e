package kernel

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"kyso/internal/page"
	"kyso/internal/process"
)

// Act is what every act on a signing has. It is exported because huma reads embedded structs only then.
type Act struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	ID  string `path:"id" maxLength:"64"`
}

// SigningID returns the id of a signing: from the Idempotency-Key, so that a retry after a crash finds the signing
// that the first try stored, else a new UUIDv7.
func SigningID(key string) string {
	if key == "" {
		return uuid.Must(uuid.NewV7()).String()
	}
	return process.MadeID(key)
}

// MadeID returns the id of what a request makes: from the Idempotency-Key, so that a retry after a crash finds what the
// first try made, else a fresh one.
func MadeID(prefix, key string) string {
	if key == "" {
		return prefix + uuid.NewString()
	}
	return prefix + SigningID(prefix+key)
}

// CursorOf reads the cursor of a request.
func CursorOf(text string) (page.Cursor, error) {
	after, err := page.Parse(text)
	if err != nil {
		var fields FieldErrors
		fields.Add("query.cursor", "must be one that an earlier page gave out in next")
		return after, fields.Err()
	}
	return after, nil
}

// NextPage is the path of the page behind a row. The filters of the first page come in pairs of name and value.
func NextPage(path string, after page.Cursor, limit int, filters ...string) string {
	query := url.Values{"cursor": {after.String()}, "limit": {strconv.Itoa(limit)}}
	for pair := range slices.Chunk(filters, 2) {
		if name, value := pair[0], pair[1]; value != "" {
			query.Set(name, value)
		}
	}
	return path + "?" + query.Encode()
}

// Yes is a filter of a list as it stands in a query; empty for false.
func Yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// When is a time as it stands in a query; empty for the zero time.
func When(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// UTC is nil for the zero time.
func UTC(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
