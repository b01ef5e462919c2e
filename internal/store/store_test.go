package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "modernc.org/sqlite"

	"kyso/internal/pgtest"
	"kyso/internal/problem"
	"kyso/internal/store"
	"kyso/internal/storetest"
	"kyso/internal/vault"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childDSN); dsn != "" {
		os.Exit(writeUntilKilled(dsn, os.Getenv(childKey)))
	}
	os.Exit(pgtest.Main(m))
}

// onBothEngines runs the test on SQLite and on PostgreSQL, each with an empty database.
func onBothEngines(t *testing.T, run func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, "sqlite:"+filepath.Join(t.TempDir(), "data dir", "kyso.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		run(t, pgtest.New(t))
	})
}

// onBothStores is onBothEngines with the schema in place.
func onBothStores(t *testing.T, run func(t *testing.T, s *store.Store)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, open(t, storetest.SQLite(t), masterKey(t)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		run(t, open(t, storetest.Postgres(t), masterKey(t)))
	})
}

func masterKey(t testing.TB) *vault.MasterKey {
	t.Helper()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func open(t testing.TB, dsn string, key store.Sealer) *store.Store {
	t.Helper()
	ctx, _ := storetest.Counted(t.Context())
	s, err := store.Open(ctx, dsn, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// only is the error of what also returns a value.
func only(_ any, err error) error { return err }

func wantCode(t *testing.T, err error, code problem.Code) {
	t.Helper()
	if problem.CodeOf(err) != code {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func TestPingTellsWhatIsMissing(t *testing.T) {
	onBothEngines(t, func(t *testing.T, dsn string) {
		ctx, key := t.Context(), masterKey(t)
		if err := open(t, dsn, key).Ping(ctx); err == nil {
			t.Error("a database without schema is ready")
		}
		s := open(t, dsn, key)
		must(t, s.Migrate(ctx))
		must(t, s.Ping(ctx))
		must(t, s.Migrate(ctx)) // again: nothing to do
		if err := open(t, dsn, masterKey(t)).Ping(ctx); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("with another master key: got %v, want ErrSealed", err)
		}
	})
}

func TestProcessesMayMigrateTogether(t *testing.T) {
	onBothEngines(t, func(t *testing.T, dsn string) {
		key := masterKey(t)
		var group sync.WaitGroup
		for range 4 {
			s := open(t, dsn, key)
			group.Go(func() {
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, dsn := range []string{"", "mysql://x", "sqlite:relative.db", "sqlite:", "/var/lib/kyso.db"} {
		_, err := store.Open(t.Context(), dsn, masterKey(t))
		wantCode(t, err, problem.Invalid)
	}
}

func TestOpenDoesNotQuoteAPassword(t *testing.T) {
	const password = "correct-horse"
	for _, dsn := range []string{"postgres://u:" + password + "@127.0.0.1:1/db", "postgres://u:" + password + "@[/db"} {
		_, err := store.Open(t.Context(), dsn, masterKey(t))
		if err == nil || containsCanary([]byte(err.Error()), password) {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kyso.db")
	s := open(t, "sqlite:"+path, masterKey(t))
	must(t, s.Migrate(t.Context()))
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestEveryConnectionIsDurable looks at the pragmas of as many connections as the pool gives, not of one.
func TestEveryConnectionIsDurable(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "kyso.db"), masterKey(t))
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "20000"}
	var held []*sql.Conn
	for range 5 {
		conn, err := s.DB().Conn(t.Context())
		must(t, err)
		held = append(held, conn)
		for name, value := range want {
			var got string
			must(t, conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got))
			if got != value {
				t.Errorf("%s is %s, want %s", name, got, value)
			}
		}
	}
	for _, conn := range held {
		conn.Close()
	}
}
