package operate

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"kyso/internal/app"
	"kyso/internal/cli"
)

func (c *commands) rolloutCommand() *cobra.Command {
	var moveFrom string
	cmd := &cobra.Command{Use: "rollout [BUILD]", Short: "Show the versions of the workers, or route new processes to one", Args: cobra.MaximumNArgs(1),
		Long: `Without an argument, print the versions of the workers (their KYSO_BUILD_ID) that Temporal knows, with how many processes
stay with each. With one, make that version the current one: processes that begin from now on get it, those that run stay
with the version that began them. Its workers have to poll already.

--move-from OLD also moves the processes of an old version, so that its workers can be stopped. The code of BUILD has to
fit their histories, as it does from one release of kyso to the next.

It is configured by TEMPORAL_… variables, as migrate and worker are.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && moveFrom != "" {
				return &cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("--move-from needs the version to move to")}
			}
			config, err := app.FromEnvironment(os.Environ())
			if err != nil {
				return &cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			temporal, err := app.DialTemporal(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer temporal.Temporal.Close()
			if len(args) == 0 {
				releases, err := temporal.Releases(cmd.Context(), config.Temporal.Namespace)
				if err != nil {
					return err
				}
				return c.printReleases(releases)
			}
			if err := temporal.Rollout(cmd.Context(), args[0]); err != nil {
				return err
			}
			c.Say("%s là phiên bản hiện hành.", "%s is the current version.", args[0])
			if moveFrom == "" {
				return nil
			}
			moved, err := temporal.MoveProcesses(cmd.Context(), config.Temporal.Namespace, moveFrom, args[0])
			c.Say("Đã chuyển %d quy trình.", "%d processes moved.", moved)
			return err
		}}
	cmd.Flags().StringVar(&moveFrom, "move-from", "", "version whose processes move to BUILD")
	return cmd
}

func (c *commands) printReleases(releases []app.Release) error {
	if releases == nil {
		releases = []app.Release{}
	}
	raw, err := json.Marshal(map[string]any{"items": releases})
	if err != nil {
		return fmt.Errorf("encoding the versions: %w", err)
	}
	var ids []string
	for _, r := range releases {
		ids = append(ids, r.BuildID)
	}
	return c.Print(raw, ids, func(w io.Writer) {
		for _, r := range releases {
			cli.Row(w, r.BuildID, r.Status, fmt.Sprint(r.Running))
		}
	})
}
