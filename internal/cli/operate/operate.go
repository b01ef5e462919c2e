// Package operate has the commands of the operator, which take the configuration of this environment and not the API: serve, migrate,
// rollout, probe, doctor, config, version.
package operate

import (
	"github.com/spf13/cobra"

	"kyso/internal/cli"
)

// commands are those of this package, on the ground of all.
type commands struct{ *cli.CLI }

// Commands returns those of the operator.
func Commands(c *cli.CLI) []*cobra.Command {
	own := &commands{c}
	return []*cobra.Command{own.serveCommand(), own.migrateCommand(), own.rolloutCommand(), own.probeCommand(), own.doctorCommand(), own.configCommand(), own.versionCommand()}
}
