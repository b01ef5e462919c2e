package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	serversql "go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/resolver"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"kyso/workflows"
)

// namespace is where the processes of a development world live.
const namespace = "default"

// retention is how long a closed process stays readable in Temporal. The record in kyso's store stays for years.
const retention = 30 * 24 * time.Hour

// inURI is a path as it stands in the URI of a SQLite file.
func inURI(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// temporalSQL names the database file. Every attribute that is not a parameter of SQLite's URI becomes a pragma of
// each new connection. WAL lets readers go on during a write. synchronous=FULL costs a quarter of the rate
// that NORMAL reaches, but with NORMAL a power cut loses commits that were acknowledged: a signing that the API has
// accepted would stand in kyso's store without a process.
func temporalSQL(path string) *config.SQL {
	return &config.SQL{
		PluginName:   sqlite.PluginName,
		DatabaseName: inURI(path), // the plugin pastes it there
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			"synchronous":  "full",
			"busy_timeout": "10000",
		},
	}
}

// openTemporalDB makes sure that there is a whole database with our namespace, and that SQLite really works in the
// mode that was asked for.
func openTemporalDB(ctx context.Context, path string) (*config.SQL, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = createTemporalDB(ctx, path)
	}
	if err != nil {
		return nil, fmt.Errorf("creating Temporal's database: %w", err)
	}
	cfg := temporalSQL(path)
	if err := checkPragmas(cfg); err != nil {
		return nil, err
	}
	if err := createNamespace(cfg); err != nil {
		return nil, fmt.Errorf("creating Temporal's namespace: %w", err)
	}
	return cfg, nil
}

// createTemporalDB builds the schema next to its final place and moves it there when it is whole and on disk. Built in
// place, a process that dies in its first 60 ms leaves a part of the schema, on which the server then runs silently.
func createTemporalDB(ctx context.Context, path string) error {
	building := path + ".new"
	for _, leftover := range []string{building, building + "-journal", path + "-wal", path + "-shm"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// The plugin of the server never closes its connections, so this one is our own.
	db, err := sql.Open("sqlite", "file:"+inURI(building)+"?_pragma=journal_mode=delete")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = sqliteschema.SetupSchemaOnDB(schemaTx{ctx: ctx, tx: tx})
	if err != nil {
		return errors.Join(err, tx.Rollback(), db.Close())
	}
	if err := errors.Join(tx.Commit(), db.Close()); err != nil {
		return err
	}
	if err := syncPath(building); err != nil {
		return err
	}
	return moveInto(building, path)
}

// schemaTx lets the server's schema set-up work inside our transaction: Exec is all that it calls.
type schemaTx struct {
	sqlplugin.AdminDB
	ctx context.Context
	tx  *sql.Tx
}

// Exec runs one statement.
func (s schemaTx) Exec(statement string, args ...any) error {
	_, err := s.tx.ExecContext(s.ctx, statement, args...)
	return err
}

// checkPragmas reads journal_mode and synchronous back on the very connection that the server works with: SQLite
// ignores a pragma that it does not know without a word. The plugin keeps one connection for each database and hands
// it to all, and it lets its callers execute but not select; so a constraint does the comparing.
func checkPragmas(cfg *config.SQL) error {
	db, err := serversql.NewSQLAdminDB(sqlplugin.DbKindUnknown, cfg, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	if err != nil {
		return fmt.Errorf("opening Temporal's database: %w", err)
	}
	defer func() { _ = db.Close() }() // gives the reference back; the plugin keeps the connection
	for _, statement := range []string{
		`CREATE TEMP TABLE kyso_check (journal_mode TEXT CHECK (journal_mode = 'wal'), synchronous INT CHECK (synchronous = 2))`,
		`INSERT INTO kyso_check SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous`,
		`DROP TABLE kyso_check`,
	} {
		if err := db.Exec(statement); err != nil {
			return fmt.Errorf("checking that SQLite is in the mode that Temporal's database needs (journal_mode=wal, synchronous=full): %w", err)
		}
	}
	return nil
}

// createNamespace adds the namespace with kyso's search attributes, once.
func createNamespace(cfg *config.SQL) error {
	ns, err := sqliteschema.NewNamespaceConfig(clusterName, namespace, false, workflows.SearchAttributes())
	if err != nil {
		return err
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	return sqliteschema.CreateNamespaces(cfg, ns)
}
