package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocumentedCommandsExist resolves every command of this program that the documentation shows, in code blocks and in
// code spans, with its flags. Tests of starter/dev run what can be run; this one finds what was renamed.
func TestDocumentedCommandsExist(t *testing.T) {
	files := []string{"../README.md", "../docker-compose.yml", "../Dockerfile"}
	for _, pattern := range []string{"../docs/*.md", "../docs/systemd/*", "../scripts/*.sh"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range documented(string(text)) {
			seen++
			if err := resolve(command); err != nil {
				t.Errorf("%s: starter %s: %v", filepath.Base(file), strings.Join(command, " "), err)
			}
		}
	}
	if seen < 50 {
		t.Errorf("found %d commands only: the documentation has more, so this test overlooks them", seen)
	}
	t.Logf("%d documented commands exist", seen)
}

// commandLine finds the program's name where a command begins: at the start of a line, of a code span or after one of && | ( and ;.
var commandLine = regexp.MustCompile("(?m)(?:^|[`(;|]|&& ?|\\$ |ExecStart=|/)\\s*(?:[A-Z_]+=\\S+ +)*(?:go run \\./starter|(?:/[a-z./]*)?starter) +([a-z][^`\n]*)")

// documented returns the arguments of each command of this program in a text.
func documented(text string) [][]string {
	var commands [][]string
	// The form of docker-compose.yml: command: [/starter, serve].
	list := regexp.MustCompile(`\[(?:CMD, )?/starter, ([a-z][^]]*)\]`)
	for _, m := range list.FindAllStringSubmatch(text, -1) {
		commands = append(commands, strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", "))
	}
	// A code span may be broken over two lines.
	span := regexp.MustCompile("(?:^|[^`])`([^`]+)`(?:[^`]|$)")
	text = span.ReplaceAllStringFunc(text, func(s string) string { return strings.ReplaceAll(s, "\n", " ") })
	for _, m := range commandLine.FindAllStringSubmatch(text, -1) {
		for _, part := range regexp.MustCompile(`&&|;|\|`).Split(m[0], -1) {
			if args := commandLine.FindStringSubmatch(part); args != nil {
				commands = append(commands, words(args[1]))
			}
		}
	}
	return commands
}

// words splits a line as a shell does: quotes keep blanks, # begins a comment.
func words(line string) []string {
	word := regexp.MustCompile(`(?:[^\s'"]|'[^']*'|"[^"]*")+`)
	var out []string
	for _, w := range word.FindAllString(line, -1) {
		if strings.HasPrefix(w, "#") || w == ">" || strings.HasPrefix(w, ">") {
			break
		}
		out = append(out, regexp.MustCompile(`'([^']*)'|"([^"]*)"`).ReplaceAllString(w, "$1$2"))
	}
	return out
}

// resolve finds a command and reads its flags without running it. "…" ends a command that the text shortens.
func resolve(args []string) error {
	shortened := slices.Contains(args, "…")
	c := &cli{out: io.Discard, words: io.Discard, env: func(string) string { return "" }}
	root := c.root()
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if cmd == root || !cmd.Runnable() && !shortened && len(cmd.Commands()) > 0 {
		return cobra.NoArgs(cmd, append(rest, "names no command"))
	}
	return cmd.ParseFlags(rest)
}
