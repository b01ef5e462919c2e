// Command starter is built as kyso: it starts, answers, watches and repairs processes as a client of the HTTP API, verifies
// signed files on this machine, and runs the API itself (serve, migrate).
//
// Commands that work on processes stand here and know nothing but the API. Their ground is internal/cli; commands on files are in
// internal/cli/pdffile, those of the operator in internal/cli/operate.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mattn/go-isatty"

	"kyso/internal/cli"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &commands{&cli.CLI{
		In: os.Stdin, Out: os.Stdout, Words: os.Stderr, Env: os.Getenv,
		Asks:    isatty.IsTerminal(os.Stdin.Fd()) && isatty.IsTerminal(os.Stderr.Fd()),
		Redraws: isatty.IsTerminal(os.Stderr.Fd()) && os.Getenv("TERM") != "dumb",
	}}
	return c.execute(ctx, os.Args[1:])
}
