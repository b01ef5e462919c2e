package pdffile

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
	"kyso/internal/pades"
	"kyso/internal/problem"
)

func (c *commands) inspectCommand() *cobra.Command {
	policy := pades.Policy{}
	cmd := &cobra.Command{Use: "inspect FILE", Short: "Say whether a PDF can be signed, and what it may hide", Args: cli.Exactly(1, "one FILE"),
		Long: `Say whether a PDF can be signed, on this machine: pages, signatures and empty fields, and what may look otherwise after
signing. The file is not uploaded, and it is parsed in a child process.

The exit code is 0 when it can be signed.`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.inspect(cmd.Context(), policy, args[0]) }}
	cmd.Flags().BoolVar(&policy.RefuseActiveContent, "refuse-active", false, "refuse JavaScript and launch actions, as KYSO_REFUSE_ACTIVE_CONTENT does")
	cmd.Flags().BoolVar(&policy.RefuseHiddenContent, "refuse-hidden", false, "refuse what may mislead the signer, as KYSO_REFUSE_HIDDEN_CONTENT does")
	return cmd
}

func (c *commands) inspect(ctx context.Context, policy pades.Policy, path string) error {
	path = filepath.Clean(path)
	source, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // read only
	child := pdf(c.CLI)
	defer child.Close()
	found, err := child.Inspect(ctx, source, policy)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if c.Output == cli.AsTable {
		return c.PrintLines(cli.Shortened(c.inspection(filepath.Base(path), found)))
	}
	raw, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return c.Print(raw, nil, nil)
}

// inspection is the report in words.
func (c *commands) inspection(name string, r *pades.Report) []string {
	lines := []string{name, fmt.Sprintf(c.Text("  PDF %s · %d trang · đã có %d chữ ký", "  PDF %s · %d page(s) · %d signature(s)"), r.Version, r.Pages, r.Signatures)}
	if r.DocMDP > 0 {
		lines = append(lines, "  "+c.Text("Chứng thực tài liệu", "Certification")+": "+c.certification(r.DocMDP))
	}
	for _, f := range r.Fields {
		state := c.Text("trống", "empty")
		switch {
		case f.Signed:
			state = c.Text("đã ký", "signed")
		case f.Locked:
			state = c.Text("đã khóa", "locked")
		}
		lines = append(lines, fmt.Sprintf(c.Text("  Ô chữ ký %d: %s (%s)", "  Signature field %d: %s (%s)"), f.Number, f.Name, state))
	}
	for _, f := range r.Findings {
		lines = append(lines, "  ! "+c.Text(f.VI, f.EN))
	}
	return lines
}

// Warn says what the files may hide, before their owner is asked. Whether they can be signed is the server's word.
func Warn(ctx context.Context, c *cli.CLI, paths []string) {
	child := pdf(c)
	defer child.Close()
	for _, path := range paths {
		source, err := openFile(path)
		if err != nil {
			continue
		}
		found, err := child.Inspect(ctx, source, pades.Policy{})
		_ = source.Close() // read only
		if problem.CodeOf(err) == problem.Internal {
			c.Say("Không xem trước được tệp trên máy này: %v", "No file is inspected on this machine: %v", err)
			return
		}
		if err != nil {
			continue
		}
		for _, f := range found.Findings {
			c.Say("Lưu ý: %s: %s", "Note: %s: %s", filepath.Base(path), c.Text(f.VI, f.EN))
		}
	}
}
