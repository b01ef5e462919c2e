// Command starter is built as kyso: it starts, answers, watches and repairs processes as a client of the HTTP API, verifies
// signed files on this machine, and runs the API itself (serve, migrate).
//
// Commands that work on signings know nothing but the API. It may import internal/app,
// internal/apiclient, internal/pdfchild and internal/problem, and for verify internal/pades,
// internal/party/revocation and internal/party/tsa.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mattn/go-isatty"

	"kyso/internal/pdfchild"
)

func main() {
	pdfchild.Main() // serves and exits when this process was started to parse an untrusted file
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &cli{
		in: os.Stdin, out: os.Stdout, words: os.Stderr, env: os.Getenv,
		asks:    isatty.IsTerminal(os.Stdin.Fd()) && isatty.IsTerminal(os.Stderr.Fd()),
		redraws: isatty.IsTerminal(os.Stderr.Fd()) && os.Getenv("TERM") != "dumb",
	}
	return c.execute(ctx, os.Args[1:])
}
