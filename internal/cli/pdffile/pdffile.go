// Package pdffile has the commands that work on PDF files on this machine and ask no API: inspect, verify, extend.
package pdffile

import (
	"github.com/spf13/cobra"

	"kyso/internal/cli"
	"kyso/internal/pdfchild"
)

// commands are those of this package, on the ground of all.
type commands struct{ *cli.CLI }

// pdf reads files in another process, which ends with this program at the latest.
func pdf(c *cli.CLI) *pdfchild.Runner {
	return &pdfchild.Runner{Program: c.Env("KYSO_PDF_PROGRAM"), MaxParallel: 1}
}

// Commands returns inspect, verify and extend.
func Commands(c *cli.CLI) []*cobra.Command {
	own := &commands{c}
	return []*cobra.Command{own.inspectCommand(), own.verifyCommand(), own.extendCommand()}
}
