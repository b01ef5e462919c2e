package kernel

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// instant is a time column: UTC, whole microseconds (what PostgreSQL keeps), NULL for the zero time.
type instant struct{ t *time.Time }

// At is a time to write.
func At(t time.Time) instant { return instant{&t} }

// Into is a time to read.
func Into(t *time.Time) instant { return instant{t} }

// Value implements driver.Valuer.
func (i instant) Value() (driver.Value, error) {
	if i.t.IsZero() {
		return nil, nil
	}
	return i.t.UTC().Truncate(time.Microsecond), nil
}

// Scan implements sql.Scanner.
func (i instant) Scan(src any) error {
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
