package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"kyso/internal/app"
	"kyso/internal/keytest"
	"kyso/internal/pgtest"
	"kyso/internal/telemetry"
	"kyso/internal/vault"
)

// A benchWorld is kyso with engine, worker and API each a process of its own, so that the kernel tells what each of them costs. The outside
// parties, the people who press buttons and the workflows that do nothing are in the measuring process. It is on SQLite, and on PostgreSQL
// with KYSO_ON=postgres.
type benchWorld struct {
	*World
	data                string
	engine, api, worker *part
}

// benchPart names the variable that makes the test binary the engine or the API of a benchWorld, in the data folder that benchData names.
const (
	benchPart = "BENCH_PART"
	benchData = "BENCH_DATA"
)

func init() {
	parts := map[string]func(context.Context, string) error{"engine": runBenchEngine, "api": runBenchAPI, "worker": runBenchWorker}
	if run := parts[os.Getenv(benchPart)]; run != nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		if err := profiled(os.Getenv(benchPart), func() error { return run(ctx, os.Getenv(benchData)) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			stop()
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// profiled writes a CPU profile of a part of the world into the folder that KYSO_PROFILES names, where it names one.
func profiled(name string, run func() error) error {
	folder := os.Getenv("KYSO_PROFILES")
	if folder == "" {
		return run()
	}
	file, err := os.Create(filepath.Join(folder, name+".prof"))
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		return err
	}
	err = run()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// runBenchEngine runs Temporal in a folder of its own, where it leaves its ports.
func runBenchEngine(ctx context.Context, data string) error {
	f, err := openFolder(filepath.Join(data, "engine"))
	if err != nil {
		return err
	}
	p, err := f.reservePorts(ctx)
	if err != nil {
		return err
	}
	ready := func() error { return writeFile(f.file("ready"), nil) }
	if dsn := benchDSN(data, "postgres"); dsn != "" {
		if err := p.close(); err != nil {
			return err
		}
		return runEngine(ctx, whenWritten(ready), dsn, p.hostPort(portTemporal))
	}
	server, err := startTemporal(ctx, f, p)
	if err != nil {
		return err
	}
	if err := ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return server.stop()
}

// whenWritten is called when there is something to read.
type whenWritten func() error

func (w whenWritten) Write(p []byte) (int, error) { return len(p), w() }

// benchDSN is where a database of the world is, or nothing when the world is on SQLite.
func benchDSN(data, name string) string {
	dsns := map[string]string{}
	if readJSON(filepath.Join(data, "postgres.json"), &dsns) != nil {
		return ""
	}
	return dsns[name]
}

func runBenchAPI(ctx context.Context, data string) error {
	a, addresses, err := openBench(ctx, data, os.Stdout)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, strings.TrimPrefix(addresses.API, "http://"))
	if err != nil {
		return err
	}
	return errors.Join(a.Serve(ctx, listener), a.Close())
}

func runBenchWorker(ctx context.Context, data string) error {
	a, _, err := openBench(ctx, data, os.Stdout)
	if err != nil {
		return err
	}
	return errors.Join(a.RunWorker(ctx), a.Close())
}

// openBench opens the application on the world in a data folder.
func openBench(ctx context.Context, data string, log io.Writer) (*app.App, Addresses, error) {
	var addresses Addresses
	f := &folder{path: data}
	if err := readJSON(f.file(addressesFile), &addresses); err != nil {
		return nil, addresses, err
	}
	secrets, err := f.secrets()
	if err != nil {
		return nil, addresses, err
	}
	env := environment(data, addresses, secrets)
	dsn := benchDSN(data, "kyso")
	if dsn != "" {
		env = append(env, "KYSO_DATABASE="+dsn)
	}
	cfg, err := app.FromEnvironment(env)
	if err == nil {
		err = app.Migrate(ctx, cfg) // nothing to do for the second
	}
	if dsn != "" && err == nil {
		_, err = app.MigrateTemporal(ctx, cfg)
	}
	if err != nil {
		return nil, addresses, err
	}
	telemetry.RaiseHeap()
	a, err := app.Open(ctx, cfg, telemetry.NewLog(log, slog.LevelInfo))
	return a, addresses, err
}

// startBench starts a benchWorld and returns when all of it answers.
func startBench(b *testing.B) (*benchWorld, *client) {
	b.Helper()
	w := &benchWorld{data: b.TempDir()}
	w.engine = w.part("engine", func(context.Context) error {
		_, err := os.Stat(filepath.Join(w.data, "engine", "ready"))
		return err
	})
	f, err := openFolder(w.data)
	must(b, err)
	w.World = &World{folder: f, failed: make(chan error, 8)}
	b.Cleanup(func() {
		if err := w.Close(); err != nil {
			b.Error(err)
		}
	})
	if os.Getenv("KYSO_ON") == "postgres" {
		w.startPostgres(b)
	}
	b.Cleanup(func() { w.engine.finish() })
	must(b, w.engine.run(b.Context()))
	w.startParties(b)
	if w.App, _, err = openBench(b.Context(), w.data, io.Discard); err != nil {
		b.Fatal(err)
	}
	w.api = w.part("api", answering(w.Addresses.API+"/readyz"))
	b.Cleanup(func() { w.api.finish() })
	must(b, w.api.run(b.Context()))
	w.worker = w.part("worker", func(context.Context) error { return nil })
	b.Cleanup(func() { w.worker.finish() })
	must(b, w.worker.run(b.Context()))
	return w, newClient(w.Addresses)
}

// startPostgres starts a server for the records and the engine, and leaves their addresses in the data folder.
func (w *benchWorld) startPostgres(b *testing.B) {
	b.Helper()
	server, err := pgtest.Start(true)
	must(b, err)
	b.Cleanup(server.Stop)
	admin, err := pgx.Connect(b.Context(), server.DSN())
	must(b, err)
	_, err = admin.Exec(b.Context(), "CREATE DATABASE kyso")
	must(b, errors.Join(err, admin.Close(b.Context())))
	dsn, err := url.Parse(server.DSN())
	must(b, err)
	dsn.Path = "/kyso"
	must(b, writeJSON(filepath.Join(w.data, "postgres.json"), map[string]string{"postgres": server.DSN(), "kyso": dsn.String()}))
}

// startParties starts the outside parties in this process, and leaves the addresses of everything in the data folder.
func (w *benchWorld) startParties(b *testing.B) {
	b.Helper()
	var err error
	w.ports, err = w.folder.reservePorts(b.Context())
	must(b, err)
	secrets, err := w.folder.secrets()
	must(b, err)
	w.Addresses = w.addresses()
	w.Addresses.APIKey = secrets.AdminKey
	engine := map[string]int{}
	must(b, readJSON(filepath.Join(w.data, "engine", portsFileName), &engine))
	w.Addresses.Temporal = fmt.Sprintf("127.0.0.1:%d", engine[portTemporal])
	must(b, w.startSandbox(Options{SandboxInMemory: true, SandboxKeys: keytest.Keys()}, w.Addresses.API,
		w.Addresses.API+"/v1/webhooks/"+webhookProvider+"/"+secrets.WebhookToken))
	must(b, w.ports.release(portAPI))
	_, err = vault.ReadOrCreateMasterKey(w.folder.file("master.key"))
	must(b, err)
	must(b, writeJSON(w.folder.file(addressesFile), w.Addresses))
}

// finish ends a part, which writes its profile first where one is asked for.
func (p *part) finish() {
	if p.cmd != nil && os.Getenv("KYSO_PROFILES") != "" {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.done
	}
	p.kill()
}

// part is this test binary as a part of the world.
func (w *benchWorld) part(name string, ready func(context.Context) error) *part {
	return &part{name: name, ready: ready, log: filepath.Join(w.data, name+".log"), start: func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), benchPart+"="+name, benchData+"="+w.data)
		return cmd
	}}
}

// usage is processor time by the one that used it, in seconds.
type usage struct{ engine, worker, api, pdf, database, here float64 }

func (u usage) minus(v usage) usage {
	return usage{u.engine - v.engine, u.worker - v.worker, u.api - v.api, u.pdf - v.pdf, u.database - v.database, u.here - v.here}
}

func (u usage) plus(v usage) usage {
	return usage{u.engine + v.engine, u.worker + v.worker, u.api + v.api, u.pdf + v.pdf, u.database + v.database, u.here + v.here}
}

func (u usage) total() float64 { return u.engine + u.worker + u.api + u.pdf + u.database + u.here }

func (w *benchWorld) used() usage {
	here := cpu(syscall.RUSAGE_SELF) // before this process looks at all others
	all := processes()
	pid := func(p *part) int { return p.cmd.Process.Pid }
	u := usage{engine: all[pid(w.engine)].own, worker: all[pid(w.worker)].own, api: all[pid(w.api)].own, here: here}
	u.pdf = all.below(pid(w.worker)) + all.below(pid(w.api))
	for child, times := range all {
		if times.parent == os.Getpid() && strings.HasPrefix(times.name, "postgres") {
			u.database += times.own + all.below(child)
		}
	}
	return u
}

// processTimes is the processor time of a process, and of those of its children that have ended and that it has waited for, in seconds.
type processTimes struct {
	name       string
	parent     int
	own, ended float64
}

// processTree is all processes of the machine.
type processTree map[int]processTimes

// below is the processor time of the children of a process and of theirs, in seconds.
func (t processTree) below(pid int) float64 {
	sum := t[pid].ended
	for child, times := range t {
		if times.parent == pid {
			sum += times.own + t.below(child)
		}
	}
	return sum
}

func processes() processTree {
	tree := processTree{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		pid, notNumber := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || notNumber != nil { // it has ended meanwhile
			continue
		}
		_, rest, _ := strings.Cut(string(stat), "(")
		end := strings.LastIndexByte(rest, ')')
		fields := strings.Fields(rest[end+1:])
		parent, _ := strconv.Atoi(fields[1])
		ticks := func(i int) float64 { n, _ := strconv.ParseFloat(fields[i], 64); return n / 100 } // of 10 ms
		tree[pid] = processTimes{name: rest[:end], parent: parent, own: ticks(11) + ticks(12), ended: ticks(13) + ticks(14)}
	}
	return tree
}
