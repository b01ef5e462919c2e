// Package page is how long lists are read in pieces: a cursor names the last row that was seen by its time and its id, so
// that rows of the same time are neither lost nor seen twice. It does no I/O and imports the standard library only.
package page

import (
	"errors"
	"strings"
	"time"
)

// Cursor is the place in a list after a row. The zero value is the list's beginning.
type Cursor struct {
	At time.Time // UTC, whole microseconds
	ID string    // of the row; decides between rows of the same time
}

// After is the cursor behind a row.
func After(at time.Time, id string) Cursor {
	return Cursor{at.UTC().Truncate(time.Microsecond), id}
}

// IsZero reports whether the list is read from its beginning.
func (c Cursor) IsZero() bool { return c.At.IsZero() && c.ID == "" }

// String is the cursor as it stands in an address; "" for the beginning.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return c.At.UTC().Format(time.RFC3339Nano) + "_" + c.ID
}

// maxID bounds the id of a cursor that comes from outside.
const maxID = 200

// Parse reads what String wrote.
func Parse(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	moment, id, ok := strings.Cut(text, "_")
	at, err := time.Parse(time.RFC3339Nano, moment)
	if !ok || err != nil || id == "" || len(id) > maxID {
		return Cursor{}, errors.New("not a cursor that a list gave out")
	}
	return After(at, id), nil
}
