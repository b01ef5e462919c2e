// Command dev runs the whole world of kyso in one process: Temporal with its Web UI, the store on SQLite, stand-ins
// of the outside parties with a phone, a worker and the API. Everything is in one data folder and survives being
// killed. It serves loopback addresses only and is not for production.
//
// It is package main, so nothing can import it, and the worker never links the Temporal server. It may import
// internal/app, internal/forms, internal/pades, internal/pdfchild, internal/sandbox, internal/seal, the contract in
// workflows, the Temporal server and the SQLite driver.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	_ "modernc.org/sqlite" // the database of development worlds

	"kyso/internal/pdfchild"
)

func main() {
	pdfchild.Main() // this program is its own PDF process
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			os.Exit(130)
		}
		fmt.Fprintln(os.Stderr, "kyso:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	up := newUpCommand()
	root := &cobra.Command{
		Use:           "dev",
		Short:         "The whole world of kyso on one machine",
		Args:          cobra.NoArgs,
		RunE:          up.RunE, // up is what it does when not told otherwise
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.Flags().AddFlagSet(up.Flags())
	root.AddCommand(up, newDemoCommand(), newSandboxCommand(), newWorkerCommand())
	return root
}
