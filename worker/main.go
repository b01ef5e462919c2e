// Command worker polls Temporal and runs the processes of kyso with their activities; it does nothing else. Its
// configuration comes from the environment (see internal/config.Config). It stops on SIGINT and SIGTERM: running
// activities get KYSO_STOP_TIMEOUT to finish, what is left is taken over by another worker.
//
// It may import internal/app.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"kyso/internal/app"
	"kyso/internal/telemetry"
)

const usage = `kyso-worker polls Temporal and runs workflows and activities until SIGTERM. It takes no arguments: its configuration comes from
environment variables. "kyso config" prints them, docs/operations.md explains them.
`

func main() {
	if len(os.Args) > 1 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := app.FromEnvironment(os.Environ())
	if err != nil {
		return err
	}
	log := telemetry.NewLog(os.Stdout, cfg.LogLevel)
	slog.SetDefault(log)
	telemetry.RaiseHeap()
	a, err := app.Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	health := make(chan error, 1)
	go func() {
		defer cancel() // a worker that cannot say how it is stops
		health <- a.ServeHealth(ctx)
	}()
	err = a.RunWorker(ctx)
	cancel()
	return errors.Join(err, <-health, a.Close())
}
