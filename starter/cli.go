package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/vn"
)

// cli is what every command shares: the streams, the environment and the flags of the root command. Data goes to
// out and nothing else does; words goes to stderr.
type cli struct {
	in      io.Reader
	out     io.Writer
	words   io.Writer
	env     func(string) string
	asks    bool // a person sits at the keyboard
	redraws bool // a line of words may be drawn again

	url    string
	output string
	lang   string
	as     string

	started bool // arguments and flags were accepted
}

// The forms of output. JSON is the API's own, never reshaped.
const (
	asTable = "table"
	asJSON  = "json"
	asLines = "jsonl"
	asIDs   = "ids"
)

func (c *cli) execute(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return c.exit(err)
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   programName(),
		Short: "Sign PDF files and register certificates through kyso: start, watch, answer and repair, verify files",
		Long: `Sign PDF files and register certificates through kyso.

The API is found by --url, KYSO_URL, or addresses.json of a running development world (in KYSO_DATA, else .kyso). The
key to it is read from KYSO_API_KEY, the file of KYSO_API_KEY_FILE, or that addresses.json.
Data goes to stdout, words to stderr. See "kyso help exit-codes" for what a script may rely on.`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains([]string{asTable, asJSON, asLines, asIDs}, c.output) {
				return fmt.Errorf("--output %s: table, json, jsonl or ids", c.output)
			}
			if !slices.Contains([]string{"", "vi", "en"}, c.lang) {
				return fmt.Errorf("--lang %s: vi or en", c.lang)
			}
			c.started = true
			return nil
		},
	}
	root.SetOut(c.out)
	root.SetErr(c.words)
	root.SetIn(c.in)
	flags := root.PersistentFlags()
	flags.StringVar(&c.url, "url", "", "address of the API (default: KYSO_URL, else addresses.json)")
	flags.StringVarP(&c.output, "output", "o", asTable, "form of the data: table, json, jsonl or ids")
	flags.StringVar(&c.lang, "lang", "", "language of words: vi or en (default: KYSO_LANG, else LANG, else vi)")
	flags.StringVar(&c.as, "as", "", "repair, cancel and decide in this name, an opaque id; the API takes another than the key's owner from the administrator only")
	root.AddCommand(c.signCommand(), c.signingCommand(), c.incidentCommand(), c.reconcileCommand(), c.registerCommand(), c.registrationCommand(),
		c.auditCommand(), c.keyCommand(), c.trustCommand(), c.inspectCommand(), c.verifyCommand(), c.extendCommand(), c.serveCommand(), c.migrateCommand(), c.rolloutCommand(), c.probeCommand(), c.doctorCommand(), c.configCommand(), c.versionCommand(), exitCodesTopic())
	root.AddCommand(c.worldCommands()...)
	return root
}

// programName is what the program was called as: "temporal kyso" when the Temporal CLI runs it as its extension
// temporal-kyso.
func programName() string {
	if filepath.Base(os.Args[0]) == "temporal-kyso" {
		return "temporal kyso"
	}
	return "kyso"
}

// client finds the API.
func (c *cli) client() (*apiclient.Client, error) {
	address := c.url
	if address == "" {
		address = c.env("KYSO_URL")
	}
	if address == "" {
		known, err := c.addresses()
		if err != nil || known.API == "" {
			return nil, usage("no address of the API: give --url or KYSO_URL, or start a world with \"kyso dev\" in this folder")
		}
		address = known.API
	}
	address = withScheme(address)
	key, err := c.key(address)
	return &apiclient.Client{BaseURL: address, Key: key}, err
}

// key finds the key to the API. A development world's is good for its own address alone.
func (c *cli) key(address string) (string, error) {
	if key := c.env("KYSO_API_KEY"); key != "" {
		return key, nil
	}
	if path := c.env("KYSO_API_KEY_FILE"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", usage("KYSO_API_KEY_FILE: %v", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	known, err := c.addresses()
	if err != nil || known.API != address {
		return "", nil //nolint:nilerr // the API says what it needs
	}
	return known.APIKey, nil
}

// addresses is what a running development world says of itself.
type addresses struct {
	API      string `json:"api"`
	APIKey   string `json:"api_key"`
	Trust    string `json:"trust"`
	Parties  string `json:"parties"`
	Temporal string `json:"temporal"`
}

// data is the folder of a development world.
func (c *cli) data() string { return cmp.Or(c.env("KYSO_DATA"), ".kyso") }

func (c *cli) addresses() (addresses, error) {
	var out addresses
	text, err := os.ReadFile(filepath.Join(c.data(), "addresses.json"))
	if err != nil {
		return out, fmt.Errorf("reading addresses: %w", err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("reading addresses: %w", err)
	}
	return out, nil
}

// settings are the environment that doctor looks at, and where the API answers. When that is an address of its own, what a world
// in this folder listens on counts for nothing; else it stands in for variables that are not set.
func (c *cli) settings(environ []string) (all []string, api string) {
	if own := cmp.Or(c.url, c.env("KYSO_URL")); own != "" {
		return environ, withScheme(own)
	}
	known, err := c.addresses()
	data, absErr := filepath.Abs(c.data())
	if err != nil || absErr != nil {
		return environ, ""
	}
	world := []string{
		"KYSO_DATABASE=sqlite:" + filepath.Join(data, "kyso.db"), "KYSO_BLOBS=" + (&url.URL{Scheme: "file", Path: filepath.Join(data, "blobs")}).String(),
		"KYSO_MASTER_KEY_FILE=" + filepath.Join(data, "master.key"), "KYSO_AUDIT_FILE=" + filepath.Join(data, "audit-checkpoints.jsonl"),
		"KYSO_SEAL_KEY_FILE=" + filepath.Join(data, "seal.key"), "KYSO_SEAL_CERT_FILE=" + filepath.Join(data, "seal.pem"),
		"KYSO_TRUST=" + known.Trust, "KYSO_SANDBOX_URL=" + known.Parties, "KYSO_PUBLIC_URL=" + known.API, "TEMPORAL_ADDRESS=" + known.Temporal,
	}
	set := func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return c.env(name) != "" || c.env(name+"_FILE") != ""
	}
	return slices.Concat(environ, slices.DeleteFunc(world, set)), known.API
}

func withScheme(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return "http://" + address
}

// text chooses the language of words. Vietnamese is the default, also under LANG=C.
func (c *cli) text(vi, en string) string {
	if c.english() {
		return en
	}
	return vi
}

func (c *cli) english() bool {
	for _, lang := range []string{c.lang, c.env("KYSO_LANG"), c.env("LC_ALL"), c.env("LC_MESSAGES"), c.env("LANG")} {
		if lang != "" {
			return strings.HasPrefix(lang, "en")
		}
	}
	return false
}

// say writes one line of words.
func (c *cli) say(vi, en string, args ...any) {
	_, _ = fmt.Fprintf(c.words, c.text(vi, en)+"\n", visibleArgs(args)...) // nobody is left to tell
}

// print writes data in the form asked for. table is called for the table form only.
func (c *cli) print(raw apiclient.Raw, ids []string, table func(io.Writer)) error {
	switch c.output {
	case asIDs:
		return c.printLines(ids)
	case asJSON:
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, raw, "", "  "); err != nil {
			return fmt.Errorf("the answer is no JSON: %w", err)
		}
		return c.printLines(strings.Split(strings.TrimSpace(pretty.String()), "\n"))
	case asLines:
		return c.printItems(raw)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// printItems writes each item of a list as a line, and what is no list as one line.
func (c *cli) printItems(raw apiclient.Raw) error {
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
		if err := c.printLines([]string{line.String()}); err != nil {
			return err
		}
	}
	return nil
}

// printLines writes lines, whoever they are from: none of them can end early or steer the terminal.
func (c *cli) printLines(lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(c.out, visible(line)); err != nil {
			return fmt.Errorf("writing the answer: %w", err)
		}
	}
	return nil
}

// row writes one line of a table.
func row(w io.Writer, cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(visible(cells[i]), "\t", " ")
	}
	_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) // a tabwriter keeps the error until Flush
}

// shown is a time as people read it here.
func shown(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(vn.Zone).Format("02/01/2006 15:04:05 -07")
}

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: exactly(0, "one of the subcommands of "+name),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(commands...)
	return cmd
}

// exactly and atLeast are cobra's argument checks with words that name the argument.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("expected %s", what)
		}
		return nil
	}
}

func atLeast(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("expected " + what)
		}
		return nil
	}
}
