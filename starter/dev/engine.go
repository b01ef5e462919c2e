package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema"
	v12 "go.temporal.io/server/schema/postgresql/v12"
	"go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"
)

// engineDatabase is one of the two databases of a Temporal server.
type engineDatabase struct {
	name, schema, version string
}

var engineDatabases = []engineDatabase{
	{"temporal", "postgresql/v12/temporal", v12.Version},
	{"temporal_visibility", "postgresql/v12/visibility", v12.VisibilityVersion},
}

func newEngineCommand() *cobra.Command {
	var postgres, listen string
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Run a Temporal server on PostgreSQL, for a machine without containers",
		Long: "Runs a whole Temporal server over PostgreSQL, without Web UI. It makes its two databases (temporal and\n" +
			"temporal_visibility) and the namespace \"default\" when they are missing. It listens on the port of --listen and on the\n" +
			"three after it, on loopback. kyso's own programs are started next to it as in production: kyso migrate, worker,\n" +
			"kyso serve.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runEngine(cmd.Context(), cmd.OutOrStdout(), postgres, listen)
		},
	}
	cmd.Flags().StringVar(&postgres, "postgres", "", "DSN of a database to connect to first, of a user who may create databases")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:7233", "loopback address of the frontend; history, matching and worker follow")
	return cmd
}

func runEngine(ctx context.Context, out io.Writer, postgres, at string) error {
	address, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		return fmt.Errorf("reading --listen: %w", err)
	}
	if !address.IP.IsLoopback() {
		return errors.New("the engine has no authorisation, so --listen has to be a loopback address")
	}
	cfg, err := pgx.ParseConfig(postgres)
	if err != nil {
		return fmt.Errorf("reading --postgres: %w", err)
	}
	for _, d := range engineDatabases {
		if err := d.create(ctx, cfg); err != nil {
			return fmt.Errorf("creating the database %s: %w", d.name, err)
		}
	}
	server, err := startEngine(cfg, address.Port)
	if err != nil {
		return err
	}
	if err := registerNamespace(ctx, at); err != nil {
		return errors.Join(err, server.Stop())
	}
	tellf(out, "%s\n", readyLine)
	<-ctx.Done()
	return server.Stop()
}

// startEngine listens already when it returns.
func startEngine(cfg *pgx.ConnConfig, first int) (temporal.Server, error) {
	addresses := func(service primitives.ServiceName) int {
		return first + map[primitives.ServiceName]int{primitives.HistoryService: 1, primitives.MatchingService: 2, primitives.WorkerService: 3}[service]
	}
	persistence := config.Persistence{
		DefaultStore: engineDatabases[0].name, VisibilityStore: engineDatabases[1].name, NumHistoryShards: 4,
		DataStores: map[string]config.DataStore{},
	}
	for _, d := range engineDatabases {
		persistence.DataStores[d.name] = config.DataStore{SQL: d.config(cfg)}
	}
	server, hosts := temporalConfig(persistence, addresses)
	s, err := temporal.NewServer(
		temporal.WithConfig(server),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(tuned),
		temporal.WithLogger(loudLogger{log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "error", OutputFile: os.Getenv(engineLog)}))}),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
	)
	if err != nil {
		return nil, fmt.Errorf("assembling the Temporal server: %w", err)
	}
	if err := s.Start(); err != nil {
		return nil, fmt.Errorf("starting the Temporal server: %w", err)
	}
	return s, nil
}

// engineLog names the variable with the file that the engine's log goes to; without it, standard error.
const engineLog = "KYSO_ENGINE_LOG"

// config is how the server connects to the database.
func (d engineDatabase) config(cfg *pgx.ConnConfig) *config.SQL {
	sql := &config.SQL{PluginName: postgresql.PluginNamePGX, DatabaseName: d.name, User: cfg.User, Password: cfg.Password,
		MaxConns: 30, MaxIdleConns: 30, MaxConnLifetime: time.Hour}
	if cfg.Host[0] == '/' { // the directory of a Unix socket does not fit where a URL has its host
		sql.ConnectAttributes = map[string]string{"host": cfg.Host, "port": strconv.Itoa(int(cfg.Port))}
	} else {
		sql.ConnectAddr = net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	}
	return sql
}

// create makes the database and its schema when they are missing. The schema is made in one transaction: there is all
// of it or nothing.
func (d engineDatabase) create(ctx context.Context, cfg *pgx.ConnConfig) error {
	admin, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{d.name}.Sanitize())
	if err := errors.Join(err, admin.Close(ctx)); err != nil && sqlState(err) != duplicateDatabase {
		return err
	}
	own := cfg.Copy()
	own.Database = d.name
	own.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // many statements at once
	conn, err := pgx.ConnectConfig(ctx, own)
	if err != nil {
		return err
	}
	err = d.createSchema(ctx, conn)
	return errors.Join(err, conn.Close(ctx))
}

// duplicateDatabase is the SQLSTATE of CREATE DATABASE when there is one.
const duplicateDatabase = "42P04"

func sqlState(err error) string {
	if state, ok := errors.AsType[*pgconn.PgError](err); ok {
		return state.Code
	}
	return ""
}

func (d engineDatabase) createSchema(ctx context.Context, conn *pgx.Conn) error {
	statements, err := fs.ReadFile(schema.Assets(), path.Join(d.schema, "schema.sql"))
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var there sql.NullString
		if err := tx.QueryRow(ctx, `SELECT to_regclass('schema_version')::text`).Scan(&there); err != nil || there.Valid {
			return err
		}
		for _, statement := range []string{string(statements), schemaVersionTables} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO schema_version VALUES (0, $1, now(), $2, $2)`, d.name, d.version)
		return err
	})
}

// schemaVersionTables is what temporal-sql-tool setup-schema makes besides the schema; the server reads the first and a
// later update-schema both.
const schemaVersionTables = `
CREATE TABLE schema_version (version_partition INT NOT NULL, db_name VARCHAR(255) NOT NULL, creation_time TIMESTAMP,
	curr_version VARCHAR(64), min_compatible_version VARCHAR(64), PRIMARY KEY (version_partition, db_name));
CREATE TABLE schema_update_history (version_partition INT NOT NULL, year INT NOT NULL, month INT NOT NULL, update_time TIMESTAMP NOT NULL,
	description VARCHAR(255), manifest_md5 VARCHAR(64), new_version VARCHAR(64), old_version VARCHAR(64),
	PRIMARY KEY (version_partition, year, month, update_time));`

// registerNamespace makes the namespace when it is missing and waits until the server knows it.
func registerNamespace(ctx context.Context, at string) error {
	c, err := sdk.NewNamespaceClient(sdk.Options{HostPort: at})
	if err != nil {
		return err
	}
	defer c.Close()
	return waitFor(ctx, "Temporal's namespace", func() error {
		err := c.Register(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: namespace,
			WorkflowExecutionRetentionPeriod: durationpb.New(retention)})
		var there *serviceerror.NamespaceAlreadyExists
		if err != nil && !errors.As(err, &there) {
			return err
		}
		return nil
	})
}

// loopbackHosts puts every service of a cluster on this host.
func loopbackHosts(port func(primitives.ServiceName) int) map[primitives.ServiceName]static.Hosts {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for service := range temporalPorts {
		hosts[service] = static.SingleLocalHost(net.JoinHostPort("127.0.0.1", strconv.Itoa(port(service))))
	}
	return hosts
}
