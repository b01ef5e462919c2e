package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms are where programs that run for weeks keep something in memory between two requests.
var rooms = []string{"account", "api", "app", "audit", "blob", "evidence", "limit", "party", "registration", "relay", "signing", "vault", "store", "telemetry", "truststore", "web", "../activities", "../worker"}

// TestEverythingKeptInMemoryIsListed finds every type that keeps something between calls (it has a lock, a sync.Once, a
// sync.Map or an atomic value) and every variable of that sort. Each has its row in docs/operations.md under "What is kept in
// memory", which says what it may decide: an answer about status, trust or access from before is never "now".
func TestEverythingKeptInMemoryIsListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## What is kept in memory")
	if !ok {
		t.Fatal("docs/operations.md has no section on what is kept in memory")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var found []string
	for _, room := range rooms {
		found = append(found, keepers(t, room)...)
	}
	if len(found) < 5 {
		t.Errorf("only %v keep anything", found)
	}
	for _, name := range found {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("%s keeps something between calls and is not in the table", name)
		}
	}
	for line := range strings.SplitSeq(section, "\n") {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
		if ok && strings.HasPrefix(line, "| `") && !slices.Contains(found, name) {
			t.Errorf("the table lists %s, which keeps nothing: %s", name, rest)
		}
	}
}

func keepers(t *testing.T, room string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.Contains(testOnly, "internal/"+filepath.ToSlash(path)) {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if s, ok := spec.Type.(*ast.StructType); ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool { return shared(f.Type) }) {
						found = append(found, file.Name.Name+"."+spec.Name.Name)
					}
				case *ast.ValueSpec:
					if spec.Type != nil && shared(spec.Type) {
						found = append(found, file.Name.Name+"."+spec.Names[0].Name)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shared reports whether a type guards something that several requests see.
func shared(e ast.Expr) bool {
	if index, ok := e.(*ast.IndexExpr); ok { // atomic.Pointer[T]
		e = index.X
	}
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && (pkg.Name == "atomic" || pkg.Name == "singleflight" ||
		pkg.Name == "sync" && slices.Contains([]string{"Mutex", "RWMutex", "Once", "Map"}, s.Sel.Name))
}
