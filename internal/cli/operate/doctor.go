package operate

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"kyso/internal/app"
	"kyso/internal/cli"
	"kyso/internal/config"
	"kyso/internal/doctor"
)

func (c *commands) doctorCommand() *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "Check everything that the configuration names, with a remedy for each fault", Args: cli.Exactly(0, "no argument"),
		Long: `Check everything that the configuration of this environment names: master key, database and its schema, blobs, Temporal
with namespace, search attributes and workers, clock, trusted certificates, seal, and whether the outside parties answer. It
changes nothing but one small blob. A fault is exit code 1.

The API is asked at --url or KYSO_URL. Without them, and with addresses.json of a development world in KYSO_DATA, else .kyso, the
world's addresses and files stand in for variables that are not set.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			environ, url := c.Settings(os.Environ())
			cfg, err := app.FromEnvironment(environ)
			if err != nil {
				return &cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			found := doctor.Examine(cmd.Context(), cfg, url)
			raw, err := json.Marshal(map[string]any{"items": found})
			if err != nil {
				return fmt.Errorf("encoding the findings: %w", err)
			}
			err = c.Print(raw, nil, func(w io.Writer) {
				for _, f := range found {
					cli.Row(w, f.State, f.Part, f.What)
					if f.Remedy != "" {
						cli.Row(w, "", "", "→ "+f.Remedy)
					}
				}
			})
			if err == nil && slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.State == doctor.Fault }) {
				c.Say("Có lỗi cần xử lý.", "There are faults.")
				return cli.Ended(cli.ExitFailed)
			}
			return err
		}}
}

func (c *commands) configCommand() *cobra.Command {
	var changed bool
	cmd := &cobra.Command{Use: "config", Short: "Print every setting, its value and where it came from; secrets are not shown", Args: cli.Exactly(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			settings, err := app.Explain(os.Environ())
			if changed {
				settings = slices.DeleteFunc(settings, func(s config.Setting) bool { return s.Source == config.FromDefault })
			}
			raw, encodeErr := json.Marshal(map[string]any{"items": settings})
			if encodeErr != nil {
				return fmt.Errorf("encoding the settings: %w", encodeErr)
			}
			var names []string
			for _, s := range settings {
				names = append(names, s.Name)
			}
			if printErr := c.Print(raw, names, func(w io.Writer) {
				for _, s := range settings {
					cli.Row(w, s.Name, cli.Or(s.Value), s.Source)
				}
			}); printErr != nil {
				return printErr
			}
			if err != nil {
				return &cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			return nil
		}}
	cmd.Flags().BoolVar(&changed, "changed", false, "only what is not the default")
	return cmd
}
