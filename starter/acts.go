package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

// act runs one act and shows where the process stands.
func (c *commands) act(do func(*apiclient.Client) (apiclient.Move, apiclient.Raw, error)) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	status, raw, err := do(client)
	if err != nil {
		return err
	}
	id, words := status.Stands()
	return c.Print(raw, []string{id}, func(w io.Writer) { cli.Row(w, id, words) })
}

func keyFlag(cmd *cobra.Command, key *string) {
	cmd.Flags().StringVar(key, "idempotency-key", "", "the same key again acts once (default: a fresh one)")
}

func orNewKey(key string) string {
	return cmp.Or(key, apiclient.NewKey())
}

// bulk is an act on one signing or on many: many that are typed are shown and not touched unless --apply is given. What
// comes through a pipe was chosen by a program, and is acted on however many it is.
type bulk struct {
	vi, en string // what it acts on
	reason string
	apply  bool
	key    string
}

func (b *bulk) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.reason, "reason", "", "why, in a few words without personal data; they stay in the history")
	b.registerApply(cmd)
}

func (b *bulk) registerApply(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&b.apply, "apply", false, "with several IDs as arguments: do it; without, only show what would be done (IDs from stdin need no --apply)")
	keyFlag(cmd, &b.key)
}

// each acts on every id and goes on after one that fails. The worst result decides the exit code.
func (c *commands) each(ctx context.Context, b *bulk, doing string, args []string, do func(client *apiclient.Client, key, id string) (string, apiclient.Raw, error)) error {
	ids, err := c.ids(args)
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if len(ids) > 1 && !b.apply && !slices.Contains(args, stdinIDs) {
		c.Say("Chạy thử: %s %d "+b.vi+". Thêm --apply để thực hiện.", "Dry run: %s %d "+b.en+". Add --apply to do it.", doing, len(ids))
		return c.PrintLines(ids)
	}
	key, code := orNewKey(b.key), cli.ExitOK
	for _, id := range ids {
		if ctx.Err() != nil {
			return cli.Ended(cli.ExitInterrupted)
		}
		result, raw, err := do(client, key+"/"+id, id)
		switch {
		case err != nil && len(ids) == 1:
			return err
		case err != nil:
			c.Say("%s:", "%s:", id)
			c.Explain(err)
			code = max(code, cli.CodeOf(err))
			continue
		}
		if err := c.Print(raw, []string{id}, func(w io.Writer) { cli.Row(w, id, result) }); err != nil {
			return err
		}
		switch result {
		case "failed-again":
			code = max(code, cli.ExitFailed)
		case "still-waiting":
			code = max(code, cli.ExitPending)
		}
	}
	return cli.Ended(code)
}

// stdinIDs stands for the ids that come through a pipe.
const stdinIDs = "-"

// ids reads the ids of a command, from stdin in place of "-".
func (c *commands) ids(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		if arg != stdinIDs {
			out = append(out, arg)
			continue
		}
		lines := bufio.NewScanner(c.In)
		for lines.Scan() {
			if id := strings.TrimSpace(lines.Text()); id != "" {
				out = append(out, id)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("reading ids: %w", err)
		}
	}
	if len(out) == 0 {
		return nil, cli.Usage("no IDs given")
	}
	return out, nil
}
