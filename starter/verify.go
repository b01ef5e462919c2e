package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/app"
	"kyso/internal/pades"
	"kyso/internal/provider"
)

type verifyFlags struct {
	trust   string
	offline bool
	private bool
}

func (c *cli) verifyCommand() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{Use: "verify FILE", Short: "Verify the signatures of a PDF on this machine", Args: exactly(1, "one FILE"),
		Long: `Verify the signatures of a PDF on this machine, by ETSI EN 319 102-1. The file is not uploaded, and it is parsed in a
child process of its own. Whom to trust comes from --trust, KYSO_TRUST, or the trust file of a running development
world. What the file does not say of its certificates is asked of their issuers, unless --offline.

The exit code is 0 for TOTAL_PASSED only.`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.verify(cmd.Context(), f, args[0]) }}
	cmd.Flags().StringVar(&f.trust, "trust", "", "PEM bundle; self-signed certificates in it are trusted roots")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "ask nobody; what the file does not carry is not known")
	cmd.Flags().BoolVar(&f.private, "allow-private", false, "let addresses in certificates lead into private networks (on for a development world)")
	return cmd
}

// fileSource is a file that is read by range.
type fileSource struct {
	*os.File
	size int64
}

// Size implements pades.Source.
func (s fileSource) Size() int64 { return s.size }

func openFile(path string) (fileSource, error) {
	file, err := os.Open(path)
	if err != nil {
		return fileSource{}, usage("%v", err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = file.Close() // nothing was written
		return fileSource{}, usage("%s is not a file", path)
	}
	return fileSource{file, info.Size()}, nil
}

func (c *cli) verify(ctx context.Context, f *verifyFlags, path string) error {
	path = filepath.Clean(path)
	source, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // read only
	trustFile := c.trustFile(f)
	if trustFile == "" {
		return usage("nobody to trust: give --trust or KYSO_TRUST, a PEM bundle with root certificates")
	}
	trust, err := app.ReadTrust(trustFile)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	judge := func() (*pades.Verification, error) {
		if f.offline {
			return app.Verify(ctx, source, trust, nil, time.Now())
		}
		return app.Verify(ctx, source, trust, &provider.Revocation{AllowPrivate: f.private}, time.Now())
	}
	found, err := judge()
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if err := c.printVerification(filepath.Base(path), found); err != nil {
		return err
	}
	if found.Verdict != pades.TotalPassed {
		return ended(exitFailed)
	}
	return nil
}

// trustFile finds whom to trust. The trust of a development world comes with its private addresses.
func (c *cli) trustFile(f *verifyFlags) string {
	if f.trust != "" {
		return f.trust
	}
	if fromEnv := c.env("KYSO_TRUST"); fromEnv != "" {
		return fromEnv
	}
	known, err := c.addresses()
	if err != nil {
		return ""
	}
	f.private = true
	return known.Trust
}

// printVerification writes the report; the JSON is that of internal/pades.
func (c *cli) printVerification(name string, found *pades.Verification) error {
	if c.output == asTable {
		return c.printLines(c.report(name, found))
	}
	raw, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return c.print(raw, []string{string(found.Verdict)}, nil)
}
