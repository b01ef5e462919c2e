package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
	"kyso/internal/doctest"
)

// TestDocumentedCommandsExist resolves every command of this program that the documentation shows, in code blocks and in
// code spans, with its flags. Tests of starter/dev run what can be run; this one finds what was renamed.
func TestDocumentedCommandsExist(t *testing.T) {
	commands, err := doctest.Commands("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		if err := resolve(command.Args); err != nil {
			t.Errorf("%s: kyso %s: %v", command.File, command, err)
		}
	}
	seen := len(commands)
	if seen < 50 {
		t.Errorf("found %d commands only: the documentation has more, so this test overlooks them", seen)
	}
	t.Logf("%d documented commands exist", seen)
}

// resolve finds a command and reads its flags without running it. "…" ends a command that the text shortens.
func resolve(args []string) error {
	shortened := slices.Contains(args, "…")
	c := &commands{&cli.CLI{Out: io.Discard, Words: io.Discard, Env: func(string) string { return "" }}}
	root := c.root()
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if cmd == root || !cmd.Runnable() && !shortened && len(cmd.Commands()) > 0 {
		return cobra.NoArgs(cmd, append(rest, "names no command"))
	}
	if cmd.HasSubCommands() && len(rest) > 0 && !shortened && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("%s has no subcommand %s", cmd.Name(), rest[0])
	}
	return cmd.ParseFlags(rest)
}
