package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var errNotInstalled = errors.New("PostgreSQL is not installed (Debian: apt install postgresql), and " + EnvDSN + " is not set")

// Server is a PostgreSQL of this process.
type Server struct {
	dir     string // data, socket and log; removed at the end
	bin     string
	account *syscall.Credential
	durable bool
	process *exec.Cmd
	done    chan struct{} // closed when the process has ended
}

// Start makes a cluster in a temporary directory and starts it. A durable one keeps what it has committed when it is
// killed; the other is faster and for tests that do not kill it.
func Start(durable bool) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	account, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(place(), fmt.Sprintf("kyso-pg-%d-", os.Getpid()))
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin, account: account, durable: durable}
	if err := s.init(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("making a PostgreSQL cluster: %w", err)
	}
	if err := s.start(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	return s, nil
}

// place is where a cluster lies. Not os.TempDir: the path of a Unix socket has at most 107 bytes, and the other account must reach it.
// Making a database copies some hundred files, which costs a fifth in memory of what it costs on a disk.
func place() string {
	const memory, tmpfs, room = "/dev/shm", 0x01021994, 2 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Type != tmpfs || fs.Bavail*uint64(fs.Bsize) < room {
		return "/tmp"
	}
	sweep(memory)
	return memory
}

// sweep removes the clusters of tests that were killed: what lies in memory stays there. Their servers ended with them.
func sweep(folder string) {
	found, _ := filepath.Glob(filepath.Join(folder, "kyso-pg-*")) // the pattern is ours
	for _, dir := range found {
		pid, _, ours := strings.Cut(strings.TrimPrefix(filepath.Base(dir), "kyso-pg-"), "-")
		if n, err := strconv.Atoi(pid); ours && err == nil && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir) // another account's
		}
	}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) init() error {
	if s.account != nil {
		if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return err
		}
	}
	// trust is safe: the socket lies in a directory that only this account enters, and there is no TCP port.
	initdb := s.command("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (s *Server) start() error {
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200",
		// What a killed process has written, the kernel still has; only a crash of the machine needs fsync.
		"-c", "fsync=off"}
	if !s.durable {
		args = append(args, "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	s.process, s.done = s.command("postgres", args...), make(chan struct{})
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.run(); err != nil {
		return err
	}
	return s.waitReady()
}

// Kill is kill -9 of the server.
func (s *Server) Kill() {
	_ = s.process.Process.Kill() // it may have ended already
	<-s.done
}

// Restart starts a server that was killed. Its orphans hold the shared memory until they notice, so it tries for a while.
func (s *Server) Restart() error {
	var err error
	for range 50 {
		if err = s.start(); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// run starts the process so that the kernel stops it when this one dies without a word. The kernel looks at the
// thread that started it, so that thread is kept until the end.
func (s *Server) run() error {
	s.process.SysProcAttr.Pdeathsig = syscall.SIGQUIT // immediate shutdown
	process, done := s.process, s.done
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		// A goroutine that ends with its thread locked takes the thread along, and with it every other process that was started on it.
		defer runtime.UnlockOSThread()
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait() // how it ended stands in its log
			close(done)
		}
	}()
	return <-started
}

func (s *Server) waitReady() error {
	db, err := sql.Open("pgx", s.DSN())
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-s.done:
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("postgres ended: %s", log)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// DSN names the database postgres of the server.
func (s *Server) DSN() string {
	query := url.Values{"host": {s.dir}, "user": {"postgres"}}
	return "postgres:///postgres?" + query.Encode()
}

// Stop ends the server and removes its directory.
func (s *Server) Stop() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Signal(syscall.SIGQUIT) // it may have ended already
		<-s.done
	}
	os.RemoveAll(s.dir)
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, name), args...) // ends with Stop
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	return cmd
}

// binaries returns the directory of initdb and postgres: Debian's newest, else what PATH has.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(newest), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errNotInstalled
	}
	return filepath.Dir(path), nil
}

// version is the number in /usr/lib/postgresql/<number>/bin/initdb.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// unprivileged returns the account to run as when this process is root, whom PostgreSQL turns away.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}
