package pdffile

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
	"kyso/internal/pades"
	"kyso/internal/party/revocation"
	"kyso/internal/signing"
	"kyso/internal/truststore"
	"kyso/internal/verification"
)

type verifyFlags struct {
	trust   string
	offline bool
	private bool
	strict  bool
	report  string
}

func (c *commands) verifyCommand() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{Use: "verify FILE…", Short: "Verify the signatures of PDF files on this machine; - is a PDF from a pipe", Args: cli.AtLeast("at least one FILE (or -)"),
		Long: `Verify the signatures of PDF files on this machine, by ETSI EN 319 102-1. No file is uploaded, and each is parsed in a
child process. A file that cannot be read does not keep the others from being verified; - is a PDF that comes
through a pipe, at most 1 GiB.

The trusted roots come from --trust, KYSO_TRUST, or the trust file of a running development world. Without any of them kyso
judges the integrity and not the chain of certificates: the verdict is INDETERMINATE, NO_CERTIFICATE_CHAIN_FOUND. kyso asks
the issuers for revocation data that the file does not carry, unless --offline.

For one file -o json is the report of the API, for several an array, each with its file; -o jsonl is one line for each
file, and -o ids the verdict, a tab and the file. A file without signatures is "signed": false, and UNSIGNED in ids.

The exit code is that of the worst file, in this order:

    1  TOTAL_FAILED
   11  a file could not be read: missing, a folder, too large, or no PDF
   10  a file has no signature
    9  INDETERMINATE, as it is when fields were filled in or annotations came after a signature
   12  with --strict: TOTAL_PASSED, and a signature covers content or a signature that was signed before it
    0  every file is TOTAL_PASSED`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.verify(cmd.Context(), f, args) }}
	cmd.Flags().StringVar(&f.trust, "trust", "", "PEM bundle; self-signed certificates in it are trusted roots")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "ask no responder; what the file does not carry is not known")
	cmd.Flags().BoolVar(&f.private, "allow-private", false, "let addresses in certificates lead into private networks (on for a development world)")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "end with 12 when a signature covers what was signed before it; the verdict stays")
	cmd.Flags().StringVar(&f.report, "report", "", "write the report to a file as well: NAME.pdf or NAME.json")
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
		return fileSource{}, cli.Usage("%v", err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = file.Close() // nothing was written
		return fileSource{}, cli.Usage("%s is not a file", path)
	}
	return fileSource{file, info.Size()}, nil
}

// verify judges each file. What cannot be read is an outcome as well.
func (c *commands) verify(ctx context.Context, f *verifyFlags, paths []string) error {
	if count(paths, stdinPDF) > 1 {
		return cli.Usage("- can be given once: there is one stdin")
	}
	if ending := filepath.Ext(f.report); f.report != "" && (len(paths) > 1 || ending != ".pdf" && ending != ".json") {
		return cli.Usage("--report takes a name that ends with .pdf or .json, and one FILE")
	}
	judge, err := c.judge(f)
	if err != nil {
		return err
	}
	tally := &verdicts{several: len(paths) > 1, strict: f.strict}
	for _, path := range paths {
		file := verifiedFile{File: path}
		if path != stdinPDF {
			file.File = filepath.Clean(path)
		}
		source, err := c.openPDF(path)
		if err == nil {
			file.Verification, err = judge(ctx, filepath.Base(file.File), source)
			_ = source.Close() // read only
		}
		if ctx.Err() != nil {
			return fmt.Errorf("verifying: %w", ctx.Err())
		}
		file.fail(err)
		tally.add(file)
		if err := c.printVerified(file, tally.several); err != nil {
			return err
		}
	}
	if err := c.printTally(tally); err != nil {
		return err
	}
	return cli.Ended(tally.exit())
}

// judge makes what verifies one file, with whom to trust and whom to ask.
func (c *commands) judge(f *verifyFlags) (func(context.Context, string, pades.Source) (*pades.Verification, error), error) {
	var trust signing.Trust
	if bundle := c.trustFile(f); bundle != "" {
		var err error
		if trust, err = truststore.Read(bundle); err != nil {
			return nil, &cli.ExitError{Code: cli.ExitUsage, Err: err}
		}
	}
	var issuers signing.RevocationSource
	if !f.offline {
		issuers = &revocation.Client{AllowPrivate: f.private}
	}
	child := pdf(c.CLI)
	return func(ctx context.Context, name string, source pades.Source) (*pades.Verification, error) {
		now := time.Now()
		found, err := verification.Verify(ctx, child, source, trust, issuers, now)
		if err == nil && f.report != "" {
			err = writeReport(f.report, found, trust, name, source, now.Truncate(time.Second))
		}
		return found, err
	}, nil
}

// writeReport writes what was found to a file, as PDF or JSON by its name.
func writeReport(to string, found *pades.Verification, trust signing.Trust, name string, source pades.Source, at time.Time) error {
	report, err := verification.File(filepath.Ext(to), found, trust, name, io.NewSectionReader(source, 0, source.Size()), at)
	if err == nil {
		err = os.WriteFile(filepath.Clean(to), report, 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", to, err)
	}
	return nil
}

// trustFile finds whom to trust. The trust of a development world comes with its private addresses.
func (c *commands) trustFile(f *verifyFlags) string {
	if f.trust != "" {
		return f.trust
	}
	if fromEnv := c.Env("KYSO_TRUST"); fromEnv != "" {
		return fromEnv
	}
	known, err := c.Addresses()
	if err != nil {
		return ""
	}
	f.private = true
	return known.Trust
}
