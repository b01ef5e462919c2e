// Package pgtest gives tests a real PostgreSQL: one throw-away server for each test process, one database for each
// test. The server is started from installed binaries, listens on a Unix socket in a private directory and is gone
// with the process. A package that uses it calls Main from its TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
// KYSO_TEST_POSTGRES names a running server to use instead (a DSN of a user who may create databases).
// Only tests import it. It imports the standard library and pgx.
package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// EnvDSN is the variable that names a server to use.
const EnvDSN = "KYSO_TEST_POSTGRES"

// running is the server of this process, started by the first test that needs it.
var running struct {
	once   sync.Once
	server *Server
	admin  string // DSN of a database to create others from
	err    error
}

// Main runs the tests of a package and stops the server.
func Main(m *testing.M) int {
	code := m.Run()
	if running.server != nil {
		running.server.Stop()
	} else if filled.name != "" {
		if err := try(`DROP DATABASE ` + filled.name + ` WITH (FORCE)`); err != nil {
			fmt.Fprintln(os.Stderr, "dropping the database that tests copied:", err)
			code = 1
		}
	}
	return code
}

// New returns the DSN of an empty database, which is dropped when the test ends. Without PostgreSQL on the machine
// the test is skipped, and fails when CI=true.
func New(t testing.TB) string {
	t.Helper()
	ready(t)
	return create(t, "")
}

// Copy is New with what fill has put into the database. fill runs once for each process, every test gets a copy of its own; it
// leaves no connection open.
func Copy(t testing.TB, fill func(ctx context.Context, dsn string) error) string {
	t.Helper()
	ready(t)
	filled.once.Do(func() {
		filled.name = "kyso_test_" + strings.ToLower(rand.Text()[:12])
		execute(t, `CREATE DATABASE `+filled.name)
		if filled.err = fill(context.WithoutCancel(t.Context()), address(t, filled.name)); filled.err == nil {
			filled.err = left(filled.name)
		}
	})
	if filled.err != nil {
		t.Fatal(filled.err)
	}
	return create(t, ` TEMPLATE `+filled.name)
}

// left waits until the last connection to a database has ended, which is a moment after it was closed: only then it can be copied.
func left(name string) error {
	db, err := sql.Open("pgx", running.admin)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		var n int
		err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = $1`, name).Scan(&n)
		if err != nil || n == 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// filled is the database that others are copies of. A server that is not ours keeps it: see Main.
var filled struct {
	once sync.Once
	name string
	err  error
}

// ready starts the server.
func ready(t testing.TB) {
	t.Helper()
	running.once.Do(start)
	if errors.Is(running.err, errNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(running.err)
	}
	if running.err != nil {
		t.Fatal(running.err)
	}
}

// create makes a database for one test.
func create(t testing.TB, like string) string {
	t.Helper()
	name := "kyso_test_" + strings.ToLower(rand.Text()[:12])
	execute(t, `CREATE DATABASE `+name+like)
	t.Cleanup(func() { execute(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
	return address(t, name)
}

// address is the DSN of a database.
func address(t testing.TB, name string) string {
	t.Helper()
	dsn, err := url.Parse(running.admin)
	if err != nil {
		t.Fatal("the DSN of the test server cannot be parsed")
	}
	dsn.Path = "/" + name
	return dsn.String()
}

func start() {
	if dsn := os.Getenv(EnvDSN); dsn != "" {
		running.admin = dsn
		return
	}
	running.server, running.err = Start(false)
	if running.err == nil {
		running.admin = running.server.DSN()
	}
}

func execute(t testing.TB, statement string) {
	t.Helper()
	if err := try(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func try(statement string) error {
	db, err := sql.Open("pgx", running.admin)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// patience is for what takes a moment: a busy machine may need long.
const patience = 5 * time.Minute
