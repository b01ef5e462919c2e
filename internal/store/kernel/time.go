package kernel

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Instant is a time column: UTC, whole microseconds (what PostgreSQL keeps), NULL for the zero time.
type Instant struct{ t *time.Time }

// At is a time to write.
func At(t time.Time) Instant { return Instant{&t} }

// Into is a time to read.
func Into(t *time.Time) Instant { return Instant{t} }

// Value implements driver.Valuer.
func (i Instant) Value() (driver.Value, error) {
	if i.t.IsZero() {
		return nil, nil
	}
	return i.t.UTC().Truncate(time.Microsecond), nil
}

// Scan implements sql.Scanner.
func (i Instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i.t = time.Time{}
	case time.Time:
		*i.t = v.UTC()
	default:
		return fmt.Errorf("a time column holds %T", src)
	}
	return nil
}
