package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
	"kyso/internal/cli/operate"
	"kyso/internal/cli/pdffile"
)

// commands are those of this program, on one ground.
type commands struct{ *cli.CLI }

func (c *commands) execute(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return c.Exit(err)
}

func (c *commands) root() *cobra.Command {
	root := &cobra.Command{
		Use:   programName(),
		Short: "Sign PDF files and register certificates through kyso: start, watch, answer and repair, verify files",
		Long: `Sign PDF files and register certificates through kyso.

The address of the API comes from --url, KYSO_URL, or addresses.json of a running development world (in KYSO_DATA, else .kyso).
Its key comes from KYSO_API_KEY, the file of KYSO_API_KEY_FILE, or that addresses.json. Data goes to stdout, messages to
stderr. "kyso help exit-codes" lists what a script may rely on.`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return c.CheckFlags() },
	}
	root.SetOut(c.Out)
	root.SetErr(c.Words)
	root.SetIn(c.In)
	flags := root.PersistentFlags()
	flags.StringVar(&c.URL, "url", "", "address of the API (default: KYSO_URL, else addresses.json)")
	flags.StringVarP(&c.Output, "output", "o", cli.AsTable, "form of the data: table, json, jsonl or ids")
	flags.StringVar(&c.Lang, "lang", "", "language of messages: vi or en (default: KYSO_LANG, else LANG, else vi)")
	flags.StringVar(&c.As, "as", "", "id under which to repair, cancel and decide (default: the key's owner, and only the administrator's key may give another)")
	root.AddCommand(c.signCommand(), c.signingCommand(), c.incidentCommand(), c.reconcileCommand(), c.registerCommand(), c.registrationCommand(),
		c.auditCommand(), c.keyCommand(), c.trustCommand(), cli.ExitCodesTopic())
	root.AddCommand(pdffile.Commands(c.CLI)...)
	root.AddCommand(operate.Commands(c.CLI)...)
	root.AddCommand(c.worldCommands()...)
	return root
}

// programName is what the program was called as: "temporal kyso" when the Temporal CLI runs it as its extension
// temporal-kyso.
func programName() string {
	if filepath.Base(os.Args[0]) == "temporal-kyso" {
		return "temporal kyso"
	}
	return "kyso"
}
