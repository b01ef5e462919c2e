// Package internal_test checks who imports whom. The table is the architecture: what is not listed is forbidden.
// Tests may import more, so only other files are looked at.
package internal_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "kyso"

// rules lists, for each folder, the folders of this module whose packages it may import. A folder speaks for
// everything below it, unless a deeper one has a line of its own, and may always import itself. A party needs no line:
// see streets. X/* is every party of the street X.
var rules = map[string]string{
	"internal/problem":      "",
	"internal/vn":           "",
	"internal/vault":        "",
	"internal/finding":      "",
	"internal/doctest":      "",
	"internal/page":         "",
	"internal/access":       "internal/page",
	"internal/webhook":      "internal/page internal/process",
	"internal/incident":     "internal/page internal/process",
	"internal/process":      "internal/problem",
	"internal/decision":     "internal/process",
	"internal/limit":        "internal/problem",
	"internal/signing":      "internal/limit internal/page internal/problem internal/process",
	"internal/registration": "internal/limit internal/page internal/problem internal/process",
	"internal/account":      "internal/limit internal/registration internal/problem internal/vn",
	"internal/audit":        "internal/registration internal/problem",
	"internal/evidence":     "internal/finding internal/pades internal/signing internal/problem",
	"internal/forms":        "internal/pades/font internal/problem internal/vn",
	"internal/pemfile":      "internal/pades internal/problem",
	"internal/truststore":   "internal/pemfile internal/signing internal/problem",
	"internal/eseal":        "internal/evidence internal/pades internal/pemfile internal/registration internal/signing internal/problem",
	"internal/verification": "internal/evidence internal/forms internal/pades internal/pdfchild internal/signing internal/problem internal/vn",
	"internal/telemetry":    "internal/incident internal/limit internal/pdfchild internal/process",
	"internal/pdfchild":     "internal/pades internal/pdfchild/wire internal/problem",
	// The program of PDF processes, and what it says over its pipes.
	"internal/pdfchild/wire":            "internal/pades internal/problem",
	"internal/pdfchild/child":           "internal/pades internal/pdfchild/wire internal/problem",
	"internal/pdfchild/kyso-pdf":        "internal/pdfchild/child",
	"internal/pdfchild/pdftest":         "",
	"internal/pdfchild/pdftest/hostile": "internal/pades internal/pdfchild/child internal/pdfchild/pdftest internal/pdfchild/wire",
	"internal/blob":                     "internal/vault internal/signing internal/problem",
	"activities":                        "internal/decision internal/evidence internal/webhook internal/signing internal/registration internal/pades internal/forms internal/problem internal/process internal/vn",
	"workflows":                         "activities internal/decision internal/webhook internal/signing internal/registration internal/problem internal/process",
	"internal/relay":                    "activities workflows internal/page internal/decision internal/incident internal/webhook internal/signing internal/registration internal/problem internal/process",

	// The store is a face over its rooms. No room of one kind of record knows another's; persons reads and erases across them.
	"internal/store":               "internal/page internal/problem internal/registration internal/signing internal/store/accounts internal/store/kernel internal/store/operations internal/store/persons internal/store/registrations internal/store/signings",
	"internal/store/kernel":        "internal/access internal/audit internal/incident internal/limit internal/page internal/problem internal/process internal/vault internal/webhook",
	"internal/store/signings":      "internal/access internal/limit internal/page internal/problem internal/process internal/signing internal/store/kernel internal/vault internal/webhook",
	"internal/store/registrations": "internal/incident internal/page internal/problem internal/process internal/registration internal/store/kernel internal/webhook",
	"internal/store/accounts":      "internal/access internal/limit internal/page internal/problem internal/registration internal/signing internal/store/kernel",
	"internal/store/operations":    "internal/access internal/audit internal/decision internal/incident internal/limit internal/page internal/problem internal/process internal/signing internal/store/kernel internal/webhook",
	"internal/store/persons":       "internal/access internal/page internal/problem internal/registration internal/signing internal/store/accounts internal/store/kernel internal/store/registrations internal/store/signings internal/vault",

	// The API is a face over its rooms. No room of one subject knows another's; they stand on kernel, and on view for what processes
	// look like. layers is what a request passes before its handler.
	"internal/api": "internal/access internal/api/accounts internal/api/documents internal/api/kernel internal/api/layers internal/api/operations internal/api/registrations internal/api/signings " +
		"internal/api/view internal/api/webhooks internal/audit internal/decision internal/incident internal/limit internal/problem internal/signing internal/webhook",
	"internal/api/kernel":        "internal/access internal/decision internal/incident internal/page internal/problem internal/process internal/signing",
	"internal/api/layers":        "internal/access internal/api/kernel internal/audit internal/limit internal/problem internal/signing",
	"internal/api/view":          "internal/access internal/account internal/api/kernel internal/incident internal/problem internal/process internal/registration internal/signing workflows",
	"internal/api/accounts":      "internal/access internal/account internal/api/kernel internal/api/view internal/decision internal/problem internal/process internal/registration internal/signing",
	"internal/api/documents":     "internal/access internal/api/kernel internal/limit internal/page internal/problem internal/signing",
	"internal/api/operations":    "internal/api/kernel internal/api/view internal/audit internal/decision internal/incident internal/page internal/problem internal/process internal/signing workflows",
	"internal/api/registrations": "internal/access internal/account internal/api/kernel internal/api/view internal/limit internal/page internal/problem internal/process internal/registration workflows",
	"internal/api/signings":      "internal/access internal/api/kernel internal/api/view internal/limit internal/page internal/problem internal/process internal/signing workflows",
	"internal/api/webhooks":      "internal/access internal/api/kernel internal/page internal/problem internal/process internal/signing internal/webhook",

	// PDF signatures. The face knows its rooms; the rooms of the phases (inspect, prepare, embed, extend, verify) do not know each
	// other, but for embed, which takes what prepare made; all stand on a ground that knows no phase.
	"internal/pades": "internal/finding internal/pades/appearance internal/pades/cms internal/pades/cover internal/pades/document internal/pades/dss internal/pades/embed internal/pades/extend " +
		"internal/pades/form internal/pades/geometry internal/pades/inspect internal/pades/prepare internal/pades/trust internal/pades/verify",
	"internal/pades/pdf":        "internal/pades/pdf/syntax internal/problem",
	"internal/pades/pdf/syntax": "internal/problem",
	"internal/pades/font":       "",
	"internal/pades/cms":        "internal/finding internal/problem",
	"internal/pades/drawn":      "internal/pades/pdf internal/problem",
	"internal/pades/document":   "internal/pades/pdf internal/problem",
	"internal/pades/structure":  "internal/pades/pdf internal/finding internal/problem",
	"internal/pades/changes":    "internal/pades/pdf internal/finding internal/problem",
	"internal/pades/geometry":   "internal/pades/drawn internal/pades/pdf internal/problem",
	"internal/pades/cover":      "internal/pades/drawn internal/pades/geometry internal/pades/pdf internal/finding internal/problem",
	"internal/pades/appearance": "internal/pades/font internal/pades/geometry internal/pades/pdf internal/problem internal/vn",
	"internal/pades/dss":        "internal/pades/document internal/pades/pdf internal/problem",
	"internal/pades/trust":      "internal/pades/cms internal/pades/dss",
	"internal/pades/form":       "internal/pades/dss internal/pades/geometry internal/pades/pdf internal/problem",
	"internal/pades/inspect":    "internal/pades/cover internal/pades/document internal/pades/form internal/pades/geometry internal/pades/pdf internal/pades/structure internal/finding internal/problem",
	"internal/pades/prepare":    "internal/pades/appearance internal/pades/changes internal/pades/cms internal/pades/cover internal/pades/document internal/pades/drawn internal/pades/form internal/pades/geometry internal/pades/pdf internal/pades/structure internal/problem internal/vn",
	"internal/pades/embed":      "internal/pades/cms internal/pades/document internal/pades/prepare internal/problem",
	"internal/pades/extend":     "internal/pades/cms internal/pades/document internal/pades/dss internal/pades/pdf internal/pades/trust internal/problem",
	"internal/pades/verify":     "internal/pades/changes internal/pades/cms internal/pades/cover internal/pades/document internal/pades/dss internal/pades/form internal/pades/pdf internal/pades/trust internal/finding internal/problem",

	// The ground of the clients of outside parties, and those that need more than streets gives each.
	"internal/party":            "internal/problem",
	"internal/party/receiver":   "internal/party internal/webhook internal/problem",
	"internal/party/revocation": "internal/party internal/finding internal/signing internal/problem",

	// The stand-ins of outside parties share nothing with the clients that they test, nor with the domain, but the zone
	// and the writing of amounts. The folder itself makes them all; these are what they stand on.
	"internal/sandbox":        "internal/sandbox/*",
	"internal/sandbox/kernel": "",
	"internal/sandbox/people": "internal/sandbox/kernel",
	"internal/sandbox/pki":    "internal/sandbox/kernel",
	// Clients of the API know the API and no part behind it.
	"internal/apiclient": "internal/problem",
	// The pages are clients of the API that run in a browser.
	"internal/web": "",
	// What can be configured; whoever reads it says which parties there are.
	"internal/config": "activities workflows internal/eseal internal/forms internal/pades internal/party internal/party/esms internal/party/tsa internal/party/vneid internal/problem internal/registration internal/signing",
	// The only place that assembles concrete parts.
	"internal/app": "activities workflows internal/account internal/api internal/audit internal/blob internal/config internal/eseal internal/forms internal/limit internal/pades " +
		"internal/party internal/party/* " +
		"internal/pdfchild internal/pemfile internal/problem internal/process internal/registration internal/relay internal/signing internal/store internal/telemetry internal/truststore " +
		"internal/vault internal/verification internal/web",

	"internal/doctor": "workflows internal/blob internal/config internal/party internal/pdfchild internal/pemfile internal/signing internal/store internal/telemetry internal/truststore internal/vault",

	"worker":  "internal/app internal/problem internal/telemetry",
	"starter": "internal/app internal/cli internal/cli/operate internal/cli/pdffile internal/apiclient internal/audit internal/problem internal/registration internal/signing internal/vn",

	// The command line: a ground, and rooms of commands on it.
	"internal/cli":         "internal/apiclient internal/problem internal/vn",
	"internal/cli/pdffile": "internal/cli internal/finding internal/pades internal/party/revocation internal/party/tsa internal/pdfchild internal/problem internal/signing internal/truststore internal/verification internal/vn",
	"internal/cli/operate": "internal/cli internal/app internal/config internal/doctor internal/telemetry",
	// The whole world in one process: it also registers the search attributes that workflows names, draws a master
	// key, judges what its demo signed, and kills its workers at stages of activities.
	"starter/dev": "activities internal/app internal/apiclient internal/forms internal/pades " +
		"internal/eseal internal/pemfile internal/problem internal/registration internal/sandbox internal/telemetry internal/vault workflows internal/vn",

	// Programs to copy from: they know the wire and nothing of kyso.
	"examples": "",

	// For tests: nothing may import them.
	"internal/pgtest":            "",
	"internal/keytest":           "",
	"internal/storetest":         "internal/audit internal/pgtest internal/registration internal/vault internal/signing internal/store",
	"internal/party/partytest":   "internal/keytest internal/party internal/problem internal/sandbox",
	"internal/pades/cms/cmstest": "internal/pades/cms",
	"internal/pades/padestest":   "internal/pades internal/pades/cms/cmstest",
}

// streets are the folders whose rooms are parties. A party is a folder there, and whoever makes it names it in a registry; the
// table has no line for it.
var streets = map[string]street{
	"internal/party": {
		any:  "internal/party internal/problem internal/registration internal/signing internal/vn",
		most: "internal/finding internal/webhook",
	},
	"internal/sandbox": {any: "internal/sandbox/kernel internal/sandbox/people internal/sandbox/pki internal/vn"},
}

// street is what its parties may import: any of them without a line in the table, and with a line the most besides.
type street struct{ any, most string }

// testOnly may be imported by tests only, even from the folder that it lies in.
var testOnly = []string{"internal/pgtest", "internal/keytest", "internal/storetest", "internal/pades/cms/cmstest", "internal/pades/padestest", "internal/party/partytest", "internal/pdfchild/pdftest", "internal/pdfchild/pdftest/hostile"}

// owners lists modules that only these folders may import: each part has one place that knows it.
var owners = map[string]string{
	"go.temporal.io/sdk":                "workflows activities worker starter internal/app internal/config internal/doctor internal/telemetry starter/dev",
	"go.temporal.io/server":             "starter/dev",
	"github.com/temporalio/ui-server":   "starter/dev",
	"modernc.org/sqlite":                "starter/dev internal/storetest",
	"github.com/jackc/pgx":              "internal/store/kernel internal/pgtest starter/dev",
	"github.com/pressly/goose":          "internal/store/kernel",
	"gocloud.dev":                       "internal/blob",
	"github.com/pdfcpu/pdfcpu":          "internal/forms",
	"github.com/danielgtaylor/huma":     "internal/api internal/api/documents internal/api/kernel internal/api/registrations internal/api/signings internal/api/view internal/api/webhooks",
	"github.com/spf13/cobra":            "starter starter/dev internal/cli internal/cli/operate internal/cli/pdffile",
	"github.com/johannesboyne/gofakes3": "",
}

// standardOnly import nothing but the standard library besides what rules gives them.
var standardOnly = []string{"internal/problem", "internal/finding", "internal/limit", "internal/access", "internal/audit", "internal/process", "internal/decision", "internal/incident", "internal/webhook", "internal/signing", "internal/registration", "internal/vault"}

// links lists what a program must not contain, however deep.
var links = map[string]string{
	"worker":  "go.temporal.io/server modernc.org/sqlite kyso/internal/sandbox",
	"starter": "go.temporal.io/server modernc.org/sqlite kyso/internal/sandbox",
	// A PDF process: whatever it links is initialised at each start, and within reach of a hostile file.
	"internal/pdfchild/kyso-pdf": "go.temporal.io google.golang.org github.com/pdfcpu github.com/jackc modernc.org gocloud.dev database/sql net/http os/exec os/user " +
		"plugin kyso/activities kyso/workflows kyso/worker kyso/starter kyso/internal/api kyso/internal/store kyso/internal/blob kyso/internal/vault kyso/internal/party kyso/internal/forms",
}

// TestImports holds every import of every file that is no test against the tables.
func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		rule := ruleOf(dir)
		if rule == "" {
			t.Errorf("%s: the folder has no line in the table of rules", file)
			continue
		}
		seen[rule] = true
		for _, path := range imports(t, file) {
			if why := forbidden(rule, path); why != "" {
				t.Errorf("%s imports %s: %s", file, path, why)
			}
		}
	}
	if len(seen) < 5 {
		t.Fatalf("only %d folders were found: the test looks in the wrong place", len(seen))
	}
}

// forbidden says why files under rule may not import path; "" when they may.
func forbidden(rule, path string) string {
	inside, ours := strings.CutPrefix(path, module+"/")
	if ours && slices.Contains(testOnly, inside) && !slices.Contains(testOnly, rule) {
		return inside + " is for tests only"
	}
	if ours {
		to := ruleOf(inside)
		allowed := append(strings.Fields(allowedTo(rule)), rule)
		if !slices.Contains(allowed, to) && (streetOf(to) == "" || !slices.Contains(allowed, streetOf(to)+"/*")) {
			return rule + " may import only: " + orNothing(allowedTo(rule))
		}
		return ""
	}
	first, _, _ := strings.Cut(path, "/")
	if slices.Contains(standardOnly, rule) && strings.Contains(first, ".") {
		return rule + " imports the standard library only"
	}
	for part, folders := range owners {
		if under(path, part) && !slices.Contains(strings.Fields(folders), rule) {
			return part + " may be imported only by: " + orNothing(folders)
		}
	}
	return ""
}

func orNothing(list string) string {
	if list == "" {
		return "nothing"
	}
	return list
}

// ruleOf returns the folder that speaks for dir: one of the table, or the folder of a party.
func ruleOf(dir string) string {
	longest := ""
	for folder := range rules {
		if under(dir, folder) && len(folder) > len(longest) {
			longest = folder
		}
	}
	if _, ok := streets[longest]; ok && dir != longest {
		name, _, _ := strings.Cut(strings.TrimPrefix(dir, longest+"/"), "/")
		return longest + "/" + name
	}
	return longest
}

// allowedTo returns what the folder that speaks may import: its line in the table, or that of any party of its street.
func allowedTo(rule string) string {
	if line, ok := rules[rule]; ok {
		return line
	}
	return streets[streetOf(rule)].any
}

// streetOf returns the street that a folder is a room of; "" for none.
func streetOf(folder string) string {
	for name := range streets {
		if folder != name && under(folder, name) {
			return name
		}
	}
	return ""
}

func under(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// sources returns the Go files of the module that are no tests, relative to its root.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != ".." && (name[0] == '.' || name == "testdata" || name == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			relative, err := filepath.Rel("..", path)
			files = append(files, relative)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	paths := make([]string, len(parsed.Imports))
	for i, spec := range parsed.Imports {
		paths[i], err = strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// TestNoPartyKnowsAnother: what a room of a street may import names the ground alone. What one party needs of another goes
// over the wire, or through an interface that whoever assembles them fills in.
func TestNoPartyKnowsAnother(t *testing.T) {
	found := map[string]int{}
	for _, room := range parties(t) {
		name := streetOf(room)
		found[name]++
		for allowed := range strings.FieldsSeq(allowedTo(room)) {
			if ground := strings.Fields(streets[name].any + " " + streets[name].most); !slices.Contains(ground, allowed) {
				t.Errorf("%s may import %s, which is no ground of %s", room, allowed, name)
			}
		}
	}
	for name := range streets {
		if found[name] < 5 {
			t.Errorf("only %d parties were found in %s", found[name], name)
		}
	}
}

// parties returns the folders of the streets, in order.
func parties(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, file := range sources(t) {
		room := ruleOf(filepath.ToSlash(filepath.Dir(file)))
		if streetOf(room) != "" && !slices.Contains(testOnly, room) {
			found[room] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// TestLinks asks the go command what the production programs contain.
func TestLinks(t *testing.T) {
	for program, banned := range links {
		for _, path := range dependencies(t, program) {
			for one := range strings.FieldsSeq(banned) {
				if under(path, one) {
					t.Errorf("%s links %s, which must stay out of it", program, path)
				}
			}
		}
	}
}

func dependencies(t *testing.T, program string) []string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-json=ImportPath", "./"+program)
	list.Dir = ".."
	list.Stderr = t.Output()
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list ./%s: %v", program, err)
	}
	var paths []string
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one struct{ ImportPath string }
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return paths
		}
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, one.ImportPath)
	}
}

// TestTheRulesBite tries imports that must be refused.
func TestTheRulesBite(t *testing.T) {
	cases := []struct {
		from, path string
		refused    bool
	}{
		{"internal/sandbox", "kyso/internal/signing", true},
		{"internal/sandbox", "kyso/internal/party", true},
		{"internal/sandbox/vnpay", "kyso/internal/party/vnpay", true},
		{"internal/party/vnpay", "kyso/internal/party", false},
		{"internal/party/vnpay", "kyso/internal/party/rssp769", true},
		{"internal/party/vnpay", "kyso/internal/party/partytest", true},
		{"internal/party", "kyso/internal/party/vnpay", true},
		{"internal/app", "kyso/internal/party/partytest", true},
		{"internal/sandbox", "kyso/internal/sandbox/vnpay", false},
		{"internal/sandbox/vnpay", "kyso/internal/sandbox/kernel", false},
		{"internal/sandbox/vnpay", "kyso/internal/sandbox/rssp769", true},
		{"internal/sandbox/kernel", "kyso/internal/sandbox/vnpay", true},
		{"internal/sandbox/rssp769", "kyso/internal/sandbox", true},
		{"internal/party/unheard", "kyso/internal/party", false},
		{"internal/party/unheard", "kyso/internal/registration", false},
		{"internal/party/unheard", "kyso/internal/party/vnpay", true},
		{"internal/party/unheard", "kyso/internal/party/partytest", true},
		{"internal/party/unheard", "kyso/internal/webhook", true},
		{"internal/party/unheard", "kyso/internal/store", true},
		{"internal/party/unheard/below", "kyso/internal/party/unheard", false},
		{"internal/party/vnpay", "kyso/internal/party/unheard", true},
		{"internal/party", "kyso/internal/party/unheard", true},
		{"internal/app", "kyso/internal/party/unheard", false},
		{"internal/config", "kyso/internal/party/unheard", true},
		{"internal/doctor", "kyso/internal/party/unheard", true},
		{"internal/sandbox/unheard", "kyso/internal/sandbox/kernel", false},
		{"internal/sandbox/unheard", "kyso/internal/sandbox/vnpay", true},
		{"internal/sandbox/unheard", "kyso/internal/sandbox", true},
		{"internal/sandbox/unheard", "kyso/internal/party", true},
		{"internal/sandbox/unheard", "kyso/internal/party/unheard", true},
		{"internal/sandbox/unheard", "kyso/internal/registration", true},
		{"internal/sandbox/kernel", "kyso/internal/sandbox/unheard", true},
		{"internal/sandbox", "kyso/internal/sandbox/unheard", false},
		{"internal/sandbox", "kyso/internal/party/unheard", true},
		{"internal/signing", "kyso/internal/problem", false},
		{"internal/signing", "golang.org/x/text/unicode/norm", true},
		{"internal/signing", "crypto/sha256", false},
		{"internal/pades", "kyso/internal/pades/cms", false},
		{"internal/pades", "kyso/internal/pades/cms/cmstest", true},
		{"internal/pades/trust", "kyso/internal/pades/verify", true},
		{"internal/pades/verify", "kyso/internal/pades/extend", true},
		{"internal/pades/verify", "kyso/internal/pades/trust", false},
		{"internal/app", "kyso/internal/pades/trust", true},
		{"internal/config", "kyso/internal/party/vnpay", true},
		{"internal/doctor", "kyso/internal/app", true},
		{"workflows", "kyso/internal/store", true},
		{"workflows", "go.temporal.io/sdk/workflow", false},
		{"internal/store", "modernc.org/sqlite", true},
		{"internal/store/kernel", "github.com/jackc/pgx/v5/stdlib", false},
		{"internal/store", "kyso/internal/pgtest", true},
		{"internal/app", "kyso/internal/sandbox", true},
		{"worker", "go.temporal.io/server/temporal", true},
		{"starter", "kyso/internal/sandbox", true},
		{"starter/dev", "kyso/internal/sandbox", false},
		{"internal/api", "kyso/internal/apiclient", true},
		{"internal/api/signings", "kyso/internal/api/view", false},
		{"internal/api/signings", "kyso/internal/api/registrations", true},
		{"internal/api/signings", "kyso/internal/api/layers", true},
		{"internal/api/kernel", "kyso/internal/api/view", true},
		{"internal/app", "kyso/internal/api/kernel", true},
	}
	for _, c := range cases {
		if why := forbidden(ruleOf(c.from), c.path); (why != "") != c.refused {
			t.Errorf("%s importing %s: %q, want refused %v", c.from, c.path, why, c.refused)
		}
	}
	if rule := ruleOf("internal/unknown"); rule != "" {
		t.Errorf("an unknown folder is taken for %s", rule)
	}
	if rule := ruleOf("internal/party/unheard/below"); rule != "internal/party/unheard" {
		t.Errorf("a folder of a party is taken for %s", rule)
	}
}
