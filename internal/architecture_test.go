package internal_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	architecturePage = "../docs/architecture.md"
	importsBegin     = "<!-- imports: begin -->\n"
	importsEnd       = "<!-- imports: end -->"
)

// TestArchitecturePage holds the table in docs/architecture.md against the rules that are tested. KYSO_WRITE=1 writes it. The row of
// a street speaks for its parties: one that is new may be missing, one that is gone may not stand there.
func TestArchitecturePage(t *testing.T) {
	page, err := os.ReadFile(architecturePage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), importsBegin)
	table, after, ends := strings.Cut(rest, importsEnd)
	if !begins || !ends {
		t.Fatal("the page has no place for the table")
	}
	shown, write := unruled(t), os.Getenv("KYSO_WRITE") != ""
	if !write {
		shown = slices.DeleteFunc(shown, func(room string) bool { return !strings.Contains(table, rowOf(room)) })
	}
	if want := importsTable(shown); table != want {
		if !write {
			t.Fatal("the table is not that of the rules: KYSO_WRITE=1 go test ./internal -run TestArchitecturePage writes it")
		}
		if err := os.WriteFile(architecturePage, []byte(before+importsBegin+want+importsEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// unruled returns the parties without a line in the table of rules.
func unruled(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(parties(t), func(room string) bool { _, ruled := rules[room]; return ruled })
}

// importsTable writes the rules with some parties that have no line, the folders that import the least first.
func importsTable(unruled []string) string {
	folders := append(slices.Collect(maps.Keys(rules)), unruled...)
	for name := range streets {
		folders = append(folders, name+"/*")
	}
	slices.SortFunc(folders, func(a, b string) int {
		if c := len(strings.Fields(allowedTo(a))) - len(strings.Fields(allowedTo(b))); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	var table strings.Builder
	table.WriteString("| folder | may import |\n|---|---|\n")
	for _, folder := range folders {
		if !slices.Contains(testOnly, folder) {
			table.WriteString(rowOf(folder))
		}
	}
	return table.String()
}

func rowOf(folder string) string {
	names := strings.Fields(allowedTo(folder))
	slices.Sort(names)
	allowed := "–"
	if len(names) > 0 {
		allowed = "`" + strings.Join(names, "` `") + "`"
	}
	return fmt.Sprintf("| `%s` | %s |\n", folder, strings.ReplaceAll(allowed, "`internal/", "`"))
}
