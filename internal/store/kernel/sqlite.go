package kernel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"kyso/internal/problem"
)

// pragmas are set on every SQLite connection and read back once. FULL and not NORMAL: with NORMAL a commit in WAL
// mode may be lost when the power fails, and what kyso acknowledged must be there after a crash. busy_timeout
// covers other processes that write to the same file.
var pragmas = []struct{ name, set, read string }{
	{"busy_timeout", "20000", "20000"}, // first, so that the others wait as well
	{"journal_mode", "WAL", "wal"},
	{"synchronous", "FULL", "2"},
	{"foreign_keys", "ON", "1"},
	{"secure_delete", "ON", "1"}, // what is deleted or overwritten leaves no bytes in its page
}

// openSQLite opens the file at path and makes it when absent, readable by its owner only.
func openSQLite(ctx context.Context, path string) (*sql.DB, error) {
	if !filepath.IsAbs(path) {
		return nil, problem.New(problem.Invalid, "a SQLite DSN names an absolute path, such as sqlite:/var/lib/kyso/kyso.db")
	}
	if !slices.Contains(sql.Drivers(), "sqlite") {
		return nil, problem.New(problem.Invalid,
			"this program is built for PostgreSQL only: the SQLite driver (modernc.org/sqlite) is not linked")
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	db, err := openDriver(ctx, "sqlite", sqliteDSN(path))
	if err != nil {
		return nil, err
	}
	if err := checkPragmas(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// createPrivate makes an empty file with mode 0600; SQLite gives its WAL the same mode.
func createPrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

func sqliteDSN(path string) string {
	query := url.Values{}
	for _, p := range pragmas {
		query.Add("_pragma", fmt.Sprintf("%s(%s)", p.name, p.set))
	}
	// A write transaction takes the lock when it begins: one that starts as a reader and writes later fails at
	// once, without waiting, when another writer came between.
	query.Set("_txlock", "immediate")
	query.Set("_time_format", "sqlite") // sorts as text in the order of time, as long as all are in UTC
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// checkPragmas reads the settings back: SQLite ignores unknown and misspelt pragmas in silence.
func checkPragmas(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, p := range pragmas {
		var got string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil {
			return fmt.Errorf("reading pragma %s: %w", p.name, err)
		}
		if got != p.read {
			return fmt.Errorf("pragma %s is %s, not %s", p.name, got, p.read)
		}
	}
	return nil
}
