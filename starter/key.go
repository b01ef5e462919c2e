package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

func (c *commands) keyCommand() *cobra.Command {
	return cli.Group("key", "Make, list and revoke API keys", c.keyCreateCommand(), c.keyListCommand(), c.keyRevokeCommand())
}

func (c *commands) keyCreateCommand() *cobra.Command {
	var in apiclient.KeyRequest
	cmd := &cobra.Command{Use: "create", Short: "Make an API key; its secret is printed this once", Args: cli.Exactly(0, "no argument"),
		Long: `Make an API key. Every form of output holds the secret; -o ids prints the ID and the secret on two lines. Keys of one owner reach the same documents, signings and registrations, so that a key can be renewed
without losing anything. Scopes: signings and registrations (what belongs to the owner), webhooks, officer (review
dossiers), operator (see and repair what is stuck), keys (make keys), trust (add and remove trusted CAs).`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if in.Owner == "" || len(in.Scopes) == 0 {
				return cli.Usage("--owner and --scope are required")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			key, raw, err := client.CreateKey(cmd.Context(), in)
			if err != nil {
				return err
			}
			c.Say("Khóa bí mật chỉ hiện lần này; hãy cất nó ngay.", "The secret is shown this once; keep it now.")
			return c.Print(raw, []string{key.ID, key.Secret}, func(w io.Writer) {
				keyRow(w, key)
				cli.Row(w, key.Secret)
			})
		}}
	flags := cmd.Flags()
	flags.StringVar(&in.Owner, "owner", "", "team or person that it acts for, as an opaque id (required)")
	flags.StringVar(&in.Name, "name", "", "what it is for, without personal data")
	flags.StringSliceVar(&in.Scopes, "scope", nil, "what it may do; may be given several times (required)")
	flags.IntVar(&in.Days, "days", 90, "how many days it is valid, at most 400")
	return cmd
}

func keyRow(w io.Writer, k apiclient.Key) {
	state := "until " + cli.Shown(k.ExpiresAt)
	if !k.RevokedAt.IsZero() {
		state = "revoked " + cli.Shown(k.RevokedAt)
	}
	cli.Row(w, k.ID, k.Owner, strings.Join(k.Scopes, ","), state, k.Name)
}

func (c *commands) keyListCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List API keys, newest first", Args: cli.Exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			list, raw, err := client.Keys(cmd.Context())
			if err != nil {
				return err
			}
			var ids []string
			for _, k := range list.Items {
				ids = append(ids, k.ID)
			}
			return c.Print(raw, ids, func(w io.Writer) {
				cli.Row(w, "ID", "OWNER", "SCOPES", "GOOD", "NAME")
				for _, k := range list.Items {
					keyRow(w, k)
				}
			})
		}}
}

func (c *commands) keyRevokeCommand() *cobra.Command {
	return &cobra.Command{Use: "revoke ID", Short: "Revoke an API key and the sessions that it opened", Args: cli.Exactly(1, "the ID of a key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			if err := client.RevokeKey(cmd.Context(), args[0]); err != nil {
				return err
			}
			raw, err := json.Marshal(map[string]string{"id": args[0], "state": "revoked"})
			if err != nil {
				return fmt.Errorf("encoding the result: %w", err)
			}
			return c.Print(raw, args, func(w io.Writer) { cli.Row(w, args[0], "revoked") })
		}}
}
