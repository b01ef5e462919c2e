package kernel

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"kyso/internal/page"
)

// Older is the condition, order and limit of a list of a loop, over a column of times and one of ids.
type Older struct {
	conditions []string
	args       []any
}

// Add narrows the list. ?1, ?2 in the condition are the arguments.
func (o *Older) Add(condition string, args ...any) *Older {
	for i, arg := range args {
		o.args = append(o.args, arg)
		condition = strings.ReplaceAll(condition, fmt.Sprintf("?%d", i+1), fmt.Sprintf("$%d", len(o.args)))
	}
	o.conditions = append(o.conditions, condition)
	return o
}

// Tail ends the query: rows after the cursor by time and id, oldest first.
func (o *Older) Tail(at0, id string, after page.Cursor, limit int) (string, []any) {
	if !after.IsZero() {
		o.Add(`(`+at0+`, `+id+`) > (?1, ?2)`, At(after.At), after.ID)
	}
	if limit <= 0 || limit > MaxLimit {
		limit = MaxLimit
	}
	o.args = append(o.args, limit)
	return fmt.Sprintf(` WHERE %s ORDER BY %s, %s LIMIT $%d`, strings.Join(o.conditions, ` AND `), at0, id, len(o.args)), o.args
}

// The bounds of a list.
const (
	defaultLimit = 50
	MaxLimit     = 500
)

// LimitOf returns how many rows a list may give.
func LimitOf(asked int) int {
	if asked <= 0 {
		return defaultLimit
	}
	return min(asked, MaxLimit)
}

// Scanner is a row, alone or of many.
type Scanner interface{ Scan(dest ...any) error }

// Querier is a transaction or the database.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// PageFrom ends a query over what alias names at a page that begins after a place.
func PageFrom(tail string, args []any, alias string, after page.Cursor, limit int) (string, []any) {
	if !after.At.IsZero() {
		args = append(args, At(after.At), after.ID)
		tail += fmt.Sprintf(` AND (%[1]s.created_at < $%[2]d OR %[1]s.created_at = $%[2]d AND %[1]s.id < $%[3]d)`, alias, len(args)-1, len(args))
	}
	args = append(args, LimitOf(limit))
	return tail + fmt.Sprintf(` ORDER BY %[1]s.created_at DESC, %[1]s.id DESC LIMIT $%[2]d`, alias, len(args)), args
}

// TakenForDead is how long the first caller of an Idempotency-Key may work before another one goes on.
const TakenForDead = time.Minute
