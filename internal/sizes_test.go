package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The sizes that a reader can hold in the head.
const (
	maxFunction     = 60
	maxFile         = 450
	maxPackageFiles = 20
	maxPackageLines = 3500
)

// size counts the files and lines of a package without its tests.
type size struct{ files, lines int }

// larger are the packages beyond the limits, each with what it may not pass. A package that becomes smaller gets a smaller
// line, or none.
var larger = map[string]size{
	"activities": {34, 4870}, // one file for each step; rooms come when the activities of the releases before go
	"workflows":  {32, 5060}, // all processes and their typed client: a client of Temporal has to know a process's inputs, and a worker both; with the steps of the releases before (*_before.go)
}

// smaller are packages that have one thing to do, each with the lines that it may have for it.
var smaller = map[string]int{
	"internal/app": 1020, // it only assembles; what can be configured stands in internal/config
}

// longer are the files beyond the limit, in the same manner.
var longer = map[string]int{}

// TestSizes counts functions, files and packages.
func TestSizes(t *testing.T) {
	packages := map[string]size{}
	for _, file := range sources(t) {
		if strings.HasSuffix(file, ".gen.go") { // no reader goes through it; the document that it comes from has them
			continue
		}
		lines := linesOf(t, file)
		dir := filepath.ToSlash(filepath.Dir(file))
		s := packages[dir]
		packages[dir] = size{s.files + 1, s.lines + lines}
		if most := max(maxFile, longer[filepath.ToSlash(file)]); lines > most {
			t.Errorf("%s has %d lines, at most %d", file, lines, most)
		}
		longFunctions(t, file)
	}
	for dir, s := range packages {
		most := size{max(maxPackageFiles, larger[dir].files), max(maxPackageLines, larger[dir].lines)}
		if s.files > most.files || s.lines > most.lines {
			t.Errorf("%s has %d files and %d lines, at most %d and %d: make rooms", dir, s.files, s.lines, most.files, most.lines)
		}
	}
	for dir, most := range smaller {
		if s := packages[dir]; s.lines == 0 || s.lines > most {
			t.Errorf("%s has %d lines, at most %d", dir, s.lines, most)
		}
	}
	for dir := range larger {
		if s := packages[dir]; s.files <= maxPackageFiles && s.lines <= maxPackageLines {
			t.Errorf("%s is within the limits: take its line out", dir)
		}
	}
}

func linesOf(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func longFunctions(t *testing.T, file string) {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, filepath.Join("..", file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range parsed.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		// The lines between the braces.
		lines := set.Position(function.Body.End()).Line - set.Position(function.Body.Pos()).Line - 1
		if lines > maxFunction {
			t.Errorf("%s: %s has %d lines, at most %d", file, function.Name.Name, lines, maxFunction)
		}
	}
}
