package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
	"kyso/internal/vn"
)

func (c *commands) trustCommand() *cobra.Command {
	return cli.Group("trust", "List, add and remove trusted certification authorities", c.trustListCommand(), c.trustShowCommand(), c.trustAddCommand(), c.trustRemoveCommand())
}

func (c *commands) trustListCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the certification authorities that are trusted, and those that were removed", Args: cli.Exactly(0, "no argument"),
		Long: `List the certification authorities by which this installation judges signatures and signs: those of the files of KYSO_TRUST, and
those that were added. Removed ones stay in the list. -o ids prints the fingerprints of those that are trusted.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			list, raw, err := client.Trust(cmd.Context())
			if err != nil {
				return err
			}
			var ids []string
			for _, a := range list.Items {
				if a.State == "trusted" {
					ids = append(ids, a.Fingerprint)
				}
			}
			return c.Print(raw, ids, func(w io.Writer) {
				cli.Row(w, "FINGERPRINT", "STATE", "KIND", "NAME", "ORGANISATION", "UNTIL", "SOURCE", "BY")
				for _, a := range list.Items {
					authorityRow(w, a)
				}
			})
		}}
}

func authorityRow(w io.Writer, a apiclient.Authority) {
	cli.Row(w, beginning(a.Fingerprint), a.State, a.Kind, a.Name, cli.Or(a.Organisation), a.ValidTo.In(vn.Zone).Format(time.DateOnly), a.Source, cli.Or(a.ChangedBy))
}

// beginning is as much of a fingerprint as a table shows; it names the certificate in show and remove.
func beginning(fingerprint string) string { return fingerprint[:min(16, len(fingerprint))] }

func (c *commands) trustShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show FINGERPRINT", Short: "Show one certificate of the list", Args: cli.Exactly(1, "one FINGERPRINT, or its beginning"),
		Long: `Show one certificate of the list, with the PEM. A FINGERPRINT is SHA-256 in hex; eight digits or more of its beginning will do.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.authority(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.printAuthority(a)
		}}
}

func (c *commands) printAuthority(a apiclient.Authority) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding a certificate: %w", err)
	}
	return c.Print(raw, []string{a.Fingerprint}, func(w io.Writer) {
		for _, pair := range [][2]string{{"Fingerprint", a.Fingerprint}, {"State", a.State}, {"Kind", a.Kind}, {"Subject", a.Name}, {"Organisation", a.Organisation},
			{"Issuer", a.Issuer}, {"Serial number", a.Serial}, {"Valid from", cli.Shown(a.ValidFrom)}, {"Valid until", cli.Shown(a.ValidTo)}, {"Source", a.Source}, {"Changed by", a.ChangedBy}, {"Reason", a.Reason}} {
			if pair[1] != "" {
				cli.Row(w, pair[0], pair[1])
			}
		}
		if !a.ChangedAt.IsZero() {
			cli.Row(w, "Changed at", cli.Shown(a.ChangedAt))
		}
		_, _ = w.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate})) // a tabwriter keeps the error until Flush
	})
}

const leastPrefix = 8

// authority finds a certificate of the list by the beginning of its fingerprint.
func (c *commands) authority(ctx context.Context, name string) (apiclient.Authority, error) {
	name = strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(name))
	client, err := c.Client()
	if err != nil {
		return apiclient.Authority{}, err
	}
	list, _, err := client.Trust(ctx)
	if err != nil {
		return apiclient.Authority{}, err
	}
	var found []apiclient.Authority
	for _, a := range list.Items {
		if len(name) >= leastPrefix && strings.HasPrefix(a.Fingerprint, name) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return apiclient.Authority{}, &cli.ExitError{Code: cli.ExitNotFound, Err: fmt.Errorf("no trusted certificate has the fingerprint %s; see: kyso trust list", name)}
	case 1:
		return found[0], nil
	}
	return apiclient.Authority{}, cli.Usage("%d certificates have a fingerprint that begins with %s", len(found), name)
}

func (c *commands) trustAddCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "add FILE", Short: "Trust a certification authority, or trust it again", Args: cli.Exactly(1, "one FILE with a certificate"),
		Long: `Trust a certification authority, or one that was removed again. FILE holds one certificate, as PEM or DER. Every API and worker
of the installation trusts it from its next use on; none has to be started again. It is refused when it is not a CA's, is not
valid now, is weak or is trusted already. The key needs the scope trust.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return cli.Usage("--reason is required: it stands in the list")
			}
			data, err := os.ReadFile(filepath.Clean(args[0]))
			if err != nil {
				return cli.Usage("%v", err)
			}
			text := string(data)
			if block, _ := pem.Decode(data); block == nil {
				text = base64.StdEncoding.EncodeToString(data)
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			a, raw, err := client.AddTrust(cmd.Context(), text, reason)
			if err != nil {
				return err
			}
			c.Say("Đã tin cậy %s.", "%s is trusted.", a.Name)
			return c.Print(raw, []string{a.Fingerprint}, func(w io.Writer) { authorityRow(w, a) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, without personal data (required)")
	return cmd
}

func (c *commands) trustRemoveCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "remove FINGERPRINT", Short: "Trust a certification authority no longer", Args: cli.Exactly(1, "one FINGERPRINT, or its beginning"),
		Long: `Trust a certification authority no longer, nor any chain through it: its signatures are INDETERMINATE at the next verification, and
its certificates sign no more. It stays in the list as removed, also when a file of KYSO_TRUST holds it; "kyso trust add"
takes it back. The last root cannot be removed. The key needs the scope trust.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return cli.Usage("--reason is required: it stands in the list")
			}
			found, err := c.authority(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			a, raw, err := client.RemoveTrust(cmd.Context(), found.Fingerprint, reason)
			if err != nil {
				return err
			}
			c.Say("Không còn tin cậy %s.", "%s is no longer trusted.", a.Name)
			return c.Print(raw, []string{a.Fingerprint}, func(w io.Writer) { authorityRow(w, a) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, without personal data (required)")
	return cmd
}
