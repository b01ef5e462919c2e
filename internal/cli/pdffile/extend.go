package pdffile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
	"kyso/internal/party/revocation"
	"kyso/internal/party/tsa"
	"kyso/internal/truststore"
	"kyso/internal/verification"
)

type extendFlags struct {
	verifyFlags
	level, tsa, out string
	force           bool
}

func (c *commands) extendCommand() *cobra.Command {
	f := &extendFlags{}
	cmd := &cobra.Command{Use: "extend FILE", Short: "Append revocation data and an archive time-stamp to a signed PDF", Args: cli.Exactly(1, "one FILE"),
		Long: `Append to a signed PDF what later verifiers need: the certificates and revocation data of all certificates in it (B-LT) and a
time-stamp over all of that (B-LTA). The signatures stay as they are. Do it again before the last time-stamp's certificate
ends, and the file stays verifiable for ever. It writes FILE-extended.pdf next to the file (see --out).

Whom to trust comes from --trust, KYSO_TRUST or a running development world, the time-stamp authority from --tsa, KYSO_TSA
or that world. The issuers named in the certificates are asked.`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.extend(cmd.Context(), f, args[0]) }}
	cmd.Flags().StringVar(&f.level, "level", "B-LTA", "B-LT or B-LTA")
	cmd.Flags().StringVar(&f.tsa, "tsa", "", "address of an RFC 3161 time-stamp authority; several, separated by commas, are tried in order")
	cmd.Flags().StringVar(&f.trust, "trust", "", "PEM bundle; self-signed certificates in it are trusted roots")
	cmd.Flags().BoolVar(&f.private, "allow-private", false, "let addresses in certificates lead into private networks (on for a development world)")
	cmd.Flags().StringVar(&f.out, "out", "", "file to write")
	cmd.Flags().BoolVar(&f.force, "force", false, "write over an existing file")
	return cmd
}

func (c *commands) extend(ctx context.Context, f *extendFlags, path string) error {
	level, err := verification.Level(f.level)
	if err != nil {
		return cli.Usage("--level: B-LT or B-LTA")
	}
	path = filepath.Clean(path)
	source, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // read only
	trustFile := c.trustFile(&f.verifyFlags)
	if trustFile == "" {
		return cli.Usage("no trusted roots: give --trust or KYSO_TRUST, a PEM bundle with root certificates")
	}
	trust, err := truststore.Read(trustFile)
	if err != nil {
		return &cli.ExitError{Code: cli.ExitUsage, Err: err}
	}
	authorities := c.authorities(f.tsa)
	if len(authorities) == 0 && f.level == "B-LTA" {
		return cli.Usage("no time-stamp authority: give --tsa or KYSO_TSA")
	}
	out := f.out
	if out == "" {
		out = cli.Named(path, "-extended")
	}
	if _, err := os.Stat(out); err == nil && !f.force {
		return cli.Usage("%s exists; --force writes over it", out)
	}
	if err := cli.Writable(out); err != nil {
		return err
	}
	child := pdf(c.CLI)
	defer child.Close()
	increment, err := verification.Extend(ctx, child, source, level, trust, &revocation.Client{AllowPrivate: f.private}, &tsa.Client{URLs: authorities})
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if err := f.write(out, io.MultiReader(io.NewSectionReader(source, 0, source.Size()), bytes.NewReader(increment))); err != nil {
		return err
	}
	c.Say("%s: thêm %d byte.", "%s: %d bytes appended.", out, len(increment))
	return nil
}

// authorities finds the time-stamp authorities.
func (c *commands) authorities(flag string) []string {
	list := flag
	if list == "" {
		list = c.Env("KYSO_TSA")
	}
	if list == "" {
		if known, err := c.Addresses(); err == nil && known.Parties != "" {
			list = known.Parties + "/tsa"
		}
	}
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// write makes the file at once: a copy that was broken off does not stand under its name.
func (f *extendFlags) write(path string, from io.Reader) error {
	if _, err := os.Stat(path); err == nil && !f.force {
		return cli.Usage("%s exists; --force writes over it", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".kyso-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails after the rename, which is fine
	_, err = io.Copy(file, from)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
