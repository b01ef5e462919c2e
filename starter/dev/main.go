// Command dev runs the whole world of kyso in one process: Temporal with its Web UI, the store on SQLite, stand-ins
// of the outside parties with a phone, a worker and the API. Everything is in one data folder and survives being
// killed. It serves loopback addresses only and is not for production.
//
// It is package main, so nothing can import it, and the worker never links the Temporal server. It may import
// internal/app, internal/forms, internal/pades, internal/sandbox, internal/vault, the contract in
// workflows, the Temporal server and the SQLite driver.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	_ "modernc.org/sqlite" // the database of development worlds
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := newCommand().ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return 130 // as shells report an interrupted program
	}
	tellf(os.Stderr, "kyso: %v\n", err)
	return 1
}

// tellf writes to a terminal, which may be gone.
func tellf(to io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(to, format, args...)
}

func newCommand() *cobra.Command {
	up := newUpCommand()
	root := &cobra.Command{
		Use:           "kyso-dev",
		Short:         "The whole world of kyso on one machine",
		Args:          cobra.NoArgs,
		RunE:          up.RunE, // up is what it does when not told otherwise
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.Flags().AddFlagSet(up.Flags())
	root.AddCommand(up, newDemoCommand(), newSandboxCommand(), newEngineCommand(), newWorkerCommand())
	return root
}
