package operate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/app"
	"kyso/internal/cli"
	"kyso/internal/telemetry"
)

func (c *commands) serveCommand() *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Serve the API", Args: cli.Exactly(0, "no argument"),
		Long: `Serve the API until interrupted. KYSO_… and TEMPORAL_… variables configure it: "kyso config" prints them, docs/operations.md says
where each is explained. API keys say who may do what; the first is in KYSO_ADMIN_KEY_FILE. Beyond loopback it needs a proxy with
TLS in front, its names in KYSO_API_HOSTS and its address in KYSO_PUBLIC_URL.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := app.FromEnvironment(os.Environ())
			if err != nil {
				return &cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			telemetry.RaiseHeap()
			service, err := app.Open(cmd.Context(), config, telemetry.NewLog(c.Words, config.LogLevel))
			if err != nil {
				return err
			}
			defer func() { _ = service.Close() }() // the process ends
			listener, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", config.APIListen)
			if err != nil {
				return fmt.Errorf("listening: %w", err)
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			health := make(chan error, 1)
			go func() {
				defer cancel() // an API that cannot say how it is stops
				health <- service.ServeHealth(ctx)
			}()
			err = service.Serve(ctx, listener)
			cancel()
			return errors.Join(err, <-health)
		}}
}

func (c *commands) migrateCommand() *cobra.Command {
	var storeOnly bool
	cmd := &cobra.Command{Use: "migrate", Short: "Bring the schema of the store and Temporal's search attributes up to date", Args: cli.Exactly(0, "no argument"),
		Long: `Bring the schema of the store up to date, and make the search attributes of the processes in Temporal's namespace. Several
may run at once; run it before programs of a new version start. --store-only leaves Temporal alone.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := app.FromEnvironment(os.Environ())
			if err != nil {
				return &cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			if err := app.Migrate(cmd.Context(), config); err != nil {
				return err
			}
			c.Say("Lược đồ đã cập nhật.", "The schema is up to date.")
			if storeOnly {
				return nil
			}
			made, err := app.MigrateTemporal(cmd.Context(), config)
			if err != nil {
				return err
			}
			c.Say("Thuộc tính tìm kiếm: đã tạo %d.", "Search attributes: %d made.", len(made))
			return nil
		}}
	cmd.Flags().BoolVar(&storeOnly, "store-only", false, "leave Temporal alone")
	return cmd
}

func (c *commands) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: cli.Exactly(0, "no argument"),
		RunE: func(*cobra.Command, []string) error { return c.PrintLines([]string{version()}) }}
}

// version is what Go recorded about this build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "kyso (unknown build)"
	}
	revision := "no-revision"
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			revision = setting.Value
		}
	}
	return strings.Join([]string{"kyso", info.Main.Version, revision, info.GoVersion}, " ")
}
