package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

func (c *commands) incidentDecideCommand() *cobra.Command {
	var in apiclient.BulkDecisionRequest
	var key string
	cmd := &cobra.Command{Use: "decide", Short: "Record a repair of all that is parked for one cause, for Temporal's batch operations", Args: cli.Exactly(0, "no argument"),
		Long: `Record a repair of every process that is parked at one step with one code, and print the id of the decision and the command
that sends it to them as a signal. A process takes the decision once, and only while it is parked at that step with that
code; the decision ends after an hour. Nothing happens until the signal is sent.

"incident repair" does the same through the API, paced and with an outcome for each; use this one where the API is away or
there are more processes than it should carry.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !slices.Contains([]string{"signing", "registration"}, in.Process):
				return cli.Usage("--process: signing or registration")
			case in.Step == "" || in.Code == "" || in.Reason == "":
				return cli.Usage("--step, --code and --reason are required")
			case !slices.Contains([]string{"retry", "cancel", "skip", "fix"}, in.Action):
				return cli.Usage("--action: retry, cancel, skip or fix")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			in.Actor = c.As
			made, raw, err := client.DecideIncidents(cmd.Context(), orNewKey(key), in)
			if err != nil {
				return err
			}
			c.Say("Quyết định có hiệu lực đến %s. Gửi tín hiệu bằng lệnh dưới đây.", "The decision is valid until %s. The command below sends it.", cli.Shown(made.ExpiresAt))
			return c.Print(raw, []string{made.ID}, func(w io.Writer) {
				cli.Row(w, made.ID)
				cli.Row(w, made.Command)
			})
		}}
	flags := cmd.Flags()
	flags.StringVar(&in.Process, "process", "", "signing or registration (required)")
	flags.StringVar(&in.Step, "step", "", "step that is parked (required)")
	flags.StringVar(&in.Code, "code", "", "problem code, such as provider-unavailable (required)")
	flags.StringVar(&in.Action, "action", "retry", "retry, cancel, skip or fix")
	flags.StringVar(&in.Reason, "reason", "", "why, in a few words without personal data; they stay in the history (required)")
	keyFlag(cmd, &key)
	return cmd
}
