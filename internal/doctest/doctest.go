// Package doctest finds the commands of the program that the documentation shows, for tests. It imports the standard library
// only.
package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Command is one command of the documentation.
type Command struct {
	File string
	Args []string // without the program's name; "…" where the text shortens
}

// String is the command as the text shows it, without quotes.
func (c Command) String() string { return strings.Join(c.Args, " ") }

// Commands returns every command of README, docs, units, scripts and container files, in the order of the texts. root is the
// folder of the repository.
func Commands(root string) ([]Command, error) {
	var files []string
	for _, pattern := range []string{"README.md", "README.vi.md", "CONTRIBUTING.md", "SECURITY.md", "docs/sandbox.md", "docker-compose.yml", "Dockerfile", "docs/*.md", "docs/decisions/*.md", "docs/systemd/*", "scripts/*.sh"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("no file %s: %w", pattern, err)
		}
		for _, file := range found {
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	var list []Command
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the documentation: %w", err)
		}
		for _, args := range documented(shown(file, string(text))) {
			list = append(list, Command{filepath.Base(file), args})
		}
	}
	return list, nil
}

// commandLine finds the program's name where a command begins: at the start of a line, of a code span or after one of && | ( and ;.
var commandLine = regexp.MustCompile("(?m)(?:^|[`(;|]|&& ?|\\$ |ExecStart=|/)\\s*(?:[A-Z_]+=\\S+ +)*(?:(?:/[a-z./]*)?kyso) +([a-z][^`\n]*)")

// shown leaves of a page what is code: blocks, and spans in sentences. In other files everything is.
func shown(file, text string) string {
	if filepath.Ext(file) != ".md" {
		return text
	}
	var code strings.Builder
	for i, block := range strings.Split(text, "```") {
		if i%2 == 1 {
			code.WriteString(block)
			continue
		}
		prose := block
		for _, line := range regexp.MustCompile(`(?m)^ {4}.*$`).FindAllString(block, -1) {
			code.WriteString(line + "\n")
			prose = strings.Replace(prose, line, "", 1)
		}
		for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(prose, -1) {
			code.WriteString(strings.ReplaceAll(span, "\n", " ") + "\n")
		}
	}
	return code.String()
}

// documented returns the arguments of each command of this program in a text.
func documented(text string) [][]string {
	var commands [][]string
	// The form of docker-compose.yml: command: [/kyso, serve].
	list := regexp.MustCompile(`\[(?:CMD, )?/kyso, ([a-z][^]]*)\]`)
	for _, m := range list.FindAllStringSubmatch(text, -1) {
		commands = append(commands, strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", "))
	}
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
