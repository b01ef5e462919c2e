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

// running is the server of this process, started by the first test that wants it.
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
	}
	return code
}

// New returns the DSN of an empty database, which is dropped when the test ends. Without PostgreSQL on the machine
// the test is skipped, and fails when CI=true.
func New(t testing.TB) string {
	t.Helper()
	running.once.Do(start)
	if errors.Is(running.err, errNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(running.err)
	}
	if running.err != nil {
		t.Fatal(running.err)
	}
	name := "kyso_test_" + strings.ToLower(rand.Text()[:12])
	execute(t, `CREATE DATABASE `+name)
	t.Cleanup(func() { execute(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
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
	db, err := sql.Open("pgx", running.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
