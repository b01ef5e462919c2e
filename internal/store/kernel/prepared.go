package kernel

import (
	"context"
	"database/sql/driver"
	"strings"
)

// maxPrepared bounds the statements that one connection keeps. The store has some hundred; lists vary with their filters.
const maxPrepared = 400

// preparing is the SQLite driver with connections that keep their statements prepared: reading the text of a query again takes longer
// than most queries do. The driver for PostgreSQL does so by itself.
type preparing struct{ driver.Driver }

// Open implements driver.Driver.
func (p preparing) Open(name string) (driver.Conn, error) {
	c, err := p.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return &preparedConn{whole: c.(whole), kept: map[string]*prepared{}}, nil
}

// opened is a driver and the name that it opens.
type opened struct {
	driver driver.Driver
	name   string
}

// Connect implements driver.Connector.
func (o opened) Connect(context.Context) (driver.Conn, error) { return o.driver.Open(o.name) }

// Driver implements driver.Connector.
func (o opened) Driver() driver.Driver { return o.driver }

// whole is what connections of the driver do.
type whole interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// preparedConn is a connection, which database/sql uses for one thing at a time.
type preparedConn struct {
	whole
	kept map[string]*prepared // by text
}

// prepared is a statement that is kept.
type prepared struct {
	driver.Stmt
	busy bool // its rows are being read
}

// statement returns the statement of a text; nil for one that is busy, or not to be kept.
func (c *preparedConn) statement(ctx context.Context, text string) *prepared {
	if s, ok := c.kept[text]; ok {
		if s.busy {
			return nil
		}
		return s
	}
	verb, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch verb {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH":
	default:
		return nil
	}
	if len(c.kept) >= maxPrepared || strings.Contains(text, ";") {
		return nil
	}
	stmt, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil // asked at once, it says what is wrong
	}
	s := &prepared{Stmt: stmt}
	c.kept[text] = s
	return s
}

// ExecContext implements driver.ExecerContext.
func (c *preparedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if s := c.statement(ctx, text); s != nil {
		return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	}
	return c.whole.ExecContext(ctx, text, args)
}

// QueryContext implements driver.QueryerContext.
func (c *preparedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s := c.statement(ctx, text)
	if s == nil {
		return c.whole.QueryContext(ctx, text, args)
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &preparedRows{rows, s}, nil
}

// Close implements driver.Conn.
func (c *preparedConn) Close() error {
	for text, s := range c.kept {
		_ = s.Close() // the connection goes
		delete(c.kept, text)
	}
	return c.whole.Close()
}

// preparedRows are rows of a statement that is kept.
type preparedRows struct {
	driver.Rows
	of *prepared
}

// Close implements driver.Rows.
func (r *preparedRows) Close() error {
	r.of.busy = false
	return r.Rows.Close()
}
