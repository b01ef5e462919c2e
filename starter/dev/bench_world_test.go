package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"kyso/internal/app"
	"kyso/internal/keytest"
	"kyso/internal/telemetry"
	"kyso/internal/vault"
)

// A benchWorld is kyso on SQLite with engine, worker and API each a process of its own, so that the kernel tells what each of them costs.
// The outside parties, the people who press buttons and the workflows that do nothing are in the measuring process.
type benchWorld struct {
	*World
	data        string
	engine, api *part
	worker      *workerProcess
}

// benchPart names the variable that makes the test binary the engine or the API of a benchWorld, in the data folder that benchData names.
const (
	benchPart = "BENCH_PART"
	benchData = "BENCH_DATA"
)

func init() {
	parts := map[string]func(context.Context, string) error{"engine": runBenchEngine, "api": runBenchAPI}
	if run := parts[os.Getenv(benchPart)]; run != nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		if err := run(ctx, os.Getenv(benchData)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			stop()
			os.Exit(1)
		}
		os.Exit(0)
	}
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
	server, err := startTemporal(ctx, f, p)
	if err != nil {
		return err
	}
	if err := writeFile(f.file("ready"), nil); err != nil {
		return err
	}
	<-ctx.Done()
	return server.stop()
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
	cfg, err := app.FromEnvironment(environment(data, addresses, secrets))
	if err != nil {
		return nil, addresses, err
	}
	if err := app.Migrate(ctx, cfg); err != nil { // nothing to do for the second
		return nil, addresses, err
	}
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
	b.Cleanup(w.engine.kill)
	must(b, w.engine.run(b.Context()))
	w.startParties(b)
	if w.App, _, err = openBench(b.Context(), w.data, io.Discard); err != nil {
		b.Fatal(err)
	}
	w.api = w.part("api", answering(w.Addresses.API+"/readyz"))
	b.Cleanup(w.api.kill)
	must(b, w.api.run(b.Context()))
	w.worker, err = startWorkerProcess(b.Context(), w.data)
	must(b, err)
	b.Cleanup(w.worker.kill)
	return w, newClient(w.Addresses)
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

// part is this test binary as a part of the world.
func (w *benchWorld) part(name string, ready func(context.Context) error) *part {
	return &part{name: name, ready: ready, log: filepath.Join(w.data, name+".log"), start: func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), benchPart+"="+name, benchData+"="+w.data)
		return cmd
	}}
}

// usage is processor time by the one that used it, in seconds.
type usage struct{ engine, worker, api, pdf, here float64 }

func (u usage) minus(v usage) usage {
	return usage{u.engine - v.engine, u.worker - v.worker, u.api - v.api, u.pdf - v.pdf, u.here - v.here}
}

func (u usage) plus(v usage) usage {
	return usage{u.engine + v.engine, u.worker + v.worker, u.api + v.api, u.pdf + v.pdf, u.here + v.here}
}

func (u usage) total() float64 { return u.engine + u.worker + u.api + u.pdf + u.here }

func (w *benchWorld) used() usage {
	worker, ofWorker := processUsage(w.worker.cmd.Process.Pid)
	api, ofAPI := processUsage(w.api.cmd.Process.Pid)
	engine, _ := processUsage(w.engine.cmd.Process.Pid)
	return usage{engine, worker, api, ofWorker + ofAPI, cpu(syscall.RUSAGE_SELF)}
}

// processUsage is the processor time of a process, and that of its children and theirs, the dead ones included, in seconds.
func processUsage(pid int) (own, children float64) {
	own, children = statTimes(pid)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if fields := statFields(child); err == nil && fields != nil && fields[1] == strconv.Itoa(pid) {
			its, ofIts := processUsage(child)
			children += its + ofIts
		}
	}
	return own, children
}

// statTimes are the processor times of a process and of its children that have ended and that it has waited for, in seconds.
func statTimes(pid int) (own, ended float64) {
	fields := statFields(pid)
	if fields == nil {
		return 0, 0
	}
	ticks := func(i int) float64 { n, _ := strconv.ParseFloat(fields[i], 64); return n / 100 } // of 10 ms
	return ticks(11) + ticks(12), ticks(13) + ticks(14)
}

// statFields are the fields of /proc/PID/stat after the name: the state, the parent and so on.
func statFields(pid int) []string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
}
