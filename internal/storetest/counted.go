package storetest

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"kyso/internal/store"
)

// Statements counts what stores ask of their databases: a guard on counts holds on every machine.
type Statements struct {
	// Before, when it is set before the store is used, is called before each statement, for tests that act in between.
	Before func(text string)

	mu           sync.Mutex
	by           map[string]int // by text
	transactions int
}

// Counted makes a store that is opened with the context count its statements.
func Counted(ctx context.Context) (context.Context, *Statements) {
	s := &Statements{by: map[string]int{}}
	return store.Observed(ctx, func(d driver.Driver, name string) driver.Connector { return countedDriver{d, name, s} }), s
}

// Count is how many statements there were, and in how many transactions; BEGIN and COMMIT are not among the statements.
func (s *Statements) Count() (statements, transactions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.by {
		statements += n
	}
	return statements, s.transactions
}

// Reset forgets what was counted.
func (s *Statements) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by, s.transactions = map[string]int{}, 0
}

// Texts are the statements, each with how often it was asked.
func (s *Statements) Texts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.by)
}

// Often lists the statements that were asked more than once, a line each, the most frequent first; for the log of a test.
func (s *Statements) Often() string {
	texts := s.Texts()
	var lines []string
	for text, n := range texts {
		if n > 1 {
			lines = append(lines, fmt.Sprintf("%5d × %s", n, text))
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(b, a) })
	return strings.Join(lines, "\n")
}

func (s *Statements) note(text string) {
	if s.Before != nil {
		s.Before(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[strings.Join(strings.Fields(text), " ")]++
}

type countedDriver struct {
	driver driver.Driver
	name   string
	notes  *Statements
}

func (c countedDriver) Driver() driver.Driver { return c.driver }

func (c countedDriver) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	engine := "sqlite"
	if strings.HasPrefix(c.name, "postgres") {
		engine = "postgres"
	}
	return &countedConn{conn.(fullConn), c.notes, engine}, nil
}

// fullConn is what connections of both drivers do.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
}

// countedConn passes everything on. It needs no driver.NamedValueChecker: what the store sends are values of database/sql.
type countedConn struct {
	fullConn
	notes  *Statements
	engine string
}

func (c *countedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.notes.mu.Lock()
	c.notes.transactions++
	c.notes.mu.Unlock()
	return c.fullConn.BeginTx(ctx, opts)
}

func (c *countedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.notes.note(text)
	Everything.note(c.engine, text, args)
	return c.fullConn.ExecContext(ctx, text, args)
}

func (c *countedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.notes.note(text)
	Everything.note(c.engine, text, args)
	return c.fullConn.QueryContext(ctx, text, args)
}

func (c *countedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.notes.note(text)
	return c.fullConn.PrepareContext(ctx, text)
}
