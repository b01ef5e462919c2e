package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

func (c *commands) signingCommand() *cobra.Command {
	return cli.Group("signing", "List, show, watch, answer, cancel and repair signings",
		c.listCommand(), c.showCommand(), c.watchCommand(), c.certificatesCommand(), c.chooseCommand(),
		c.placeCommand(), c.cancelCommand(), c.repairCommand())
}

func (c *commands) listCommand() *cobra.Command {
	var f apiclient.Filter
	cmd := &cobra.Command{Use: "list", Short: "List signings, newest first", Args: cli.Exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			list, raw, err := client.Signings(cmd.Context(), f)
			if err != nil {
				return err
			}
			var ids []string
			for _, s := range list.Items {
				ids = append(ids, s.ID)
			}
			return c.Print(raw, ids, func(w io.Writer) { listTable(w, list.Items) })
		}}
	filterFlags(cmd, &f, "awaiting-approval")
	return cmd
}

func filterFlags(cmd *cobra.Command, f *apiclient.Filter, example string) {
	cmd.Flags().StringVar(&f.Status, "status", "", "only this status, such as "+example)
	cmd.Flags().BoolVar(&f.Attention, "attention", false, "only those that are parked")
	cmd.Flags().StringVar(&f.Before, "before", "", "only those created before this time (RFC 3339)")
	cmd.Flags().IntVar(&f.Limit, "limit", 0, "at most this many (default 50, at most 500)")
	cmd.Flags().BoolVar(&f.All, "all", false, "every page of the list")
}

func listTable(w io.Writer, list []apiclient.Signing) {
	cli.Row(w, "ID", "STATUS", "LEVEL", "PROVIDER", "DOCUMENTS", "CREATED", "ATTENTION")
	for _, s := range list {
		cli.Row(w, s.ID, s.Status, s.Level, s.Provider, strconv.Itoa(len(s.Documents)), cli.Shown(s.CreatedAt), attentionCell(s.Attention))
	}
}

func attentionCell(a *apiclient.Attention) string {
	if a == nil {
		return "-"
	}
	if a.Step == "" { // an owner is not told what failed
		return "attention"
	}
	return a.Step + ": " + a.Code
}

func (c *commands) showCommand() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Show a signing", Args: cli.Exactly(1, "the ID of a signing"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			signing, raw, err := client.Signing(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.Print(raw, []string{signing.ID}, func(w io.Writer) { c.showTable(w, signing) })
		}}
}

// pairs returns what writes one line of a table of two columns, unless the value is empty.
func (c *commands) pairs(w io.Writer) func(vi, en, value string) {
	return func(vi, en, value string) {
		if value != "" {
			cli.Row(w, c.Text(vi, en), value)
		}
	}
}

// attentionWords says why a process is parked.
func (c *commands) attentionWords(a *apiclient.Attention) string {
	if a == nil {
		return ""
	}
	if a.Step == "" {
		return c.Text(a.Title, a.TitleEN)
	}
	return fmt.Sprintf("%s (%s, %s, %d×): %s", c.Text(a.Title, a.TitleEN), a.Step, a.Code, a.Attempts, a.Message)
}

// parkedWords say what a caller may do about a parked process: operators see the step and repair it, an owner gives it up.
func (c *commands) parkedWords(kind, id string, a apiclient.Attention) string {
	title := c.Text(a.Title, a.TitleEN)
	switch {
	case a.Step != "":
		return c.Text("Cần người vận hành xử lý: ", "An operator has to act: ") + title + " (" + a.Step + ")\n  kyso " + kind + " repair " + id + " --action retry --reason …"
	case len(a.Actions) > 0:
		return title + "\n  kyso " + kind + " cancel " + id + " --reason …"
	}
	return title
}

// outcomeWords says why a process ended otherwise than it should.
func (c *commands) outcomeWords(o *apiclient.Outcome) string {
	if o == nil {
		return ""
	}
	return c.Text(o.Title, o.TitleEN) + " (" + o.Code + ")"
}

func transitionRow(w io.Writer, at time.Time, status, detail string) {
	cli.Row(w, "  "+cli.Shown(at), strings.TrimSpace(status+" "+detail))
}

func (c *commands) showTable(w io.Writer, s apiclient.Signing) {
	pair := c.pairs(w)
	pair("Mã", "ID", s.ID)
	pair("Trạng thái", "Status", s.Status+" · "+c.Text(s.Title, s.TitleEN))
	pair("Lý do kết thúc", "Outcome", c.outcomeWords(s.Outcome))
	pair("Cần xử lý", "Attention", c.attentionWords(s.Attention))
	pair("Mức", "Level", s.Level)
	pair("Nhà cung cấp", "Provider", s.Provider)
	pair("Người ký", "User", masked(s.User))
	pair("Lý do ký", "Reason", s.Reason)
	pair("Nơi ký", "Location", s.Location)
	pair("Mã đối chiếu", "Short code", s.ShortCode)
	if s.Countdown != nil {
		pair("Còn lại", "Left", cli.Clock(time.Duration(s.Countdown.RemainingSeconds)*time.Second))
	}
	pair("Tạo lúc", "Created", cli.Shown(s.CreatedAt))
	if !s.FinishedAt.IsZero() {
		pair("Kết thúc lúc", "Finished", cli.Shown(s.FinishedAt))
	}
	for _, d := range s.Documents {
		cells := []string{d.Name, fmt.Sprintf("%d B", d.Size)}
		for _, extra := range []string{d.DigestPrefix, d.LevelReached, d.Content} {
			if extra != "" {
				cells = append(cells, extra)
			}
		}
		pair("Tài liệu "+strconv.Itoa(d.Index+1), "Document "+strconv.Itoa(d.Index+1), strings.Join(cells, " · "))
	}
	for _, t := range s.Transitions {
		transitionRow(w, t.At, t.Status, t.Detail)
	}
}

// masked hides the middle of a person's number; a screen may be shared. JSON has it whole.
func masked(user string) string {
	runes := []rune(user)
	if len(runes) < 9 {
		return user
	}
	for i := len(runes) - 9; i < len(runes)-3; i++ {
		runes[i] = '•'
	}
	return string(runes)
}

func (c *commands) watchCommand() *cobra.Command {
	var timeout time.Duration
	var out string
	var force bool
	cmd := &cobra.Command{Use: "watch ID", Short: "Follow a signing until its end", Args: cli.Exactly(1, "the ID of a signing"),
		Long: `Follow a signing until its end. With --out the signed files are written when there are any. The exit code is that
of the outcome; see "kyso help exit-codes". With -o jsonl every transition is a line of JSON.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			if out == "" {
				code, err := c.watch(cmd.Context(), client, args[0], timeout)
				if err != nil {
					return err
				}
				return cli.Ended(code)
			}
			signing, _, err := client.Signing(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			f := signFlags{out: out, force: force, watch: true}
			for _, d := range signing.Documents {
				f.documents = append(f.documents, d.Name)
			}
			targets, err := f.targets()
			if err != nil {
				return err
			}
			return c.watchAndSave(cmd.Context(), client, args[0], timeout, targets, force)
		}}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "stop watching after this long (exit code 8)")
	cmd.Flags().StringVar(&out, "out", "", "write the signed files here: a folder, or a file when there is one document")
	cmd.Flags().BoolVar(&force, "force", false, "write over existing files")
	return cmd
}

func (c *commands) certificatesCommand() *cobra.Command {
	return &cobra.Command{Use: "certificates ID", Short: "List what the provider holds for the signer", Args: cli.Exactly(1, "the ID of a signing"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			list, raw, err := client.Certificates(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var serials []string
			for _, cert := range list.Items {
				serials = append(serials, cert.Serial)
			}
			return c.Print(raw, serials, func(w io.Writer) {
				cli.Row(w, "SERIAL", "OWNER", "ISSUER", "FROM", "TO", "STATE")
				for _, cert := range list.Items {
					cli.Row(w, cert.Serial, cert.Owner, cert.Issuer, cli.Shown(cert.ValidFrom), cli.Shown(cert.ValidTo), cert.State)
				}
			})
		}}
}

func (c *commands) chooseCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "choose ID SERIAL", Short: "Choose the certificate", Args: cli.Exactly(2, "the ID of a signing and a SERIAL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				return client.Choose(cmd.Context(), orNewKey(key), args[0], args[1])
			})
		}}
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) placeCommand() *cobra.Command {
	var key string
	box := &boxFlags{}
	cmd := &cobra.Command{Use: "place ID", Short: "Place the signature box, the same on every document", Args: cli.Exactly(1, "the ID of a signing"),
		RunE: func(cmd *cobra.Command, args []string) error {
			placement, err := box.placement()
			if err != nil {
				return err
			}
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				signing, _, err := client.Signing(cmd.Context(), args[0])
				if err != nil {
					return apiclient.SigningMove{}, nil, err
				}
				return client.Place(cmd.Context(), orNewKey(key), args[0], slices.Repeat([]apiclient.Placement{placement}, len(signing.Documents)))
			})
		}}
	box.register(cmd)
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) cancelCommand() *cobra.Command {
	b := &bulk{vi: "yêu cầu ký", en: "signings"}
	cmd := &cobra.Command{Use: "cancel ID…", Short: "Cancel before the owner approves; - reads IDs from stdin", Args: cli.AtLeast("the ID of a signing (or -)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.each(cmd.Context(), b, "cancel", args, func(client *apiclient.Client, key, id string) (string, apiclient.Raw, error) {
				status, raw, err := client.Cancel(cmd.Context(), key, id, c.As, b.reason)
				return status.Status, raw, err
			})
		}}
	b.register(cmd)
	return cmd
}

func (c *commands) repairCommand() *cobra.Command {
	b := &bulk{vi: "yêu cầu ký", en: "signings"}
	var action string
	cmd := &cobra.Command{Use: "repair ID…", Short: "Repair parked signings; - reads IDs from stdin", Args: cli.AtLeast("the ID of a signing (or -)"),
		Long: `Repair parked signings: retry runs the failed step again, cancel gives the signing up. It reports what became of each:
recovered or given-up (exit code 0), failed-again (1) or still-waiting (8).`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if action != "retry" && action != "cancel" {
				return cli.Usage("--action: retry or cancel")
			}
			if b.reason == "" {
				return cli.Usage("--reason is required: why, in a few words without personal data")
			}
			return c.each(cmd.Context(), b, action, args, func(client *apiclient.Client, key, id string) (string, apiclient.Raw, error) {
				repaired, raw, err := client.Repair(cmd.Context(), key, id, action, c.As, b.reason)
				return repaired.Outcome, raw, err
			})
		}}
	cmd.Flags().StringVar(&action, "action", "", "retry or cancel (required)")
	b.register(cmd)
	return cmd
}
