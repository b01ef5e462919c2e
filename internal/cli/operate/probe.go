package operate

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
)

// probeCommand is the health check of containers, whose images have no other program that could ask.
func (c *commands) probeCommand() *cobra.Command {
	return &cobra.Command{Use: "probe URL", Short: "Ask an address and succeed when it answers 200", Args: cli.Exactly(1, "an address"),
		Long: "Ask an address, such as http://127.0.0.1:8690/readyz, and succeed when it answers 200 within three seconds. For health checks.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
			if err != nil {
				return &cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answered %s", args[0], answer.Status)
			}
			return nil
		}}
}
