package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/interceptor"

	"kyso/internal/app"
	"kyso/internal/telemetry"
)

// readyLine is what a worker process prints once it polls.
const readyLine = "ready"

func newWorkerCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:    "worker",
		Short:  "Run a worker process for the world that runs in the data folder",
		Hidden: true, // a part of demo and of the tests, which kill it
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return runWorker(cmd.Context(), cmd.OutOrStdout(), data) },
	}
	cmd.Flags().StringVar(&data, "data", dataFolder(), "data folder (or KYSO_DATA)")
	return cmd
}

func runWorker(ctx context.Context, out io.Writer, data string) error {
	data, err := filepath.Abs(data)
	if err != nil {
		return err
	}
	f := &folder{path: data} // the world holds the lock
	var addresses Addresses
	if err := readJSON(f.file(addressesFile), &addresses); err != nil {
		return fmt.Errorf("finding the world in %s: %w", data, err)
	}
	secrets, err := f.secrets()
	if err != nil {
		return err
	}
	cfg, err := app.FromEnvironment(environment(data, addresses, secrets))
	if err != nil {
		return err
	}
	logFile, err := f.openLog("worker.log")
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, cfg, telemetry.NewLog(logFile, slog.LevelInfo))
	if err != nil {
		return errors.Join(err, logFile.Close())
	}
	return errors.Join(pollUntilDone(ctx, a, out, data), a.Close(), logFile.Close())
}

func pollUntilDone(ctx context.Context, a *app.App, out io.Writer, data string) error {
	var watchers []interceptor.WorkerInterceptor
	if plan := os.Getenv(crashVariable); plan != "" {
		crash, err := parseCrash(plan, data)
		if err != nil {
			return err
		}
		watchers = append(watchers, crash)
	}
	w, err := a.NewWorker(watchers...)
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	tellf(out, "%s\n", readyLine)
	<-ctx.Done()
	w.Stop()
	return nil
}

// workerProcess is a worker in a process of its own.
type workerProcess struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it is dead
}

// startWorkerProcess runs this program once more as a worker for the world in data and returns when it polls.
func startWorkerProcess(ctx context.Context, data string, env ...string) (*workerProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, "worker", "--data", data)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = ownGroup()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a worker process: %w", err)
	}
	p := &workerProcess{cmd: cmd, done: make(chan struct{})}
	ready := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		ready <- line == readyLine+"\n"
		_ = cmd.Wait() // killing it is the point
		close(p.done)
	}()
	select {
	case ok := <-ready:
		if ok {
			return p, nil
		}
		<-p.done
		return nil, fmt.Errorf("the worker process ended before it was ready: %s", cmd.ProcessState)
	case <-time.After(30 * time.Second):
		p.kill()
		return nil, errors.New("the worker process was not ready within 30 s")
	case <-ctx.Done():
		p.kill()
		return nil, ctx.Err()
	}
}

// kill is kill -9: no handler runs, nothing is flushed.
func (p *workerProcess) kill() {
	_ = p.cmd.Process.Kill() // fails when it is dead already
	<-p.done
}

// alive asks the kernel.
func (p *workerProcess) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return p.cmd.Process.Signal(syscall.Signal(0)) == nil
	}
}
