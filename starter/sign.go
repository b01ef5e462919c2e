package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
	"kyso/internal/cli/pdffile"
)

// signFlags are the flags of sign.
type signFlags struct {
	request   apiclient.SigningRequest
	box       boxFlags
	out       string
	force     bool
	watch     bool
	timeout   time.Duration
	key       string
	atOnce    int // approvals that may wait side by side
	documents []string
}

func (c *commands) signCommand() *cobra.Command {
	f := &signFlags{}
	cmd := &cobra.Command{
		Use:   "sign FILE…",
		Short: "Sign PDF files; the owner of the key approves on a phone",
		Long: `Upload the files, ask for a signature on all of them under one approval, and wait.

By default it watches until the end and writes NAME-signed.pdf next to each file (see --out), never over an existing
file without --force. With --watch=false it prints the id of the signing and returns at once. Compare the code and the
digest with those on the phone before approving. Ctrl-C detaches; the signing goes on.

One approval covers up to 50 files. More are signed in groups, with a progress bar and an approval for each group.`,
		Example: `  kyso sign contract.pdf --user 079095012345
  kyso sign a.pdf b.pdf --user 079095012345 --level B-LT --out signed/
  kyso sign a.pdf --user 079095012345 --page 1 --box 350,60,200,64 --reason "Phê duyệt" -o json`,
		Args: cli.AtLeast("at least one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.documents = args
			return c.sign(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.request.User, "user", "", "id of the signer at the provider, such as a citizen number (required)")
	flags.StringVar(&f.request.Serial, "serial", "", "serial number of the certificate (default: the only usable one)")
	flags.StringVar(&f.request.Level, "level", "B-T", "B-B, B-T (with time-stamp), B-LT (with revocation data) or B-LTA (with an archive time-stamp)")
	flags.StringVar(&f.request.Reason, "reason", "", "reason, shown in the document")
	flags.StringVar(&f.request.Location, "location", "", "place, shown in the document")
	flags.StringVar(&f.request.Provider, "provider", "", "remote signing provider (default: the server's)")
	flags.StringVar(&f.out, "out", "", "folder, or file when there is one document")
	flags.BoolVar(&f.force, "force", false, "write over existing files")
	flags.BoolVar(&f.watch, "watch", true, "wait until the end")
	flags.DurationVar(&f.timeout, "timeout", 0, "stop watching after this long (exit code 8); 0 waits as long as it takes")
	flags.StringVar(&f.key, "idempotency-key", "", "the same key again finds the same signing (default: a fresh one)")
	flags.IntVar(&f.atOnce, "approvals-at-once", 2, "with more than 50 files: how many approvals may wait on the phone side by side")
	f.box.register(cmd)
	return cmd
}

func (c *commands) sign(ctx context.Context, f *signFlags) error {
	if f.request.User == "" {
		return cli.Usage("--user is required: the id of the signer at the provider, such as a citizen number")
	}
	if f.atOnce < 1 || f.atOnce > 20 {
		return cli.Usage("--approvals-at-once %d: 1 to 20", f.atOnce)
	}
	placement, err := f.box.placement()
	if err != nil {
		return err
	}
	targets, err := f.targets()
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if f.key == "" {
		f.key = apiclient.NewKey()
	}
	pdffile.Warn(ctx, c.CLI, f.documents)
	if len(f.documents) > perApproval {
		return c.signMany(ctx, client, f, placement, targets)
	}
	for i, path := range f.documents {
		// The place in the list is part of the key: two files are two uploads.
		document, err := c.upload(ctx, client, fmt.Sprintf("%s/%d", f.key, i), path)
		if err != nil {
			return err
		}
		f.request.Documents = append(f.request.Documents, apiclient.DocumentRequest{ID: document.ID, Placement: &placement})
	}
	signing, raw, err := client.Sign(ctx, f.key, f.request)
	if err != nil {
		return err
	}
	c.Say("Đã nhận yêu cầu ký %s (%d tài liệu)", "Accepted as signing %s (%d document(s))", signing.ID, len(f.documents))
	if !f.watch {
		return c.Print(raw, []string{signing.ID}, func(w io.Writer) { cli.Row(w, signing.ID) })
	}
	return c.watchAndSave(ctx, client, signing.ID, f.timeout, targets, f.force)
}

func (c *commands) upload(ctx context.Context, client *apiclient.Client, key, path string) (apiclient.Document, error) {
	info, err := os.Stat(path)
	if err != nil {
		return apiclient.Document{}, cli.Usage("%v", err)
	}
	if info.IsDir() {
		return apiclient.Document{}, cli.Usage("%s is a folder", path)
	}
	document, err := client.Upload(ctx, key, filepath.Base(path), info.Size(), func() (io.ReadCloser, error) { return os.Open(path) })
	if err != nil {
		return document, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return document, nil
}

// targets decides before a phone is asked where the signed files go, so that no approval is wasted on a file that
// cannot be written.
func (f *signFlags) targets() ([]string, error) {
	var out []string
	info, err := os.Stat(f.out)
	folder := len(f.documents) > 1 || strings.HasSuffix(f.out, "/") || err == nil && info.IsDir()
	seen := map[string]bool{}
	for _, path := range f.documents {
		target := signedName(path)
		switch {
		case f.out != "" && folder:
			target = filepath.Join(f.out, filepath.Base(target))
		case f.out != "":
			target = f.out
		}
		if seen[target] {
			return nil, cli.Usage("two of the files would be written to %s", target)
		}
		seen[target] = true
		if _, err := os.Lstat(target); err == nil && !f.force && f.watch {
			return nil, &cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("%s exists; --force writes over it", target)}
		}
		out = append(out, target)
	}
	if !f.watch {
		return out, nil
	}
	return out, cli.Writable(out...)
}

// signedName is the name of the signed file, within what a file system takes.
func signedName(path string) string {
	return cli.Named(path, "-signed")
}

// watchAndSave waits for the end and fetches the signed files.
func (c *commands) watchAndSave(ctx context.Context, client *apiclient.Client, id string, timeout time.Duration, targets []string, force bool) error {
	code, err := c.watch(ctx, client, id, timeout)
	if err != nil {
		return err
	}
	signing, raw, err := client.Signing(ctx, id)
	if err != nil {
		return err
	}
	var saved []string
	if code == cli.ExitOK {
		for i, target := range targets {
			if err := save(ctx, client, signing.Documents[i], target, force); err != nil {
				return err
			}
			c.Say("Đã ghi %s", "Wrote %s", target)
			saved = append(saved, target)
		}
	}
	if c.Output == cli.AsLines { // the events were the data
		return cli.Ended(code)
	}
	err = c.Print(raw, []string{id}, func(w io.Writer) {
		for _, target := range saved {
			cli.Row(w, target)
		}
	})
	if err != nil {
		return err
	}
	return cli.Ended(code)
}

// save writes a signed file next to its final name, compares its digest, and only then gives it the name.
func save(ctx context.Context, client *apiclient.Client, document apiclient.SignedDocument, target string, force bool) error {
	body, err := client.Download(ctx, document.Content)
	if err != nil {
		return fmt.Errorf("fetching the signed file: %w", err)
	}
	defer func() { _ = body.Close() }() // read to the end or given up
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(target), ".kyso-*.part")
	if err != nil {
		return fmt.Errorf("writing the signed file: %w", err)
	}
	defer func() { _ = os.Remove(part.Name()) }() // gone already when all went well
	if err := errors.Join(copyChecked(part, body, document.SignedSHA256), part.Chmod(0o644), part.Sync(), part.Close()); err != nil {
		return fmt.Errorf("writing the signed file: %w", err)
	}
	if force {
		return os.Rename(part.Name(), target)
	}
	if err := os.Link(part.Name(), target); errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists; --force writes over it", target)
	} else if err == nil {
		return nil
	}
	return os.Rename(part.Name(), target) // a file system without hard links
}
