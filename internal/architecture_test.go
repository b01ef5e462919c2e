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

// TestArchitecturePage holds the table in docs/architecture.md against the rules that are tested. KYSO_WRITE=1 writes it.
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
	if want := importsTable(); table != want {
		if os.Getenv("KYSO_WRITE") == "" {
			t.Fatal("the table is not that of the rules: KYSO_WRITE=1 go test ./internal -run TestArchitecturePage writes it")
		}
		if err := os.WriteFile(architecturePage, []byte(before+importsBegin+want+importsEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// importsTable writes the rules, the folders that import the least first.
func importsTable() string {
	folders := slices.SortedFunc(maps.Keys(rules), func(a, b string) int {
		if c := len(strings.Fields(rules[a])) - len(strings.Fields(rules[b])); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	var table strings.Builder
	table.WriteString("| folder | may import |\n|---|---|\n")
	for _, folder := range folders {
		if slices.Contains(testOnly, folder) {
			continue
		}
		names := strings.Fields(rules[folder])
		slices.Sort(names)
		allowed := "–"
		if len(names) > 0 {
			allowed = "`" + strings.Join(names, "` `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s |\n", folder, strings.ReplaceAll(allowed, "`internal/", "`"))
	}
	return table.String()
}
