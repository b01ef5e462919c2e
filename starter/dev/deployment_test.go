package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"kyso/internal/app"
	"kyso/internal/keytest"
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/pgtest"
	"kyso/internal/telemetry"
	"kyso/internal/vault"
)

// deployment is kyso as in production, by processes: PostgreSQL, a Temporal server over it, two workers and the API, all of
// them the real programs. Only the outside parties live in the test, which nobody kills.
type deployment struct {
	t        *testing.T
	data     string
	postgres *pgtest.Server
	world    *World // its sandbox and addresses
	engine   *part
	api      *part
	workers  []*part
	env      []string
	today    []string // more of it, for the programs of today only
}

// part is one process of a deployment.
type part struct {
	name  string
	start func() *exec.Cmd
	ready func(context.Context) error

	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// run starts the process and waits until it says that it is ready. One that ends before is started again, as an init
// system does: it may need another part that is not back yet.
func (p *part) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if p.ended() {
			if err := p.launch(); err != nil {
				return err
			}
		}
		if p.ready(ctx) == nil && !p.ended() {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s is not ready: %w\n%s", p.name, ctx.Err(), log[max(0, len(log)-3000):])
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *part) ended() bool {
	if p.cmd == nil {
		return true
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *part) launch() error {
	log, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, done := p.start(), make(chan struct{})
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, ownGroup()
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.done = cmd, done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	return nil
}

// kill is kill -9.
func (p *part) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// startDeployment starts all of it, the outside parties first. today is for the programs of today, and not for a worker
// of an earlier release, which does not know every variable.
func startDeployment(t *testing.T, today ...string) *deployment {
	t.Helper()
	c := &deployment{t: t, data: t.TempDir(), today: today}
	var err error
	c.postgres, err = pgtest.Start(true)
	do(t, err)
	t.Cleanup(c.postgres.Stop)
	program(t, "kyso") // compiled before others have to wait
	starting.Lock()    // until the servers have taken their ports
	defer starting.Unlock()
	c.startParties()
	c.assemble()
	for _, p := range c.parts() {
		t.Cleanup(p.kill)
	}
	do(t, c.engine.run(t.Context()))
	c.migrate()
	do(t, c.api.run(t.Context()))
	for _, w := range c.workers {
		do(t, w.run(t.Context()))
	}
	return c
}

func (c *deployment) parts() []*part { return append([]*part{c.engine, c.api}, c.workers...) }

// newVariables begin the names of variables that the last release refuses as unknown.
var newVariables = []string{"KYSO_GUEST_", "KYSO_BUDGET_", "KYSO_SANDBOX_", "KYSO_SEAL_RSA_", "KYSO_KEEP_VERIFICATIONS", "KYSO_GATEWAYS", "KYSO_CA_WIRE", "KYSO_PPROF", "KYSO_PDF_"}

// startParties starts the sandbox, and reserves a port for the API.
func (c *deployment) startParties() {
	c.t.Helper()
	f, err := openFolder(c.data)
	do(c.t, err)
	w := &World{folder: f, failed: make(chan error, 8)}
	c.world = w
	c.t.Cleanup(func() { do(c.t, w.Close()) })
	w.ports, err = f.reservePorts(c.t.Context())
	do(c.t, err)
	secrets, err := f.secrets()
	do(c.t, err)
	w.Addresses = w.addresses()
	w.Addresses.APIKey, w.Addresses.Temporal = secrets.AdminKey, ""
	do(c.t, w.startSandbox(Options{SandboxKeys: keytest.Keys()}, w.Addresses.API, w.Addresses.API+"/v1/webhooks/"+webhookProvider+"/"+secrets.WebhookToken))
	do(c.t, w.ports.release(portAPI))
	_, err = vault.ReadOrCreateMasterKey(f.file("master.key"))
	do(c.t, err)
	w.Addresses.Temporal = net.JoinHostPort("127.0.0.1", strconv.Itoa(fourPorts(c.t)))
	c.env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, pdftest.Variable) })
	for _, variable := range environment(c.data, w.Addresses, secrets) {
		if slices.ContainsFunc(newVariables, func(prefix string) bool { return strings.HasPrefix(variable, prefix) }) {
			c.today = append(c.today, variable)
		} else {
			c.env = append(c.env, variable)
		}
	}
	c.env = append(c.env, "KYSO_DATABASE="+c.database("kyso"), "KYSO_API_LISTEN="+w.ports.hostPort(portAPI))
}

// fourPorts finds four free ports in a row.
func fourPorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		first, err := listenLoopback(t.Context(), 0)
		do(t, err)
		port := first.Addr().(*net.TCPAddr).Port
		free := first.Close()
		for i := 1; i < 4 && free == nil; i++ {
			var l net.Listener
			if l, free = listen(t.Context(), net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i))); free == nil {
				free = l.Close()
			}
		}
		if free == nil {
			return port
		}
	}
	t.Fatal("there are no four free ports in a row")
	return 0
}

// database makes a database and returns its DSN.
func (c *deployment) database(name string) string {
	c.t.Helper()
	admin, err := pgx.Connect(c.t.Context(), c.postgres.DSN())
	do(c.t, err)
	_, err = admin.Exec(c.t.Context(), "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	do(c.t, errors.Join(err, admin.Close(c.t.Context())))
	dsn, err := url.Parse(c.postgres.DSN())
	do(c.t, err)
	dsn.Path = "/" + name
	return dsn.String()
}

func (c *deployment) assemble() {
	c.t.Helper()
	self, err := os.Executable()
	do(c.t, err)
	c.engine = c.part("engine", c.env, reachable(c.world.Addresses.Temporal), self, "engine", "--postgres", c.postgres.DSN(),
		"--listen", c.world.Addresses.Temporal)
	c.api = c.part("api", slices.Concat(c.env, c.today), answering(c.world.Addresses.API+"/readyz"), program(c.t, "kyso"), "serve")
	for i := range 2 {
		c.workers = append(c.workers, c.worker(fmt.Sprintf("worker-%d", i+1), program(c.t, "kyso-worker"), c.today...))
	}
}

// worker is a worker process with a health address of its own.
func (c *deployment) worker(name, program string, env ...string) *part {
	c.t.Helper()
	l, err := listenLoopback(c.t.Context(), 0)
	do(c.t, err)
	health := l.Addr().String()
	do(c.t, l.Close())
	env = slices.Concat(c.env, []string{"KYSO_HEALTH_LISTEN=" + health}, env)
	return c.part(name, env, answering("http://"+health+"/readyz"), program)
}

func (c *deployment) part(name string, env []string, ready func(context.Context) error, program string, args ...string) *part {
	return &part{name: name, ready: ready, log: filepath.Join(c.data, "logs", name+".log"), start: func() *exec.Cmd {
		cmd := exec.CommandContext(context.WithoutCancel(c.t.Context()), program, args...)
		cmd.Env = env
		return cmd
	}}
}

func answering(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	}
}

func reachable(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// migrate runs "kyso migrate" until the namespace is there.
func (c *deployment) migrate() {
	c.t.Helper()
	c.succeeds("migrate")
}

// succeeds runs a command of kyso until it succeeds, and returns what it says.
func (c *deployment) succeeds(args ...string) []byte {
	c.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := c.run(args...)
		if err == nil {
			return out
		}
		if time.Now().After(end) {
			c.t.Fatalf("kyso %v: %v: %s", args, err, out)
		}
	}
}

// run runs a command of starter with the configuration of the deployment.
func (c *deployment) run(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(c.t.Context(), program(c.t, "kyso"), args...)
	cmd.Env = slices.Concat(c.env, c.today)
	return cmd.CombinedOutput()
}

// open opens the application in the test itself, to look and to verify.
func (c *deployment) open() {
	c.t.Helper()
	cfg, err := app.FromEnvironment(slices.Concat(c.env, c.today, []string{pdftest.Variable + "=" + pdftest.Program(c.t)}))
	do(c.t, err)
	c.world.App, err = app.Open(c.t.Context(), cfg, telemetry.NewLog(io.Discard, 0))
	do(c.t, err)
}
