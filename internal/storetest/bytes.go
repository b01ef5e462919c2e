package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bytes are the bytes of the values in a database, by table and column, the same on both engines: a text or a BLOB has its length, a
// number or a time eight, NULL none. Indexes and the room between rows are not in it.
type Bytes map[string]map[string]int

// BytesOf measures all tables but those of the migrations.
func BytesOf(ctx context.Context, db *sql.DB, engine string) (Bytes, error) {
	question := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose%'`
	if engine == "postgres" {
		question = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'goose%'`
	}
	tables, err := texts(ctx, db, question)
	out := Bytes{}
	for _, table := range tables {
		if err == nil {
			out[table], err = bytesOfTable(ctx, db, table)
		}
	}
	return out, err
}

func texts(ctx context.Context, db *sql.DB, question string) ([]string, error) {
	rows, err := db.QueryContext(ctx, question)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

func bytesOfTable(ctx context.Context, db *sql.DB, table string) (map[string]int, error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM `+table) //nolint:unqueryvet // all columns are what is measured
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	values, places := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		for i, value := range values {
			out[names[i]] += bytesOfValue(value)
		}
	}
	return out, rows.Err()
}

func bytesOfValue(value any) int {
	switch v := value.(type) {
	case nil:
		return 0
	case []byte:
		return len(v)
	case string:
		return len(v)
	case bool:
		return 1
	case time.Time, int64, float64:
		return 8
	}
	panic(fmt.Sprintf("a value of type %T", value))
}

// Sum is all of it.
func (b Bytes) Sum() int {
	sum := 0
	for table := range b {
		sum += b.Table(table)
	}
	return sum
}

// Table is what one table holds.
func (b Bytes) Table(table string) int {
	sum := 0
	for _, n := range b[table] {
		sum += n
	}
	return sum
}

// Less is what is there beyond what was there before.
func (b Bytes) Less(before Bytes) Bytes {
	out := Bytes{}
	for table, columns := range b {
		out[table] = map[string]int{}
		for column, n := range columns {
			out[table][column] = n - before[table][column]
		}
	}
	return out
}

// String is a table, the largest first.
func (b Bytes) String() string {
	tables := slices.Sorted(maps.Keys(b))
	slices.SortStableFunc(tables, func(x, y string) int { return b.Table(y) - b.Table(x) })
	var out strings.Builder
	for _, table := range tables {
		if b.Table(table) == 0 {
			continue
		}
		fmt.Fprintf(&out, "%8d  %s", b.Table(table), table)
		columns := slices.Sorted(maps.Keys(b[table]))
		slices.SortStableFunc(columns, func(x, y string) int { return b[table][y] - b[table][x] })
		for _, column := range columns {
			if n := b[table][column]; n != 0 {
				fmt.Fprintf(&out, "  %s %d", column, n)
			}
		}
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "%8d  together", b.Sum())
	return out.String()
}
