// Package cli is the ground of the command line: streams, language, forms of output, exit codes, and where the API is. The commands
// stand on it.
package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/vn"
)

// CLI is what every command shares: the streams, the environment and the flags of the root command. Data goes to Out
// and nothing else does; Words is stderr.
type CLI struct {
	In      io.Reader
	Out     io.Writer
	Words   io.Writer
	Env     func(string) string // value of an environment variable, "" when it is not set
	Asks    bool                // a person sits at the keyboard
	Redraws bool                // a line of words may be drawn again

	URL    string // --url: address of the API
	Output string // --output: one of the forms below
	Lang   string // --lang: vi, en or empty
	As     string // --as: in whose name to act; empty means the key's owner

	started bool // arguments and flags were accepted
}

// The forms of output. JSON is the API's own, never reshaped.
const (
	AsTable = "table"
	AsJSON  = "json"
	AsLines = "jsonl"
	AsIDs   = "ids"
)

// CheckFlags judges the flags that every command has, before the command begins.
func (c *CLI) CheckFlags() error {
	if !slices.Contains([]string{AsTable, AsJSON, AsLines, AsIDs}, c.Output) {
		return fmt.Errorf("--output %s: table, json, jsonl or ids", c.Output)
	}
	if !slices.Contains([]string{"", "vi", "en"}, c.Lang) {
		return fmt.Errorf("--lang %s: vi or en", c.Lang)
	}
	c.started = true
	return nil
}

// Text chooses the language of words. Vietnamese is the default, also under LANG=C.
func (c *CLI) Text(vi, en string) string {
	if c.English() {
		return en
	}
	return vi
}

// English reports whether words are English: --lang, KYSO_LANG, then the locale. Vietnamese is the default.
func (c *CLI) English() bool {
	for _, lang := range []string{c.Lang, c.Env("KYSO_LANG"), c.Env("LC_ALL"), c.Env("LC_MESSAGES"), c.Env("LANG")} {
		if lang != "" {
			return strings.HasPrefix(lang, "en")
		}
	}
	return false
}

// Say writes one line of words.
func (c *CLI) Say(vi, en string, args ...any) {
	_, _ = fmt.Fprintf(c.Words, c.Text(vi, en)+"\n", visibleArgs(args)...) // no reader is left
}

// Print writes data in the form asked for. table is called for the table form only.
func (c *CLI) Print(raw apiclient.Raw, ids []string, table func(io.Writer)) error {
	switch c.Output {
	case AsIDs:
		return c.PrintLines(ids)
	case AsJSON:
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, raw, "", "  "); err != nil {
			return fmt.Errorf("the answer is no JSON: %w", err)
		}
		return c.PrintLines(strings.Split(strings.TrimSpace(pretty.String()), "\n"))
	case AsLines:
		return c.PrintItems(raw)
	}
	w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// PrintJSON writes a value in the form asked for, which is not the table.
func (c *CLI) PrintJSON(value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return c.Print(raw, nil, nil)
}

// PrintItems writes each item of a list as a line, and what is no list as one line.
func (c *CLI) PrintItems(raw apiclient.Raw) error {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	items := []json.RawMessage{raw}
	if json.Unmarshal(raw, &list) == nil && list.Items != nil {
		items = list.Items
	}
	for _, item := range items {
		var line bytes.Buffer
		if err := json.Compact(&line, item); err != nil {
			return fmt.Errorf("the answer is no JSON: %w", err)
		}
		if err := c.PrintLines([]string{line.String()}); err != nil {
			return err
		}
	}
	return nil
}

// PrintLines writes lines, whoever they are from: none of them can end early or steer the terminal.
func (c *CLI) PrintLines(lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(c.Out, Visible(line)); err != nil {
			return fmt.Errorf("writing the answer: %w", err)
		}
	}
	return nil
}

// Row writes one line of a table.
func Row(w io.Writer, cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(Visible(cells[i]), "\t", " ")
	}
	_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) // a tabwriter keeps the error until Flush
}

// Or is a cell of a table: - for an empty one.
func Or(text string) string { return cmp.Or(text, "-") }

// Shown is a time as people read it here.
func Shown(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(vn.Zone).Format("02/01/2006 15:04:05 -07")
}

// Group is a command that only holds others.
func Group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: Exactly(0, "one of the subcommands of "+name),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(commands...)
	return cmd
}

// Exactly is cobra's check of the number of arguments, with an error that names them.
func Exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("expected %s", what)
		}
		return nil
	}
}

// AtLeast is cobra's check of one argument or more.
func AtLeast(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New(what + " is required")
		}
		return nil
	}
}
