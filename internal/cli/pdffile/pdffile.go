// Package pdffile has the commands that work on PDF files on this machine and ask no API: inspect, verify, extend.
package pdffile

import (
	"github.com/spf13/cobra"

	"kyso/internal/cli"
)

// commands are those of this package, on the ground of all.
type commands struct{ *cli.CLI }

// Commands returns inspect, verify and extend.
func Commands(c *cli.CLI) []*cobra.Command {
	own := &commands{c}
	return []*cobra.Command{own.inspectCommand(), own.verifyCommand(), own.extendCommand()}
}
